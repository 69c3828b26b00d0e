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
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from qa_bench.retriever.rounding import Bound
from qa_bench.retriever.torch_tools import (
    devices,
    full_sums,
    one_thread_each,
    quick_linear,
    worker_threads,
)
from qa_bench.retriever.vectors import Vectors, unpacked
from qa_bench.types import Runtime

if TYPE_CHECKING:
    import torch

_BLOCK = 1024
"""Passages a block on a CPU: with a tile of questions, the scores stay near the core."""
_GPU_BLOCK = 65_536
_TILE = 512
"""Questions multiplied with a block at once."""
_SAMPLE = 4096
"""Passages from all over the corpus that tell which scores are worth keeping."""
_RANK = 16
"""Of the sample, so many at least must be above a bar: fewer, and chance sets it too high."""
_SLACK = 8
"""Candidates of a question, in widths, at which all but a width are dropped."""
_CANDIDATES = 1 << 22
"""Candidates kept at once for all questions; more, and the vectors are passed over again."""
_ROWS = 8192
"""Candidates of a few questions that are scored in float64 at once."""


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
        found = _candidates(vectors, asked, width, similarity, runtime)
        best = _rescored(vectors, asked, found, depth, similarity, runtime)
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


class _Candidates(NamedTuple):
    """Rows by quick scores in any order, -1 where there are fewer; (questions, width or more).

    ``highest`` are the highest true scores they may have, ``most`` that of any row left out.
    """

    rows: np.ndarray
    highest: np.ndarray
    most: np.ndarray


def _candidates(
    vectors: Vectors, questions: np.ndarray, width: int, similarity: str, runtime: Runtime
) -> _Candidates:
    """The ``width`` best passages of most questions by quick scores; the others have fewer."""
    import torch

    workers = devices(runtime)
    on_cpu = workers[0].type == "cpu"
    kind = torch.bfloat16 if not on_cpu or _native_bfloat16() else torch.float32
    exact = torch.from_numpy(np.ascontiguousarray(questions))
    rounded = exact.to(kind)
    bound = Bound(exact, rounded, similarity == "l2")
    with full_sums(), one_thread_each(on_cpu), worker_threads(len(workers), on_cpu) as pool:
        start = _start(vectors, width, similarity, workers[0])
        parts = [rounded[first : first + _TILE] for first in range(0, len(rounded), _TILE)]
        tiles = list(pool.map(start, parts))
        kept = {worker: [tile.on(worker) for tile in tiles] for worker in workers}

        def look(worker: torch.device, first: int, block: np.ndarray) -> None:
            whole = torch.from_numpy(block).to(worker)
            passages = whole.to(kind)
            bound.see(whole, passages)
            half = _half(whole, similarity)
            for tile in kept[worker]:
                tile.offer(first, passages, half)

        _stream(vectors, workers, pool, look)
        found = [list(pool.map(_Kept.best, tiles)) for tiles in kept.values()]
    rows, scores, bars = (
        np.concatenate([np.concatenate(column) for column in columns], 1)
        for columns in zip(*(zip(*tiles, strict=True) for tiles in found), strict=True)
    )
    most = bound.highest(bars.max(1, keepdims=True))[:, 0]
    return _Candidates(rows, bound.highest(scores), most)


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


def _half(passages: torch.Tensor, similarity: str) -> torch.Tensor | None:
    """What l2 takes from products: half the squared lengths; (passages,)."""
    return (passages * passages).sum(1) / 2 if similarity == "l2" else None


def _scores(
    questions: torch.Tensor, passages: torch.Tensor, half: torch.Tensor | None
) -> torch.Tensor:
    """Quick scores, for l2 of the same order as minus the distances; (questions, passages)."""
    scores = quick_linear(questions, passages)
    return scores if half is None else scores.float() - half


