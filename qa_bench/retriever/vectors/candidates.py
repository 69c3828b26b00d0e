"""The candidates of an exact search: quick scores of blocks, and the best seen so far."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

from qa_bench.retriever.vectors.kernels import above, keep
from qa_bench.runtime.onednn import quick_linear

if TYPE_CHECKING:
    import torch

_SLACK = 3
"""Candidates of a question beyond a width, in widths, at which all but a width are dropped."""


def half_squares(passages: torch.Tensor, similarity: str) -> torch.Tensor | None:
    """What l2 takes from products: half the squared lengths; (passages,)."""
    return (passages * passages).sum(1) / 2 if similarity == "l2" else None


def quick_scores(
    questions: torch.Tensor, passages: torch.Tensor, half: torch.Tensor | None
) -> torch.Tensor:
    """Quick scores, for l2 of the same order as minus the distances; (questions, passages)."""
    scores = quick_linear(questions, passages)
    return scores if half is None else scores.float() - half


class Candidates:
    """The running candidates of a tile of questions, from all workers.

    No row left out scores above ``bars``, which rise as better ones come.
    """

    def __init__(
        self, questions: dict[torch.device, torch.Tensor], bars: np.ndarray, width: int
    ) -> None:
        """None yet.

        Args:
            questions: the tile on every device; (questions, dimension).
            bars: what a score must exceed; float32 of shape (questions, 1).
            width: how many are kept of each question.
        """
        self._questions, self._bars, self._width = questions, bars, width
        self._counts = np.zeros(len(bars), dtype=np.int64)
        # Taken at once: small pieces that stay would lie between the blocks' large ones that come
        # and go, and the heap would grow with the corpus.
        room = (len(bars), (1 + _SLACK) * width)
        self._rows = np.zeros(room, dtype=np.int64)
        self._scores = np.full(room, -np.inf, dtype=np.float32)
        self._lock = threading.Lock()

    def offer(
        self, worker: torch.device, first: int, passages: torch.Tensor, half: torch.Tensor | None
    ) -> None:
        """Score a block and keep what is above the bars."""
        import torch

        scores = quick_scores(self._questions[worker], passages, half)
        if worker.type == "cpu":
            question_rows, rows, values = _above(scores, self._bars[:, 0])
        else:
            bars = torch.from_numpy(self._bars).to(scores)  # exact
            places = torch.nonzero(scores > bars, as_tuple=True)
            values = scores[places].float().cpu().numpy()
            question_rows, rows = (place.cpu().numpy() for place in places)
        rows += first
        with self._lock:
            count = 0
            while count < len(question_rows):
                rest = (question_rows[count:], rows[count:], values[count:])
                count += keep(*rest, self._counts, self._rows, self._scores)
                if count < len(question_rows):
                    self._drop()

    def _drop(self) -> None:
        """Leave the best of the questions whose place is full."""
        full = np.flatnonzero(self._counts == self._rows.shape[1])
        rows, scores, bars = self.best(full)
        self._rows[full, : self._width], self._scores[full, : self._width] = rows, scores
        self._scores[full, self._width :] = -np.inf
        self._counts[full], self._bars[full] = self._width, bars

    def best(self, some: slice | np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of some questions, in any order: rows and scores, and the bars of what is left out.

        Scores are -inf where there are fewer than ``width``; (questions, width), (questions, 1).
        """
        most = max(self._width, int(self._counts[some].max()))
        rows, scores, bars = self._rows[some, :most], self._scores[some, :most], self._bars[some]
        best = np.argpartition(scores, -self._width, axis=1)[:, -self._width :]
        rows, scores = np.take_along_axis(rows, best, 1), np.take_along_axis(scores, best, 1)
        cut = self._counts[some, None] > self._width
        return rows, scores, np.where(cut, scores.min(1, keepdims=True), bars)


def _above(scores: torch.Tensor, bars: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Questions, columns and float32 scores of those above ``bars``, on a CPU.

    Bfloat16 is compared as whole numbers of the same bits, which sort alike if not negative.
    """
    import torch

    if scores.dtype != torch.bfloat16:
        return above(scores.numpy(), bars)
    bits, least = scores.view(torch.int16).numpy(), (bars.view(np.int32) >> 16).astype(np.int16)
    if (least < 0).any():
        several = (x ^ ((x >> 15) & 0x7FFF) for x in (bits, least))
        question_rows, at, _ = above(*several)
        values = bits[question_rows, at]
    else:
        question_rows, at, values = above(bits, least)
    return question_rows, at, (values.astype(np.int32) << 16).view(np.float32)
