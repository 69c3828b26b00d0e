"""A retriever made of retrievers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qa_bench.errors import UserError
from qa_bench.parts import Part
from qa_bench.protocols import Fusion, PairScorer
from qa_bench.settings import whole_number


class Hybrid(Part):
    """Any number of retrievers and the fusion of their runs.

    The line makes each part's run (cached by itself), has missing scores computed where the fusion
    wants them, and fuses: another weight repeats only the last step.
    """

    def __init__(
        self,
        parts: Mapping[str, Any],
        fusion: Fusion,
        parts_depth: int = 1000,
    ) -> None:
        """Check the settings.

        Args:
            parts: the retrievers, by the names that the fusion's weights use.
            fusion: how their scores become one.
            parts_depth: depth of the parts' runs, or the run's own where that is deeper.

        Raises:
            UserError: fewer than two parts, or one that cannot tell scores the fusion wants.
        """
        if len(parts) < 2:
            raise UserError("retriever.parts: a hybrid has at least two")
        whole_number("retriever.parts_depth", parts_depth)
        if fusion.true_scores:
            for name, part in parts.items():
                if not isinstance(part, PairScorer):
                    raise UserError(
                        f"retriever.parts.{name} cannot score passages it did not find, which this "
                        "fusion wants: choose fusion@retriever.fusion=interpolation or rrf"
                    )
        self.parts, self.fusion, self.parts_depth = dict(parts), fusion, parts_depth
