"""Which questions a model was trained on."""

from __future__ import annotations

from pathlib import Path

from qa_bench.train.seen import seen, write_seen


def test_the_questions_that_were_trained_on(tmp_path: Path) -> None:
    write_seen(tmp_path, ["Who is it?", "what  is new", "Who is it?"])
    assert seen(tmp_path, ["who is it", "What is new?", "who was it"]) == 2
    assert seen(tmp_path / "elsewhere", ["who is it"]) == 0