def _start(
    vectors: Vectors, width: int, similarity: str, device: torch.device
) -> Callable[[torch.Tensor], _Kept]:
    """Makes the holder of a tile's candidates; its first bars are estimates from a sample.

    They let some 2.5 ``width`` pass, or more where too few of the sample would tell. A bar that is
    too high costs no hit, only a second pass.
    """
    import torch

    size = min(_SAMPLE, len(vectors))
    rank = max(_RANK, -(-5 * width * size // (2 * len(vectors))))
    sample = vectors.at(np.linspace(0, len(vectors) - 1, size).astype(np.int64))
    passages = torch.from_numpy(sample).to(device)
    half = _half(passages, similarity)

    def start(questions: torch.Tensor) -> _Kept:
        with torch.inference_mode():
            if rank > size:
                return _Kept(questions, torch.full((len(questions), 1), -torch.inf), width)
            scores = _scores(questions.to(device), passages.to(questions.dtype), half)
            return _Kept(questions, scores.topk(rank, dim=1).values[:, -1:].float(), width)

    return start


class _Kept:
    """The running candidates of a tile of questions on one device; its workers share them.

    No row left out scores above ``bars``, which rise as better ones come.
    """

    def __init__(self, questions: torch.Tensor, bars: torch.Tensor, width: int) -> None:
        import torch

        self._questions, self._bars, self._width = questions, bars, width
        self._counts = torch.zeros(len(bars), dtype=torch.int64, device=bars.device)
        # Questions, rows and scores. Taken at once: small pieces that stay would lie between the
        # blocks' large ones that come and go, and the heap would grow with the corpus.
        size = 4 * width * len(bars)
        kinds = (torch.int64, torch.int64, torch.float32)
        self._kept = [torch.empty(size, dtype=kind, device=bars.device) for kind in kinds]
        self._used = 0
        self._lock = threading.Lock()

    def on(self, device: torch.device) -> _Kept:
        """Another on a device, still empty."""
        return _Kept(self._questions.to(device), self._bars.to(device), self._width)

    def offer(self, first: int, passages: torch.Tensor, half: torch.Tensor | None) -> None:
        """Score a block and keep what is above the bars."""
        import torch

        scores = _scores(self._questions, passages, half)
        bars = self._bars.to(scores.dtype)  # exact; if another worker raises them now, no harm
        if scores.device.type == "cpu":
            above = np.flatnonzero(_greater(scores, bars))
            values = scores.view(-1)[torch.from_numpy(above)]
            asked, at = map(torch.from_numpy, np.divmod(above, scores.shape[1]))
        else:
            asked, at = torch.nonzero(scores > bars, as_tuple=True)
            values = scores[asked, at]
        counts = torch.bincount(asked, minlength=len(bars))
        with self._lock:
            if self._used + len(asked) > len(self._kept[0]):
                self.best()
            self._counts += counts
            self._keep(asked, at + first, values)
            if int(self._counts.max()) > _SLACK * self._width:
                self.best()

    def _keep(self, *columns: torch.Tensor) -> None:
        """Put questions, rows and scores after the others."""
        import torch

        start, self._used = self._used, self._used + len(columns[0])
        more = max(0, self._used - len(self._kept[0]))
        for place, column in enumerate(columns):
            if more:
                self._kept[place] = torch.cat(
                    [self._kept[place], self._kept[place].new_empty(more)]
                )
            self._kept[place][start : self._used] = column

    def best(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Drop all but the best; rows and scores (questions, width), and bars (questions, 1)."""
        import torch

        asked, rows, scores = (column[: self._used] for column in self._kept)
        order, starts = torch.argsort(asked.int()), self._counts.cumsum(0) - self._counts
        asked, most = asked[order], int(self._counts.max())
        wide = torch.full((len(starts), max(most, self._width)), -torch.inf, device=asked.device)
        wide[asked, torch.arange(len(asked), device=asked.device) - starts[asked]] = scores[order]
        best, at = wide.topk(self._width, dim=1, sorted=False)
        if most > self._width:
            self._bars = torch.maximum(self._bars, best.amin(1, keepdim=True))
        real = best > -torch.inf
        rows = rows[order[(at + starts[:, None])[real]]]
        self._used, self._counts = 0, real.sum(1)
        self._keep(real.nonzero()[:, 0], rows, best[real])
        found = torch.full_like(at, -1)
        found[real] = rows
        return found.cpu().numpy(), best.double().cpu().numpy(), self._bars.double().cpu().numpy()


def _greater(scores: torch.Tensor, bars: torch.Tensor) -> np.ndarray:
    """``scores > bars`` on a CPU, where numpy is several times as fast as torch; bool.

    Bfloat16 is compared as whole numbers of the same bits, which sort alike if not negative.
    """
    import torch

    if scores.dtype != torch.bfloat16:
        return np.asarray(scores.numpy() > bars.numpy())
    bits, least = scores.view(torch.int16).numpy(), bars.view(torch.int16).numpy()
    if (least < 0).any():
        bits, least = (several ^ ((several >> 15) & 0x7FFF) for several in (bits, least))
    return np.asarray(bits > least)


def _rescored(
    vectors: Vectors,
    questions: np.ndarray,
    found: _Candidates,
    depth: int,
    similarity: str,
    runtime: Runtime,
) -> Iterator[tuple[np.ndarray, np.ndarray, bool]]:
    """Each question's best candidates by true scores, and whether no row left out is better."""
    width = found.rows.shape[1]
    size = max(1, _ROWS // width)

    def some(first: int) -> Iterator[tuple[np.ndarray, np.ndarray, bool]]:
        part = slice(first, first + size)
        rows, highest, asked = found.rows[part], found.highest[part], questions[part]
        scores = np.full(rows.shape, -np.inf, dtype=np.float32)  # of those that are scored

        def score(wanted: np.ndarray) -> None:
            passages = vectors.at(rows[wanted])
            cuts = np.cumsum(wanted.sum(1))[:-1]
            scores[wanted] = np.concatenate(
                [
                    _single(similarities(several, question, similarity))
                    for several, question in zip(np.split(passages, cuts), asked, strict=True)
                ]
            )

        real = rows >= 0
        best = real & (highest >= np.partition(highest, -depth, axis=1)[:, -depth, None])
        score(best)
        floors = np.partition(scores, -depth, axis=1)[:, -depth, None]
        score(real & ~best & (_single(highest) >= floors))
        order = np.lexsort((rows, -scores))[:, :depth]
        rows, scores = np.take_along_axis(rows, order, 1), np.take_along_axis(scores, order, 1)
        sure = _single(found.most[part]) < scores[:, -1]
        return zip(rows, scores, sure, strict=True)

    with ThreadPoolExecutor(runtime.workers) as pool:
        for hits in pool.map(some, range(0, len(questions), size)):
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
        values = _single(similarities(block, questions[place], similarity))
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
        bound.see(passages, passages)
        lowest = torch.from_numpy(bound.lowest(floors)).float()[:, None].to(worker)
        half = _half(passages, similarity)
        for start in range(0, len(questions), _TILE):
            tile = slice(start, start + _TILE)
            scores = _scores(asked[worker][tile], passages, half)
            maybe = ~(scores < lowest[tile])  # NaN may be anything
            places, at = (column.cpu().numpy() for column in torch.nonzero(maybe, as_tuple=True))
            for place in np.unique(places):
                mine = at[places == place]
                keep(start + place, first + mine, block[mine])

    on_cpu = workers[0].type == "cpu"
    with full_sums(), one_thread_each(on_cpu), worker_threads(len(workers), on_cpu) as pool:
        _stream(vectors, workers, pool, look)
    return hits


def similarities(passages: np.ndarray, question: np.ndarray, similarity: str) -> np.ndarray:
    """Float64 scores of one question and several passages; (passages,).

    dot: q·p, and cosine the same for vectors of length 1; l2: minus the squared distance. A passage
    gets the same score in whatever company, which is not so for ``passages @ question``.
    """
    wide, asked = passages.astype(np.float64)[:, None, :], question.astype(np.float64)
    if similarity == "l2":
        wide -= asked
        return np.asarray(-np.matmul(wide, wide.transpose(0, 2, 1))[:, 0, 0])
    return np.asarray(np.matmul(wide, asked)[:, 0])


@np.errstate(over="ignore")
def _single(scores: np.ndarray) -> np.ndarray:
    """Rounded to float32, as hits have them; beyond its range they are infinite."""
    return scores.astype(np.float32)


def _native_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 at a higher rate than float32."""
    import torch

    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, probe, lambda: False)() for probe in probes)
