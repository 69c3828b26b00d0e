"""One retriever on a line: index and search, or the parts it is made of and their fusion."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from qa_bench.errors import UserError
from qa_bench.parts import make
from qa_bench.protocols import Composite
from qa_bench.stages.fuse import Found, Fusable, complete, fuse, open_hits
from qa_bench.stages.index import Parts, index
from qa_bench.stages.search import search
from qa_bench.types import Folder, QuestionSet

if TYPE_CHECKING:
    from qa_bench.line.line import Line


class Retrieval:
    """The stages of one retriever for the line's passages and questions."""

    def __init__(
        self, line: Line, node: Any, place: str, questions: QuestionSet | None = None
    ) -> None:
        """Make the retriever and its parts; nothing is read or built yet.

        Args:
            line: gives passages, questions and context.
            node: the retriever's configuration.
            place: where it stands in the whole configuration.
            questions: what to search with; None for the line's.
        """
        self._line, self._node, self._given = line, node, questions
        self.part: Any = make("retriever", node)
        self._name = line.choice(place)
        self.parts = {
            label: Retrieval(line, inner, f"{place}.parts.{label}", questions)
            for label, inner in (node.get("parts") or {}).items()
        }
        self._runs: dict[int, tuple[Folder, float]] = {}

    @property
    def questions(self) -> QuestionSet:
        """What is searched with."""
        return self._line.questions if self._given is None else self._given

    def averages(self) -> bool:
        """Whether it can search with passages beside a question."""
        return bool(self.part.averages)

    @property
    def _composite(self) -> bool:
        return isinstance(self.part, Composite)

    @cached_property
    def _indexed_parts(self) -> Parts:
        if self._composite:
            return {}
        return {label: (inner.part, inner.index) for label, inner in self.parts.items()}

    @cached_property
    def index(self) -> Folder:
        """Passages → index."""
        line = self._line
        return index(line.passages, self.part, self._name, line.context, self._indexed_parts)

    def indexes(self) -> list[Folder]:
        """All indexes, each once: those of the parts, and its own."""
        found = [folder for inner in self.parts.values() for folder in inner.indexes()]
        found += [] if self._composite else [self.index]
        return list({folder.key: folder for folder in found}.values())

    def run(self, depth: int) -> Folder:
        """Index → run; or the runs of the parts → their fusion."""
        return self._run(depth)[0]

    def seconds(self, depth: int) -> float:
        """Seconds of searching: its own, or its parts' and the fusion's."""
        return round(self._run(depth)[1], 3)

    def _run(self, depth: int) -> tuple[Folder, float]:
        if depth not in self._runs:
            self._runs[depth] = self._fused(depth) if self._composite else self._searched(depth)
        return self._runs[depth]

    def _searched(self, depth: int) -> tuple[Folder, float]:
        line = self._line
        run = search(
            self.index,
            line.passages,
            self.questions,
            self.part,
            self._name,
            depth,
            line.context,
            self._indexed_parts,
        )
        return run, run.manifest["counts"]["seconds"]

    @property
    def fusion(self) -> Any:
        """The configuration of a composite's fusion.

        Raises:
            UserError: it is none.
        """
        if not self._composite:
            raise UserError(f"retriever {self._name} is no hybrid: it has no fusion")
        return self._node.fusion

    def to_fuse(self, depth: int) -> tuple[Fusable, float]:
        """What a composite's fusion wants of its parts, and the seconds it took."""
        line, made = self._line, self.part
        deep = max(depth, made.parts_depth)
        runs = {label: inner.run(deep) for label, inner in self.parts.items()}
        seconds = sum(inner.seconds(deep) for inner in self.parts.values())
        if not made.fusion.true_scores:
            return runs, seconds
        found = {
            label: Found(runs[label], inner.index, inner.part, inner._indexed_parts)
            for label, inner in self.parts.items()
        }
        completed = complete(found, line.passages, self.questions, self._name, line.context)
        return completed, seconds + completed[""].manifest["counts"]["seconds"]

    def _fused(self, depth: int) -> tuple[Folder, float]:
        line = self._line
        fusable, seconds = self.to_fuse(depth)
        run = fuse(
            fusable,
            line.passages,
            self.questions,
            make("fusion", self.fusion),
            self._name,
            depth,
            line.context,
        )
        return run, seconds + run.manifest["counts"]["seconds"]

    def kept_of_base(self, depth: int) -> dict[str, float]:
        """Which share of its base's hits an approximate search found; empty for any other."""
        if not self.part.approximate:
            return {}
        line = self._line
        (base,) = self.parts.values()
        runs = {"own": self.run(depth), "base": base.run(depth)}
        ranks = open_hits(runs, line.passages, self.questions).ranks
        there = ranks["base"] > 0
        share = float((ranks["own"][there] > 0).mean()) if there.any() else 1.0
        return {"exact_percent": round(100 * share, 2)}
