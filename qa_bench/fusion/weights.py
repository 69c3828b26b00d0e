"""The weights of the parts, the same for every fusion."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from qa_bench.errors import UserError
from qa_bench.settings import number


class Weights:
    """A weight for each part by name; a part without one weighs 1."""

    def __init__(self, given: Mapping[str, float] | None) -> None:
        """Check the weights.

        Raises:
            UserError: not a mapping of names to finite numbers.
        """
        given = {} if given is None else given
        if not isinstance(given, Mapping):
            raise UserError(f"fusion.weights: a mapping of parts to numbers, got '{given}'")
        self._given = {
            str(name): float(number(f"fusion.weights.{name}", weight))
            for name, weight in given.items()
        }

    def of(self, parts: Iterable[str]) -> Iterator[tuple[str, float]]:
        """(part, weight), by name: sums of floats depend on their order, so it is always one.

        Raises:
            UserError: a weight names no part.
        """
        names = sorted(parts)
        for name in self._given:
            if name not in names:
                raise UserError(f"fusion.weights names '{name}', the parts are {', '.join(names)}")
        return ((name, self._given.get(name, 1.0)) for name in names)
