"""The best spans of a passage, from the logits of their starts and ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from qa_bench.runtime.compiled import compiled


@dataclass(frozen=True)
class Spans:
    """What a model found in the passages of one question, to choose an answer from.

    Passages count from 0, best first; those without text are left out. Spans come passage by
    passage, the best of each first.

    Attributes:
        passage: each span's passage; (spans,) int.
        logits: start and end logit of each, added up; (spans,) float64.
        texts: what each says; (spans,).
        total: log of the sum of exp(start) · exp(end) over each passage's tokens: what its spans
            are normalised by; (passages,) float64.
        relevance: logit that the passage holds the answer, (passages,) float64; None where the
            model does not tell.
    """

    passage: np.ndarray
    logits: np.ndarray
    texts: Sequence[str]
    total: np.ndarray
    relevance: np.ndarray | None


def best_spans(
    starts: np.ndarray, ends: np.ndarray, longest: int, most: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The best spans, none inside of another: first tokens, last tokens, logits.

    Equal logits: the earlier start, then the earlier end. Source: ``get_best_spans`` of DPR's code,
    ``_get_best_spans`` of transformers.

    Args:
        starts: logits, float32 (tokens,).
        ends: logits, float32 (tokens,).
        longest: tokens a span may have.
        most: how many spans.

    Returns:
        int64 (spans,), int64 (spans,), float32 (spans,), the best first.
    """
    found: Any = _best_spans(starts, ends, longest, most)
    firsts, lasts, logits = found
    return firsts, lasts, logits


@compiled()
def _best_spans(starts: Any, ends: Any, longest: int, most: int) -> Any:
    firsts = np.empty(most, dtype=np.int64)
    lasts = np.empty(most, dtype=np.int64)
    logits = np.empty(most, dtype=np.float32)
    found = 0
    while found < most:
        best, at, to = np.float32(0), -1, -1
        for start in range(len(starts)):
            for end in range(start, min(start + longest, len(ends))):
                logit = starts[start] + ends[end]
                if at >= 0 and logit <= best:
                    continue
                nested = False
                for other in range(found):
                    outside = start <= firsts[other] and lasts[other] <= end
                    inside = firsts[other] <= start and end <= lasts[other]
                    nested = nested or outside or inside
                if not nested:
                    best, at, to = logit, start, end
        if at < 0:
            break
        firsts[found], lasts[found], logits[found] = at, to, best
        found += 1
    return firsts[:found], lasts[:found], logits[:found]


def log_total(starts: Sequence[np.ndarray], ends: Sequence[np.ndarray]) -> float:
    """log(Σ exp(start)) + log(Σ exp(end)) over all windows of a passage, in float64."""
    return _logsumexp(np.concatenate(starts)) + _logsumexp(np.concatenate(ends))


def _logsumexp(values: np.ndarray) -> float:
    exact = values.astype(np.float64)
    top = exact.max()
    return float(top + np.log(np.exp(exact - top).sum()))


def merged(
    windows: Sequence[tuple[int, tuple[np.ndarray, np.ndarray, np.ndarray]]], most: int
) -> list[tuple[int, int, float]]:
    """The best spans of a passage from those of its windows: (first token, last token, logit).

    Args:
        windows: where in the passage each begins, and its ``best_spans``.
        most: how many spans.
    """
    ordered = sorted(
        (-float(logit), int(first) + at, int(last) + at)
        for at, found in windows
        for first, last, logit in zip(*found, strict=True)
    )
    kept: list[tuple[int, int, float]] = []
    for minus, first, last in ordered:
        apart = (
            not (first <= a and b <= last) and not (a <= first and last <= b) for a, b, _ in kept
        )
        if all(apart):
            kept.append((first, last, -minus))
        if len(kept) == most:
            break
    return kept
