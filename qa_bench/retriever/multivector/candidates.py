"""What may be among the hits of some questions while the passages pass."""

from __future__ import annotations

import threading

import numpy as np

from qa_bench.retriever.multivector.kernels import offer
from qa_bench.retriever.multivector.scoring import question_scores, rounding
from qa_bench.retriever.multivector.store import Tokens, TokenVectors


class Candidates:
    """The candidates of a tile of questions; threads offer them blocks of quick scores.

    A quick score is off by ``_doubt`` at most. So a passage cannot be a hit whose quick score is
    more than two of it below the ``depth``-th best quick one, or more than one below the
    ``depth``-th best true one.
    """

    def __init__(
        self,
        questions: Tokens,
        depth: int,
        mean: bool,
        width: int,
        vectors: TokenVectors,
        block: int,
    ) -> None:
        """Nothing is there yet.

        Args:
            questions: their token vectors.
            depth: hits a question.
            mean: hits' scores are divided by the number of the question's tokens.
            width: candidates a question that may wait before some are left out.
            vectors: the passages.
            block: passages of a block at most.
        """
        self.questions = questions
        self._depth, self._mean, self._vectors = depth, mean, vectors
        count, room = questions.texts, width + block
        self._rows = np.empty((count, room), dtype=np.int64)
        self._quick = np.empty((count, room), dtype=np.float32)
        self._counts = np.zeros(count, dtype=np.int64)
        self._bars = np.full(count, -np.inf, dtype=np.float32)
        self._hits = [(np.zeros(0, np.int64), np.zeros(0, np.float32))] * count
        lengths = np.linalg.norm(questions.values.astype(np.float64), axis=1)
        tokens = np.diff(questions.pointers)
        total = np.add.reduceat(lengths, questions.pointers[:-1]) if count else lengths
        terms = vectors.dimension + tokens + 4  # the last: scores are compared as float32
        self._doubts = total * np.array([rounding(int(n)) for n in terms]) * 1.01
        self._reach = 0.0
        self._guard = threading.Lock()

    def offer(self, first_row: int, scores: np.ndarray, reach: float) -> None:
        """Look at the quick scores of a block.

        Args:
            first_row: the row of its first passage.
            scores: float32 (passages, questions).
            reach: the length of its longest vector.
        """
        with self._guard:
            self._reach = max(self._reach, reach)
            full = self._counts + len(scores) > self._rows.shape[1]
            for question in np.flatnonzero(full):
                self._thin(int(question))
            offer(scores, first_row, self._bars, self._counts, self._rows, self._quick)

    def best(self, question: int) -> tuple[np.ndarray, np.ndarray]:
        """The hits: rows (int64) and scores (float32), best first, ties by row."""
        self._leave_out(question)
        self._settle(question)
        return self._hits[question]

    def _thin(self, question: int) -> None:
        """Make room: leave out what quick scores tell, else score what waits."""
        before = self._counts[question]
        self._leave_out(question)
        if self._counts[question] > before // 2:
            self._settle(question)

    def _leave_out(self, question: int) -> None:
        count = self._counts[question]
        if count <= self._depth:
            return
        quick = self._quick[question, :count]
        bar = np.partition(quick, count - self._depth)[count - self._depth]
        self._raise(question, float(bar) - 2 * self._doubt(question))
        stay = np.flatnonzero(~(quick < self._bars[question]))
        self._rows[question, : len(stay)] = self._rows[question, stay]
        self._quick[question, : len(stay)] = quick[stay]
        self._counts[question] = len(stay)

    def _settle(self, question: int) -> None:
        """Score in float64 what waits, and keep the best."""
        waiting = np.sort(self._rows[question, : self._counts[question]])
        self._counts[question] = 0
        tokens = self.questions.of(question)
        values = question_scores(self._vectors, tokens, waiting, self._mean)
        rows = np.concatenate([self._hits[question][0], waiting])
        scores = np.concatenate([self._hits[question][1], values.astype(np.float32)])
        order = np.lexsort((rows, -scores))[: self._depth]
        self._hits[question] = rows[order], scores[order]
        if len(order) == self._depth:
            last = float(scores[order[-1]]) * (len(tokens) if self._mean else 1)
            self._raise(question, last - self._doubt(question))

    def _doubt(self, question: int) -> float:
        return float(self._doubts[question]) * self._reach

    def _raise(self, question: int, bar: float) -> None:
        """Towards minus infinity: a float32 bar below the true one costs nothing but time."""
        single = np.nextafter(np.float32(bar), np.float32(-np.inf))
        self._bars[question] = max(self._bars[question], single)
