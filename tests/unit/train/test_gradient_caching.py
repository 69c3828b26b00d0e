"""Gradient caching: the same loss, gradient and random numbers as one pass over all texts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from loss_batches import arrays, tensors

from qa_bench.train.caching import cached_backward
from qa_bench.train.losses.matryoshka import Matryoshka
from qa_bench.train.losses.nll import Nll
from qa_bench.train.losses.triplet import Triplet

QUESTIONS, PASSAGES, TOKENS = 4, 10, 5


def model(kind: Any, dropout: float = 0.2) -> Any:
    """An encoder of one layer with dropout in attention and after it, pooled by the mean."""
    import torch

    torch.manual_seed(0)
    layer = torch.nn.TransformerEncoderLayer(8, 2, 16, dropout, batch_first=True)
    return torch.nn.Sequential(torch.nn.Embedding(30, 8), layer).to(kind).train()


def texts() -> Any:
    import torch

    return torch.randint(30, (QUESTIONS + PASSAGES, TOKENS), generator=torch.Generator())


def loss_of(loss: Any, kind: Any) -> Callable[[Any], Any]:
    batch = tensors(arrays(3), kind)

    def whole(vectors: Any) -> Any:
        questions, passages = vectors[:QUESTIONS], vectors[QUESTIONS:]
        return loss(batch._replace(questions=questions, passages=passages))

    return whole


def gradients(run: Callable[[Any], float], encoder: Any) -> tuple[float, list[Any], Any]:
    """A step's loss, its gradients, and the next random number."""
    import torch

    torch.manual_seed(1)
    encoder.zero_grad()
    value = run(encoder)
    return value, [weight.grad.clone() for weight in encoder.parameters()], torch.rand(1)


def plainly(loss: Callable[[Any], Any], chunks: Any) -> Callable[[Any], float]:
    def run(encoder: Any) -> float:
        import torch

        value = loss(torch.cat([encoder(chunk).mean(1) for chunk in chunks]))
        value.backward()
        return float(value.detach())

    return run


def cached(loss: Callable[[Any], Any], chunks: Any) -> Callable[[Any], float]:
    return lambda encoder: cached_backward(lambda chunk: encoder(chunk).mean(1), chunks, loss)


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize(
    "loss", [Nll(), Triplet("l2"), Matryoshka(Nll("cosine", 20.0), (3, 8))], ids=repr
)
def test_the_same_gradients_with_dropout(loss: Any, kind: str) -> None:
    import torch

    dtype = getattr(torch, kind)
    encoder, chunks = model(dtype), texts().split(3)
    whole = loss_of(loss, dtype)
    expected = gradients(plainly(whole, chunks), encoder)
    value, slopes, after = gradients(cached(whole, chunks), encoder)
    assert value == pytest.approx(expected[0], rel=1e-6)
    assert any(slope.abs().max() > 1e-3 for slope in slopes)
    for one, other in zip(slopes, expected[1], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-6)
    assert after == expected[2], "random numbers go on elsewhere"


def test_any_size_of_chunks_gives_the_same() -> None:
    import torch

    encoder, whole = model(torch.float64, dropout=0.0), loss_of(Nll(), torch.float64)
    _, expected, _ = gradients(plainly(whole, [texts()]), encoder)
    for size in (1, 4, 100):
        _, slopes, _ = gradients(cached(whole, texts().split(size)), encoder)
        for one, other in zip(slopes, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


def test_without_the_same_dropout_it_would_be_seen() -> None:
    """The case above can fail: other dropout gives other gradients."""
    import torch

    encoder, whole = model(torch.float64), loss_of(Nll(), torch.float64)
    chunks = texts().split(3)
    _, one, _ = gradients(plainly(whole, chunks), encoder)
    _, other, _ = gradients(plainly(whole, chunks[::-1]), encoder)
    assert (one[0] - other[0]).abs().max() > 1e-3


def test_weights_that_autocast_rounded_get_their_gradient() -> None:
    """What is rounded in the pass without gradients must not be used in that with them."""
    import torch

    encoder, whole = model(torch.float32), loss_of(Nll(), torch.float32)
    chunks = texts().split(3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        _, expected, _ = gradients(plainly(whole, chunks), encoder)
        _, slopes, _ = gradients(cached(whole, chunks), encoder)
    for one, other in zip(slopes, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-2, atol=1e-2 * float(other.abs().max()))


def test_gradients_are_added() -> None:
    import torch

    encoder, chunks = model(torch.float64, dropout=0.0), texts().split(3)
    whole = loss_of(Nll(), torch.float64)
    run = cached(whole, chunks)
    _, once, _ = gradients(run, encoder)
    run(encoder)
    for weight, slope in zip(encoder.parameters(), once, strict=True):
        torch.testing.assert_close(weight.grad, 2 * slope)
