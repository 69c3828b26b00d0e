"""Each loss is what its formula in plain loops gives, and so is its gradient."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import pytest
from loss_batches import (
    arrays,
    plain_cosent,
    plain_kl,
    plain_margin_mse,
    plain_matryoshka,
    plain_nll,
    plain_triplet,
    shares,
    slopes,
    tensors,
)

from qa_bench.train.losses.batch import Batch
from qa_bench.train.losses.cosent import CoSent
from qa_bench.train.losses.kl import Kl
from qa_bench.train.losses.m3 import Heads, M3Distillation, late_interaction, lexical
from qa_bench.train.losses.margin_mse import MarginMse
from qa_bench.train.losses.matryoshka import Matryoshka
from qa_bench.train.losses.nll import Nll
from qa_bench.train.losses.piccolo2 import piccolo2
from qa_bench.train.losses.simcse import SimCse
from qa_bench.train.losses.similarities import SIMILARITIES
from qa_bench.train.losses.triplet import Triplet

CASES = {
    "nll": (Nll, plain_nll, {"in_batch": True}),
    "nll-own": (Nll, plain_nll, {"in_batch": False}),
    "triplet": (Triplet, plain_triplet, {"in_batch": False, "margin": 1.0}),
    "triplet-batch": (Triplet, plain_triplet, {"in_batch": True, "margin": 0.5}),
    "margin_mse": (MarginMse, plain_margin_mse, {}),
    "kl": (Kl, plain_kl, {"temperature": 1.0}),
    "kl-warm": (Kl, plain_kl, {"temperature": 3.0}),
    "cosent": (CoSent, plain_cosent, {}),
    "simcse": (SimCse, plain_nll, {"in_batch": True}),
}


def check(loss: Any, plain: Any, batch: Batch) -> None:
    """The value to 1e-9, the gradient to what differences of values tell it to."""
    parts = tensors(batch)
    value = loss(parts)
    value.backward()
    assert math.isclose(float(value.detach()), plain(batch), rel_tol=1e-9, abs_tol=1e-12)
    for vectors, slope in zip(parts[:2], slopes(plain, batch), strict=True):
        np.testing.assert_allclose(vectors.grad.numpy(), slope, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("case", CASES)
def test_a_loss_is_its_formula(case: str, similarity: str) -> None:
    kind, plain, settings = CASES[case]
    loss = kind(similarity=similarity, scale=1.5, **settings)
    check(loss, partial(plain, name=similarity, scale=1.5, **settings), arrays(12))


def test_the_batch_of_the_cases_has_every_kind_of_pair() -> None:
    batch = arrays(12)
    negatives = batch.own & ~np.eye(*batch.own.shape, dtype=bool)
    assert (negatives & batch.masked).any()
    assert (~batch.own & batch.masked).any()
    assert (negatives & ~batch.masked & np.isnan(batch.teacher)).any()
    assert (np.isfinite(batch.teacher).sum(1) > 1).sum() > 1
    assert (batch.own.sum(1) == 1).any()


@pytest.mark.parametrize("normalize", [True, False])
def test_matryoshka_is_the_weighted_sum(normalize: bool) -> None:
    inner = partial(plain_nll, name="dot", scale=2.0, in_batch=True)
    plain = partial(plain_matryoshka, loss=inner, weights={2: 0.5, 3: 1.0}, normalize=normalize)
    loss = Matryoshka(Nll("dot", 2.0), (2, 3), (0.5, 1.0), normalize)
    check(loss, plain, arrays(4))
    check(
        Matryoshka(Nll("dot", 2.0), (1,), normalize=normalize),
        partial(plain_matryoshka, loss=inner, weights={1: 1.0}, normalize=normalize),
        arrays(5),
    )


@pytest.mark.parametrize(
    ("task", "plain", "weight", "settings"),
    [
        ("retrieval", plain_nll, 1.0, {"in_batch": True}),
        ("pairs", plain_cosent, 0.04, {}),
        ("classes", plain_nll, 0.2, {"in_batch": False}),
    ],
)
def test_piccolo2_goes_by_the_task(task: str, plain: Any, weight: float, settings: Any) -> None:
    def expected(batch: Batch) -> float:
        return weight * float(plain(batch, name="cosine", scale=3.0, **settings))

    check(piccolo2(scale=3.0), expected, arrays(6)._replace(task=task))


def plain_m3(heads: list[Any], own: Any, masked: Any, in_batch: bool, distil: bool) -> float:
    """Section 3.3 of the paper, question by question."""
    scale, parts, weights = 5.0, (1.0, 0.3, 1.0), (1.0, 0.1, 1.0)
    questions = len(own)
    plain = crossed = 0.0
    for q in range(questions):
        places = [p for p in range(len(own[q])) if p != q and not masked[q][p]]
        places = [q, *(p for p in places if in_batch or own[q][p])]
        scores = [[scale * head[q][p] for p in places] for head in heads]
        inter = [
            sum(w * s for w, s in zip(parts, some, strict=True))
            for some in zip(*scores, strict=True)
        ]
        losses = [-math.log(shares(some)[0]) for some in scores]
        plain += sum(w * loss for w, loss in zip(weights, losses, strict=True))
        plain -= math.log(shares(inter)[0])
        for weight, some in zip(weights, scores, strict=True):
            pairs = zip(shares(inter), shares(some), strict=True)
            crossed -= weight * sum(p * math.log(r) for p, r in pairs)
    plain, crossed = plain / 4 / questions, crossed / 3 / questions
    return (plain + crossed) / 2 if distil else plain


@pytest.mark.parametrize("distil", [True, False])
@pytest.mark.parametrize("in_batch", [True, False])
def test_m3_distils_its_own_sum(in_batch: bool, distil: bool) -> None:
    import torch

    batch, random = arrays(7), np.random.default_rng(7)
    scores = [random.normal(size=batch.own.shape) for _ in range(3)]
    heads = Heads(
        *(torch.from_numpy(one).requires_grad_() for one in scores),
        own=torch.from_numpy(batch.own),
        masked=torch.from_numpy(batch.masked),
    )
    value = M3Distillation(scale=5.0, in_batch=in_batch, distil=distil)(heads)
    expected = plain_m3(scores, batch.own, batch.masked, in_batch, distil)
    assert math.isclose(float(value.detach()), expected, rel_tol=1e-9)


def test_the_teacher_of_m3_gets_no_gradient() -> None:
    """With λ = 0 only the sum's own loss moves the heads, and moves them by w."""
    import torch

    random = np.random.default_rng(8)
    scores = [torch.from_numpy(random.normal(size=(2, 2))).requires_grad_() for _ in range(3)]
    own = torch.eye(2, dtype=torch.bool)
    M3Distillation(1.0, weights=(0.0, 0.0, 0.0))(Heads(*scores, own, own & False)).backward()
    inter = sum(w * one.detach() for w, one in zip((1.0, 0.3, 1.0), scores, strict=True))
    slope = (inter.softmax(1) - torch.eye(2)) / 2 / 4 / 2
    for part, one in zip((1.0, 0.3, 1.0), scores, strict=True):
        torch.testing.assert_close(one.grad, part * slope, rtol=1e-9, atol=1e-12)


