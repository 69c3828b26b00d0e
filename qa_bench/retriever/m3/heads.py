"""BGE-M3 searched by its weights of terms, and by its vectors of tokens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from qa_bench.errors import UserError
from qa_bench.models.m3_model import Three
from qa_bench.models.outputs import Ragged
from qa_bench.parts import Part
from qa_bench.protocols import Indexed
from qa_bench.retriever.m3.base import M3, TERMS, TERMS_SUFFIX
from qa_bench.retriever.multivector.late import Late
from qa_bench.retriever.multivector.store import Tokens, TokenVectors
from qa_bench.retriever.postings.hits import Index, hits, scores_of_pairs
from qa_bench.retriever.postings.search import Questions
from qa_bench.retriever.sparse import index as stored
from qa_bench.retriever.sparse.weights import DTYPES
from qa_bench.runtime.estimates import PASSAGE_TOKENS
from qa_bench.settings import one_of
from qa_bench.store.passages import Passages
from qa_bench.types import QuestionSet, Run, Runtime, Step

_TERMS_A_PASSAGE, _QUESTION_TERMS = 80, 10
"""Different terms that are no marks (guesses), of 141 and 14 tokens."""
_BUILT, _SEARCHED = 5e6, 2e8
"""Postings a second that are made, and that a search runs through."""


class M3Sparse(Part):
    """BGE-M3's weights of terms on postings: the sum of products over the terms that both have."""

    def __init__(self, parts: Mapping[str, Any], weights: str = "fp32") -> None:
        """Check the settings.

        Args:
            parts: ``base``, an ``M3``.
            weights: of terms on the disk: fp32, fp16 or uint8.

        Raises:
            UserError: a setting is out of range, or the base is another.
        """
        self._base = _base("sparse", parts)
        self._weights = one_of("retriever.weights", weights, DTYPES)

    def search_sources(self) -> dict[str, str]:
        """What the base's search reads: its question model."""
        return self._base.search_sources()

    def index(self, passages: Passages, folder: Path, runtime: Runtime, base: Indexed) -> int:
        """Make postings of the base's weights.

        Raises:
            DataError: a file of them is damaged.
            UserError: they are of other passages, or a weight does not fit ``weights``.
        """
        files = sorted(base.folder.glob(f"{TERMS}-*{TERMS_SUFFIX}"))
        return stored.write_postings(folder, files, len(passages), self._weights, runtime.workers)

    def loss(self, folder: Path) -> dict[str, float]:
        """How far the stored weights are from the model's, for the index's manifest.

        Raises:
            DataError: the index is damaged.
        """
        return dict(stored.noted(folder)["counts"])

    def search(
        self,
        folder: Path,
        passages: Passages,
        questions: QuestionSet,
        depth: int,
        runtime: Runtime,
        base: Indexed,
    ) -> Run:
        """The passages with the best scores, of those that share a term with the question."""
        with self._opened(folder, passages, questions, runtime, base) as (index, encoded):
            return hits(index, encoded, passages, questions, depth, runtime)

    def score(
        self,
        folder: Path,
        passages: Passages,
        questions: QuestionSet,
        question_rows: np.ndarray,
        rows: np.ndarray,
        runtime: Runtime,
        base: Indexed,
    ) -> np.ndarray:
        """The score of every (question, passage) pair; 0 where they share no term."""
        with self._opened(folder, passages, questions, runtime, base) as (index, encoded):
            return scores_of_pairs(index, encoded, question_rows, rows, runtime)

    def plan(
        self, passages: float, questions: int, depth: int, runtime: Runtime
    ) -> tuple[Step, Step]:
        """Postings alone: the base's stages come before."""
        postings = passages * _TERMS_A_PASSAGE
        searched = questions * _QUESTION_TERMS * passages / 10
        memory = f"{postings * 8 / 1e9 / 10 + 1:.1f} GB"
        return (
            Step("index", postings * 6, postings / _BUILT, memory),
            Step("search", 0, searched / _SEARCHED / runtime.workers, memory),
        )

    @contextmanager
    def _opened(
        self,
        folder: Path,
        passages: Passages,
        questions: QuestionSet,
        runtime: Runtime,
        base: Indexed,
    ) -> Iterator[tuple[Index, Questions]]:
        """The index, and the questions' terms and weights.

        Raises:
            DataError: the index is damaged or of another version.
            UserError: it is of other passages.
        """
        with stored.warm_index(self, folder, len(passages), runtime.workers) as index:
            texts = [question.text for question in questions]
            pointers, (terms, values) = base.retriever.encode_three(texts, runtime).terms
            yield index, Questions(pointers, index.postings.find(terms), values)


