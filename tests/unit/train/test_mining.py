"""What `mine` makes of a run: lists, scores, counts; on passages made by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from qa_bench.errors import UserError
from qa_bench.formats.dpr_training import Example
from qa_bench.formats.gold import Gold
from qa_bench.store.passages import Passages
from qa_bench.train.mining import Miner, Mining, Teacher
from qa_bench.train.negatives import REASONS, HitChoice
from qa_bench.types import QuestionSet, Run, Runtime

TEXTS = {
    "p0": ("Bridge", "The bridge was designed by Clara Holm."),
    "p1": ("Bridge", "Clara Holm drew it twice and built no house."),
    "p2": ("Toll", "The toll house is by Erik Lund."),
    "p3": ("Museum", "The museum is closed on Mondays."),
    "p4": ("Market", "The market is held on Tuesdays."),
    "p5": ("Lamp", "The lamp was lit in 1887."),
}
ANSWERS = {"q1": ["Clara Holm"], "q2": ["Mondays"], "q3": ["Nobody"], "q4": ["1887"]}
RUN = {
    "q1": [("p2", 9.0), ("p0", 8.0), ("p4", 7.5), ("p1", 7.0), ("p5", 2.0)],
    "q2": [("p3", 5.0), ("p2", 4.9), ("p0", 1.0)],
    "q3": [("p4", 3.0)],
}
Mine = Callable[..., tuple[dict[str, Example], dict[str, int]]]


@pytest.fixture
def passages(make_passages: Any) -> Passages:
    made: Passages = make_passages([(pid, *texts) for pid, texts in TEXTS.items()])
    return made


@pytest.fixture
def mine(passages: Passages, make_questions: Any) -> Mine:
    """``mine(count=3, margin=1, random=2, …)``: the examples by question, and the counts."""
    questions: QuestionSet = make_questions(ANSWERS)

    def made(
        golds: dict[str, Gold] | None = None,
        teacher: Teacher | None = None,
        mining: Mining = Mining(random=0),  # noqa: B008
        hits: dict[str, list[tuple[str, float]]] = RUN,
        of: QuestionSet = questions,
        **choice: Any,
    ) -> tuple[dict[str, Example], dict[str, int]]:
        run = Run.of(
            list(hits),
            [[pid for pid, _ in several] for several in hits.values()],
            [[score for _, score in several] for several in hits.values()],
        )
        chosen = replace(mining, choice=HitChoice(**choice)) if choice else mining
        miner = Miner(of, run, passages, golds or {}, chosen, "x", Runtime(progress=False), teacher)
        examples = {one.question.removeprefix("text of "): one for one in miner.examples()}
        return examples, miner.counts

    return made


def pids(contexts: list[Any]) -> list[str]:
    return [context.passage.pid for context in contexts]


def fates(counts: dict[str, int]) -> dict[str, int]:
    """How many hits met which fate; all of them together are the hits."""
    told = {reason: counts[f"hits_{reason}"] for reason in REASONS if counts[f"hits_{reason}"]}
    assert sum(told.values()) == counts["hits"]
    assert counts["hits_chosen"] == counts["hard_negatives"]
    return told


def test_dprs_rules(mine: Mine) -> None:
    examples, counts = mine()
    assert list(examples) == ["q1", "q2"]
    assert pids(examples["q1"].positives) == ["p0", "p1"]
    assert [c.score for c in examples["q1"].positives] == [8.0, 7.0]
    assert pids(examples["q1"].hard_negatives) == ["p2", "p4", "p5"]
    assert pids(examples["q2"].positives) == ["p3"]
    assert fates(counts) == {"chosen": 5, "positive": 2, "answer": 1}
    assert (counts["questions"], counts["examples"], counts["without_positive"]) == (4, 2, 2)
    assert (counts["positives"], counts["hits_with_answer"]) == (3, 3)
    assert examples["q1"].teacher == ""


def test_a_margin_of_the_positive(mine: Mine) -> None:
    examples, counts = mine(margin=0.2, count=2)
    assert pids(examples["q1"].hard_negatives) == ["p4", "p5"]
    assert pids(examples["q2"].hard_negatives) == ["p0"]
    assert fates(counts) == {"chosen": 3, "positive": 2, "answer": 1, "margin": 2}
    assert (counts["fewer_hard_negatives"], counts["without_hard_negative"]) == (1, 0)
    assert counts["positive_unscored"] == 0


GOLD = {"q1": Gold("Bridge", "Clara Holm drew it twice."), "q4": Gold("Lamp", "Lit in 1887."),
        "q2": Gold("Nowhere", "Mondays")}  # fmt: skip


def test_a_gold_passage_that_was_not_retrieved(mine: Mine) -> None:
    """Nobody knows its score: below all hits, so that a margin leaves none of them."""
    hits = {**RUN, "q4": [("p0", 2.0), ("p4", 1.0)]}
    examples, counts = mine(GOLD, hits=hits)
    assert list(examples) == ["q1", "q4"]
    assert pids(examples["q1"].positives) == ["p1", "p0"]
    first = examples["q1"].positives[0]
    assert (first.score, first.title_score) == (1000, 1)
    assert pids(examples["q4"].hard_negatives) == ["p0", "p4"]
    assert (counts["gold_unknown"], counts["gold_not_found"]) == (1, 1)
    examples, counts = mine(GOLD, hits=hits, percentage=0.95)
    assert counts["positive_unscored"] == 1
    assert examples["q4"].hard_negatives == []
    assert pids(examples["q1"].hard_negatives) == ["p5"]


class Scorer:
    """Scores a pair by 10 less the passage's row; remembers what it was asked."""

    def __init__(self) -> None:
        self.calls: list[list[tuple[int, int]]] = []

    def __call__(self, places: np.ndarray, rows: np.ndarray) -> np.ndarray:
        assert (np.diff(places) >= 0).all()
        self.calls.append(list(zip(places.tolist(), rows.tolist(), strict=True)))
        return (10 - rows).astype(np.float32)


