"""Which questions a model was trained on."""

from __future__ import annotations

from pathlib import Path

from qa_bench.train.seen import pass_on_seen, seen, write_seen


def test_the_questions_that_were_trained_on(tmp_path: Path) -> None:
    write_seen(tmp_path, ["Who is it?", "what  is new", "Who is it?"])
    assert seen(tmp_path, ["who is it", "What is new?", "who was it"]) == 2
    assert seen(tmp_path / "elsewhere", ["who is it"]) == 0


def test_a_model_tells_what_the_one_before_it_has_seen(tmp_path: Path) -> None:
    base, trained = tmp_path / "base/model", tmp_path / "trained"
    for folder in (base, trained / "model", trained / "dpr/question"):
        folder.mkdir(parents=True)
    pass_on_seen(base, trained)
    assert not list(trained.rglob("*.npy")), "the base has seen no questions"
    write_seen(base, ["who?"])
    write_seen(trained / "dpr/question", ["when?"])
    pass_on_seen(base, trained)
    assert seen(trained / "model", ["who?", "when?"]) == 1, "it learnt from passages"
    assert seen(trained / "dpr/question", ["who?", "when?", "where?"]) == 2
