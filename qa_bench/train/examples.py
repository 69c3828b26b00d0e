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

from qa_bench.errors import DataError, UserError
from qa_bench.formats.dpr_training import (
    GOLD_SCORE,
    Example,
    TrainingPassage,
    read_examples,
)
from qa_bench.formats.json_entries import JsonEntries
from qa_bench.formats.lines import parse_json, read_json_lines, read_whole, text_field
from qa_bench.formats.qa import suffix_of
from qa_bench.formats.squad_articles import article_title
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
    return _of_squad(path, near)


# Paragraphs of articles


class _Article:
    """Its paragraphs, each made a passage once."""

    def __init__(self, title: str, paragraphs: list[str]) -> None:
        self._title, self.paragraphs = title, paragraphs
        self._passages: dict[int, Passage] = {}

    def passage(self, place: int) -> Passage:
        if place not in self._passages:
            self._passages[place] = Passage("", self._title, self.paragraphs[place])
        return self._passages[place]

    def example(self, question: str, answers: list[str], place: int, near: int) -> Example:
        """A question of a paragraph; the nearest others without an answer are hard negatives."""
        negatives: list[TrainingPassage] = []
        if near and answers:
            test = answer_test(answers, "string", "dpr", question)
            places = sorted(range(len(self.paragraphs)), key=lambda at: (abs(at - place), at))
            without = (
                at
                for at in places
                if at != place and self.paragraphs[at].strip() and not test(self.paragraphs[at])
            )
            negatives = [
                TrainingPassage(self.passage(at), math.nan) for at in islice(without, near)
            ]
        positive = TrainingPassage(self.passage(place), GOLD_SCORE, 1)
        return Example("", question, answers, [positive], [], negatives)


def _of_squad(path: Path, near: int) -> Iterator[Example]:
    whole = parse_json(read_whole(path), path)
    try:
        for entry in whole["data"]:
            texts = [paragraph["context"] for paragraph in entry["paragraphs"]]
            article = _Article(article_title(entry["title"]), texts)
            for place, paragraph in enumerate(entry["paragraphs"]):
                for qa in paragraph["qas"]:
                    answers = [answer["text"] for answer in qa["answers"]]
                    "".join((qa["question"], texts[place], *answers))  # raises where one is no text
                    yield article.example(qa["question"], answers, place, near)
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"neither SQuAD's JSON nor a list of DPR's ({type(error).__name__}: {error})", path
        ) from None


def _of_lines(path: Path, articles: Path | None, near: int) -> Iterator[Example]:
    paragraphs: dict[str, _Article] | None = None
    for number, row in read_json_lines(path):
        if any(name in row for name in _PAIR) or "article" not in row:
            yield _pair(row, path, number)
            continue
        if paragraphs is None:
            paragraphs = _articles(path, articles)
        yield _numbered(row, paragraphs, near, path, number)


def _articles(path: Path, articles: Path | None) -> dict[str, _Article]:
    if articles is None:
        raise UserError(
            f"{path} tells paragraphs by their numbers: set train.articles=<JSON Lines of the "
            "articles, paragraphs parted by empty lines>"
        )
    of_title: dict[str, _Article] = {}
    for number, row in read_json_lines(articles):
        title = text_field(row, "title", articles, number)
        texts = text_field(row, "text", articles, number).split("\n\n")
        of_title.setdefault(title, _Article(title, texts))
    return of_title


def _numbered(
    row: Mapping[str, Any], articles: dict[str, _Article], near: int, path: Path, number: int
) -> Example:
    question = text_field(dict(row), "question", path, number)
    title = article_title(text_field(dict(row), "article", path, number))
    answers, place = _texts(row, "answers", path, number), row.get("paragraph")
    if not isinstance(place, int) or isinstance(place, bool) or place < 0:
        raise DataError("field 'paragraph' must be a whole number >= 0", path, number)
    article = articles.get(title)
    if article is None or place >= len(article.paragraphs):
        raise DataError(f"the articles have no paragraph {place} of '{title}'", path, number)
    return article.example(question, answers, place, near)


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
