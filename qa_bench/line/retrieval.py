"""One retriever on a line: index and search, or the parts it is made of and their fusion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from qa_bench.engine.context import Context
from qa_bench.engine.stage import Stage
from qa_bench.errors import UserError
from qa_bench.line.training import Training
from qa_bench.parts import make
from qa_bench.protocols import Composite
from qa_bench.stages.expand import Wording
from qa_bench.stages.fuse import Fusable, PartRun, complete, fuse, open_hits
from qa_bench.stages.index import Parts, index
from qa_bench.stages.latency import latency
from qa_bench.stages.search import search


class Retrieval:
    """The stages of one retriever for some passages and questions."""

    def __init__(
        self,
        node: Any,
        passages: Callable[[], Stage],
        wording: Callable[[], Wording],
        context: Context,
        choice: Callable[[str], str],
        place: str = "retriever",
        training: Training | None = None,
    ) -> None:
        """Make the retriever and its parts; nothing is read or built.

        Args:
            node: the retriever's configuration.
            passages: gives the stage of the passages.
            wording: gives what is searched with.
            context: where and how.
            choice: the name of the YAML chosen for a place of the configuration.
            place: where the retriever stands in it.
            training: what is trained first: this retriever, or a part of it.

        Raises:
            UserError: a setting is out of range.
        """
        self._node, self._passages, self._wording = node, passages, wording
        self._context = context
        self._model = training.stage if training and place in training.places else None
        self.part: Any = (
            make("retriever", node) if training is None else training.part(place, node, context)
        )
        self._name = choice(place)
        common = (passages, wording, context, choice)
        self.parts = {
            label: Retrieval(inner, *common, f"{place}.parts.{label}", training)
            for label, inner in (node.get("parts") or {}).items()
        }
        self._runs: dict[int, Stage] = {}
        self._fusable: dict[int, Fusable] = {}

    @property
    def averages(self) -> bool:
        """Whether it can search with passages beside a question; of a hybrid, any of its parts."""
        inner = self.parts.values() if self._composite else ()
        return bool(self.part.averages) or any(one.averages for one in inner)

    def seen(self, questions: Sequence[str]) -> int:
        """How many of the questions a model of its parts was trained on, as far as is known."""
        inner = [part.seen(questions) for part in self.parts.values()]
        return max([int(self.part.seen(questions)), *inner])

    def _worded(self) -> Wording:
        """What it searches with."""
        return self._wording().suited(self.averages)

    @property
    def _composite(self) -> bool:
        return isinstance(self.part, Composite)

    @cached_property
    def _indexed_parts(self) -> Parts:
        if self._composite:
            return {}
        return {label: (inner.part, inner.index) for label, inner in self.parts.items()}

    @cached_property
    def index(self) -> Stage:
        """Passages → index; of a retriever that is no composite."""
        common = (self._passages(), self.part, self._name, self._indexed_parts, self._context)
        return index(*common, self._model)

    def indexes(self) -> list[Stage]:
        """All indexes: those of the parts, and its own."""
        stages = [stage for inner in self.parts.values() for stage in inner.indexes()]
        return stages if self._composite else [*stages, self.index]

    def run(self, depth: int) -> Stage:
        """Index → run; or the runs of the parts → their fusion."""
        if depth not in self._runs:
            self._runs[depth] = self._fused(depth) if self._composite else self._searched(depth)
        return self._runs[depth]

    def searches(self, depth: int) -> list[Stage]:
        """All stages whose seconds make up those of a search."""
        if not self._composite:
            return [self.run(depth)]
        deep = max(depth, self.part.parts_depth)
        stages = [stage for inner in self.parts.values() for stage in inner.searches(deep)]
        completed = [stage for label, stage in self.fusable(depth).items() if not label]
        return [*stages, *completed, self.run(depth)]

    def latencies(self, depth: int, sample: int) -> list[Stage]:
        """Single questions' times; of a hybrid, those of each part, as deep as it is searched."""
        if self._composite:
            deep = max(depth, self.part.parts_depth)
            return [s for inner in self.parts.values() for s in inner.latencies(deep, sample)]
        return [
            latency(
                self.index,
                self._passages(),
                self._worded(),
                self.part,
                self._name,
                depth,
                self._indexed_parts,
                sample,
                self._context,
            )
        ]

    def _searched(self, depth: int) -> Stage:
        return search(
            self.index,
            self._passages(),
            self._worded(),
            self.part,
            self._name,
            depth,
            self._indexed_parts,
            self._context,
        )

    @property
    def fusion(self) -> Any:
        """The configuration of a composite's fusion.

        Raises:
            UserError: it is none.
        """
        if not self._composite:
            raise UserError(f"retriever {self._name} is no hybrid: it has no fusion")
        return self._node.fusion

    def fusable(self, depth: int) -> Fusable:
        """What a composite's fusion wants of its parts."""
        if depth not in self._fusable:
            deep = max(depth, self.part.parts_depth)
            runs = {label: inner.run(deep) for label, inner in self.parts.items()}
            inputs = {"": self._completed(runs, deep)} if self.part.fusion.true_scores else runs
            self._fusable[depth] = inputs
        return self._fusable[depth]

    def part_run(self, depth: int) -> PartRun | None:
        """Its run, with what scores more pairs; None of a composite, whose parts do."""
        if self._composite:
            return None
        run = self.run(depth)
        return PartRun(run, self.index, self.part, self._indexed_parts, self._worded())

    def _completed(self, runs: Fusable, depth: int) -> Stage:
        part_runs = {
            label: PartRun(
                runs[label], inner.index, inner.part, inner._indexed_parts, inner._worded()
            )
            for label, inner in self.parts.items()
        }
        common = (self._passages(), self._worded(), self._name, depth, self._context)
        return complete(part_runs, *common)

    def _fused(self, depth: int) -> Stage:
        deep = max(depth, self.part.parts_depth)
        return fuse(
            self.fusable(depth),
            self._passages(),
            self._wording().questions,
            make("fusion", self.fusion),
            self._name,
            depth,
            deep * len(self.parts),
            self._context,
            self._worded().titled(f"fuse {self._name}"),
        )

    def kept_of_base(self, depth: int) -> dict[str, float]:
        """Which share of its base's hits an approximate search found; empty for any other."""
        if not self.part.approximate:
            return {}
        (base,) = self.parts.values()
        run = self._context.run
        runs = {"own": run(self.run(depth)), "base": run(base.run(depth))}
        hits = open_hits(runs, run(self._passages()), self._wording().questions)
        there = hits.ranks["base"] > 0
        share = float((hits.ranks["own"][there] > 0).mean()) if there.any() else 1.0
        return {"exact_percent": round(100 * share, 2)}
