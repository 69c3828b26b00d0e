"""Exact nearest neighbours of many questions at once, by streaming the passages past them.

One pass over the memory-mapped vectors serves all questions. A quick pass scores blocks of passages
(in bfloat16 where the processor multiplies it natively, else in float32) and keeps more candidates
than asked for; those that may be among the hits are then scored in float64. How far a quick score
can be off is bounded, so a question whose candidates may lack a hit is noticed, and a second pass
scores all that may be one. The result is that of float64 scores, rounded to float32, whatever the
block size, threads or device, and memory does not grow with the corpus.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from qa_bench.retriever.vectors.candidates import Candidates, half_squares, quick_scores
from qa_bench.retriever.vectors.kernels import to_bfloat16
from qa_bench.retriever.vectors.rounding import Bound
from qa_bench.retriever.vectors.similarity import pair_scores, similarities, single
from qa_bench.runtime.devices import (
    devices,
    full_sums,
    one_thread_each,
    worker_threads,
)
from qa_bench.store.vectors import Vectors, unpacked
from qa_bench.types import Runtime

if TYPE_CHECKING:
    import torch

_BLOCK = 2048
"""Passages a block on a CPU: fewer are multiplied more slowly, more leave the caches."""
_GPU_BLOCK = 65_536
_TILE = 1024
"""Questions multiplied with a block at once."""
_SAMPLE = 4096
"""Passages from all over the corpus that tell which scores are worth keeping."""
_RANK = 16
"""Of the sample, so many at least must be above a bar: fewer, and chance sets it too high."""
_PART = 512
"""Questions whose candidates are scored in float64 at once by one thread."""
_CANDIDATES = 1 << 22
"""Candidates kept at once for all questions; more, and the vectors are passed over again."""


def exact_search(
    vectors: Vectors, questions: np.ndarray, depth: int, similarity: str, runtime: Runtime, bar: Any
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The best ``depth`` passages of every question: rows and scores, best first.

    Args:
        vectors: the passages.
        questions: float32 of shape (questions, dimension).
        depth: hits a question.
        similarity: dot, cosine (vectors have length 1 then) or l2 (minus the squared distance).
        runtime: threads and device.
        bar: told how many questions are done.

    Returns:
        For each question rows (int64) and scores (float32), score descending, ties by row.
    """
    rows: list[np.ndarray] = [np.zeros(0, np.int64)] * len(questions)
    scores: list[np.ndarray] = [np.zeros(0, np.float32)] * len(questions)
    depth = min(depth, len(vectors))
    if not depth:
        return rows, scores
    width = min(2 * depth + 50, len(vectors))
    a_pass = max(1, _CANDIDATES // width)
    left = []
    for first in range(0, len(questions), a_pass):
        asked = questions[first : first + a_pass]
        tiles, bound = _candidates(vectors, asked, width, similarity, runtime)
        best = _rescored(vectors, asked, tiles, bound, depth, similarity, runtime)
        for place, (ranked, values, sure) in enumerate(best, first):
            rows[place], scores[place] = ranked, values
            if sure:
                bar.update()
            else:
                left.append(place)
    if left:
        floors = np.array([scores[place][-1] for place in left], dtype=np.float64)
        hits = _scanned(vectors, questions[left], floors, depth, similarity, runtime)
        for place, (ranked, values) in zip(left, hits, strict=True):
            rows[place], scores[place] = ranked, values
            bar.update()
    return rows, scores


def _candidates(
    vectors: Vectors, questions: np.ndarray, width: int, similarity: str, runtime: Runtime
) -> tuple[list[Candidates], Bound]:
    """Some ``width`` of the best passages of most questions by quick scores; the others' fewer."""
    import torch

    workers = devices(runtime)
    on_cpu = workers[0].type == "cpu"
    low = not on_cpu or _native_bfloat16()
    exact = torch.from_numpy(np.ascontiguousarray(questions))
    asked = exact.to(torch.bfloat16 if low else torch.float32)
    bound = Bound(exact, asked, similarity == "l2")
    with full_sums(), one_thread_each(on_cpu), worker_threads(len(workers), on_cpu) as pool:
        on = {worker: [tile.to(worker) for tile in torch.split(asked, _TILE)] for worker in workers}
        bars = _first_bars(vectors, on[workers[0]], width, similarity, pool)
        tiles = [
            Candidates(dict(zip(on, tile, strict=True)), bar, width)
            for *tile, bar in zip(*on.values(), bars, strict=True)
        ]

        def look(worker: torch.device, first: int, block: np.ndarray) -> None:
            whole = torch.from_numpy(block).to(worker)
            passages, *lengths = _rounded(whole) if low else (whole, _longest(whole), 0.0)
            bound.see(*lengths)
            half = half_squares(whole, similarity)
            for tile in tiles:
                tile.offer(worker, first, passages, half)

        _stream(vectors, workers, pool, look)
    return tiles, bound


def _rounded(passages: torch.Tensor) -> tuple[torch.Tensor, float, float]:
    """The passages in bfloat16, the length of the longest, and of what rounding took at most."""
    import torch

    rounded = torch.empty(passages.shape, dtype=torch.bfloat16, device=passages.device)
    if passages.device.type != "cpu":
        rounded.copy_(passages)
        return rounded, _longest(passages), _longest(rounded.float().sub_(passages))
    bits = rounded.view(torch.int16).numpy().view(np.uint16)
    longest, farthest = np.sqrt(to_bfloat16(passages.numpy(), bits))
    return rounded, float(longest), float(farthest)


def _longest(passages: torch.Tensor) -> float:
    import torch

    return float(torch.linalg.vector_norm(passages, dim=1).max())


def _stream(
    vectors: Vectors,
    workers: list[torch.device],
    pool: ThreadPoolExecutor,
    look: Callable[[torch.device, int, np.ndarray], None],
) -> None:
    """Have every block of passages looked at by one of the workers: its first row, and float32."""
    import torch

    spans = vectors.spans(_BLOCK if workers[0].type == "cpu" else _GPU_BLOCK)
    guard = threading.Lock()
    stopped = threading.Event()

    def work(worker: torch.device) -> None:
        with torch.inference_mode():
            while not stopped.is_set():
                with guard:
                    first, stored = next(spans, (0, None))
                if stored is None:
                    return
                look(worker, first, unpacked(stored))

    try:
        list(pool.map(work, workers))
    finally:
        stopped.set()  # or Ctrl-C would wait for the end of the corpus


def _first_bars(
    vectors: Vectors,
    tiles: Sequence[torch.Tensor],
    width: int,
    similarity: str,
    pool: ThreadPoolExecutor,
) -> Iterator[np.ndarray]:
    """For each tile of questions, scores that some 2.5 ``width`` passages exceed; (questions, 1).

    More, where too few of a sample would tell. A bar too high costs no hit, only a second pass.
    """
    import torch

    size = min(_SAMPLE, len(vectors))
    rank = max(_RANK, -(-5 * width * size // (2 * len(vectors))))
    if rank > size:
        yield from (np.full((len(tile), 1), -np.inf, dtype=np.float32) for tile in tiles)
        return

    def read(rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor | None]:
        passages = torch.from_numpy(vectors.at(rows)).to(tiles[0].device)
        return passages.to(tiles[0].dtype), half_squares(passages, similarity)

    def best(scores: torch.Tensor) -> torch.Tensor:
        return scores.topk(min(rank, scores.shape[1]), dim=1).values

    spread = np.linspace(0, len(vectors) - 1, size).astype(np.int64)
    with torch.inference_mode():
        sample = list(pool.map(read, np.split(spread, range(_BLOCK, size, _BLOCK))))
        for tile in tiles:
            parts = pool.map(lambda part, tile=tile: best(quick_scores(tile, *part)), sample)
            yield best(torch.cat(list(parts), 1))[:, -1:].float().cpu().numpy()


def _rescored(
    vectors: Vectors,
    questions: np.ndarray,
    tiles: list[Candidates],
    bound: Bound,
    depth: int,
    similarity: str,
    runtime: Runtime,
) -> Iterator[tuple[np.ndarray, np.ndarray, bool]]:
    """Each question's best candidates by true scores, and whether no row left out is better."""

    def some(first: int, last: int) -> Iterator[tuple[np.ndarray, np.ndarray, bool]]:
        part, start = slice(first, last), first - first % _TILE
        rows, quick, bars = tiles[first // _TILE].best(slice(first - start, last - start))
        highest = bound.highest(quick, part)
        highest[quick == -np.inf] = -np.inf
        scores = np.full(rows.shape, -np.inf, dtype=np.float32)  # of those that are scored

        def score(wanted: np.ndarray) -> None:
            places = np.nonzero(wanted)
            pairs = places[0], rows[places]
            scores[places] = pair_scores(vectors, questions[part], *pairs, similarity)

        real = quick > -np.inf
        best = real & (highest >= np.partition(highest, -depth, axis=1)[:, -depth, None])
        score(best)
        floors = np.partition(scores, -depth, axis=1)[:, -depth, None]
        score(real & ~best & (single(highest) >= floors))
        order = np.lexsort((rows, -scores))[:, :depth]
        rows, scores = np.take_along_axis(rows, order, 1), np.take_along_axis(scores, order, 1)
        sure = single(bound.highest(bars, part)[:, 0]) < scores[:, -1]
        return zip(rows, scores, sure, strict=True)

    size = min(_PART, -(-len(questions) // runtime.workers))
    firsts = [
        first
        for start in range(0, len(questions), _TILE)
        for first in range(start, min(start + _TILE, len(questions)), size)
    ]
    with ThreadPoolExecutor(runtime.workers) as pool:
        for hits in pool.map(some, firsts, [*firsts[1:], len(questions)]):
            yield from hits


def _scanned(
    vectors: Vectors,
    questions: np.ndarray,
    floors: np.ndarray,
    depth: int,
    similarity: str,
    runtime: Runtime,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """The hits of questions of whose scores the last is known to reach ``floors``.

    Every passage whose float32 score may belong to a hit is scored in float64 as it passes.
    """
    import torch

    workers = devices(runtime)
    hits = [(np.zeros(0, np.int64), np.zeros(0, np.float32))] * len(questions)
    exact = torch.from_numpy(np.ascontiguousarray(questions))
    asked = {worker: exact.to(worker) for worker in workers}
    unseen = Bound(exact, exact, similarity == "l2")
    guard = threading.Lock()

    def keep(place: int, rows: np.ndarray, block: np.ndarray) -> None:
        values = single(similarities(block, questions[place], similarity))
        with guard:
            rows = np.concatenate([hits[place][0], rows])
            values = np.concatenate([hits[place][1], values])
            order = np.lexsort((rows, -values))[:depth]
            hits[place] = rows[order], values[order]
            if len(order) == depth:
                floors[place] = max(floors[place], values[order[-1]])

    def look(worker: torch.device, first: int, block: np.ndarray) -> None:
        passages = torch.from_numpy(block).to(worker)
        bound = copy(unseen)
        bound.see(_longest(passages), 0.0)
        lowest = torch.from_numpy(bound.lowest(floors)).float()[:, None].to(worker)
        half = half_squares(passages, similarity)
        for start in range(0, len(questions), _TILE):
            tile = slice(start, start + _TILE)
            scores = quick_scores(asked[worker][tile], passages, half)
            maybe = ~(scores < lowest[tile])  # NaN may be anything
            places, at = (column.cpu().numpy() for column in torch.nonzero(maybe, as_tuple=True))
            for place in np.unique(places):
                mine = at[places == place]
                keep(start + place, first + mine, block[mine])

    on_cpu = workers[0].type == "cpu"
    with full_sums(), one_thread_each(on_cpu), worker_threads(len(workers), on_cpu) as pool:
        _stream(vectors, workers, pool, look)
    return hits


def _native_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 at a higher rate than float32."""
    import torch

    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, probe, lambda: False)() for probe in probes)
