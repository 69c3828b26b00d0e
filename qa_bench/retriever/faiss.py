"""Approximate search with faiss over the vectors of a bi-encoder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from qa_bench.errors import DataError, UserError
from qa_bench.parts import Part
from qa_bench.protocols import BiEncoder, Indexed
from qa_bench.retriever.vectors.similarity import pair_scores
from qa_bench.runtime.progress import progress
from qa_bench.runtime.warm import opened
from qa_bench.settings import number, whole_number
from qa_bench.store.passages import Passages
from qa_bench.store.vectors import Vectors
from qa_bench.types import QuestionSet, Run, Runtime, Step

_FILE = "index.faiss"
_BLOCK = 16_384
_QUESTIONS_AT_ONCE = 512
_ADDED_PER_S, _SEARCHED_PER_S = 1500, 1000


class Faiss(Part):
    """A faiss index by factory string over the encoded passages of ``parts.base``.

    For those who serve or compare approximate search; ``dense`` itself searches exactly. The table
    says how many of the exact hits were found.

    Source: Johnson et al. 2019, Billion-scale similarity search with GPUs; faiss' index_factory.
    """

    search_only = frozenset({"search", "rescore"})
    approximate = True
    averages = True
    """The vectors of questions are its base's."""
    depends = ("faiss-cpu",)

    def __init__(
        self,
        parts: Mapping[str, Any],
        factory: str = "Flat",
        search: Mapping[str, float] | None = None,
        train: int = 100_000,
        rescore: int = 0,
        seed: int = 0,
    ) -> None:
        """Check the settings.

        Args:
            parts: ``base``, the dense retriever whose vectors are indexed.
            factory: faiss' factory string: Flat, SQ8, PQ64, "IVF4096,Flat", HNSW32, …
            search: faiss' search parameters: nprobe, efSearch, …
            train: passages sampled to train on, for those that learn.
            rescore: score this many times the depth again with the exact vectors; 0 for none.
            seed: of the sample.

        Raises:
            UserError: no base, or it has no vectors.
        """
        base = parts.get("base")
        if set(parts) != {"base"} or not isinstance(base, BiEncoder):
            raise UserError("retriever faiss: needs one part, base, a dense retriever")
        self._base: BiEncoder = base
        self._factory = factory
        self._search = {
            name: number(f"retriever.search.{name}", value)
            for name, value in (search or {}).items()
        }
        self._train = whole_number("retriever.train", train)
        self._rescore = whole_number("retriever.rescore", rescore, 0)
        self._seed = whole_number("retriever.seed", seed, 0)

    def search_sources(self) -> dict[str, str]:
        """What the base's search reads: its question model."""
        return self._base.search_sources()

    def index(self, passages: Passages, folder: Path, runtime: Runtime, base: Indexed) -> int:
        """Train on a sample, add shard by shard, write ``index.faiss``.

        Raises:
            UserError: faiss does not know the factory string, or the sample is too small for it.
        """
        import faiss

        vectors = Vectors(base.folder)
        similarity = base.retriever.similarity
        metric = faiss.METRIC_L2 if similarity == "l2" else faiss.METRIC_INNER_PRODUCT
        try:
            index = faiss.index_factory(vectors.dimension, self._factory, metric)
        except RuntimeError as error:
            raise UserError(
                f"retriever.factory={self._factory}: faiss knows no such index"
            ) from error
        faiss.omp_set_num_threads(runtime.workers)
        if not index.is_trained:
            random = np.random.default_rng(self._seed)
            count = min(self._train, len(vectors))
            rows = np.sort(random.choice(len(vectors), count, replace=False))
            try:
                index.train(vectors.at(rows))
            except RuntimeError as error:
                raise UserError(
                    f"retriever.factory={self._factory}: cannot be trained on {count} passages; "
                    "choose fewer lists or a plainer index"
                ) from error
        if hasattr(faiss.downcast_index(index), "hnsw"):
            faiss.omp_set_num_threads(1)  # threads would race for the order of links
        bar = progress(len(vectors), "index", "passages", runtime)
        with bar:
            for _, block in vectors.blocks(_BLOCK):
                index.add(block)
                bar.update(len(block))
        faiss.write_index(index, str(folder / _FILE))
        return int(index.ntotal)

    def search(
        self,
        folder: Path,
        passages: Passages,
        questions: QuestionSet,
        depth: int,
        runtime: Runtime,
        base: Indexed,
    ) -> Run:
        """Search all questions; hits may lack what the index does not find.

        Which of several passages of the same score are the last hits is up to faiss.

        Raises:
            UserError: a search parameter that this index does not have.
        """
        import faiss

        similarity = base.retriever.similarity
        vectors, encoded = base.retriever.opened(base.folder, passages, questions, runtime)
        with opened((id(self), folder), partial(_read, folder)) as index:
            pass  # nothing to close: it goes with the last who holds it
        faiss.omp_set_num_threads(runtime.workers)
        space = faiss.ParameterSpace()
        for name, setting in self._search.items():
            try:
                space.set_index_parameter(index, name, setting)
            except RuntimeError as error:
                raise UserError(
                    f"retriever.search.{name}: {self._factory} has no such parameter"
                ) from error
        width = min(depth * max(1, self._rescore), len(vectors))
        rows: list[np.ndarray] = []
        scores: list[np.ndarray] = []
        bar = progress(len(questions), "search", "questions", runtime)
        with bar:
            for first in range(0, len(encoded), _QUESTIONS_AT_ONCE):
                some = encoded[first : first + _QUESTIONS_AT_ONCE]
                values, ids = index.search(some, width)
                if similarity == "l2":
                    values = -values
                there = ids >= 0
                if self._rescore:
                    question_rows = np.nonzero(there)[0]
                    values[there] = pair_scores(
                        vectors, some, question_rows, ids[there], similarity
                    )
                for real, hit, value in zip(there, ids, values, strict=True):
                    order = np.lexsort((hit[real], -value[real]))[:depth]
                    rows.append(hit[real][order])
                    scores.append(value[real][order])
                bar.update(len(some))
        return Run.of_rows([q.qid for q in questions], rows, scores, passages.pids)

    def plan(
        self, passages: float, questions: int, depth: int, runtime: Runtime
    ) -> tuple[Step, Step]:
        """At most: plain vectors and a graph; the base's stages come before."""
        size = 1.2 * self._base.plan(passages, questions, depth, runtime)[0].disk
        seconds = passages / _ADDED_PER_S
        memory = f"{size / 1e9 + 1:.1f} GB"
        return (
            Step("index", size, seconds, memory),
            Step("search", 0, questions / _SEARCHED_PER_S, memory),
        )

    def score(
        self,
        folder: Path,
        passages: Passages,
        questions: QuestionSet,
        question_rows: np.ndarray,
        rows: np.ndarray,
        runtime: Runtime,
        base: Indexed,
    ) -> np.ndarray:
        """The exact similarity of every (question, passage) pair, from the base's vectors."""
        scores: np.ndarray = base.retriever.score(
            base.folder, passages, questions, question_rows, rows, runtime
        )
        return scores


@contextmanager
def _read(folder: Path) -> Iterator[Any]:
    """The index of a folder.

    Raises:
        DataError: it is none.
    """
    import faiss

    try:
        index = faiss.read_index(str(folder / _FILE))
    except RuntimeError as error:
        raise DataError(
            f"cut short or no faiss index; delete {folder} to build it again", folder / _FILE
        ) from error
    yield index
