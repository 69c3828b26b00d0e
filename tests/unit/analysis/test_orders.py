"""Whether two sets put systems in the same order."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau

from qa_bench.analysis.orders import (
    Measured,
    agreements,
    kendall,
    orders_csv,
    orders_markdown,
)
from qa_bench.report.record import Record


def measured(system: str, dataset: str, values: list[float], questions: str = "q") -> Measured:
    record = Record(
        system, dataset, "test", len(values), "string", "dpr", questions, False, "", False, "", {}
    )
    return record, {"mrr": values}


def test_tau_is_scipys() -> None:
    random = np.random.default_rng(0)
    one, other = random.integers(0, 4, (2, 50, 6)).astype(float)
    expectation = [kendalltau(*pair).statistic for pair in zip(one, other, strict=True)]
    assert np.allclose(kendall(one, other), expectation, equal_nan=True)
    assert np.isnan(kendall(np.zeros(3), np.arange(3.0)))
    assert kendall(np.array([0.3, 0.1 + 0.2, 1]), np.array([1.0, 1, 2])) == 1, "equal but rounding"


def test_agreements() -> None:
    easy = {"a": [1, 1, 1, 0], "b": [1, 1, 0, 0], "c": [1, 0, 0, 0], "d": [0, 0, 0, 0]}
    hard = {"a": [1, 1, 0], "c": [1, 0, 0], "b": [0, 0, 0]}
    rows = [
        *(measured(name, "nq", list(map(float, values))) for name, values in easy.items()),
        *(measured(name, "own", list(map(float, values))) for name, values in hard.items()),
    ]
    (one,) = agreements(rows)
    assert (one.sets, one.metric, one.systems) == (("nq", "own"), "mrr", ("a", "b", "c"))
    assert one.tau == pytest.approx(1 / 3)
    assert -1 <= one.low < one.tau <= one.high <= 1
    assert agreements(rows)[0].low == one.low, "the same draws every time"
    assert orders_csv([one]).splitlines()[1].startswith("nq,own,mrr,3,0.333333,")
    text = orders_markdown("x", [one])
    assert "| nq, own | MRR | 3 | 0.33 | " in text
    assert "- MRR, own: a 66.67 > c 33.33 > b 0.00" in text.splitlines()


def test_too_few_and_other_questions() -> None:
    two = [measured(name, of, [1.0, 0.0]) for of in ("nq", "own") for name in "ab"]
    assert agreements(two) == []
    stranger = [measured("c", "nq", [1.0, 1.0]), measured("c", "own", [1.0, 1.0], "others")]
    assert agreements([*two, *stranger]) == [], "c has seen other questions of own"


def test_a_set_on_which_all_are_equal() -> None:
    rows = [measured(name, "nq", [1.0, float(name == "a")]) for name in "abc"]
    rows += [measured(name, "own", [1.0, 0.0]) for name in "abc"]
    (one,) = agreements(rows)
    assert "- MRR, nq: a 100.00 > b 50.00 = c 50.00" in orders_markdown("x", [one])
    assert np.isnan([one.tau, one.low, one.high]).all()
