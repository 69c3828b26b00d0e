"""What fails a gate: ``answer_recall@5 < -0.01``; a grammar of one line, read by one pattern.

``[SET:] METRIC[.low|.high] OPERATOR BOUND[%]``. A bound with a sign is a difference from the
reference, one without the figure itself. ``.low`` and ``.high`` are the ends of the interval.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from qa_bench.errors import UserError

_PATTERN = re.compile(
    r"\s*(?:(?P<set>[^\s:]+)\s*:)?\s*(?P<metric>\w+(?:@\d+)?)(?:\.(?P<end>low|high))?"
    r"\s*(?P<operator><=|>=|<|>)\s*(?P<sign>[-+−]?)\s*(?P<bound>\d+\.?\d*|\.\d+)\s*(?P<percent>%?)\s*",
    re.ASCII,
)
_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
EXAMPLE = "fail_if='answer_recall@5 < -0.01; nq: em < 0.30'"


class Condition(NamedTuple):
    """What is a breach.

    Attributes:
        text: as it was written.
        set: the question set it is about; empty for all.
        metric: with its k.
        end: low or high, of the interval; empty for the figure.
        operator: <, <=, > or >=.
        bound: a fraction, or in the metric's unit.
        relative: whether it is about the difference from the reference.
    """

    text: str
    set: str
    metric: str
    end: str
    operator: str
    bound: float
    relative: bool

    def breached(self, value: float) -> bool:
        """Whether a value is a breach; one that is no number always is."""
        return value != value or _OPERATORS[self.operator](value, self.bound)


def conditions(fail_if: Any) -> list[Condition]:
    """The conditions of ``fail_if``: a text with ``;`` between them, or a list of texts.

    Raises:
        UserError: there are none, or one is not of the grammar.
    """
    texts: Sequence[Any] = [fail_if] if isinstance(fail_if, str) else list(fail_if or [])
    pieces = [piece.strip() for text in texts for piece in str(text).split(";")]
    read = [_condition(piece) for piece in pieces if piece]
    if not read:
        raise UserError(f"check needs what is a breach: {EXAMPLE}")
    return read


def _condition(text: str) -> Condition:
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise UserError(
            f"fail_if: '{text}' is no [SET:] METRIC[.low|.high] < BOUND, such as {EXAMPLE}"
        )
    sign, less = match["sign"], match["operator"].startswith("<")
    bound = float(match["bound"]) / (100 if match["percent"] else 1)
    if not sign and less and bound == 0:
        raise UserError(
            f"fail_if: '{text}': no figure is below 0; '{match['operator']} -0' is a difference "
            "from the reference"
        )
    return Condition(
        text=text,
        set=match["set"] or "",
        metric=match["metric"],
        end=match["end"] or "",
        operator=match["operator"],
        bound=bound if sign in ("", "+") else -bound,
        relative=bool(sign),
    )
