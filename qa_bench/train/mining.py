"""Files to train retrievers with, by DPR's rules (Karpukhin et al. 2020, 4.2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from qa_bench.errors import UserError
from qa_bench.formats.dpr_training import GOLD_SCORE, Example, TrainingPassage
from qa_bench.formats.gold import Gold, read_gold
from qa_bench.formats.lines import read_json_lines, text_field
from qa_bench.metric.matching import answer_test
from qa_bench.metric.string_tests import Test
from qa_bench.runtime.progress import progress
from qa_bench.store.passages import Passages
from qa_bench.store.runs import rows_of
from qa_bench.text import dpr_tokens, nfd, straight_apostrophes
from qa_bench.types import Passage, Question, QuestionSet, Run, Runtime

RANDOM_NEGATIVES = 50
"""Passages taken at random a question, as many as in DPR's own files."""


_QUESTIONS = 512
"""Questions whose hits are looked up at once."""


class Golds(NamedTuple):
    """The gold paragraphs that are known: by question, and the files that they come from."""

    of: dict[str, Gold]
    files: list[Path]


class Miner:
    """Makes examples question by question, and counts what becomes of them."""

    def __init__(
        self,
        questions: QuestionSet,
        run: Run,
        passages: Passages,
        golds: Mapping[str, Gold],
        mode: str,
        label: str,
        runtime: Runtime,
    ) -> None:
        """Look up the hits' passages.

        Args:
            questions: the set.
            run: what was retrieved for it.
            passages: the corpus.
            golds: the gold paragraph of a question, by qid or text; empty where none is known.
            mode: whose matching rules.
            label: names the set in each example.
            runtime: progress.

        Raises:
            UserError: the run names passages the corpus lacks.
        """
        self._questions, self._mode, self._label = questions, mode, label
        self._golds, self._runtime, self._passages = golds, runtime, passages
        self._rows = rows_of(run, self._passages)
        self._scores = run.table.column("score").to_numpy()
        self._hits = run.slices()
        self._words = lru_cache(maxsize=10_000)(self._words_of)  # neighbours ask of one article
        self._titled = _rows_of_titles(self._passages, {gold.title for gold in golds.values()})
        self.counts: dict[str, int] = dict.fromkeys(
            ("questions", "examples", "gold_unknown", "gold_not_found", "without_positive",
             "without_hard_negative", "positives", "hard_negatives"), 0
        )  # fmt: skip

    def examples(self) -> Iterator[Example]:
        """The examples, in the set's order."""
        questions = self._questions.questions
        self.counts["questions"] = len(questions)
        with progress(len(questions), "mine", "questions", self._runtime) as bar:
            for start in range(0, len(questions), _QUESTIONS):
                several = questions[start : start + _QUESTIONS]
                for question, hits in zip(several, self._hits_of(several), strict=True):
                    example = self._example(question, hits)
                    bar.update()
                    if example is not None:
                        self.counts["examples"] += 1
                        self.counts["positives"] += len(example.positives)
                        self.counts["hard_negatives"] += len(example.hard_negatives)
                        self.counts["without_hard_negative"] += not example.hard_negatives
                        yield example

    def _hits_of(self, questions: Sequence[Question]) -> Iterator[list[TrainingPassage]]:
        """The hits of each question; their passages are looked up for all at once."""
        slices = [self._hits.get(question.qid, slice(0, 0)) for question in questions]
        places = np.concatenate([np.arange(hits.start, hits.stop) for hits in slices])
        passages = iter(_passages(self._passages, self._rows[places]))
        for hits in slices:
            scores = self._scores[hits].astype(str).tolist()
            yield [TrainingPassage(next(passages), float(score)) for score in scores]

    def _example(self, question: Question, hits: list[TrainingPassage]) -> Example | None:
        match, mode = self._questions.match, self._mode
        test = answer_test(question.answers, match, mode, question.qid)
        holds = [test(hit.passage.text, hit.passage.title) for hit in hits]
        positives = [hit for hit, has in zip(hits, holds, strict=True) if has]
        if self._golds:
            gold = self._gold_passage(question, test)
            if gold is None:
                return None
            others = (hit for hit in positives if hit.passage.pid != gold.pid)
            positives = [TrainingPassage(gold, GOLD_SCORE, 1), *others]
        if not positives:
            self.counts["without_positive"] += 1
            return None
        return Example(
            self._label,
            question.text,
            list(question.answers),
            positives,
            self._random(question.qid, test),
            [hit for hit, has in zip(hits, holds, strict=True) if not has],
            self._questions.match,
        )

    def _gold_passage(self, question: Question, test: Test) -> Passage | None:
        gold = self._golds.get(question.qid) or self._golds.get(question.text)
        if gold is None or gold.text is None:
            self.counts["gold_unknown"] += 1
            return None
        paragraph = Counter(dpr_tokens(nfd(gold.text)))
        best, most = None, -1
        if test(gold.text):  # else it is not the paragraph that was asked of
            for row in self._titled.get(gold.title, []):
                text, words = self._words(row)
                shared = sum((words & paragraph).values())
                if shared > most and test(text):
                    best, most = row, shared
        if best is None:
            self.counts["gold_not_found"] += 1
            return None
        return self._passages[best]

    def _words_of(self, row: int) -> tuple[str, Counter[str]]:
        text = self._passages[row].text
        return text, Counter(dpr_tokens(nfd(text)))

    def _random(self, qid: str, test: Test) -> list[TrainingPassage]:
        """Passages without an answer, drawn by the question's id: the same every time."""
        size = len(self._passages)
        rows = (
            xxhash.xxh3_64_intdigest(f"{qid}/{n}".encode()) % size for n in range(RANDOM_NEGATIVES)
        )
        passages = map(self._passages.__getitem__, dict.fromkeys(rows))
        return [TrainingPassage(p) for p in passages if not test(p.text, p.title)]


def _passages(collection: Passages, rows: np.ndarray) -> Iterator[Passage]:
    pids = collection.pids(rows).to_pylist()
    return map(Passage, pids, collection.titles(rows), collection.texts(rows))


def _rows_of_titles(passages: Passages, titles: set[str]) -> dict[str, list[int]]:
    """The rows of the passages with one of the titles, by title; one pass over the titles."""
    rows: dict[str, list[int]] = {}
    title_set = pa.array(sorted(titles), pa.string())
    if titles:
        for start, _, of_batch, _ in passages.batches():
            places = pc.indices_nonzero(pc.is_in(of_batch, value_set=title_set))
            several = of_batch.take(places).to_pylist()
            for place, title in zip(places.to_pylist(), several, strict=True):
                rows.setdefault(title, []).append(start + place)
    return rows


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
