"""What every part must be able to do, one Protocol each. Read this first.

Batch in, batch out: nothing here is called once an item. A part holds its settings, checked by
``settings``, and nothing else; heavy libraries are imported inside its methods, so that making one
costs nothing.

Every part is derived from ``parts.Part``, on which these are built: it has a default for all that a
part may say beyond its group's Protocol. What only some parts of a group can do (``PairScorer``,
``Learner``, …) is a Protocol of its own, asked for by ``isinstance``. A public name that stands
nowhere here is refused by ``tests/conformance``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, runtime_checkable

from qa_bench.parts import Part
from qa_bench.types import Article, Passage, Prompt, QuestionSet, Run, Runtime, Step

if TYPE_CHECKING:
    import numpy as np

    from qa_bench.metric.evidence import Evidence
    from qa_bench.statistics.column import ColumnStatistics
    from qa_bench.statistics.pairs import Pairs
    from qa_bench.store.hits import Hits
    from qa_bench.store.passages import Passages
    from qa_bench.store.ranked import Ranked
    from qa_bench.store.vectors import Vectors
    from qa_bench.synthetic.drafts import Drafts
    from qa_bench.train.loop import Settings, TrainingFiles
    from qa_bench.types import Reply, Search


@runtime_checkable
class Dataset(Part, Protocol):
    """A question set with gold answers."""

    name: str

    def questions(self) -> QuestionSet:
        """The questions of the configured split, in the official order."""
        ...


@runtime_checkable
class Corpus(Part, Protocol):
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
class Chunker(Part, Protocol):
    """Cuts articles into passages."""

    def chunk(self, articles: Iterable[Article]) -> Iterator[list[Passage]]:
        """The passages of each article in turn, without pids; an empty list where it has none."""
        ...


@runtime_checkable
class LanguageModel(Part, Protocol):
    """Replies to prompts."""

    def generate(self, prompts: Sequence[Prompt], runtime: Runtime) -> list[Reply]:
        """One reply a prompt, in order; one with an ``error`` where there is none to be had.

        Where replies are drawn (``temperature`` above 0), a prompt that stands there n times gets
        n draws.

        Raises:
            UserError: no prompt at all could be replied to.
        """
        ...


@runtime_checkable
class Generator(Part, Protocol):
    """Makes questions of passages, whose answers should stand in them."""

    def make(self, passages: Sequence[Passage], runtime: Runtime) -> Drafts:
        """A draft a passage, in order: a question with its answer, or why there is none.

        Raises:
            UserError: nobody could be asked at all.
        """
        ...

    def plan(self, passages: int, runtime: Runtime) -> Step:
        """The step of making questions of so many passages."""
        ...


@runtime_checkable
class PlannedPrompts(Protocol):
    """A language model that foretells what it will take."""

    def plan(self, prompts: int, tokens: float, runtime: Runtime) -> Step:
        """The step of replying to so many prompts of so many tokens each."""
        ...


@runtime_checkable
class Expander(Part, Protocol):
    """Makes searches of questions.

    One that puts passages beside questions has ``averages = True``: it is refused before it asks
    anything where the retriever cannot search with them. Of a hybrid, one part must; the others
    search with the questions alone.
    """

    searches: Sequence[str]
    """The labels of its searches, known before anything is expanded."""

    def expand(self, questions: QuestionSet, runtime: Runtime) -> dict[str, Search]:
        """The searches by label; the runs of several are fused.

        Raises:
            UserError: a question could not be expanded. What was, need not be asked again.
        """
        ...


@runtime_checkable
class Retriever(Part, Protocol):
    """Finds passages for questions."""

    def index(self, passages: Passages, folder: Path, runtime: Runtime, **parts: Indexed) -> int:
        """Build the index of all passages in ``folder``; return how many it holds.

        A retriever that is built on others gets each under the name it has in ``parts``.
        """
        ...

    def search(
        self,
        folder: Path,
        passages: Passages,
        questions: QuestionSet,
        depth: int,
        runtime: Runtime,
        **parts: Indexed,
    ) -> Run:
        """The best ``depth`` passages of every question, score descending, then corpus order."""
        ...


class Indexed(NamedTuple):
    """A retriever with its finished index."""

    retriever: Any
    folder: Path


@runtime_checkable
class Planned(Protocol):
    """A retriever that foretells what it will take."""

    def plan(
        self, passages: float, questions: int, depth: int, runtime: Runtime
    ) -> tuple[Step, Step]:
        """The steps of indexing and of searching, the run's own bytes left out."""
        ...


@runtime_checkable
class Lossy(Protocol):
    """A retriever whose index may hold less than its model gave."""

    def loss(self, folder: Path) -> dict[str, float]:
        """What was lost, by name, for the manifest of the finished index in ``folder``."""
        ...


@runtime_checkable
class PairScorer(Part, Protocol):
    """A retriever that can tell the score of any pair, whether it found the passage or not.

    One with ``approximate = True`` is asked for those of its own hits too.
    """

    def score(
        self,
        folder: Path,
        passages: Passages,
        questions: QuestionSet,
        question_rows: np.ndarray,
        rows: np.ndarray,
        runtime: Runtime,
        **parts: Indexed,
    ) -> np.ndarray:
        """The scores of (question, passage) pairs, float32 of shape (pairs,).

        Args:
            folder: the index.
            passages: the corpus.
            questions: the questions.
            question_rows: each pair's question, a place in ``questions``, ascending; (pairs,) int.
            rows: each pair's passage, a row of ``passages``; (pairs,) int.
            runtime: threads and progress.
            parts: see ``Retriever.index``.
        """
        ...


