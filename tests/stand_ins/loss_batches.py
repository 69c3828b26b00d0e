"""Batches for losses, of random vectors, and losses in plain loops over numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from qa_bench.train.losses.batch import Batch

Array = np.ndarray
MINED = (2, 1, 0, 3)
"""Mined negatives of each question."""


def arrays(seed: int = 0, mined: tuple[int, ...] = MINED, size: int = 3) -> Batch:
    """A batch of float64 arrays: some passages masked, of some no teacher's score."""
    random = np.random.default_rng(seed)
    count = len(mined)
    owners = np.concatenate([np.arange(count), np.repeat(np.arange(count), mined)])
    own = owners[None, :] == np.arange(count)[:, None]
    masked = random.random(own.shape) < 0.2
    masked[np.arange(count), np.arange(count)] = False
    teacher = random.normal(size=own.shape) * 2
    teacher[~own | (random.random(own.shape) < 0.1)] = np.nan
    vectors = [random.normal(size=(rows, size)) for rows in own.shape]
    return Batch(vectors[0], vectors[1], own, masked, teacher)  # type: ignore[arg-type]


def tensors(batch: Batch, kind: Any = None) -> Batch:
    """The same as tensors; the vectors want gradients."""
    import torch

    parts = [torch.from_numpy(part) for part in batch[:5] if part is not None]
    parts[:2] = [part.to(kind or torch.float64).requires_grad_() for part in parts[:2]]
    return Batch(*parts, *([None] * (5 - len(parts))), task=batch.task)


def similarity(name: str, one: Array, other: Array) -> float:
    if name == "l2":
        return -float(sum((a - b) ** 2 for a, b in zip(one, other, strict=True)))
    product = float(sum(a * b for a, b in zip(one, other, strict=True)))
    if name == "dot":
        return product
    return product / math.sqrt(sum(a * a for a in one)) / math.sqrt(sum(b * b for b in other))


def plain_scores(batch: Batch, name: str, scale: float) -> list[list[float]]:
    return [[scale * similarity(name, q, p) for p in batch.passages] for q in batch.questions]


def negatives_of(batch: Batch, question: int, in_batch: bool) -> list[int]:
    own, masked = batch.own[question], batch.masked[question]
    places = [place for place in range(len(own)) if place != question and not masked[place]]
    return [place for place in places if in_batch or own[place]]


def graded_of(batch: Batch, question: int) -> list[int]:
    own, masked, teacher = batch.own[question], batch.masked[question], batch.teacher[question]
    places = [place for place in range(len(own)) if own[place] and not math.isnan(teacher[place])]
    return [place for place in places if place == question or not masked[place]]


def shares(logits: list[float]) -> list[float]:
    total = sum(math.exp(logit) for logit in logits)
    return [math.exp(logit) / total for logit in logits]


def plain_nll(batch: Batch, name: str, scale: float, in_batch: bool) -> float:
    total = 0.0
    for question, scores in enumerate(plain_scores(batch, name, scale)):
        others = [scores[place] for place in negatives_of(batch, question, in_batch)]
        total -= math.log(shares([scores[question], *others])[0])
    return total / len(batch.questions)


def plain_triplet(
    batch: Batch, name: str, scale: float, in_batch: bool, margin: float = 1.0
) -> float:
    total = 0.0
    for question, scores in enumerate(plain_scores(batch, name, scale)):
        places = negatives_of(batch, question, in_batch)
        misses = [max(0.0, margin - scores[question] + scores[place]) for place in places]
        total += sum(misses) / max(1, len(misses))
    return total / len(batch.questions)


def plain_margin_mse(batch: Batch, name: str, scale: float) -> float:
    total = 0.0
    for question, scores in enumerate(plain_scores(batch, name, scale)):
        teacher, places = batch.teacher[question], graded_of(batch, question)
        errors = [
            (scores[question] - scores[place] - teacher[question] + teacher[place]) ** 2
            for place in places
            if place != question and question in places
        ]
        total += sum(errors) / max(1, len(errors))
    return total / len(batch.questions)


def plain_kl(batch: Batch, name: str, scale: float, temperature: float = 1.0) -> float:
    total = 0.0
    for question, scores in enumerate(plain_scores(batch, name, scale)):
        places = graded_of(batch, question)
        master = shares([batch.teacher[question][place] / temperature for place in places])
        pupil = shares([scores[place] / temperature for place in places])
        total += sum(p * math.log(p / q) for p, q in zip(master, pupil, strict=True))
    return total * temperature**2 / len(batch.questions)


def plain_cosent(batch: Batch, name: str, scale: float) -> float:
    pairs = []
    for question, scores in enumerate(plain_scores(batch, name, scale)):
        places = graded_of(batch, question)
        pairs += [(batch.teacher[question][place], scores[place]) for place in places]
    above = [(s, t) for label, s in pairs for other, t in pairs if label > other]
    return math.log(1 + sum(math.exp(t - s) for s, t in above))


def plain_matryoshka(
    batch: Batch, loss: Callable[[Batch], float], weights: dict[int, float], normalize: bool
) -> float:
    def cut(vectors: Array, size: int) -> Array:
        rows = [row[:size] for row in vectors]
        return np.array([r / math.sqrt(sum(r * r)) if normalize else r for r in rows])

    return sum(
        weight
        * loss(
            batch._replace(questions=cut(batch.questions, size), passages=cut(batch.passages, size))
        )
        for size, weight in weights.items()
    )


def slopes(loss: Callable[[Batch], float], batch: Batch, step: float = 1e-5) -> list[Array]:
    """The gradient of a loss in plain loops, by central differences: of questions, of passages."""
    several = []
    for field in ("questions", "passages"):
        vectors = getattr(batch, field)
        slope = np.zeros_like(vectors)
        for place in np.ndindex(*vectors.shape):
            values = []
            for move in (step, -step):
                moved = vectors.copy()
                moved[place] += move
                values.append(loss(batch._replace(**{field: moved})))
            slope[place] = (values[0] - values[1]) / (2 * step)
        several.append(slope)
    return several