def test_late_interaction_leaves_padding_out() -> None:
    import torch

    random = np.random.default_rng(9)
    questions, passages = random.normal(size=(2, 3, 4)), random.normal(size=(3, 5, 4))
    counts, sizes = [3, 1], [5, 2, 1]
    scores = late_interaction(
        torch.from_numpy(questions),
        torch.arange(3)[None] < torch.tensor(counts)[:, None],
        torch.from_numpy(passages),
        torch.arange(5)[None] < torch.tensor(sizes)[:, None],
    )
    for q, count in enumerate(counts):
        for p, size in enumerate(sizes):
            best = [
                max(questions[q, i] @ passages[p, j] for j in range(size)) for i in range(count)
            ]
            assert math.isclose(float(scores[q, p]), sum(best) / count, rel_tol=1e-12)


def test_terms_weigh_as_much_as_their_heaviest_token() -> None:
    import torch

    questions = [{5: [0.5, 0.2], 7: [1.0]}, {9: [2.0], 0: [0.0, 0.0]}]
    passages = [{5: [0.3, 0.4], 0: [0.0, 0.0]}, {7: [1.5], 9: [0.5, 0.1], 5: [1.0]}]

    def tensors_of(texts: list[dict[int, list[float]]]) -> list[Any]:
        rows = [[(t, w) for t, some in text.items() for w in some] for text in texts]
        size = max(map(len, rows))
        rows = [row + [(0, 0.0)] * (size - len(row)) for row in rows]
        terms = torch.tensor([[t for t, _ in row] for row in rows])
        return [terms, torch.tensor([[w for _, w in row] for row in rows]).requires_grad_()]

    asked, read = tensors_of(questions), tensors_of(passages)
    scores = lexical(*asked, *read)
    expected = [[0.5 * 0.4, 0.5 * 1.0 + 1.0 * 1.5], [0.0, 2.0 * 0.5]]
    torch.testing.assert_close(scores, torch.tensor(expected))
    scores.sum().backward()
    torch.testing.assert_close(asked[1].grad[0], torch.tensor([1.4, 0.0, 1.5]))
