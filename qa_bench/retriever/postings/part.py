"""BM25 without Java: eight variants of it on one index of postings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from qa_bench.errors import UserError
from qa_bench.parts import Part
from qa_bench.retriever.postings.formulas import VARIANTS, weights
from qa_bench.retriever.postings.hits import Index, hits, postings_of, scores_of_pairs
from qa_bench.retriever.postings.search import Questions, Weights
from qa_bench.retriever.postings.store import Builder, Postings
from qa_bench.retriever.postings.terms import (
    ENGINES,
    STEMMERS,
    Analysis,
    Lexicon,
    counts,
    passage_counts,
)
from qa_bench.runtime.progress import progress
from qa_bench.runtime.warm import opened
from qa_bench.settings import flag, number, one_of
from qa_bench.store.passages import Passages
from qa_bench.types import QuestionSet, Run, Runtime, Step

# Measured on 408,191 passages with two cores.
_BYTES_PER_PASSAGE = 85
_MEMORY_PER_PASSAGE = 9 * 60
"""Bytes: a row, a count and a weight of each of about 60 terms."""
_INDEXED_PER_S = 40_000
_SEARCHED_PER_S = 1.6e9
"""Passages times questions a second."""
_HITS_PER_S = 2e6
_MOST = 1_000_000
"""Beyond it some formula's weights leave the range of single precision."""


class Bm25Native(Part):
    """BM25 over title and text as one field, in one of the variants of Kamphuis et al. 2020.

    Terms are those of Lucene's English analysis, scores sums in float64 in the order of the
    question's terms, a repeated word counting as often as it comes, ties in corpus order. All
    variants, and all values of k1, b and delta, search one index.

    ``lucene`` is Lucene's own formula, lengths in one byte included: the passages are those of
    ``retriever=bm25``, but for those whose scores differ by less than float32 can tell.

    Source: ``formulas``.
    """

    search_only = frozenset({"variant", "k1", "b", "delta"})
    labels = frozenset({"engine"})

    def __init__(
        self,
        variant: str = "lucene",
        k1: float = 0.9,
        b: float = 0.4,
        delta: float | None = None,
        stemmer: str = "porter",
        keep_stopwords: bool = False,
        engine: str = "python",
    ) -> None:
        """Check the settings.

        Args:
            variant: which formula: one of ``formulas.VARIANTS``.
            k1: how fast a term's weight saturates, from 0 to a million.
            b: how much length matters, from 0 to 1.
            delta: what bm25l, bm25_plus and tfldp add; None: their authors' value.
            stemmer: porter, krovetz or none; for passages and questions alike.
            keep_stopwords: index stop words too.
            engine: what makes the terms, python or lucene (Java); they make the same ones.

        Raises:
            UserError: a setting is out of range, or one that the variant does not have.
        """
        self._variant = one_of("retriever.variant", variant, tuple(VARIANTS))
        self._k1 = float(number("retriever.k1", k1, 0, _MOST))
        self._b = float(number("retriever.b", b, 0, 1))
        formula = VARIANTS[self._variant]
        delta = number("retriever.delta", delta, 0, _MOST, optional=True)
        if delta is not None and formula.delta is None:
            having = ", ".join(name for name, one in VARIANTS.items() if one.delta is not None)
            raise UserError(
                f"retriever.delta={delta}: variant {variant} has none, only {having}; leave it null"
            )
        chosen = formula.delta or 0.0 if delta is None else delta
        self._delta = float(number("retriever.delta", chosen, formula.least_delta, _MOST))
        self._stemmer = one_of("retriever.stemmer", stemmer, STEMMERS)
        self._keep_stopwords = flag("retriever.keep_stopwords", keep_stopwords)
        self._engine = one_of("retriever.engine", engine, ENGINES)
        self._analysis(Runtime())

    def _analysis(self, runtime: Runtime) -> Analysis:
        return Analysis(self._stemmer, self._keep_stopwords, self._engine, runtime.java_heap)

    def _origin(self) -> dict[str, object]:
        """What the terms of an index must have been made by."""
        return {
            "analysis": Analysis.version,
            "stemmer": self._stemmer,
            "keep_stopwords": self._keep_stopwords,
        }

    def index(self, passages: Passages, folder: Path, runtime: Runtime) -> int:
        """Count every passage's terms and write their postings."""
        lexicon = Lexicon(self._analysis(runtime))
        lengths = [np.zeros(0, dtype=np.int32)]
        bar = progress(len(passages), "index", "passages", runtime)
        with bar, Builder(folder, len(passages), "uint32", runtime.workers) as builder:
            for block in passage_counts(passages, lexicon, runtime.workers):
                builder.add(block.first_row, block.pointers, block.terms, block.counts)
                lengths.append(block.lengths)
                bar.update(len(block.lengths))
            builder.finish(lexicon.strings(), np.concatenate(lengths), self._origin())
        return len(passages)

    def search(
        self, folder: Path, passages: Passages, questions: QuestionSet, depth: int, runtime: Runtime
    ) -> Run:
        """Search all questions, ``runtime.workers`` at a time."""
        opening = partial(self._opened, folder, passages, runtime)
        with opened((id(self), folder), opening) as index:
            terms = self._terms(index.postings, questions, runtime)
            return hits(index, terms, passages, questions, depth, runtime)

    def score(
        self,
        folder: Path,
        passages: Passages,
        questions: QuestionSet,
        question_rows: np.ndarray,
        rows: np.ndarray,
        runtime: Runtime,
    ) -> np.ndarray:
        """The scores of (question, passage) pairs, 0 where they share no term."""
        with self._opened(folder, passages, runtime) as index:
            terms = self._terms(index.postings, questions, runtime)
            return scores_of_pairs(index, terms, question_rows, rows, runtime)

    def plan(
        self, passages: float, questions: int, depth: int, runtime: Runtime
    ) -> tuple[Step, Step]:
        """From measured rates; searching is taken to grow with the passages, and with the hits."""
        memory = f"{passages * _MEMORY_PER_PASSAGE / 1e9 + 0.2:.1f} GB"
        seconds = questions * (passages / _SEARCHED_PER_S + depth / _HITS_PER_S)
        return (
            Step("index", passages * _BYTES_PER_PASSAGE, passages / _INDEXED_PER_S, "1 GB"),
            Step("search", 0, seconds, memory),
        )

    @contextmanager
    def _opened(self, folder: Path, passages: Passages, runtime: Runtime) -> Iterator[Index]:
        """The postings with the variant's weights.

        Raises:
            DataError: a file is missing, cut short or changed.
            UserError: it is the index of other passages or of another analysis.
        """
        postings = postings_of(folder, len(passages), runtime.workers)
        for name, mine in self._origin().items():
            if postings.origin.get(name) != mine:
                raise UserError(
                    f"{folder}: its terms were made with {name} {postings.origin.get(name)}, those "
                    f"of the questions would be with {mine}; delete the folder to index again"
                )
        formula = self._variant, self._k1, self._b, self._delta
        exact = weights(postings, *formula, runtime.workers)
        yield Index(postings, Weights(postings, exact, runtime.workers))

    def _terms(self, postings: Postings, questions: QuestionSet, runtime: Runtime) -> Questions:
        """The questions' terms by the numbers of the index, weighing as often as they come."""
        lexicon = Lexicon(self._analysis(runtime))
        texts = [question.text for question in questions]
        pointers, terms, several, _ = counts(texts, lexicon, runtime.workers)
        numbers = postings.find(lexicon.strings())
        return Questions(pointers, numbers[terms], several.astype(np.float64))
