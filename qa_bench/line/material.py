"""What the trainings of a line may learn from: its passages, and what its sources mine."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Protocol

from qa_bench.engine.stage import Stage
from qa_bench.errors import UserError
from qa_bench.line.mined_line import MinedLine
from qa_bench.line.mining import mined
from qa_bench.line.names import listed, near
from qa_bench.stages.train import Mined

_OWN = "line"
_PASSAGES = ("corpus", "chunker")


class Passaged(MinedLine, Protocol):
    """What is looked at of a ``line.Line`` here and in ``line.mining``."""

    @property
    def passages(self) -> Stage:
        """Articles → passages."""
        ...


class Material:
    """The stages of what is learnt from; nothing runs.

    Attributes:
        sources: the names of the lines that mine.
    """

    def __init__(
        self, line: Passaged, sources: Collection[str], source: Callable[[str], Passaged]
    ) -> None:
        """Keep the lines.

        Args:
            line: the one that trains.
            sources: the names of those that mine, see ``source.source_names``.
            source: gives the line of a name.
        """
        self._line, self.sources, self._make = line, list(sources), source
        self._made: dict[str, Passaged] = {}
        self._files: dict[str, Mined] = {}

    def _source(self, name: str) -> Passaged:
        """The line of a name, made once."""
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def mined(self, mixture: Any = None) -> list[Mined]:
        """The training files of the sources.

        Args:
            mixture: the names of those that are learnt from; one that stands there twice counts
                twice; None for all.

        Raises:
            UserError: there is no such source; or see ``line.mining.mined``.
        """
        names = self._names(mixture)
        for name in names:
            if name not in self._files:
                self._files[name] = mined(self._source(name))
        return [self._files[name] for name in names]

    def passages(self, whose: str | None, mixture: Any = None) -> Stage:
        """The passages that an objective of passages alone learns from.

        Args:
            whose: ``line`` for those that the line searches, or the name of a source; None for
                the sources', where there are some: what is tested shall not have been read.
            mixture: see ``mined``.

        Raises:
            UserError: there is no such source, or several with passages of their own.
        """
        if whose == _OWN or (whose is None and not self.sources):
            return self._line.passages
        if whose is not None:
            return self._source(self._name("train.passages", whose, [_OWN])).passages
        names = list(dict.fromkeys(self._names(mixture)))
        first = self._source(names[0])
        if any(_cut(self._source(name)) != _cut(first) for name in names[1:]):
            raise UserError(
                f"train.passages: {listed(names)} have passages of their own each: name one of "
                f"them, or {_OWN} for those that are searched"
            )
        return first.passages

    def _names(self, mixture: Any) -> list[str]:
        if mixture is None:
            return self.sources
        names = [mixture] if isinstance(mixture, str) else mixture
        if not isinstance(names, list) or not names:
            raise UserError(f"train.mixture: names of train.sources, [a,b], got '{mixture}'")
        return [self._name("train.mixture", name, []) for name in names]

    def _name(self, setting: str, name: Any, others: list[str]) -> str:
        there = [*self.sources, *others]
        if name not in self.sources:
            names = f"there are {listed(there)}" if there else "there is none"
            raise UserError(
                f"{setting}: no source is called '{name}': {names}{near(str(name), there)}"
            )
        return str(name)


def _cut(line: Passaged) -> Any:
    """What decides which passages a line has."""
    from omegaconf import OmegaConf

    whole: Any = OmegaConf.to_container(line.config, resolve=True)
    return {name: whole[name] for name in _PASSAGES}
