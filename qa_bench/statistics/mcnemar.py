"""McNemar's test of two systems on the same questions, with the mid-p value."""

from __future__ import annotations

from typing import Any

import numpy as np


def mcnemar(b: Any, c: Any) -> np.ndarray:
    """Two-sided mid-p: with k = min(b, c) and X binomial (b + c, ½), P(X ≤ k) + P(X ≤ k − 1).

    The exact p counts the table at hand wholly and is too cautious; this one counts it half. Where
    b = c, it is 1, as of the score test that Tango's interval inverts; Fagerland has 1 − P(X = k)/2
    there, which rejects nothing either, but would give 0.5 to a system compared with itself.

    Source: Fagerland, Lydersen and Laake 2013, BMC Medical Research Methodology 13:91.

    Args:
        b: questions that the first alone gets, whole numbers of any shape.
        c: questions that the second alone gets, of that shape.

    Returns:
        float64 of that shape.
    """
    from scipy.special import betainc

    b, c = np.broadcast_arrays(np.asarray(b, dtype=np.float64), np.asarray(c, dtype=np.float64))
    least, most = np.minimum(b, c), np.maximum(b, c)
    # P(X ≤ k) of (b + c, ½) is the regularised beta function of (max, min + 1) at ½.
    up_to = betainc(np.maximum(most, 1), least + 1, 0.5)
    below = np.where(least > 0, betainc(most + 1, np.maximum(least, 1), 0.5), 0.0)
    return np.where(b == c, 1.0, np.minimum(up_to + below, 1.0))
