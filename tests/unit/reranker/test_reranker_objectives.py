"""What a cross-encoder learns: each loss is its formula, spelled out question by question."""

from __future__ import annotations

import numpy as np
import pytest

from qa_bench.reranker.objectives import OBJECTIVES, ScoreTable

SIZES = [4, 2, 3]
RANDOM = np.random.default_rng(0)
SCORES, TEACHER = ([RANDOM.normal(size=size) * 2 for size in SIZES] for _ in range(2))


def softmax(values: np.ndarray) -> np.ndarray:
    powers = np.exp(values - values.max())
    return powers / powers.sum()


def sigmoid(value: float) -> float:
    return float(1 / (1 + np.exp(-value)))


def binary() -> float:
    terms = []
    for scores in SCORES:
        terms += [-np.log(sigmoid(scores[0])), *(-np.log(1 - sigmoid(s)) for s in scores[1:])]
    return float(np.mean(terms))


def listwise() -> float:
    return float(np.mean([-np.log(softmax(scores)[0]) for scores in SCORES]))


def margin_mse() -> float:
    terms = []
    for scores, teacher in zip(SCORES, TEACHER, strict=True):
        for place in range(1, len(scores)):
            ours, theirs = scores[0] - scores[place], teacher[0] - teacher[place]
            terms.append((ours - theirs) ** 2)
    return float(np.mean(terms))


def kl() -> float:
    terms = []
    for scores, teacher in zip(SCORES, TEACHER, strict=True):
        ours, theirs = softmax(scores), softmax(teacher)
        terms.append(float((theirs * np.log(theirs / ours)).sum()))
    return float(np.mean(terms))


EXPECTED = {"binary": binary, "list": listwise, "margin_mse": margin_mse, "kl": kl}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_loss_is_its_formula(name: str) -> None:
    import torch

    width = max(SIZES)
    exists = torch.arange(width) < torch.tensor(SIZES)[:, None]
    scores, teacher = (torch.full((len(SIZES), width), 77.0) for _ in range(2))
    for row, size in enumerate(SIZES):
        scores[row, :size] = torch.from_numpy(SCORES[row])
        teacher[row, :size] = torch.from_numpy(TEACHER[row])
    scores.requires_grad_()
    loss = OBJECTIVES[name].loss(ScoreTable(scores, exists, teacher))
    assert float(loss.detach()) == pytest.approx(EXPECTED[name](), rel=1e-5)
    loss.backward()
    gradient = scores.grad
    assert gradient is not None
    assert torch.isfinite(gradient).all()
    assert (gradient[~exists] == 0).all(), "where there is no passage nothing is learnt"
    assert (gradient[exists] != 0).all()
