"""Gold paragraphs: which are known, and which passage of a corpus is each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from qa_bench.errors import UserError
from qa_bench.formats.gold import Gold, read_gold
from qa_bench.formats.lines import read_json_lines, text_field
from qa_bench.metric.string_tests import Test
from qa_bench.store.passages import Passages
from qa_bench.text import dpr_tokens, nfd, straight_apostrophes
from qa_bench.types import Question, QuestionSet


class Golds(NamedTuple):
    """The gold paragraphs that are known: by question, and the files that they come from."""

    of: dict[str, Gold]
    files: list[Path]


class GoldPassages:
    """Finds the passage of a corpus, which was cut another way, that is a gold paragraph.

    Of the passages with the same title that hold an answer, the one that shares most words with the
    paragraph; of equal ones the first.
    """

    def __init__(
        self, golds: Mapping[str, Gold], passages: Passages, counts: dict[str, int]
    ) -> None:
        """Look up the titles; ``gold_unknown`` and ``gold_not_found`` are counted in ``counts``."""
        self._golds, self._passages, self._counts = golds, passages, counts
        # Neighbours ask of one article.
        self._words = lru_cache(maxsize=10_000)(lambda row: _words(passages[row].text))
        self._titled = _rows_of_titles(passages, {gold.title for gold in golds.values()})

    def row(self, question: Question, test: Test) -> int | None:
        """The row of a question's gold passage; None where its paragraph is unknown or not there.

        Args:
            question: the question.
            test: whether a text holds an answer of it.
        """
        gold = self._golds.get(question.qid) or self._golds.get(question.text)
        if gold is None or gold.text is None:
            self._counts["gold_unknown"] += 1
            return None
        best, most = None, -1
        if test(gold.text):  # else it is not the paragraph that was asked of
            rows = np.array(self._titled.get(gold.title, []), dtype=np.int64)
            texts = self._passages.texts(rows)
            holding: list[int]
            holding = [row for row, text in zip(rows.tolist(), texts, strict=True) if test(text)]
            if len(holding) == 1:  # mostly: no words to count
                return holding[0]
            paragraph = _words(gold.text) if holding else Counter()
            for row in holding:
                shared = sum((self._words(row) & paragraph).values())
                if shared > most:
                    best, most = row, shared
        if best is None:
            self._counts["gold_not_found"] += 1
        return best


def _words(text: str) -> Counter[str]:
    return Counter(dpr_tokens(nfd(text)))


def _rows_of_titles(passages: Passages, titles: set[str]) -> dict[str, list[int]]:
    """The rows of the passages with one of the titles, by title."""
    several = sorted(titles)
    of_titles: dict[str, list[int]] = {}
    if several:
        rows, places = passages.of_titles(pa.array(several, pa.string()))
        for row, place in zip(rows.tolist(), places.tolist(), strict=True):
            of_titles.setdefault(several[place], []).append(row)
    return of_titles


def gold_paragraphs(questions: QuestionSet, file: Path | None, articles: Path | None) -> Golds:
    """The gold paragraphs of questions that a file names; none where it names none of them.

    Args:
        questions: the set.
        file: SQuAD's JSON, DPR's gold info, … (``formats.gold``); None for no gold paragraphs.
        articles: JSON Lines of the articles, where the file names paragraphs by their numbers.

    Raises:
        UserError: paragraphs are named by number, and there are no articles.
    """
    names = {question.qid for question in questions} | {question.text for question in questions}
    pairs = read_gold(file, _ids(questions)) if file is not None else ()
    straight = ((straight_apostrophes(question), gold) for question, gold in pairs)
    golds = {question: gold for question, gold in straight if question in names}
    if file is None or not golds:
        return Golds({}, [])
    if all(gold.text is not None for gold in golds.values()):
        return Golds(golds, [file])
    if articles is None:
        raise UserError(
            f"{file} tells gold paragraphs by their numbers: set mine.articles=<JSON Lines of the "
            "articles, paragraphs parted by empty lines>"
        )
    return Golds(_with_texts(golds, articles), [file, articles])


def _ids(questions: QuestionSet) -> Callable[[int], str]:
    return lambda place: f"{questions.name}-{questions.split}-{place}"


def _with_texts(golds: dict[str, Gold], articles: Path) -> dict[str, Gold]:
    """Paragraphs told by number get their texts; one that is not there stays without."""
    titles = {gold.title for gold in golds.values()}
    paragraphs: dict[str, list[str]] = {}
    for number, row in read_json_lines(articles):
        title = text_field(row, "title", articles, number)
        if title in titles:
            text = text_field(row, "text", articles, number)
            paragraphs.setdefault(title, text.split("\n\n"))

    def completed(gold: Gold) -> Gold:
        of_article = paragraphs.get(gold.title, [])
        if gold.paragraph is None or gold.paragraph >= len(of_article):
            return gold
        return gold._replace(text=of_article[gold.paragraph])

    return {question: completed(gold) for question, gold in golds.items()}
