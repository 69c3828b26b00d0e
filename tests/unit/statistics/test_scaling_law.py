"""Fits of laws that were planted."""

from __future__ import annotations

import numpy as np
import pytest

from qa_bench.errors import UserError
from qa_bench.statistics.scaling_law import fit, least_squares, variables

N = np.repeat([5e4, 4e5, 3e6], 5)
D = np.tile([500.0, 1000, 2000, 4000, 8000], 3)


@pytest.mark.parametrize(
    ("a", "b", "constant"), [(0.3, 0.5, 0.4), (0.1, 0.1, 0.0), (1.5, 0.2, 2.0)]
)
def test_a_planted_law_is_recovered(a: float, b: float, constant: float) -> None:
    losses = 0.7 * (N / 4e5) ** -a + 1.2 * (D / 2000) ** -b + constant
    law = least_squares({"N": N, "D": D}, losses)
    assert law.exponents == pytest.approx({"N": a, "D": b}, rel=0.02)
    assert law.constant == pytest.approx(constant, abs=0.02)
    planted = {"N": 0.7 * 4e5**a, "D": 1.2 * 2000**b}
    assert law.coefficients == pytest.approx(planted, rel=0.2)
    assert law.r2 == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(law.at({"N": N, "D": D}), losses, atol=1e-3)


def test_one_size_has_a_law_of_examples() -> None:
    places = {"N": np.full(5, 4e5), "D": D[:5]}
    values = [np.full((1, 4), 30 / d**0.6 + 1) for d in D[:5]]
    whole = fit(places, values, draws=3)
    assert list(whole.law.exponents) == ["D"]
    assert whole.law.exponents["D"] == pytest.approx(0.6, rel=1e-3)
    # Alike questions: nothing is uncertain.
    assert whole.spans["D"] == pytest.approx((0.6, 0.6), rel=1e-3)
    assert whole.spans["constant"] == pytest.approx((1, 1), rel=1e-3)


def test_intervals_hold_what_was_planted_and_shrink_with_questions() -> None:
    random = np.random.default_rng(3)
    losses = 0.7 * (N / 4e5) ** -0.3 + 1.2 * (D / 2000) ** -0.5 + 0.4
    widths = []
    for questions in (200, 20_000):
        values = [loss + random.normal(0, 0.3, (1, questions)) for loss in losses]
        spans = fit({"N": N, "D": D}, values, draws=60).spans
        assert spans["D"][0] < 0.5 < spans["D"][1]
        assert spans["N"][0] < 0.3 < spans["N"][1]
        widths.append(spans["D"][1] - spans["D"][0])
    assert widths[1] < widths[0] / 3


def test_groups_and_seeds_are_drawn_whole() -> None:
    places = {"D": D[:5]}
    base = 30 / D[:5] ** 0.6 + 1
    groups = np.repeat([0, 1, 2, 3], 25)
    shift = np.array([0.0, 0.2, 0.4, 0.6])[groups]
    by_group = [(one + shift)[None] for one in base]
    alone, grouped = (fit(places, by_group, groups=g, draws=80) for g in (None, groups))

    def width(whole: object, name: str = "constant") -> float:
        low, high = whole.spans[name]  # type: ignore[attr-defined]
        return float(high - low)

    assert width(grouped) > 2 * width(alone)
    seeds = [np.stack([np.full(100, one - 0.05), np.full(100, one + 0.05)]) for one in base]
    assert width(fit(places, seeds, draws=80)) > 0.01, "seeds differ, questions do not"
    again = [fit(places, by_group, groups=groups, draws=20).spans for _ in range(2)]
    assert again[0] == again[1]


@pytest.mark.parametrize(
    ("places", "told"),
    [
        ({"N": [1.0, 1, 1], "D": [5.0, 5, 5]}, "N and D never vary"),
        ({"N": [1.0, 1, 1], "D": [1.0, 2, 3]}, "3 points for 3 unknowns, 4 or more are needed"),
        ({"N": [1.0, 1, 2, 2], "D": [1.0, 2, 3, 4]}, "2 values of N, 3 or more are needed, or one"),
        ({"N": [1.0, 2, 3, 4, 5], "D": [1.0, 2, 3, 4, 5]}, "5 points for 5 unknowns, 6 or more"),
    ],
)
def test_too_little_is_refused(places: dict[str, list[float]], told: str) -> None:
    with pytest.raises(UserError, match=told):
        variables({name: np.array(values) for name, values in places.items()})
