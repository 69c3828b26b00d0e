"""Exact MaxSim of many questions at once, by streaming the passages' token vectors past them.

A score is the sum, over the question's tokens, of the largest product with any of the passage's
(Khattab and Zaharia 2020, ColBERT). A quick pass multiplies a block of passages with the tokens of
several questions in one float32 product and keeps what may be among the hits: how far a quick score
can be off is bounded. What is kept is scored again in float64, token by token in the question's
order. So hits and scores are those of float64 on the stored vectors, rounded to float32, equal
scores in corpus order, whatever the blocks, threads or device, and memory is that of one block a
thread.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from qa_bench.retriever.multivector.candidates import Candidates
from qa_bench.retriever.multivector.kernels import segment_best
from qa_bench.retriever.multivector.scoring import longest
from qa_bench.retriever.multivector.store import Tokens, TokenVectors
from qa_bench.runtime.devices import devices, full_sums, one_thread_each, worker_threads
from qa_bench.store.vectors import unpacked
from qa_bench.types import Runtime

if TYPE_CHECKING:
    import torch

_BLOCK, _GPU_BLOCK = 2048, 131_072
"""Token vectors a block: on a CPU its products with a tile shall stay near the core."""
_TILE = 512
"""Tokens of questions that are multiplied with a block at once; one question at least."""
_ROOM = 1 << 22
"""Candidates kept at once for all questions; more, and the vectors are passed over again."""


def exact_maxsim(
    vectors: TokenVectors,
    questions: Tokens,
    depth: int,
    runtime: Runtime,
    bar: Any,
    mean: bool = False,
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The best ``depth`` passages of every question: rows and scores, best first.

    Args:
        vectors: the passages.
        questions: their token vectors.
        depth: hits a question.
        runtime: threads and device.
        bar: told how many questions are done.
        mean: divide scores by the number of the question's tokens.

    Returns:
        For each question rows (int64) and scores (float32), score descending, ties by row.
    """
    rows: list[np.ndarray] = []
    scores: list[np.ndarray] = []
    depth = min(depth, len(vectors))
    width = min(4 * depth + 256, len(vectors))
    a_pass = max(1, _ROOM // max(1, width))
    for first in range(0, questions.texts, a_pass):
        some = questions.part(first, min(first + a_pass, questions.texts))
        for ranked, values in _passed(vectors, some, depth, width, runtime, mean):
            rows.append(ranked)
            scores.append(values)
            bar.update()
    return rows, scores


def _passed(
    vectors: TokenVectors,
    questions: Tokens,
    depth: int,
    width: int,
    runtime: Runtime,
    mean: bool,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """One pass over all passages: each question's hits."""
    import torch

    workers = devices(runtime)
    on_cpu = workers[0].type == "cpu"
    size = _BLOCK if on_cpu else _GPU_BLOCK
    tiles = [
        Candidates(some, depth, mean, width, vectors, min(size, len(vectors)))
        for some in _tiles(questions)
    ]
    guard, stopped = threading.Lock(), threading.Event()
    blocks = vectors.blocks(size)

    def work(worker: torch.device) -> None:
        look = (_Cpu if on_cpu else _Gpu)(worker, tiles)
        with torch.inference_mode():
            while not stopped.is_set():
                with guard:
                    block = next(blocks, None)
                if block is None:
                    return
                first, stored, pointers = block
                values = unpacked(stored)
                reach = longest(values)
                for tile, scores in zip(tiles, look.scores(values, pointers), strict=True):
                    tile.offer(first, scores, reach)

    with full_sums(), one_thread_each(on_cpu), worker_threads(len(workers), on_cpu) as pool:
        try:
            list(pool.map(work, workers))
        finally:
            stopped.set()  # or Ctrl-C would wait for the end of the corpus
    with full_sums(), one_thread_each(True), ThreadPoolExecutor(runtime.workers) as pool:
        places = [(tile, place) for tile in tiles for place in range(tile.questions.texts)]
        yield from pool.map(lambda one: one[0].best(one[1]), places)


class _Cpu:
    """Scores of blocks by a core: the products in one buffer, then the best of each passage."""

    def __init__(self, _: torch.device, tiles: list[Candidates]) -> None:
        import torch

        self._tiles = tiles
        self._questions = [torch.from_numpy(tile.questions.values).T for tile in tiles]
        self._buffer = torch.empty(0)

    def scores(self, values: np.ndarray, pointers: np.ndarray) -> Iterator[np.ndarray]:
        """Quick scores of a block and each tile; float32 (passages, questions)."""
        import torch

        passages = torch.from_numpy(values)
        for tile, questions in zip(self._tiles, self._questions, strict=True):
            shape = len(passages), questions.shape[1]
            if self._buffer.numel() < shape[0] * shape[1]:
                self._buffer = torch.empty(shape[0] * shape[1])
            products = self._buffer[: shape[0] * shape[1]].view(shape)
            torch.mm(passages, questions, out=products)
            scores = np.empty((len(pointers) - 1, tile.questions.texts), dtype=np.float32)
            segment_best(products.numpy(), pointers, tile.questions.pointers, scores)
            yield scores


class _Gpu:
    """The same on a GPU."""

    def __init__(self, device: torch.device, tiles: list[Candidates]) -> None:
        import torch

        self._device, self._tiles = device, tiles
        self._questions = [torch.from_numpy(tile.questions.values).T.to(device) for tile in tiles]
        self._owners = [
            torch.from_numpy(np.repeat(np.arange(q.texts), np.diff(q.pointers))).to(device)
            for q in (tile.questions for tile in tiles)
        ]

    def scores(self, values: np.ndarray, pointers: np.ndarray) -> Iterator[np.ndarray]:
        """Quick scores of a block and each tile; float32 (passages, questions)."""
        import torch

        passages = torch.from_numpy(values).to(self._device)
        offsets = torch.from_numpy(pointers).to(self._device)
        for tile, questions, owners in zip(self._tiles, self._questions, self._owners, strict=True):
            best = torch.segment_reduce(passages @ questions, "max", offsets=offsets, axis=0)
            total = torch.zeros((len(best), tile.questions.texts), device=self._device)
            yield total.index_add_(1, owners, best).cpu().numpy()


def _tiles(questions: Tokens) -> Iterator[Tokens]:
    """Some questions after the other: those that fit into ``_TILE``, one at least."""
    first = 0
    while first < questions.texts:
        most = questions.pointers[first] + _TILE
        last = int(np.searchsorted(questions.pointers, most, side="right")) - 1
        last = max(last, first + 1)
        yield questions.part(first, last)
        first = last
