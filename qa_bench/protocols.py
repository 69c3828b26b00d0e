"""What every part must be able to do, one Protocol each. Read this first.

Batch in, batch out: nothing here is called once an item. A part holds its settings and nothing
else; heavy libraries are imported inside its methods, so that making one costs nothing.

All settings of a part go into the keys of the stages that run it, except ``about`` and those it
names in ``labels`` (where files lie, what it is called). It may name packages in ``depends``, whose
versions go in too, and have a ``version`` (1 when absent): raise it when its code changes what it
yields, and folders made by the older code are not reused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from qa_bench.types import Article, Passage, QuestionSet, Run, Runtime

if TYPE_CHECKING:
    import numpy as np

    from qa_bench.metric.evidence import Evidence
    from qa_bench.store import Passages


@runtime_checkable
class Dataset(Protocol):
    """A question set with gold answers."""

    name: str

    def questions(self) -> QuestionSet:
        """The questions of the configured split, in the official order."""
        ...


@runtime_checkable
class Corpus(Protocol):
    """Where articles come from; or passages, cut elsewhere, which no chunker touches."""

    name: str
    unit: Literal["article", "passage"]

    def files(self) -> list[Path]:
        """The input files; their content identifies the corpus."""
        ...

    def articles(self) -> Iterator[tuple[Article, Path, int]]:
        """(article, file, line), streaming, in corpus order."""
        ...


@runtime_checkable
class Chunker(Protocol):
    """Cuts articles into passages."""

    def chunk(self, articles: Iterable[Article]) -> Iterator[list[Passage]]:
        """The passages of each article in turn, without pids; an empty list where it has none."""
        ...


@runtime_checkable
class Retriever(Protocol):
    """Finds passages for questions."""

    search_only: frozenset[str]
    """Settings that change how the index is searched, not what is in it."""

    def index(self, passages: Passages, folder: Path, runtime: Runtime) -> int:
        """Build the index of all passages in ``folder``; return how many it holds."""
        ...

    def search(
        self, folder: Path, passages: Passages, questions: QuestionSet, depth: int, runtime: Runtime
    ) -> Run:
        """The best ``depth`` passages of every question, score descending, then corpus order."""
        ...


@runtime_checkable
class Metric(Protocol):
    """One value a question; only the report averages."""

    def score(self, evidence: Evidence) -> dict[str, np.ndarray]:
        """Columns of values, each of shape (questions,); none where the metric does not apply."""
        ...


PARTS: dict[str, Any] = {
    "dataset": Dataset,
    "corpus": Corpus,
    "chunker": Chunker,
    "retriever": Retriever,
    "metric": Metric,
}
"""The Protocol of each ``conf/`` group that holds parts."""
