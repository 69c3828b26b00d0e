"""Published per cents as numbers of questions, and how far ours are from them.

A figure of d decimals on n questions stands for the counts k that it may have been made of. Where
there is none, the figure is misprinted or of another n: the GRIM test (Brown and Heathers 2017, The
GRIM Test, Social Psychological and Personality Science 8).
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor


def counts(value: str, n: int) -> range:
    """The numbers of right questions that make a published per cent.

    They are the k with round(100 k / n, d) = x, halves rounded either way; where there are none,
    those with 100 k / n cut off after d decimals: some sources cut off (DPR's 89.1 on
    CuratedTREC's 694 questions is 619, 89.19).

    Args:
        value: the per cent x as printed; its decimals are the digits d.
        n: questions of the set.

    Returns:
        The counts, one after the other; none where no count makes the value.
    """
    digits = len(value.partition(".")[2])
    unit = Fraction(n, 100 * 10**digits)
    x = int(value.replace(".", ""))
    half = Fraction(1, 2)
    low, high = max(0, ceil((x - half) * unit)), min(n, floor((x + half) * unit))
    if low > high:
        low, high = max(0, ceil(x * unit)), min(n, ceil((x + 1) * unit) - 1)
    return range(low, high + 1)


def distance(right: int, value: str, n: int) -> int | None:
    """How many questions ours has more (or, negative, fewer) than the nearest published count.

    Args:
        right: questions that are right in ours.
        value: the published per cent, as printed.
        n: questions of the set.

    Returns:
        The number; None where no count makes the published figure.
    """
    admissible = counts(value, n)
    if not admissible:
        return None
    if right < admissible[0]:
        return right - admissible[0]
    return max(0, right - admissible[-1])


def phrase(questions: int, n: int) -> str:
    """A distance in questions and in points: ``+5 of 3,610 (+.14)``."""
    if not questions:
        return f"+0 of {n:,}"
    points = f"{100 * questions / n:+.2f}".replace("+0.", "+.").replace("-0.", "-.")
    return f"{questions:+,} of {n:,} ({points})"
