"""Examples of any file that retrievers and rerankers learn from: DPR's JSON, SQuAD's, JSON Lines.

A file's own rules decide what is a positive. Scores are a teacher's where the file tells them; else
nan, or ``GOLD_SCORE`` of a gold passage.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from qa_bench.errors import DataError
from qa_bench.formats.dpr_training import (
    GOLD_SCORE,
    Example,
    TrainingPassage,
    read_examples,
)
from qa_bench.formats.json_entries import JsonEntries
from qa_bench.formats.lines import read_json_lines, text_field
from qa_bench.formats.paragraph_questions import (
    Article,
    NumberedParagraphs,
    ParagraphQuestion,
    read_squad,
)
from qa_bench.formats.qa import suffix_of
from qa_bench.metric.matching import answer_test
from qa_bench.train.loop import TrainingFiles
from qa_bench.types import Passage

NEAR = 7
"""Paragraphs without the answer, of the same article, that are hard negatives where a file has
paragraphs of articles and no negatives: the nearest ones."""
_PAIR = ("positive", "positives")


def read(
    files: TrainingFiles, counts: dict[str, int], near: int = NEAR, bare: bool = False
) -> Iterator[Example]:
    """The examples of files, in their order; one without a positive is left out.

    Formats: ``.json``, a list of DPR's (``qa-bench mine``) or SQuAD's; ``.jsonl`` with
    ``question``, ``answers``, ``article`` and the ``paragraph``'s number; or pairs: ``question``,
    ``positive`` or ``positives``, and maybe ``negatives``, ``answers``, ``task`` and ``scores``,
    one a positive, then one a negative. A passage is a text, or ``title`` and ``text``.

    Args:
        files: where they lie.
        counts: ``questions`` and ``without_positive`` are counted here.
        near: paragraphs of the same article that are hard negatives at most.
        bare: questions without a positive are examples too.

    Raises:
        DataError: a file has another structure.
        UserError: the articles of paragraph numbers are not named.
    """
    counts |= {"questions": 0, "without_positive": 0}
    for path in files.data:
        for example in _read(path, files.articles, near):
            counts["questions"] += 1
            positive = any(one.passage.text.strip() for one in example.positives)
            counts["without_positive"] += not positive
            if positive or bare:
                yield example


def drawn(examples: Sequence[Example], count: int | None, seed: int) -> list[Example]:
    """So many examples, in their order; all for None. A smaller number is part of a larger one.

    Args:
        examples: those of the files.
        count: how many.
        seed: what they are drawn by.
    """
    if count is None or count >= len(examples):
        return list(examples)
    places = np.sort(np.random.default_rng(seed).permutation(len(examples))[:count])
    return [examples[place] for place in places.tolist()]


def _read(path: Path, articles: Path | None, near: int) -> Iterator[Example]:
    if suffix_of(path) == ".jsonl":
        return _of_lines(path, articles, near)
    if JsonEntries(path).kind == "list":
        return read_examples(path)
    made = _OfParagraphs(near)
    return map(made.example, read_squad(path))


def _of_lines(path: Path, articles: Path | None, near: int) -> Iterator[Example]:
    paragraphs: NumberedParagraphs | None = None
    made = _OfParagraphs(near)
    for number, row in read_json_lines(path):
        if any(name in row for name in _PAIR) or "article" not in row:
            yield _pair(row, path, number)
            continue
        if paragraphs is None:
            paragraphs = NumberedParagraphs(path, articles)
        yield made.example(paragraphs.question({"answers": [], **row}, number))


class _OfParagraphs:
    """Examples of paragraphs' questions; each paragraph is made a passage once."""

    def __init__(self, near: int) -> None:
        self._near = near
        self._passages: dict[tuple[Article, int], Passage] = {}

    def example(self, one: ParagraphQuestion) -> Example:
        """A question of a paragraph; the nearest others without an answer are hard negatives."""
        negatives: list[TrainingPassage] = []
        if self._near and one.answers:
            test = answer_test(one.answers, "string", "dpr", one.text)
            near = (
                at for at in one.article.near(one.place) if not test(one.article.paragraphs[at])
            )
            negatives = [
                TrainingPassage(self._passage(one.article, at), math.nan)
                for at in islice(near, self._near)
            ]
        positive = TrainingPassage(self._passage(one.article, one.place), GOLD_SCORE, 1)
        return Example("", one.text, one.answers, [positive], [], negatives)

    def _passage(self, article: Article, place: int) -> Passage:
        if (article, place) not in self._passages:
            passage = Passage("", article.title, article.paragraphs[place])
            self._passages[article, place] = passage
        return self._passages[article, place]


# Pairs


def _pair(row: Mapping[str, Any], path: Path, number: int) -> Example:
    positives = row.get("positives", row.get("positive", []))
    sides = [
        [_passage(one, path, number) for one in (side if isinstance(side, list) else [side])]
        for side in (positives, row.get("negatives", []))
    ]
    scores = row.get("scores", [math.nan] * (len(sides[0]) + len(sides[1])))
    if not isinstance(scores, list) or not all(_is_number(score) for score in scores):
        raise DataError("field 'scores' must be a list of numbers", path, number)
    if len(scores) != len(sides[0]) + len(sides[1]):
        raise DataError(
            f"field 'scores' must have one a passage, the positives' first: {len(scores)} for "
            f"{len(sides[0])} and {len(sides[1])} passages",
            path,
            number,
        )
    rest = iter(scores)
    first, last = ([TrainingPassage(one, float(next(rest))) for one in side] for side in sides)
    question = text_field(dict(row), "question", path, number)
    task = text_field(dict(row), "task", path, number) if "task" in row else ""
    answers, teacher = _texts(row, "answers", path, number), path.name if "scores" in row else ""
    return Example(task, question, answers, first, [], last, teacher=teacher)


def _passage(value: Any, path: Path, number: int) -> Passage:
    if isinstance(value, str):
        return Passage("", "", value)
    if isinstance(value, Mapping):
        title, text = value.get("title") or "", value.get("text")
        if isinstance(title, str) and isinstance(text, str):
            return Passage("", title, text)
    raise DataError("a passage must be a text, or have 'title' and 'text'", path, number)


def _texts(row: Mapping[str, Any], name: str, path: Path, number: int) -> list[str]:
    values = row.get(name, [])
    if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        raise DataError(f"field '{name}' must be a list of texts", path, number)
    return values


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
