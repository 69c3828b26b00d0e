"""Examples as a bi-encoder learns from them: every passage once, questions that point at them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from qa_bench.errors import UserError
from qa_bench.formats.dpr_training import Example, TrainingPassage
from qa_bench.metric.matching import answer_test
from qa_bench.metric.string_tests import Test
from qa_bench.settings import flag, one_of, whole_number
from qa_bench.train.losses.simcse import with_themselves

CHOICES = ("hard", "random", "gold")
"""Where negatives come from: the file's hard or random ones, or positives of other questions."""


@dataclass(frozen=True)
class Choice:
    """Which negatives a question gets.

    Attributes:
        source: one of ``CHOICES``; ``train.choose.from``.
        skip: so many of the file's are left out, the best first: they may be answers unmarked.
        sampled: drawn anew each epoch, rather than the best ones each time.
        count: how many; ``train.negatives``.
    """

    source: str = "hard"
    skip: int = 0
    sampled: bool = False
    count: int = 1

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            UserError: one is out of range.
        """
        one_of("train.choose.from", self.source, CHOICES)
        whole_number("train.choose.skip", self.skip, 0)
        flag("train.choose.sampled", self.sampled)
        whole_number("train.negatives", self.count, 0)


class Answers(NamedTuple):
    """What a question is answered by, to see whether a passage does."""

    texts: tuple[str, ...]
    match: str


@dataclass
class Lessons:
    """Questions and passages, by their places.

    Attributes:
        questions: texts.
        passages: (title, text), each once.
        positives: places of the passages that answer a question; the first is the one that it
            learns.
        negatives: places of the passages that its own negatives are chosen from, best first.
        scores: a teacher's score of a question's passage, by both places; none that is not known.
        answers: of each question.
        tasks: what kind of example each is, where the files say so.
    """

    questions: list[str] = field(default_factory=list)
    passages: list[tuple[str, str]] = field(default_factory=list)
    positives: list[np.ndarray] = field(default_factory=list)
    negatives: list[np.ndarray] = field(default_factory=list)
    scores: dict[tuple[int, int], float] = field(default_factory=dict)
    answers: list[Answers] = field(default_factory=list)
    tasks: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        """Number of questions."""
        return len(self.questions)

    @property
    def golds(self) -> np.ndarray:
        """The passage that each question learns; int64 (questions,)."""
        return np.array([places[0] for places in self.positives], dtype=np.int64)

    def test(self, question: int) -> Test | None:
        """Whether a passage holds an answer of a question; None where no answer is known."""
        texts, match = self.answers[question]
        if not texts:
            return None
        return answer_test(texts, match, "dpr", self.questions[question])  # type: ignore[arg-type]


def lessons(
    examples: Iterable[Example], choice: Choice, counts: dict[str, int], themselves: bool = False
) -> Lessons:
    """The lessons of examples that have a positive, in their order.

    Args:
        examples: of the files.
        choice: which of their negatives are taken.
        counts: ``other_positives``, which are no question's to learn and never its negatives, and
            ``few_negatives``, questions with fewer than are wanted, are counted here.
        themselves: a question without a positive learns its own text.
    """
    made, places = Lessons(), dict[tuple[str, str], int]()
    counts |= {"other_positives": 0, "few_negatives": 0}

    def place(one: TrainingPassage) -> int:
        key = (one.passage.title, one.passage.text)
        if key not in places:
            places[key] = len(places)
            made.passages.append(key)
        return places[key]

    for number, example in enumerate(with_themselves(examples) if themselves else examples):
        positives = [one for one in example.positives if one.passage.text.strip()]
        chosen = _pool(example, choice)
        of_positives = [place(one) for one in positives]
        own = [(place(one), one) for one in chosen if one.passage.text.strip()]
        pool = list(dict.fromkeys(at for at, _ in own if at not in of_positives))
        made.questions.append(example.question)
        made.tasks.append(example.dataset)
        made.positives.append(np.array(list(dict.fromkeys(of_positives)), dtype=np.int64))
        made.negatives.append(np.array(pool, dtype=np.int64))
        made.answers.append(Answers(tuple(example.answers), example.match))
        for at, one in [*zip(of_positives, positives, strict=True), *own]:
            if math.isfinite(score := example.score_of(one)):
                made.scores.setdefault((number, at), score)
        counts["other_positives"] += len(made.positives[-1]) - 1
        short = choice.source != "gold" and len(pool) < choice.count
        counts["few_negatives"] += short
    return made


def _pool(example: Example, choice: Choice) -> Sequence[TrainingPassage]:
    """The file's passages that a question's negatives are chosen from."""
    if choice.count == 0 or choice.source == "gold":
        return ()
    every = example.hard_negatives if choice.source == "hard" else example.negatives
    behind = every[choice.skip :]
    return behind if choice.sampled else behind[: choice.count]


def drawn_negatives(
    lessons: Lessons, choice: Choice, random: np.random.Generator
) -> list[np.ndarray]:
    """The negatives of every question for an epoch, as places of passages.

    Args:
        lessons: the questions.
        choice: how they are chosen.
        random: what is drawn from, where something is.

    Raises:
        UserError: the files have no negatives of the kind.
    """
    if choice.count == 0:
        return [np.zeros(0, np.int64)] * len(lessons)
    if choice.source == "gold":
        return _golds_of_others(lessons, choice.count, random)
    if not any(len(pool) for pool in lessons.negatives):
        raise UserError(
            f"train.negatives={choice.count}: the files have no {choice.source} negatives"
            f"{' behind the first ' + str(choice.skip) if choice.skip else ''}: make them with "
            "`qa-bench mine`, or set train.negatives=0 or train.choose.from=gold"
        )
    if not choice.sampled:
        return lessons.negatives
    return [
        pool
        if len(pool) <= choice.count
        else pool[np.sort(random.choice(len(pool), choice.count, replace=False))]
        for pool in lessons.negatives
    ]


def _golds_of_others(lessons: Lessons, count: int, random: np.random.Generator) -> list[np.ndarray]:
    """Positives of other questions, drawn for each; none that answers the question itself."""
    golds = np.unique(lessons.golds)
    rows = []
    for own in lessons.positives:
        size = min(len(golds), count + len(own))
        several = golds[random.choice(len(golds), size, replace=False)]
        rows.append(several[~np.isin(several, own)][:count])
    return rows