@runtime_checkable
class BiEncoder(Retriever, PairScorer, Planned, Protocol):
    """A retriever whose index is a vector a passage, which others may search in their own way."""

    @property
    def similarity(self) -> str:
        """How vectors are compared: cosine, dot or l2."""
        ...

    def opened(
        self, folder: Path, passages: Passages, questions: QuestionSet, runtime: Runtime
    ) -> tuple[Vectors, np.ndarray]:
        """The passages' vectors, and the questions', float32 of shape (questions, dimension)."""
        ...


@runtime_checkable
class Composite(Part, Protocol):
    """A retriever made of retrievers: the line makes their runs one by one, then fuses them."""

    parts: Mapping[str, Any]
    fusion: Fusion
    parts_depth: int
    """How deep the runs of the parts go, where they do not go deeper anyway."""


@runtime_checkable
class Fusion(Part, Protocol):
    """Makes one score of several."""

    true_scores: bool
    """Whether it wants every part's score of every hit, also where the part did not find it."""

    def fuse(self, hits: Hits) -> np.ndarray:
        """The fused score of every hit, float64 of shape (hits,)."""
        ...


@runtime_checkable
class Reranker(Part, Protocol):
    """Gives the best hits of a run other scores."""

    depth: int
    """How many hits of a question it looks at."""
    keep: int | None
    """How many of them stay in the run; None: as many as the run shall have."""

    def rerank(self, ranked: Ranked, runtime: Runtime) -> np.ndarray:
        """The new score of every hit, float32 (hits,); -inf for one that shall be dropped."""
        ...


@runtime_checkable
class Pointwise(Protocol):
    """A reranker that may look at one pair at a time: it scores any, whichever are beside it."""

    @property
    def pointwise(self) -> bool:
        """Whether it does, as it is set."""
        ...


@runtime_checkable
class Reader(Part, Protocol):
    """Answers questions from the best hits of a run."""

    depth: int
    """How many hits of a question it looks at."""

    def read(self, ranked: Ranked, runtime: Runtime) -> list[str]:
        """One answer for every question of the set, in order; empty where it finds none.

        One that asks others may return ``types.Answers``: with the questions that failed.
        """
        ...


@runtime_checkable
class Learner(Part, Protocol):
    """A part whose model can be trained further."""

    def training(self, options: Mapping[str, Any]) -> Settings:
        """The settings of its training, what is null set where it follows from the part's own.

        ``options`` are those under ``train``, without the files and the base.

        Raises:
            UserError: one is out of range, or there is no such setting.
        """
        ...

    def train(
        self, files: TrainingFiles, settings: Any, folder: Path, runtime: Runtime
    ) -> dict[str, Any]:
        """Train and write the model to ``folder/model``; return counts for the manifest."""
        ...

    def trained(self, folder: Path, settings: Any) -> dict[str, Any]:
        """The settings of the part that use what was trained in a folder, by name."""
        ...


@runtime_checkable
class PlannedHits(Protocol):
    """A reranker or reader that foretells what it will take."""

    def plan(self, questions: int, hits: int, runtime: Runtime) -> Step:
        """The step of looking at so many hits of each question, what it writes left out."""
        ...


@runtime_checkable
class Metric(Part, Protocol):
    """One value a question; only the report averages."""

    def score(self, evidence: Evidence) -> dict[str, np.ndarray]:
        """Columns of values, each of shape (questions,); none where the metric does not apply."""
        ...


@runtime_checkable
class Statistics(Part, Protocol):
    """Tells which differences are real; nothing of it is in a key.

    Attributes:
        alpha: 1 − the level of intervals; the bound of p.
        family: own or all: which comparisons p is adjusted for.
        against: the label of the baseline; None for none.
    """

    alpha: float
    family: str
    against: str | None

    def column(
        self, values: Any, baseline: int | None = None, groups: Any = None, digest: str = ""
    ) -> ColumnStatistics | None:
        """Intervals and marks of one metric on one set; None where the part tells none.

        Args:
            values: a value a question for every system, (systems, n); or ``Replicates``.
            baseline: the row that the others are compared with.
            groups: what each question was drawn with, a code or name, (n,).
            digest: of the set's questions; random numbers come from it.

        Raises:
            UserError: a value is not finite, there is but one group, or no such row.
        """
        ...

    def columns(
        self,
        values: Mapping[str, Any],
        baseline: int | None = None,
        groups: Any = None,
        digest: str = "",
    ) -> dict[str, ColumnStatistics]:
        """``column`` for several metrics of one set, by name; empty where the part tells none.

        Draws, where there are any, are shared: quicker than one metric after the other.
        """
        ...

    def pairs(self, values: Any, groups: Any = None, digest: str = "") -> Pairs | None:
        """All systems against each other, adjusted for all pairs; arguments as for ``column``."""
        ...


PARTS: dict[str, Any] = {
    "dataset": Dataset,
    "corpus": Corpus,
    "chunker": Chunker,
    "expander": Expander,
    "retriever": Retriever | Composite,
    "fusion": Fusion,
    "reranker": Reranker,
    "reader": Reader,
    "lm": LanguageModel,
    "generator": Generator,
    "metric": Metric,
    "statistics": Statistics,
}
"""The Protocol of each ``conf/`` group that holds parts."""
