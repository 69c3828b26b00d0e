"""Rows of DPR's own file are read as others read them."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import pytest

from qa_bench.formats.psgs_tsv import read_passages, write_passages
from qa_bench.types import Passage

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def raw(shared: Path) -> Path:
    return shared / "data" / "dpr_rows" / "psgs_w100.fusion-rag.raw.tsv.gz"


@pytest.fixture(scope="module")
def passages(raw: Path) -> list[Passage]:
    return [passage for passage, _ in read_passages(raw)]


def test_rows_are_those_others_read(shared: Path, passages: list[Passage]):
    path = shared / "data" / "dpr_rows" / "rows_with_id.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
        rows = [json.loads(line) for line in file]
    theirs = {
        row["id"]: Passage(row["id"], row["title"], row["text"])
        for row in rows
        if row["source"] == "fusion-rag"
    }
    ours = {passage.pid: passage for passage in passages}
    both = ours.keys() & theirs.keys()
    assert len(passages) == len(ours) == len(both) == 9300
    assert {pid: ours[pid] for pid in both} == {pid: theirs[pid] for pid in both}


def test_every_row_has_a_hundred_words(passages: list[Passage]):
    assert {len(passage.text.split()) for passage in passages} == {100}


def test_what_is_written_is_dprs_file_byte_for_byte(raw: Path, passages: list[Passage]):
    file = io.StringIO(newline="")
    write_passages(file, passages)
    ours = file.getvalue().encode().split(b"\n")
    theirs = gzip.decompress(raw.read_bytes()).split(b"\n")
    assert [pair for pair in zip(ours, theirs, strict=True) if pair[0] != pair[1]] == []
