"""Hard negatives by rule, against a plain loop over hits."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from qa_bench.errors import UserError
from qa_bench.train.negatives import REASONS, Candidates, HitChoice, choose


def hits(*of_questions: list[tuple[float, str]]) -> Candidates:
    """Of each question (score, mark) of its hits: "p" is the positive, "a" holds an answer."""
    flat = [hit for one in of_questions for hit in one]
    sizes = [len(one) for one in of_questions]
    return Candidates(
        np.repeat(np.arange(len(sizes)), sizes),
        np.arange(len(flat)) * 7 % 1000,
        np.array([score for score, _ in flat], dtype=np.float32),
        np.array([mark == "p" for _, mark in flat], dtype=bool),
        np.array([mark in ("a", "p") for _, mark in flat], dtype=bool),
    )


def reasons(candidates: Candidates, positives: list[float], **choice: Any) -> list[str]:
    qids = [f"q{place}" for place in range(len(positives))]
    fate = choose(candidates, np.array(positives), qids, HitChoice(**choice))
    return [REASONS[code] for code in fate]


def plain(candidates: Candidates, positives: list[float], choice: HitChoice) -> list[str]:
    """The same of choices that draw nothing, hit by hit."""
    ranks: Counter[int] = Counter()
    taken: Counter[int] = Counter()
    told = []
    for question, score, positive, answer in zip(
        candidates.questions, candidates.scores.astype(float), candidates.positive,
        candidates.answer, strict=True,
    ):  # fmt: skip
        ranks[question] += 1
        rank, of_positive = ranks[question], positives[question]
        if positive:
            told.append("positive")
        elif answer:
            told.append("answer")
        elif rank <= choice.skip:
            told.append("skipped")
        elif choice.until is not None and rank > choice.until:
            told.append("behind")
        elif choice.margin is not None and not score < of_positive - choice.margin:
            told.append("margin")
        elif choice.percentage is not None and not (
            score < of_positive - (1 - choice.percentage) * abs(of_positive)
        ):
            told.append("percentage")
        elif choice.max_score is not None and not score < choice.max_score:
            told.append("max_score")
        elif choice.min_score is not None and score < choice.min_score:
            told.append("min_score")
        elif choice.count is not None and taken[question] >= choice.count:
            told.append("surplus")
        else:
            taken[question] += 1
            told.append("chosen")
    return told


CHOICES = [
    {},
    {"count": 3},
    {"skip": 4, "until": 9, "count": 2},
    {"margin": 0.2},
    {"percentage": 0.95, "count": 4},
    {"max_score": 0.5, "min_score": -0.5},
    {"margin": 0.1, "percentage": 0.8, "max_score": 0.9, "min_score": -0.9, "skip": 1, "count": 5},
]


@pytest.mark.parametrize("choice", CHOICES)
def test_as_a_plain_loop(choice: dict[str, Any]) -> None:
    random = np.random.default_rng(3)
    for _ in range(20):
        sizes = random.integers(0, 15, 6)
        candidates = hits(*(
            [(float(s), "npa"[random.integers(3)]) for s in -np.sort(-random.uniform(-1, 1, size))]
            for size in sizes
        ))  # fmt: skip
        positives = random.uniform(-1, 1, len(sizes)).tolist()
        told = reasons(candidates, positives, **choice)
        assert told == plain(candidates, positives, HitChoice(**choice))


def test_a_share_of_a_negative_score() -> None:
    """95 % of −1 is −.95, above the positive: a harder hit must not come through for that."""
    candidates = hits([(-0.96, "n"), (-1.0, "n"), (-1.04, "n"), (-1.06, "n")])
    told = reasons(candidates, [-1.0], percentage=0.95)
    assert told == ["percentage"] * 3 + ["chosen"]


def test_as_near_as_the_positive_is_no_negative() -> None:
    candidates = hits([(0.5, "n"), (0.25, "n")])
    assert reasons(candidates, [0.5], margin=0.0) == ["margin", "chosen"]
    assert reasons(candidates, [0.75], margin=0.25) == ["margin", "chosen"]
    assert reasons(candidates, [1.0], percentage=0.5) == ["percentage", "chosen"]


def test_a_positive_below_all_hits_leaves_none() -> None:
    candidates = hits([(0.5, "n"), (-9.0, "n")])
    assert reasons(candidates, [-np.inf], margin=0.0) == ["margin"] * 2
    assert reasons(candidates, [-np.inf], percentage=0.95) == ["percentage"] * 2
    assert reasons(candidates, [-np.inf]) == ["chosen"] * 2


def test_what_is_drawn_depends_on_the_question_alone() -> None:
    one = [(9.0 - n, "n") for n in range(9)]
    rows = np.arange(9)

    def drawn(number: int, qids: list[str], **choice: Any) -> set[int]:
        candidates = hits(*[one] * len(qids))._replace(rows=np.tile(rows, len(qids)))
        fate = choose(candidates, np.zeros(len(qids)), qids, HitChoice(3, sampled=True, **choice))
        own = fate[number * 9 : number * 9 + 9]
        assert Counter(REASONS[code] for code in own) == {"chosen": 3, "surplus": 6}
        return set(np.flatnonzero(own == 0).tolist())

    alone = drawn(0, ["b"])
    assert drawn(1, ["a", "b", "c"]) == alone
    assert drawn(0, ["b"], seed=0) == alone
    several = [frozenset(drawn(0, [f"q{n}"])) for n in range(40)]
    assert len(set(several)) > 25
    assert Counter(place for one in several for place in one).keys() == set(range(9))
    assert frozenset(drawn(0, ["b"], seed=1)) != alone


def test_one_that_is_left_out_changes_no_other_draw() -> None:
    """A drawn hit stays drawn where a rule takes away one that was not."""
    one = [(9.0 - n, "n") for n in range(9)]
    candidates = hits(one)
    first = choose(candidates, np.zeros(1), ["q"], HitChoice(3, sampled=True))
    spare = int(np.flatnonzero(first != 0)[0])
    answer = candidates.answer.copy()
    answer[spare] = True
    again = choose(
        candidates._replace(answer=answer), np.zeros(1), ["q"], HitChoice(3, sampled=True)
    )
    assert (np.flatnonzero(again == 0) == np.flatnonzero(first == 0)).all()


def test_no_hits_at_all() -> None:
    assert reasons(hits([], []), [0.0, 0.0], count=3, margin=0.1) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"count": -1}, "mine.from.hits: a whole number >= 0, got '-1'"),
        ({"skip": True}, "mine.skip: a whole number >= 0, got 'true'"),
        ({"until": 0}, "mine.until: a whole number >= 1, got '0'"),
        ({"sampled": "yes"}, "mine.sampled: true or false, got 'yes'"),
        ({"margin": -0.1}, "mine.margin: a number >= 0, got '-0.1'"),
        ({"percentage": 95}, "mine.percentage: a number from 0 to 1, got '95'"),
        ({"max_score": "high"}, "mine.max_score: a number, got 'high'"),
        ({"seed": -1}, "mine.seed: a whole number >= 0, got '-1'"),
        ({"skip": 5, "until": 5}, "mine.until=5 and mine.skip=5 leave no rank between them"),
        ({"min_score": 1, "max_score": 1}, "mine.min_score=1 and mine.max_score=1 leave no score"),
        ({"sampled": True}, "mine.sampled draws some of the hits: say how many, "
                            "'mine.from={hits: 7}'"),
    ],
)  # fmt: skip
def test_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        HitChoice(**settings)
    assert str(error.value) == message