def test_a_teacher_scores_positives_that_are_no_hits(mine: Mine) -> None:
    scorer = Scorer()
    hits = {**RUN, "q4": [("p0", 2.0), ("p4", 1.0)]}
    examples, counts = mine(GOLD, Teacher("t", scorer), hits=hits, margin=3.5)
    assert scorer.calls == [[(3, 5)]], "q1's is a hit, and has its score"
    assert counts["positive_unscored"] == 0
    assert pids(examples["q4"].hard_negatives) == ["p4"], "2 is not less than 5 − 3.5"
    assert examples["q4"].positives[0].score == 1000
    assert examples["q4"].teacher == ""


def test_all_passages_scored(mine: Mine) -> None:
    scorer = Scorer()
    mining = Mining(gold=2, random=3, scored=True)
    examples, counts = mine(GOLD, Teacher("cross", scorer), mining, {**RUN, "q4": [("p0", 2.0)]})
    assert len(scorer.calls) == 1
    for example in examples.values():
        assert example.teacher == "cross"
        drawn = example.negatives
        assert [c.score for c in drawn] == [10 - int(c.passage.pid[1]) for c in drawn]
    assert [c.score for c in examples["q1"].positives] == [7.0, 8.0], "hits keep the run's"
    assert examples["q4"].positives[0].score == 5.0
    assert examples["q4"].positives[0].title_score == 1
    assert counts["random_negatives"] + counts["gold_negatives"] == sum(
        len(example.negatives) for example in examples.values()
    )


def test_an_approximate_run_gets_true_scores(mine: Mine) -> None:
    examples, _ = mine(teacher=Teacher("t", Scorer(), approximate=True), margin=0)
    assert [c.score for c in examples["q1"].hard_negatives] == [8.0, 6.0, 5.0]
    assert [c.score for c in examples["q1"].positives] == [10.0, 9.0]


