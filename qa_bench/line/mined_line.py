"""What is looked at of a line to mine it: ``line.line``, which makes lines, imports who looks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from qa_bench.engine.context import Context
from qa_bench.engine.stage import Stage
from qa_bench.types import QuestionSet


class MinedLine(Protocol):
    """A ``line.Line``; its attributes are described there."""

    @property
    def config(self) -> Any: ...  # noqa: D102
    @property
    def context(self) -> Context: ...  # noqa: D102
    @property
    def depth(self) -> int: ...  # noqa: D102
    @property
    def slug(self) -> str: ...  # noqa: D102
    @property
    def dataset(self) -> Any: ...  # noqa: D102
    @property
    def corpus(self) -> Any: ...  # noqa: D102
    @property
    def reranker(self) -> Any: ...  # noqa: D102
    @property
    def questions(self) -> QuestionSet: ...  # noqa: D102
    @property
    def ranked(self) -> Stage: ...  # noqa: D102
    @property
    def run_passages(self) -> Stage: ...  # noqa: D102
    @property
    def retrievals(self) -> Mapping[str, Any]: ...  # noqa: D102
    def choice(self, place: str, /) -> str: ...  # noqa: D102
