"""Approximate search over the vectors of a bi-encoder, whichever library makes the index."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from qa_bench.errors import DataError, UserError
from qa_bench.parts import Part
from qa_bench.protocols import BiEncoder, Indexed
from qa_bench.retriever.vectors.similarity import pair_scores
from qa_bench.runtime.progress import progress
from qa_bench.runtime.warm import opened
from qa_bench.settings import whole_number
from qa_bench.store.passages import Passages
from qa_bench.store.vectors import Vectors
from qa_bench.types import QuestionSet, Run, Runtime, Step

BLOCK = 16_384
"""Vectors that go into an index at once."""
_QUESTIONS_AT_ONCE = 512


class Approximate(Part):
    """A retriever with an index of its own over the encoded passages of ``parts.base``.

    A class derived from it makes the index (``index``), opens its file and asks it for the nearest;
    what is the same for every library stands here: hits scored again with the exact vectors, ties,
    scores of pairs. The table says how many of the exact hits were found.
    """

    search_only = frozenset({"rescore"})
    approximate = True
    averages = True
    """The vectors of questions are its base's."""

    _library: ClassVar[str] = ""
    """As messages call it."""
    _file: ClassVar[str] = ""
    """What its index is called."""
    _growth: ClassVar[float] = 1.2
    """Bytes of the index for each of its plain vectors, for plans."""
    _added_per_s: ClassVar[float] = 1500.0
    _searched_per_s: ClassVar[float] = 1000.0

    def __init__(self, parts: Mapping[str, Any], rescore: int) -> None:
        """Check the settings that all have.

        Args:
            parts: ``base``, the dense retriever whose vectors are indexed.
            rescore: score this many times the depth again with the exact vectors; 0 for none.

        Raises:
            UserError: no base, or it has no vectors; or a setting is wrong.
        """
        base = parts.get("base")
        if set(parts) != {"base"} or not isinstance(base, BiEncoder):
            raise UserError(f"retriever {self._library}: needs one part, base, a dense retriever")
        self._base: BiEncoder = base
        self._rescore = whole_number("retriever.rescore", rescore, 0)

    @abstractmethod
    def index(self, passages: Passages, folder: Path, runtime: Runtime, base: Indexed) -> int:
        """Put the base's vectors into an index, block by block, and write its file."""

    @abstractmethod
    def _opening(
        self, path: Path, vectors: Vectors, similarity: str
    ) -> AbstractContextManager[Any]:
        """Open the index of a file.

        Raises:
            RuntimeError: it is cut short, or not over these vectors; or ValueError.
        """

    @abstractmethod
    def _prepare(self, index: Any, runtime: Runtime) -> None:
        """Give the search parameters to an open index.

        Raises:
            UserError: it has no such parameter.
        """

    @abstractmethod
    def _nearest(
        self, index: Any, questions: np.ndarray, width: int, similarity: str, runtime: Runtime
    ) -> tuple[np.ndarray, np.ndarray]:
        """The nearest passages of some questions as the index sees them.

        Args:
            index: an open index.
            questions: float32 (questions, dimension).
            width: how many are wanted.
            similarity: dot, cosine or l2.
            runtime: threads.

        Returns:
            Similarities, float32, larger is nearer; and rows, int64, -1 where there is none; both
            of shape (questions, width).
        """

    def search_sources(self) -> dict[str, str]:
        """What the base's search reads: its question model."""
        return self._base.search_sources()

    def search(
        self,
        folder: Path,
        passages: Passages,
        questions: QuestionSet,
        depth: int,
        runtime: Runtime,
        base: Indexed,
    ) -> Run:
        """Search all questions; hits may lack what the index does not find.

        Which of several passages of the same score are the last hits is up to the library.

        Raises:
            UserError: a search parameter that this index does not have.
            DataError: its file is none of the library's, or not over these vectors.
        """
        similarity = base.retriever.similarity
        vectors, encoded = base.retriever.opened(base.folder, passages, questions, runtime)
        path = folder / self._file
        try:
            opening = partial(self._opening, path, vectors, similarity)
            with opened((id(self), folder), opening) as index:
                pass  # nothing to close: it goes with the last who holds it
        except (RuntimeError, ValueError) as error:
            raise DataError(
                f"cut short or no {self._library} index; delete {folder} to build it again", path
            ) from error
        self._prepare(index, runtime)
        width = min(depth * max(1, self._rescore), len(vectors))
        rows: list[np.ndarray] = []
        scores: list[np.ndarray] = []
        bar = progress(len(questions), "search", "questions", runtime)
        with bar:
            for first in range(0, len(encoded), _QUESTIONS_AT_ONCE):
                some = encoded[first : first + _QUESTIONS_AT_ONCE]
                values, ids = self._nearest(index, some, width, similarity, runtime)
                there = ids >= 0
                if not _are_rows(ids, len(vectors)):
                    raise DataError(
                        "names a passage twice, or one that is not there; delete "
                        f"{folder} to build it again",
                        path,
                    )
                if self._rescore:
                    question_rows = np.nonzero(there)[0]
                    values[there] = pair_scores(
                        vectors, some, question_rows, ids[there], similarity
                    )
                for real, hit, value in zip(there, ids, values, strict=True):
                    order = np.lexsort((hit[real], -value[real]))[:depth]
                    rows.append(hit[real][order])
                    scores.append(value[real][order])
                bar.update(len(some))
        return Run.of_rows([q.qid for q in questions], rows, scores, passages.pids)

    def plan(
        self, passages: float, questions: int, depth: int, runtime: Runtime
    ) -> tuple[Step, Step]:
        """At most: plain vectors and a graph; the base's stages come before."""
        size = self._growth * self._base.plan(passages, questions, depth, runtime)[0].disk
        memory = f"{size / 1e9 + 1:.1f} GB"
        return (
            Step("index", size, passages / self._added_per_s, memory),
            Step("search", 0, questions / self._searched_per_s, memory),
        )

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
        """The exact similarity of every (question, passage) pair, from the base's vectors."""
        scores: np.ndarray = base.retriever.score(
            base.folder, passages, questions, question_rows, rows, runtime
        )
        return scores


def _are_rows(ids: np.ndarray, count: int) -> bool:
    """Whether every question's rows, -1 aside, are rows of ``count`` passages, and differ."""
    ranked = np.sort(ids, axis=1)
    twice = (ranked[:, 1:] == ranked[:, :-1]) & (ranked[:, 1:] >= 0)
    return not twice.any() and (not ids.size or int(ids.max()) < count)
