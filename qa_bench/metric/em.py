"""Exact match of predictions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from qa_bench.metric.evidence import Evidence


class ExactMatch:
    """1 where the prediction is one of the answers after SQuAD normalisation, or matches a pattern.

    A question without a prediction counts as wrong.
    """

    def __init__(self, about: Mapping[str, Any] | None = None) -> None:
        """No settings."""

    def score(self, evidence: Evidence) -> dict[str, np.ndarray]:
        """``em``: 0 or 1 a question."""
        right = evidence.right
        return {} if right is None else {"em": right.astype(np.float64)}
