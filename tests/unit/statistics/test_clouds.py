"""How mixed two clouds of vectors are, by hand and beside plain loops, and their map."""

from __future__ import annotations

import numpy as np
import pytest

from qa_bench.errors import UserError
from qa_bench.statistics.clouds import alignment, mixing, plane, uniformity

RANDOM = np.random.default_rng(5)


def plain(first: np.ndarray, second: np.ndarray, neighbours: int) -> list[float]:
    points = [*first, *second]
    kinds = [0] * len(first) + [1] * len(second)

    def share(place: int) -> float:
        others = [n for n in range(len(points)) if n != place]
        others.sort(key=lambda n: float(np.linalg.norm(points[n] - points[place])))
        return sum(kinds[n] != kinds[place] for n in others[:neighbours]) / neighbours

    return [(share(n) + share(n + len(first))) / 2 for n in range(len(first))]


def test_mixing_is_what_plain_loops_count() -> None:
    first, second = RANDOM.normal(size=(15, 4)), RANDOM.normal(0.5, size=(15, 4))
    assert mixing(first, second, 3) == pytest.approx(plain(first, second, 3))


def test_clouds_apart_and_clouds_that_are_one() -> None:
    first, second = RANDOM.normal(size=(2, 300, 8))
    assert mixing(first, second + 100).max() == 0
    assert mixing(first, second).mean() == pytest.approx(300 / 599, abs=0.03)


def test_a_line_by_hand() -> None:
    first, second = np.array([[0.0], [1.0], [10.0]]), np.array([[1.4], [1.5], [10.5]])
    # Nearest two: 0 → 1, 1.4; 1 → 1.4, 1.5; 10 → 10.5, 1.5; 1.4 → 1.5, 1; 1.5 → 1.4, 1; 10.5 → …
    assert mixing(first, second, 2).tolist() == [0.5, 0.75, 0.75]


def test_alignment_and_uniformity_by_hand() -> None:
    """Lengths play no part; every pair of texts counts once, none with itself."""
    first, second = np.array([[2.0, 0.0], [0.0, 1.0]]), np.array([[3.0, 0.0], [-5.0, 0.0]])
    assert alignment(first, second) == pytest.approx((0 + 2) / 2)
    squares = np.array([2.0, 0.0, 4.0, 2.0, 2.0, 4.0])  # of the six pairs
    assert uniformity(first, second) == pytest.approx(np.log(np.exp(-2 * squares).mean()))
    assert uniformity(first[:1], first[:1]) == alignment(first, first) == 0
    with pytest.raises(UserError, match="a vector of 0 has no direction"):
        uniformity(first, np.zeros((2, 2)))


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (np.ones((3, 2)), np.ones((3, 3)), r"one size and dimension, got \(3, 2\) and \(3, 3\)"),
        (np.ones((4, 2)), np.ones((4, 2)), "4 pairs are too few: 10 neighbours"),
    ],
)
def test_refusals(first: np.ndarray, second: np.ndarray, message: str) -> None:
    with pytest.raises(UserError, match=message):
        mixing(first, second)


def test_the_map_keeps_clouds_apart_and_is_the_same_every_time() -> None:
    pytest.importorskip("sklearn")
    first, second = RANDOM.normal(size=(2, 20, 8))
    places = plane(first, second + 50)
    assert places.shape == (40, 2)
    between = np.linalg.norm(places[:20].mean(axis=0) - places[20:].mean(axis=0))
    assert between > np.linalg.norm(places[:20] - places[:20].mean(axis=0), axis=1).max()
    np.testing.assert_array_equal(places, plane(first, second + 50))
