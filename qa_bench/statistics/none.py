"""No statistics: figures alone, as in tables of before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qa_bench.parts import Part
from qa_bench.statistics.column import Choice, ColumnStatistics


class NoStatistics(Part):
    """Tells nothing; takes the group's settings, so that an experiment's may stay."""

    def __init__(
        self, alpha: float = 0.05, family: str = "own", against: str | None = None
    ) -> None:
        """Check the settings.

        Args:
            alpha: not looked at.
            family: not looked at.
            against: not looked at.

        Raises:
            UserError: a setting is not what it must be.
        """
        self.alpha, self.family, self.against = Choice.of(alpha, family, against)

    def column(
        self, values: Any, baseline: int | None = None, groups: Any = None, digest: str = ""
    ) -> None:
        """None."""

    def columns(
        self,
        values: Mapping[str, Any],
        baseline: int | None = None,
        groups: Any = None,
        digest: str = "",
    ) -> dict[str, ColumnStatistics]:
        """Nothing."""
        return {}

    def pairs(self, values: Any, groups: Any = None, digest: str = "") -> None:
        """None."""
