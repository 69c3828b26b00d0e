"""Each loss is sentence-transformers', where that has it: values and gradients to 1e-6."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from loss_batches import arrays, tensors

from qa_bench.train.losses.batch import Batch
from qa_bench.train.losses.cosent import CoSent
from qa_bench.train.losses.kl import Kl
from qa_bench.train.losses.margin_mse import MarginMse
from qa_bench.train.losses.matryoshka import Matryoshka
from qa_bench.train.losses.nll import Nll
from qa_bench.train.losses.triplet import Triplet

QUESTIONS, SIZE = 5, 6


def batch_of(negatives: int) -> Batch:
    """As sentence-transformers has it: as many negatives each, in columns, nothing masked."""
    import torch

    batch = arrays(1, (negatives,) * QUESTIONS, SIZE)
    owners = np.tile(np.arange(QUESTIONS), negatives + 1)
    own = owners[None, :] == np.arange(QUESTIONS)[:, None]
    teacher = np.where(own, np.random.default_rng(2).normal(size=own.shape), np.nan)
    whole = batch._replace(own=own, masked=np.zeros_like(own), teacher=teacher)  # type: ignore[arg-type]
    return tensors(whole, torch.float64)


def columns(batch: Batch) -> list[Any]:
    return [batch.questions, *batch.passages.split(QUESTIONS)]


def labels(batch: Batch) -> Any:
    import torch

    assert batch.teacher is not None
    return torch.stack([part.diagonal() for part in batch.teacher.split(QUESTIONS, 1)], 1)


def model() -> Any:
    """A model whose texts are their vectors."""
    import torch

    class Vectors(torch.nn.Module):
        def get_embedding_dimension(self) -> int:
            return SIZE

        def forward(self, features: dict[str, Any]) -> dict[str, Any]:
            return {"sentence_embedding": features["vectors"]}

    return Vectors()


def compare(ours: Callable[[Batch], Any], theirs: Any, batch: Batch, wanted: Any = None) -> None:
    """Both losses of the same vectors, and their gradients."""
    import torch

    slopes = []
    for value in (ours(batch), theirs([{"vectors": part} for part in columns(batch)], wanted)):
        slopes.append((value, *torch.autograd.grad(value, batch[:2])))
    for one, other in zip(*slopes, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("negatives", [0, 1, 3])
@pytest.mark.parametrize(("similarity", "scale"), [("dot", 1.0), ("cosine", 20.0)])
def test_nll(similarity: str, scale: float, negatives: int) -> None:
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
    from sentence_transformers.util import cos_sim, dot_score

    function = {"dot": dot_score, "cosine": cos_sim}[similarity]
    theirs = MultipleNegativesRankingLoss(model(), scale, function)
    compare(Nll(similarity, scale), theirs, batch_of(negatives))


@pytest.mark.parametrize("similarity", ["dot", "cosine", "l2"])
def test_triplet(similarity: str) -> None:
    from sentence_transformers.sentence_transformer.losses import (
        TripletDistanceMetric,
        TripletLoss,
    )

    distances = {
        "dot": lambda one, other: -(one * other).sum(1),
        "cosine": TripletDistanceMetric.COSINE,
        "l2": lambda one, other: ((one - other) ** 2).sum(1),
    }
    theirs = TripletLoss(model(), distances[similarity], 1.0)
    compare(Triplet(similarity), theirs, batch_of(1))


@pytest.mark.parametrize("negatives", [1, 3])
def test_margin_mse(negatives: int) -> None:
    from sentence_transformers.sentence_transformer.losses import MarginMSELoss

    batch = batch_of(negatives)
    compare(MarginMse(), MarginMSELoss(model()), batch, labels(batch))


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_kl(temperature: float) -> None:
    from sentence_transformers.sentence_transformer.losses import DistillKLDivLoss

    batch = batch_of(3)
    theirs = DistillKLDivLoss(model(), temperature=temperature)
    compare(Kl(temperature=temperature), theirs, batch, labels(batch))


@pytest.mark.parametrize("grades", [5, 2])
def test_cosent(grades: int) -> None:
    """With ties among the labels too."""
    import torch
    from sentence_transformers.sentence_transformer.losses import CoSENTLoss

    batch = batch_of(0)
    score = (torch.arange(QUESTIONS) % grades).double()
    teacher = torch.full_like(batch.own, torch.nan, dtype=torch.float64)
    teacher[range(QUESTIONS), range(QUESTIONS)] = score
    compare(CoSent(), CoSENTLoss(model()), batch._replace(teacher=teacher), score)


@pytest.mark.parametrize("weights", [(), (0.3, 1.0, 0.5)])
def test_matryoshka(weights: tuple[float, ...]) -> None:
    from sentence_transformers.sentence_transformer.losses import (
        MatryoshkaLoss,
        MultipleNegativesRankingLoss,
    )
    from sentence_transformers.util import dot_score

    vectors = model()
    inner = MultipleNegativesRankingLoss(vectors, 1.0, dot_score)
    theirs = MatryoshkaLoss(vectors, inner, [2, SIZE, 3], list(weights) or None)
    compare(Matryoshka(Nll(), (2, SIZE, 3), weights), theirs, batch_of(1))
