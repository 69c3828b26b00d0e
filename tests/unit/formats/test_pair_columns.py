"""Rows of training sets as pairs of ours, by the names that sets have or that are said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from qa_bench.errors import DataError, UserError
from qa_bench.formats.pair_columns import PairColumns

HERE = Path("set.parquet")


def pair(row: dict[str, Any], **columns: Any) -> dict[str, Any]:
    return PairColumns.of(columns).pair(row, HERE, 1)


def test_triplets_of_sentence_transformers() -> None:
    row = {"query": "q", "positive": "p", "negative": "n", "score": 0.5}
    assert pair(row) == {"question": "q", "positives": ["p"], "negatives": ["n"]}
    numbered = {"anchor": "q", "positive": "p", **{f"negative_{n}": str(n) for n in range(12)}}
    assert pair(numbered)["negatives"] == [str(n) for n in range(12)], "in their numbers' order"


def test_passages_with_titles() -> None:
    passage = {"docid": "7", "title": "T", "text": "t"}
    row = {"query": "q", "answers": ["a"], "positive_passages": [passage], "negative_passages": []}
    positives = [{"title": "T", "text": "t"}]
    assert pair(row) == {
        "question": "q", "answers": ["a"], "positives": positives, "negatives": [],
    }  # fmt: skip


def test_marked_passages_of_ms_marco() -> None:
    passages = {"passage_text": ["x", "y", "z"], "is_selected": [0, 1, 0]}
    row = {"query": "q", "passages": passages, "answers": None}
    assert pair(row) == {"question": "q", "positives": ["y"], "negatives": ["x", "z"]}
    unmarked = {**row, "passages": {**passages, "is_selected": [0, 0, 0]}}
    assert pair(unmarked)["positives"] == []


def test_columns_that_are_named() -> None:
    row = {
        "asked": "q", "gold": {"text": "p"}, "near": ["n1", None], "far": "n2",
        "values": [3, 2.5, 1], "positive": "not this",
    }  # fmt: skip
    made = pair(
        row, question="asked", positive="gold.text", negatives=["near", "far"], scores="values"
    )
    assert made == {
        "question": "q", "positives": ["p"], "negatives": ["n1", "n2"], "scores": [3, 2.5, 1],
    }  # fmt: skip
    assert pair(row, question="asked", negatives=[])["negatives"] == []


@pytest.mark.parametrize(
    ("row", "columns", "message"),
    [
        ({"question": "q", "answer": "a"}, {}, "none of positive, .* the columns question, answer"),
        ({"question": "q", "query": "q", "positive": "p"}, {}, "both question and query"),
        ({"question": 7, "positive": "p"}, {}, "the question must be text, got int"),
        ({"question": "q", "positive": 7}, {}, "field 'positive': a passage is a text"),
        ({"question": "q", "positive": "p"}, {"negatives": "neg"}, "no column 'neg'"),
        ({"question": "q", "positive": ["p"], "m": [1, 0]}, {"selected": "m"}, "a mark for each"),
    ],
)
def test_what_is_no_pair(row: dict[str, Any], columns: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        pair(row, **columns)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"positves": "p"}, r"columns\.positves: there are only question, positive"),
        ({"question": ["a", "b"]}, r"columns\.question: one column"),
        ({"positive": 7}, r"columns\.positive: a column, got '7'"),
        ("question", r"train\.data\.columns: names of columns"),
    ],
)
def test_what_names_no_columns(setting: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        PairColumns.of(setting)
