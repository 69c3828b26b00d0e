"""What two retrievers find again, and where else answers stand."""

from __future__ import annotations

from typing import Any

import pytest

from qa_bench.errors import UserError
from qa_bench.synthetic import elsewhere
from qa_bench.synthetic.elsewhere import holders
from qa_bench.synthetic.round_trip import ranks, shares
from qa_bench.synthetic.settings import SynthesisSettings
from qa_bench.types import Question, Run, Runtime


def test_ranks_of_own_passages(make_passages: Any) -> None:
    passages = make_passages([(f"p{n}", "", "text") for n in range(4)])
    run = Run.of(["a", "b", "c"], [["p2", "p0"], ["p1", "p3"], []], [[2, 1], [2, 1], []])
    questions = [Question(qid, "?", ("x",)) for qid in "abc"]
    assert ranks(run, questions, [0, 0, 0], passages) == [2, None, None]
    assert ranks(run, questions, [2, 3, 1], passages) == [1, 2, None]


def test_shares() -> None:
    assert shares({"x": [1, 2, None, None], "y": [1, None, None, 9]}) == {
        "x": 50, "y": 50, "both": 25, "x alone": 25, "y alone": 25, "neither": 25,
    }  # fmt: skip
    assert set(shares({"x": [], "y": []}).values()) == {0}


@pytest.mark.parametrize("workers", [1, 2])
def test_answers_elsewhere(
    make_passages: Any, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elsewhere, "_PASSAGES", 2)
    texts = ["Oslo 1931", "oslo, Norway", "Bergen", "In Oslo Bergen", "1931 1931"]
    passages = make_passages([(f"p{n}", "Oslo", text) for n, text in enumerate(texts)])
    runtime = Runtime(threads=workers, progress=False)
    made = holders(passages.folder, ["Oslo", "1931", "Lund"], [1, 4, 0], "dpr", runtime)
    assert made == [(2, [0, 3]), (1, [0]), (0, [])]


def test_few_are_listed_and_all_counted(make_passages: Any) -> None:
    passages = make_passages([(f"p{n}", "", "Oslo") for n in range(50)])
    [one] = holders(passages.folder, ["Oslo"], [3], "kilt", Runtime(progress=False, threads=1))
    assert one.passages == 49
    assert one.rows == [n for n in range(21) if n != 3]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n": 0}, "synthesize.n: a whole number >= 1, got '0'"),
        ({"seed": True}, "synthesize.seed: a whole number >= 0, got 'true'"),
        ({"words": None}, "synthesize.words: a whole number >= 1, got 'null'"),
        ({"k": 1.5}, "synthesize.k: a whole number >= 1, got '1.5'"),
        ({"answer_words": "x"}, "synthesize.answer_words: a whole number >= 1, got 'x'"),
        ({"near": 0.4}, "synthesize.near: a number from 0.5 to 1, got '0.4'"),
        ({"round_trip": "bm25"}, "synthesize.round_trip: a list of texts, got 'bm25'"),
        ({"round_trip": ["a"]}, r"synthesize.round_trip: two unlike retrievers, .* got 'a'"),
        ({"round_trip": ["a", "a"]}, r"two unlike retrievers, .* got 'a,a'"),
    ],
)
def test_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        SynthesisSettings(**settings)
