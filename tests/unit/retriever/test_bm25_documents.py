"""The JSON that Anserini indexes: built in Arrow, it must be what Python's json would write."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qa_bench import store
from qa_bench.retriever.bm25 import _escaped, _write_documents

strings = st.lists(st.text(st.characters(codec="utf-8"), max_size=10), max_size=5)
tricky = st.lists(st.text(st.sampled_from('a"\\\n\t\x00\x1f\x7f\u2028é/')), max_size=5)


@given(strings | tricky)
@example(['"', "\\", '\\"', "\\n"])
@example(['"\x00', "\\"])
def test_strings_are_escaped_as_json_wants(values: list[str]):
    escaped = _escaped(pa.array(values, pa.string())).to_pylist()
    assert [json.loads(f'"{text}"') for text in escaped] == values
    assert not any(character < " " for text in escaped for character in text)


@pytest.mark.parametrize("batches_per_file", [1, 2, 100])
def test_documents_are_the_rows_in_order(
    make_passages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batches_per_file: int
):
    monkeypatch.setattr(store, "BATCH", 3)
    rows = [(f"p{n}", f'T "{n}"' * (n % 2), f"a\\b é\n{n}" if n % 5 else "") for n in range(11)]
    rows += [("x", "\u2028", "plain"), ("y", "", "tab\there")]
    folder = tmp_path / "documents"
    folder.mkdir()
    groups = make_passages(rows[:5], rows[5:]).batches(batches_per_file)
    for number, group in enumerate(groups):
        _write_documents(folder, number, group)
    documents = [
        json.loads(line)
        for file in sorted(folder.iterdir())
        for line in file.read_text(encoding="utf-8").split("\n")
        if line
    ]
    assert documents == [
        {"id": f"{row:012d}", "contents": f"{title}\n{text}"}
        for row, (_, title, text) in enumerate(rows)
    ]
