"""Two clouds of vectors, questions and their passages: how they lie, and a map of both."""

from __future__ import annotations

import importlib.util

import numpy as np

from qa_bench.errors import UserError

NEIGHBOURS = 10
"""Nearest vectors that are looked at around each."""
_PERPLEXITY = 30.0
"""Of t-SNE; the default of van der Maaten and Hinton's implementations."""


def mixing(first: np.ndarray, second: np.ndarray, neighbours: int = NEIGHBOURS) -> np.ndarray:
    """For each pair, the share of the nearest vectors around its two that are of the other cloud.

    Distances are Euclidean, over all dimensions. Where the clouds lie apart every share is 0; where
    they cannot be told from each other the mean is n / (2 n − 1), a little over a half. Of equally
    near vectors those of the first cloud count first, in their order.

    Args:
        first: vectors of questions, (n, dimension).
        second: those of their passages, (n, dimension).
        neighbours: how many; less than 2 n.

    Returns:
        float64 (n,).

    Raises:
        UserError: the clouds differ in size or dimension, or are too small.
    """
    points = _points(first, second)
    n = len(first)
    if len(points) <= neighbours:
        raise UserError(
            f"{n} pairs are too few: {neighbours} neighbours of each vector are looked at"
        )
    squares = np.einsum("ij,ij->i", points, points)
    distances = squares[:, None] + squares[None, :] - 2 * points @ points.T
    np.fill_diagonal(distances, np.inf)
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :neighbours]
    of_second = nearest >= n
    other = np.where(np.arange(2 * n)[:, None] < n, of_second, ~of_second).mean(axis=1)
    shares: np.ndarray = (other[:n] + other[n:]) / 2
    return shares


def alignment(first: np.ndarray, second: np.ndarray) -> float:
    """How far a question is from its passage: the mean squared distance, vectors at length 1.

    From 0, every pair is one point, to 4. Source: Wang and Isola 2020, Understanding Contrastive
    Representation Learning through Alignment and Uniformity on the Hypersphere, with α = 2.

    Args:
        first: vectors of questions, (n, dimension).
        second: those of their passages, (n, dimension).

    Raises:
        UserError: the clouds differ in size or dimension, or a vector is 0.
    """
    one, other = np.split(_directions(_points(first, second)), 2)
    return float(((one - other) ** 2).sum(axis=1).mean())


def uniformity(first: np.ndarray, second: np.ndarray) -> float:
    """How evenly all texts lie on the sphere: ``log mean exp(-2 d²)`` over all pairs of them.

    From 0, all vectors have one direction, down to about -4, which evenly spread ones of many
    dimensions have. Source: as of ``alignment``, with t = 2.

    Args:
        first: vectors of questions, (n, dimension).
        second: those of their passages, (n, dimension).

    Raises:
        UserError: the clouds differ in size or dimension, or a vector is 0.
    """
    points = _directions(_points(first, second))
    above = np.triu_indices(len(points), 1)
    squares = np.maximum(2 - 2 * (points @ points.T)[above], 0)
    return float(np.log(np.exp(-2 * squares).mean()))


def plane(first: np.ndarray, second: np.ndarray, seed: int = 0) -> np.ndarray:
    """Both clouds on one plane: near vectors stay near; far ones may come to lie anywhere.

    Source: van der Maaten and Hinton 2008, Visualizing Data using t-SNE; scikit-learn's.

    Args:
        first: vectors, (n, dimension).
        second: vectors, (n, dimension).
        seed: of its random numbers.

    Returns:
        float64 (2 n, 2): those of the first, then of the second.

    Raises:
        UserError: see ``mixing``; scikit-learn is not there.
    """
    points = _points(first, second)
    if importlib.util.find_spec("sklearn") is None:
        raise UserError("t-SNE is scikit-learn's: pip install 'qa-bench[dense]'")
    from sklearn.manifold import TSNE

    perplexity = min(_PERPLEXITY, (len(points) - 1) / 3)
    places: np.ndarray = TSNE(
        init="pca", perplexity=perplexity, random_state=seed, n_jobs=1
    ).fit_transform(points.astype(np.float32))
    return places.astype(np.float64)


def _directions(points: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(points, axis=1, keepdims=True)
    if not lengths.all():
        raise UserError("a vector of 0 has no direction: is the model whole?")
    return np.asarray(points / lengths)


def _points(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    if first.shape != second.shape or first.ndim != 2:
        raise UserError(
            f"the two clouds must be of one size and dimension, got {first.shape} and "
            f"{second.shape}"
        )
    return np.concatenate([first, second]).astype(np.float64)
