"""Two clouds of vectors, questions and their passages: how mixed they are, and a map of both."""

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


def _points(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    if first.shape != second.shape or first.ndim != 2:
        raise UserError(
            f"the two clouds must be of one size and dimension, got {first.shape} and "
            f"{second.shape}"
        )
    return np.concatenate([first, second]).astype(np.float64)