class M3Multi(Part):
    """BGE-M3's vectors of tokens: MaxSim, divided by the number of the question's tokens."""

    search_only = frozenset({"score", "candidates"})

    def __init__(
        self, parts: Mapping[str, Any], score: str = "mean", candidates: str | int = 1000
    ) -> None:
        """Check the settings.

        Args:
            parts: ``base``, an ``M3``.
            score: mean over the question's tokens, as its authors have it, or sum.
            candidates: all passages, or so many hits of the base's vectors are scored.

        Raises:
            UserError: a setting is out of range, or the base is another.
        """
        self._base = _base("multi", parts)
        self._late = Late(score, candidates, parts)

    def search_sources(self) -> dict[str, str]:
        """What the base's search reads: its question model."""
        return self._base.search_sources()

    def index(self, passages: Passages, folder: Path, runtime: Runtime, base: Indexed) -> int:
        """Nothing is written: the base's vectors of tokens are searched as they are.

        Raises:
            DataError: a file of them is damaged.
        """
        return len(TokenVectors(base.folder))

    def search(
        self,
        folder: Path,
        passages: Passages,
        questions: QuestionSet,
        depth: int,
        runtime: Runtime,
        base: Indexed,
    ) -> Run:
        """The best of all passages, or of the base's hits, by exact MaxSim."""
        vectors, encoded = self._opened(passages, questions, runtime, base)
        return self._late.search(vectors, encoded, passages, questions, depth, runtime, base)

    def score(
        self,
        folder: Path,
        passages: Passages,
        questions: QuestionSet,
        question_rows: np.ndarray,
        rows: np.ndarray,
        runtime: Runtime,
        base: Indexed,
    ) -> np.ndarray:
        """MaxSim of every (question, passage) pair, a candidate or not."""
        vectors, encoded = self._opened(passages, questions, runtime, base)
        return self._late.score(vectors, encoded, question_rows, rows, runtime)

    def plan(
        self, passages: float, questions: int, depth: int, runtime: Runtime
    ) -> tuple[Step, Step]:
        """The search alone: the base's stages come before.

        Raises:
            UserError: the size of the base's vectors is not known.
        """
        if self._base.about.dimension is None:
            raise UserError(
                "plan needs the model's size: ++retriever.parts.base.about.dimension=1024"
            )
        numbers = PASSAGE_TOKENS * self._base.about.dimension
        seconds = self._late.seconds(passages, questions, numbers, runtime)
        return Step("index", 0, passages / 1e8, "1.0 GB"), Step("search", 0, seconds, "1.0 GB")

    def _opened(
        self, passages: Passages, questions: QuestionSet, runtime: Runtime, base: Indexed
    ) -> tuple[TokenVectors, Tokens]:
        def encode(texts: Sequence[str]) -> Ragged:
            three: Three = base.retriever.encode_three(texts, runtime)
            return three.tokens

        return self._late.opened(base.folder, passages, questions, encode, "parts.base")


def _base(name: str, parts: Mapping[str, Any]) -> M3:
    base = parts.get("base")
    if set(parts) != {"base"} or not isinstance(base, M3):
        raise UserError(f"retriever bge_m3_{name}: needs one part, base, an m3")
    return base
