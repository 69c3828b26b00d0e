"""Several runs of a system, such as those of several seeds, on the same questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from qa_bench.errors import UserError
from qa_bench.statistics.values import checked, means


@dataclass(frozen=True, eq=False)
class Replicates:
    """Values of systems of which some were run more than once; it stands for (systems, n).

    Attributes:
        runs: a system's values, float64 of shape (its runs, n).
        names: what tells the runs of a system apart, such as its seeds. Runs of two systems that
            have the same names go together: they share what the name stands for.
    """

    runs: Sequence[np.ndarray]
    names: Sequence[Sequence[str]]

    def __post_init__(self) -> None:
        """Check them.

        Raises:
            UserError: a value is not finite, systems differ in their questions, or names are not
                one a run, or twice the same.
        """
        sizes = {checked(runs).shape[1] for runs in self.runs}
        if len(sizes) != 1:
            raise UserError(f"statistics: one set, got runs of {sorted(sizes)} questions")
        for runs, names in zip(self.runs, self.names, strict=True):
            if len(set(names)) != len(runs):
                raise UserError(
                    f"statistics: a name of its own for each of {len(runs)} runs, got "
                    f"{', '.join(names)}"
                )

    @cached_property
    def counts(self) -> np.ndarray:
        """How many runs each system has; int (systems,)."""
        return np.array([len(runs) for runs in self.runs])

    @cached_property
    def averaged(self) -> np.ndarray:
        """Each question's mean over a system's runs; float64 (systems, n)."""
        return np.stack([np.asarray(runs).sum(axis=0) / len(runs) for runs in self.runs])

    @cached_property
    def mean(self) -> np.ndarray:
        """The mean of a system over runs and questions, rounded once; float64 (systems,)."""
        return np.array([means(np.reshape(runs, (1, -1)))[0] for runs in self.runs])

    @cached_property
    def of_runs(self) -> list[np.ndarray]:
        """The mean of each run, by system; float64 (its runs,)."""
        return [means(np.asarray(runs, dtype=np.float64)) for runs in self.runs]

    def paired(self, first: int, second: int) -> bool:
        """Whether the runs of two systems have the same names, and there are several."""
        names = set(self.names[first])
        return len(names) > 1 and names == set(self.names[second])
