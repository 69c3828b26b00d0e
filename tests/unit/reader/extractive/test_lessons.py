"""The files that a reader learns from, as lessons."""

from __future__ import annotations

import gzip
import json
import lzma
from pathlib import Path
from typing import Any

import pytest
from reading_lessons import SQUAD, written

from qa_bench.errors import DataError, UserError
from qa_bench.reader.extractive.lessons import Lesson, Text, lessons


def read(path: Path, articles: Path | None = None, negatives: int = 2) -> tuple[list[Lesson], Any]:
    counts: dict[str, int] = {}
    return list(lessons([path], articles, negatives, counts)), counts


def test_squad(tmp_path: Path) -> None:
    found, counts = read(written(tmp_path / "train.json.gz", SQUAD))
    assert counts == {"questions": 3, "without_answer": 1}
    title = "Kings of old"
    assert [one.spans for one in found] == [((9, 13),), ((0, 4),)], "as told; else the first"
    assert found[0].positive == Text(title, "Anna and anna. Then Louis.")
    assert found[0].negatives == (Text(title, "Louis again."),), "the answer is in the other"


def test_dprs_files(tmp_path: Path) -> None:
    def context(text: str) -> dict[str, Any]:
        return {"title": "t", "text": text, "score": 1, "title_score": 0, "passage_id": "7"}

    row = {
        "dataset": "x", "question": "q", "answers": ["New  York", "NY"],
        "positive_ctxs": [context("Newyork"), context("In new york, NY; new york")],
        "negative_ctxs": [context("c")], "hard_negative_ctxs": [context("a"), context("b")],
    }  # fmt: skip
    path = written(tmp_path / "mined.json", [row, {**row, "answers": ["Oslo"]}])
    found, counts = read(path, negatives=3)
    assert counts == {"questions": 2, "without_answer": 1}
    [one] = found
    assert [one.positive.text[a:b] for a, b in one.spans] == ["new york", "NY", "new york"]
    assert [text for _, text in one.negatives] == ["a", "b", "c"]


def test_json_lines_with_paragraph_numbers(tmp_path: Path) -> None:
    articles = tmp_path / "articles.jsonl"
    articles.write_text(json.dumps({"title": "A b", "text": "One two.\n\nTwo Two.\n\nThree."}))
    rows = tmp_path / "train.jsonl"
    row = {"question": "q", "answers": ["Two"], "article": "A_b", "paragraph": 1}
    rows.write_text(json.dumps(row) + "\n")
    [one], counts = read(rows, articles)
    assert (one.spans, counts["without_answer"]) == (((0, 3),), 0)
    assert [text for _, text in one.negatives] == ["Three."]
    with pytest.raises(UserError, match=r"train\.articles"):
        read(rows)
    rows.write_text(json.dumps({**row, "paragraph": 3}))
    with pytest.raises(DataError, match=r"train.jsonl:1: .* has no paragraph 3 of 'A b'"):
        read(rows, articles)


@pytest.mark.parametrize("value", [{"data": [{}]}, {"data": 3}, "text", 7, {"x": 1}])
def test_other_structures(value: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"other.json"):
        read(written(tmp_path / "other.json", value))


def test_what_is_no_text(tmp_path: Path) -> None:
    for name, value in (("question", 3), ("answers", [{"text": 3}])):
        squad = json.loads(json.dumps(SQUAD))
        squad["data"][0]["paragraphs"][0]["qas"][0][name] = value
        with pytest.raises(DataError, match=r"other.json"):
            read(written(tmp_path / "other.json", squad))


@pytest.mark.parametrize("suffix", [".gz", ".xz"])
def test_a_corrupt_file(suffix: str, tmp_path: Path) -> None:
    whole = {".gz": gzip.compress, ".xz": lzma.compress}[suffix](json.dumps(SQUAD).encode())
    path = tmp_path / f"train.json{suffix}"
    path.write_bytes(whole[:-30])
    with pytest.raises(DataError, match=r"train\.json"):
        read(path)


@pytest.mark.shared
def test_real_squad_has_nearly_every_answer(shared: Path) -> None:
    data = shared / "data"
    found = lessons(
        [data / "squad/train.jsonl.gz"], data / "squad_corpus/articles.jsonl.gz", 0, counts := {}
    )
    for _, one in zip(range(2000), found, strict=False):
        assert one.positive.text[slice(*one.spans[0])]
    assert counts == {"questions": 2007, "without_answer": 7}, "seven are parts of words"


@pytest.mark.shared
def test_real_rows_of_dpr(shared: Path) -> None:
    found, counts = read(shared / "data/dpr_rows/biencoder-nq-dev.first5.json.gz", negatives=7)
    assert counts["questions"] == 5
    assert len(found) >= 4
    assert all(len(one.negatives) == 7 for one in found)
