"""Approximate search with faiss over the vectors of a bi-encoder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from qa_bench.errors import UserError
from qa_bench.protocols import Indexed
from qa_bench.retriever.vectors.approximate import BLOCK, Approximate
from qa_bench.runtime.progress import progress
from qa_bench.settings import number, whole_number
from qa_bench.store.passages import Passages
from qa_bench.store.vectors import Vectors
from qa_bench.types import Runtime


class Faiss(Approximate):
    """A faiss index by factory string over the encoded passages of ``parts.base``.

    For those who serve or compare approximate search; ``dense`` itself searches exactly. The table
    says how many of the exact hits were found.

    Source: Johnson et al. 2019, Billion-scale similarity search with GPUs; faiss' index_factory.
    """

    search_only = frozenset({"search", "rescore"})
    depends = ("faiss-cpu",)
    _library = "faiss"
    _file = "index.faiss"

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
        super().__init__(parts, rescore)
        self._factory = factory
        self._search = {
            name: number(f"retriever.search.{name}", value)
            for name, value in (search or {}).items()
        }
        self._train = whole_number("retriever.train", train)
        self._seed = whole_number("retriever.seed", seed, 0)

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
            for _, block in vectors.blocks(BLOCK):
                index.add(block)
                bar.update(len(block))
        faiss.write_index(index, str(folder / self._file))
        return int(index.ntotal)

    @contextmanager
    def _opening(self, path: Path, vectors: Vectors, similarity: str) -> Iterator[Any]:
        import faiss

        yield faiss.read_index(str(path))

    def _prepare(self, index: Any, runtime: Runtime) -> None:
        import faiss

        faiss.omp_set_num_threads(runtime.workers)
        space = faiss.ParameterSpace()
        for name, setting in self._search.items():
            try:
                space.set_index_parameter(index, name, setting)
            except RuntimeError as error:
                raise UserError(
                    f"retriever.search.{name}: {self._factory} has no such parameter"
                ) from error

    def _nearest(
        self, index: Any, questions: np.ndarray, width: int, similarity: str, runtime: Runtime
    ) -> tuple[np.ndarray, np.ndarray]:
        values, ids = index.search(questions, width)
        return (-values if similarity == "l2" else values), ids
