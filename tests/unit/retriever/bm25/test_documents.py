"""The JSON that Anserini indexes: built in Arrow, it must be what Python's json would write."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qa_bench.retriever.bm25 import documents
from qa_bench.retriever.bm25.documents import _escaped, piped_documents
from qa_bench.store import passages as store

strings = st.lists(st.text(st.characters(codec="utf-8"), max_size=10), max_size=5)
tricky = st.lists(st.text(st.sampled_from('a"\\\n\t\x00\x1f\x7f\u2028é/')), max_size=5)


@given(strings | tricky)
@example(['"', "\\", '\\"', "\\n"])
@example(['"\x00', "\\"])
def test_strings_are_escaped_as_json_wants(values: list[str]):
    escaped = _escaped(pa.array(values, pa.string())).to_pylist()
    assert [json.loads(f'"{text}"') for text in escaped] == values
    assert not any(character < " " for text in escaped for character in text)


ROWS = [(f"p{n}", f'T "{n}"' * (n % 2), f"a\\b é\n{n}" if n % 5 else "") for n in range(11)]
ROWS += [("x", "\u2028", "plain"), ("y", "", "tab\there")]


def read_all(paths: list[Path]) -> list[str]:
    """The lines of all pipes, each read in a thread of its own, as Anserini does."""
    with ThreadPoolExecutor(len(paths)) as pool:
        texts = pool.map(lambda path: path.read_text(encoding="utf-8"), paths)
        return [line for text in texts for line in text.split("\n") if line]


@pytest.mark.parametrize("pipes", [1, 2, 5])
def test_every_row_goes_through_one_pipe(
    make_passages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pipes: int
):
    monkeypatch.setattr(store, "BATCH_SIZE", 3)
    passages = make_passages(ROWS[:5], ROWS[5:])
    folder = tmp_path / "documents"
    folder.mkdir()
    with piped_documents(passages, folder, pipes):
        documents = map(json.loads, read_all(sorted(folder.iterdir())))
    assert sorted(documents, key=lambda document: document["id"]) == [
        {"id": f"{row:012d}", "contents": f"{title}\n{text}"}
        for row, (_, title, text) in enumerate(ROWS)
    ]
    assert list(folder.iterdir()) == []


def test_an_offer_that_nobody_reads_ends(make_passages, tmp_path: Path):
    with piped_documents(make_passages(ROWS), tmp_path, 2):
        pass
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".jsonl"] == []


def test_a_reader_that_stops_ends_the_offer(make_passages, tmp_path: Path):
    long = [(str(n), "", "x" * 1000) for n in range(1000)]  # more than a pipe holds
    folder = tmp_path / "documents"
    folder.mkdir()
    with piped_documents(make_passages(long), folder, 1):
        (pipe,) = folder.iterdir()
        with pipe.open() as file:
            file.readline()


def test_what_goes_wrong_while_they_are_made_is_told(
    make_passages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def fail(*columns: object) -> memoryview:
        raise ValueError("no lines")

    monkeypatch.setattr(documents, "_lines", fail)
    folder = tmp_path / "documents"
    folder.mkdir()
    with (
        pytest.raises(ValueError, match="no lines"),
        piped_documents(make_passages(ROWS), folder, 1),
    ):
        read_all(list(folder.iterdir()))