def test_a_teacher_that_gives_no_number(mine: Mine) -> None:
    def drops(places: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return np.full(len(rows), -np.inf, dtype=np.float32)

    with pytest.raises(UserError, match="cross gives 2 of 2 pairs no finite score, the first of q"):
        mine(GOLD, Teacher("cross", drops), Mining(random=0, scored=True),
             {"q1": RUN["q1"][:3], "q4": []})  # fmt: skip


def test_golds_of_other_questions(mine: Mine) -> None:
    hits = {**RUN, "q4": [("p5", 1.0)]}
    examples, counts = mine(mining=Mining(gold=5, random=0), hits=hits)
    firsts = {qid: pids(example.positives)[0] for qid, example in examples.items()}
    assert firsts == {"q1": "p0", "q2": "p3", "q4": "p5"}
    for qid, example in examples.items():
        assert set(pids(example.negatives)) == set(firsts.values()) - {firsts[qid]}
        assert {context.source for context in example.negatives} == {"gold"}
    assert counts["gold_negatives"] == 6


def test_random_ones_hold_no_answer(mine: Mine) -> None:
    examples, counts = mine(mining=Mining(random=50))
    assert set(pids(examples["q1"].negatives)) == {"p2", "p3", "p4", "p5"}
    assert {context.source for context in examples["q1"].negatives} == {""}
    assert counts["negatives_with_answer"] == 0
    three, _ = mine(mining=Mining(random=3))
    assert pids(three["q1"].negatives) == pids(examples["q1"].negatives)[:3]
    other, _ = mine(mining=Mining(HitChoice(seed=1), random=3))
    orders = [pids(one[qid].negatives) for one in (three, other) for qid in one]
    assert orders[:2] != orders[2:]


def test_hits_that_hold_an_answer_are_negatives_where_that_is_said(mine: Mine) -> None:
    examples, counts = mine(mining=Mining(random=50, with_answers=True))
    assert pids(examples["q1"].positives) == ["p0"]
    assert pids(examples["q1"].hard_negatives) == ["p2", "p4", "p1", "p5"]
    assert set(pids(examples["q1"].negatives)) == {"p1", "p2", "p3", "p4", "p5"}
    assert counts["negatives_with_answer"] == 2, "p1, as a hit and drawn"
    assert fates(counts) == {"chosen": 6, "positive": 2}


def test_patterns_are_matched_as_the_set_says(mine: Mine, make_questions: Any) -> None:
    patterns: QuestionSet = make_questions({"q1": [r"Cl\w+ Holm"]}, match="regex")
    examples, _ = mine(of=patterns)
    assert pids(examples["q1"].positives) == ["p0", "p1"]
    assert examples["q1"].match == "regex"


def test_data_rules(mine: Mine, make_questions: Any) -> None:
    several: QuestionSet = make_questions(
        {**ANSWERS, "q2": ["closed on all of the Mondays there are", "Mondays"],
         "q1": ["an answer that is far too long"]}
    )  # fmt: skip
    rules = ("nq_short_answers", "dpr_discard")
    examples, counts = mine(mining=Mining(random=0, rules=rules), of=several)
    assert examples["q2"].answers == ["Mondays"]
    assert list(examples) == ["q2"]
    assert (counts["nq_short_answers"], counts["dpr_discard"]) == (1, 2)
    assert counts["without_positive"] == 0


def test_a_question_whose_first_hundred_hold_no_answer_is_discarded(mine: Mine) -> None:
    """Though its gold passage is known: it is not among the hits."""
    hits = {"q4": [("p0", 2.0)], "q1": RUN["q1"]}
    mining = Mining(random=0, rules=("dpr_discard",))
    examples, counts = mine(GOLD, mining=mining, hits=hits)
    assert list(examples) == ["q1"]
    assert counts["dpr_discard"] == 3


def test_nothing_to_learn_from(mine: Mine) -> None:
    with pytest.raises(UserError) as error:
        mine(hits={"q3": RUN["q3"]})
    assert str(error.value) == (
        "mine: none of 4 questions has a passage to learn from (4 without_positive): were they "
        "asked of this corpus, and does depth= go deep enough?"
    )
    with pytest.raises(UserError, match=r"\(3 gold_unknown, 1 gold_not_found\)"):
        mine({"q1": Gold("Elsewhere", "Clara Holm")})


def test_a_run_of_another_corpus(mine: Mine) -> None:
    with pytest.raises(UserError, match="1 of 1 hits name passages that the corpus lacks, first"):
        mine(hits={"q1": [("elsewhere-7", 1.0)]})
