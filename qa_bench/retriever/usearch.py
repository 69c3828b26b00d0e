"""Approximate search with usearch over the vectors of a bi-encoder: a graph in one mapped file."""

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
from qa_bench.settings import one_of, whole_number
from qa_bench.store.passages import Passages
from qa_bench.store.vectors import Vectors
from qa_bench.types import Runtime

_KINDS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16", "int8": "i8"}
"""usearch's names of how the graph's own vectors are stored."""
_METRICS = {"dot": "ip", "cosine": "ip", "l2": "l2sq"}
"""usearch's names of distances; cosine is of vectors of length 1."""


class Usearch(Approximate):
    """A usearch graph (HNSW) over the encoded passages of ``parts.base``.

    Its file is mapped, not read: a search holds in memory what it walks over. One thread builds it,
    because with several every build has other links; searches use all.

    Source: Malkov and Yashunin 2018, Hierarchical Navigable Small World graphs (IEEE TPAMI).
    """

    search_only = frozenset({"expansion_search", "rescore"})
    depends = ("usearch", "numkong")
    _library = "usearch"
    _file = "index.usearch"
    _growth = 1.5

    def __init__(
        self,
        parts: Mapping[str, Any],
        connectivity: int = 16,
        expansion_add: int = 128,
        dtype: str = "fp32",
        expansion_search: int = 256,
        rescore: int = 1,
    ) -> None:
        """Check the settings.

        Args:
            parts: ``base``, the dense retriever whose vectors are indexed.
            connectivity: links of a passage in the graph's upper layers, twice as many in the
                lowest; the paper's M.
            expansion_add: candidates looked at for the links of a new passage; its efConstruction.
            dtype: of the graph's own copies of the vectors: fp32, bf16, fp16 or int8.
            expansion_search: candidates looked at for a question; its efSearch.
            rescore: score this many times the depth again with the exact vectors; 0 for none.

        Raises:
            UserError: no base, or it has no vectors; or a setting is wrong.
        """
        super().__init__(parts, rescore)
        self._connectivity = whole_number("retriever.connectivity", connectivity, 2)
        self._expansion_add = whole_number("retriever.expansion_add", expansion_add)
        self._kind = _KINDS[one_of("retriever.dtype", dtype, _KINDS)]
        if self._kind == "i8" and self._base.similarity != "cosine":
            raise UserError(
                "retriever.dtype=int8: usearch's whole numbers hold a vector's direction and lose "
                f"its length, which {self._base.similarity} needs; choose fp16"
            )
        self._expansion_search = whole_number("retriever.expansion_search", expansion_search)

    def index(self, passages: Passages, folder: Path, runtime: Runtime, base: Indexed) -> int:
        """Add block by block, with one thread; write ``index.usearch``."""
        vectors = Vectors(base.folder)
        index = self._empty(vectors.dimension, base.retriever.similarity)
        bar = progress(len(vectors), "index", "passages", runtime)
        with bar:
            for first, block in vectors.blocks(BLOCK):
                keys = np.arange(first, first + len(block), dtype=np.uint64)
                index.add(keys, block, threads=1)  # more would race for the order of links
                bar.update(len(block))
        index.save(str(folder / self._file))
        return len(index)

    def _empty(self, dimension: int, similarity: str) -> Any:
        from usearch.index import Index

        return Index(
            ndim=dimension,
            metric=_METRICS[similarity],
            dtype=self._kind,
            connectivity=self._connectivity,
            expansion_add=self._expansion_add,
            enable_key_lookups=False,  # only for taking passages out again
        )

    @contextmanager
    def _opening(self, path: Path, vectors: Vectors, similarity: str) -> Iterator[Any]:
        from usearch.index import Index

        index = self._empty(vectors.dimension, similarity)
        written = Index.metadata(path) or {}  # a file of another kind is opened without a word
        kind = [written.get(name) for name in ("dimensions", "kind_metric", "kind_scalar")]
        if kind != [index.ndim, index.metric_kind, index.dtype]:
            raise RuntimeError(f"an index of {kind}")
        index.view(str(path))
        if len(index) != len(vectors):
            raise RuntimeError(f"holds {len(index)} vectors, not {len(vectors)}")
        yield index

    def _prepare(self, index: Any, runtime: Runtime) -> None:
        index.expansion_search = self._expansion_search

    def _nearest(
        self, index: Any, questions: np.ndarray, width: int, similarity: str, runtime: Runtime
    ) -> tuple[np.ndarray, np.ndarray]:
        # Where every passage is asked for, a walk over links would only miss some.
        every = width == len(index)
        hits = index.search(questions, width, threads=runtime.workers, exact=every)
        rows = np.full((len(questions), width), -1, dtype=np.int64)
        distances = np.full(rows.shape, np.inf, dtype=np.float32)
        for place, ranked in enumerate([hits] if len(questions) == 1 else hits):
            rows[place, : len(ranked)] = ranked.keys
            distances[place, : len(ranked)] = ranked.distances
        return (-distances if similarity == "l2" else 1 - distances), rows
