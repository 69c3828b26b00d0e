"""benchmarks/parity.py sorts DPR's rows rightly, and finds on the small piece what the docs say."""

from __future__ import annotations

import gzip
import importlib
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from qa_bench.parts import make
from qa_bench.paths import CONF
from qa_bench.types import Article

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture(scope="module")
def parity() -> Any:
    if not (BENCHMARKS / "parity.py").is_file():
        pytest.skip("the benchmarks are not beside these tests")
    before = set(sys.modules)
    sys.path.insert(0, str(BENCHMARKS))
    yield importlib.import_module("parity")
    sys.path.remove(str(BENCHMARKS))
    for name in {"parity", "common"} - before:
        del sys.modules[name]


def article(parity: Any, words: str) -> Any:
    """An article of these words, cut into hundreds, the last wrapped round."""
    every = words.split()
    twice = every + every[:99]
    starts = range(0, len(every), 100)
    return parity.Cut(7, every, [" ".join(twice[at : at + 100]) for at in starts])


WORDS = [f"w{number}" for number in range(350)]


@pytest.mark.parametrize(
    ("row", "kind", "differing"),
    [
        (WORDS[100:200], "same", []),
        (WORDS[300:] + WORDS[:50], "same", []),
        (WORDS[103:203], "shifted", []),
        (WORDS[320:] + WORDS[:70], "shifted", []),
        (
            ["(w103", *WORDS[104:202], "w202.)"],
            "punctuation",
            [("(w103", "w103"), ("w202.)", "w202")],
        ),
        ([*WORDS[103:150], "x", *WORDS[151:203]], "few words", [("x", "w150")]),
        ([*WORDS[103:150], "x", "y", *WORDS[150:201]], "few words", [("x y", "")]),
        (WORDS[103:163] + [f"x{n}" for n in range(40)], "rewritten", None),
        ([f"x{n}" for n in range(60)] + WORDS[103:143], "absent", None),
    ],
)
def test_classes(parity: Any, row: list[str], kind: str, differing: Any) -> None:
    found, pieces = parity.classify(" ".join(row), article(parity, " ".join(WORDS)))
    assert found == kind
    if differing is not None:
        assert pieces == differing


def test_ids_follow_from_rows_that_came_out(parity: Any) -> None:
    cut = {"A": article(parity, " ".join(WORDS)), "B": article(parity, " ".join(WORDS[50:]))}
    rows = [
        parity.Row("A", cut["A"].passages[0], 11),
        parity.Row("A", cut["A"].passages[3], 14),
        parity.Row("B", cut["B"].passages[1], 18),
        parity.Row("B", "something else", 90),
        parity.Row("B", cut["B"].passages[2], None),
    ]
    known = parity.firsts(rows, cut)
    assert known == {"A": {11}, "B": {17}}
    pages = [(7, "A", 4), (8, "between", 2), (9, "B", 3)]
    assert list(parity.distances(known, pages)) == [(6, 6)]


def json_lines(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
        return [json.loads(line) for line in file]


@pytest.mark.shared
def test_the_small_piece(parity: Any, shared: Path) -> None:
    """233 articles, and DPR's rows of their titles that do not come out."""
    folder = shared / "data" / "dpr_chunk_check"
    chunker = make("chunker", OmegaConf.load(CONF / "chunker" / "dpr_w100.yaml"))
    articles = [Article(**row) for row in json_lines(folder / "articles.jsonl.gz")]
    cut = {
        one.title: parity.Cut(int(one.id), one.text.split(), [p.text for p in passages])
        for one, passages in zip(articles, chunker.chunk(articles), strict=True)
    }
    edited = [row for row in json_lines(folder / "rows_edited.jsonl.gz") if row["title"] in cut]
    kinds = Counter(parity.classify(row["text"], cut[row["title"]])[0] for row in edited)
    assert kinds == {
        "shifted": 111, "few words": 34, "punctuation": 9, "rewritten": 8, "absent": 2,
    }  # fmt: skip
    exact = [
        parity.Row(row["title"], row["text"], row["psgs_id"] and int(row["psgs_id"]))
        for row in json_lines(folder / "rows_exact.jsonl.gz")
    ]
    known = parity.firsts(exact, cut)
    assert len(known) == 68
    assert all(len(pids) == 1 for pids in known.values())
