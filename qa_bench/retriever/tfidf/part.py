"""DrQA's retriever: TF-IDF over hashed n-grams, exactly, on the postings of this package."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from qa_bench.errors import DataError, UserError
from qa_bench.parts import Part
from qa_bench.retriever.postings.hits import postings_of
from qa_bench.retriever.postings.search import Questions, Weights, pair_scores, top_k
from qa_bench.retriever.postings.store import Builder, Postings
from qa_bench.retriever.tfidf.grams import Counts, Grams
from qa_bench.runtime.processes import in_order
from qa_bench.runtime.progress import progress
from qa_bench.runtime.warm import opened
from qa_bench.settings import whole_number
from qa_bench.store.passages import Passages
from qa_bench.types import QuestionSet, Run, Runtime, Step

_MOST_GRAM = 5
_MOST_BUCKETS = 1 << 28
_MOST_COUNT = np.iinfo(np.uint16).max
_BATCH = 256
"""Passages that a process counts at once; they may be whole articles."""
_QUESTIONS_AT_ONCE = 4096

# Measured on 50,000 passages of Wikipedia; rates are those of one worker.
_BYTES_PER_PASSAGE = 165
_INDEXED_PER_S = 6_000
_SEARCHED_PER_S = 2e8
"""Passages times questions a second, most of which no question looks at."""


class Tfidf(Part):
    """The dot product of a question's and a passage's TF-IDF vectors, neither normalised.

    A bucket's weight is log(tf + 1) · max(0, log((N - n + 0.5) / (n + 0.5))): tf n-grams of the
    text fell into it, and it is met in n of N passages. Title and text are one text, as in DrQA's
    articles, whose text began with the title; ``chunker=article`` makes a passage of each.

    Scores are summed in double precision in the order of the buckets, as scipy does for DrQA, and
    rounded to single; equal ones are in corpus order, where DrQA leaves it open.

    Source: Chen et al. 2017, Reading Wikipedia (ACL), section 3.1; drqa/retriever of DrQA.
    """

    def __init__(self, ngrams: int = 2, buckets: int = 1 << 24) -> None:
        """Check the settings.

        Args:
            ngrams: the most tokens of an n-gram, from 1 to 5.
            buckets: into how many n-grams are hashed, from 2 to 2**28.

        Raises:
            UserError: a setting is out of range.
        """
        whole_number("retriever.ngrams", ngrams, 1, _MOST_GRAM)
        whole_number("retriever.buckets", buckets, 2, _MOST_BUCKETS)
        self._grams = Grams(ngrams, buckets)

    def index(self, passages: Passages, folder: Path, runtime: Runtime) -> int:
        """Write the counts of all buckets that are met.

        Raises:
            UserError: a passage holds an n-gram more often than can be stored.
        """
        numbers = np.zeros(self._grams.buckets, dtype=np.int32)  # from 1; pages come as met
        met: list[np.ndarray] = []
        terms = row = 0
        bar = progress(len(passages), "index", "passages", runtime)
        builder = Builder(folder, len(passages), "uint16", runtime.workers)
        with bar, builder:
            for counts in in_order(self._grams, _batches(passages), runtime.workers):
                check_counts(counts, row, passages)
                new = np.unique(counts.buckets[numbers[counts.buckets] == 0])
                numbers[new] = np.arange(terms + 1, terms + len(new) + 1)
                met.append(new)
                terms += len(new)
                builder.add(row, counts.pointers, numbers[counts.buckets] - 1, counts.counts)
                row += len(counts.pointers) - 1
                bar.update(len(counts.pointers) - 1)
            vocabulary = np.concatenate([np.zeros(0, np.int64), *met])
            builder.finish(vocabulary.astype(np.int32))
        return row

    def search(
        self, folder: Path, passages: Passages, questions: QuestionSet, depth: int, runtime: Runtime
    ) -> Run:
        """The best passages of every question; none where it shares no n-gram of any weight."""
        bar = progress(len(questions), "search", "questions", runtime)
        opening = partial(_opened, folder, len(passages), runtime)
        with bar, opened((id(self), folder), opening) as index:
            rows, scores = top_k(
                index.postings,
                index.weights,
                self._worded(questions, index),
                depth,
                runtime.workers,
                bar.update,
            )
        ranked = [_rounded(*hits) for hits in zip(rows, scores, strict=True)]
        qids = [question.qid for question in questions]
        return Run.of_rows(
            qids, [one for one, _ in ranked], [one for _, one in ranked], passages.pids
        )

    def score(
        self,
        folder: Path,
        passages: Passages,
        questions: QuestionSet,
        question_rows: np.ndarray,
        rows: np.ndarray,
        runtime: Runtime,
    ) -> np.ndarray:
        """The scores of (question, passage) pairs, 0 where they share no n-gram."""
        with _opened(folder, len(passages), runtime) as index:
            worded = self._worded(questions, index)
            exact = pair_scores(
                index.postings, index.weights, worded, question_rows, rows, runtime.workers
            )
        return exact.astype(np.float32)

    def plan(
        self, passages: float, questions: int, depth: int, runtime: Runtime
    ) -> tuple[Step, Step]:
        """From measured rates, for passages of 100 words; articles take as much more."""
        seconds = passages / _INDEXED_PER_S / runtime.workers
        searching = questions * passages / _SEARCHED_PER_S / runtime.workers
        memory = "0.7 GB"
        return (
            Step("index", passages * _BYTES_PER_PASSAGE, seconds, memory),
            Step("search", 0, searching, f"{memory} and 12 bytes a posting"),
        )

    def _worded(self, questions: QuestionSet, index: _Index) -> Questions:
        """The questions' buckets, ascending, with their weights; those that weigh nothing left out.

        DrQA's product of sparse vectors finds nothing by a bucket of weight 0.
        """
        texts = [question.text for question in questions]
        pointers, terms, weights = [np.zeros(1, np.int64)], [], []
        for first in range(0, len(texts), _QUESTIONS_AT_ONCE):
            counts = self._grams(texts[first : first + _QUESTIONS_AT_ONCE])
            numbers = index.postings.find(counts.buckets)
            weight = np.log1p(counts.counts) * np.where(numbers >= 0, index.idf[numbers], 0.0)
            weighty = weight > 0
            ends = np.concatenate([[0], np.cumsum(weighty)])[counts.pointers]
            pointers.append(ends[1:] + pointers[-1][-1])
            terms.append(numbers[weighty])
            weights.append(weight[weighty])
        return Questions(
            np.concatenate(pointers),
            np.concatenate([np.zeros(0, np.int32), *terms]),
            np.concatenate([np.zeros(0), *weights]),
        )


class _Index(NamedTuple):
    """An opened index.

    Attributes:
        postings: counts by bucket.
        weights: of the postings.
        idf: of each bucket, float64 (terms + 1,); the last one is of those that are not met.
    """

    postings: Postings
    weights: Weights
    idf: np.ndarray


@contextmanager
def _opened(folder: Path, passages: int, runtime: Runtime) -> Iterator[_Index]:
    """The index with its weights.

    Raises:
        DataError: it is damaged.
        UserError: it is of another corpus.
    """
    postings = postings_of(folder, passages, runtime.workers)
    if postings.vocabulary is None:
        raise DataError(f"postings without buckets; delete {folder} to build it again", folder)
    met = np.diff(postings.pointers)
    idf = np.log((passages - met + 0.5) / (met + 0.5))
    idf = np.append(np.maximum(idf, 0.0), 0.0)
    values = postings.values

    def exact(which: np.ndarray | slice, terms: np.ndarray) -> np.ndarray:
        weights: np.ndarray = np.log1p(values[which].astype(np.float64)) * idf[terms]
        return weights

    yield _Index(postings, Weights(postings, exact, runtime.workers), idf)


def _rounded(rows: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Hits with scores in single precision; those that are equal then, in corpus order."""
    single = scores.astype(np.float32)
    order = np.lexsort((rows, -single))
    return rows[order], single[order]


def _batches(passages: Passages) -> Iterator[list[str]]:
    """The passages' texts, each behind its title."""
    for _, _, titles, texts in passages.batches():
        for first in range(0, len(texts), _BATCH):
            some = slice(first, first + _BATCH)
            pairs = zip(titles[some].to_pylist(), texts[some].to_pylist(), strict=True)
            yield [f"{title}\n{text}" for title, text in pairs]


def check_counts(counts: Counts, first: int, passages: Passages) -> None:
    """Look whether counts can be stored.

    Args:
        counts: of the passages from ``first`` on.
        first: a row.
        passages: the corpus.

    Raises:
        UserError: one cannot.
    """
    if counts.counts.max(initial=0) <= _MOST_COUNT:
        return
    place = int(counts.counts.argmax())
    row = first + int(np.searchsorted(counts.pointers, place, side="right")) - 1
    raise UserError(
        f"retriever tfidf: passage '{passages[row].pid}' holds an n-gram {counts.counts[place]:,} "
        f"times, {_MOST_COUNT:,} can be stored: cut it into shorter passages (chunker)"
    )
