"""The hits of several runs side by side: what a fusion sees.

A question has few hits, a run has many: some questions at a time are sorted, as 64-bit numbers that
hold the question, what it is sorted by, and the place it came from or the passage. That fits the
caches, which one sort over all hits does not, and threads share the work. A corpus has fewer than
2^31 passages.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from qa_bench.errors import UserError
from qa_bench.store.passages import Passages
from qa_bench.store.runs import read_run, rows_of
from qa_bench.types import Run

_AT_ONCE = 1 << 16
"""Hits that are sorted at once, and questions: 16 bits each, which leaves 31 to sort by. With fewer
the threads wait for each other."""

_WORKERS = len(os.sched_getaffinity(0))

_Block = tuple[np.ndarray, np.ndarray, list[np.ndarray]]
"""Some questions' hits: ``question_rows``, ``rows`` and each part's ``ranks``."""


@dataclass(frozen=True)
class Hits:
    """Every (question, passage) that any part found, once; by question, then in corpus order.

    Attributes:
        question_rows: place of the question in the set; (hits,) int, ascending.
        rows: row of the passage in the corpus; (hits,) int64, ascending within a question.
        scores: each part's scores, NaN where it has none; (hits,) float64. Of runs they are made
            when first asked for: some fusions look at ranks alone.
        ranks: each part's ranks from 1, 0 where it did not find the passage; (hits,) int32.
    """

    question_rows: np.ndarray
    rows: np.ndarray
    scores: Mapping[str, np.ndarray]
    ranks: dict[str, np.ndarray]

    @classmethod
    def of(cls, runs: Mapping[str, Run], qids: Sequence[str], passages: Passages) -> Hits:
        """The union of the runs' hits.

        Args:
            runs: each part's run.
            qids: the questions of the set, in order.
            passages: the corpus.

        Raises:
            UserError: a run names a passage the corpus lacks or a question the set lacks, or names
                a passage twice for a question, or its ranks leave one out.
        """
        place_of = {qid: place for place, qid in enumerate(qids)}
        parts = [_Part.of(name, run, place_of, passages) for name, run in runs.items()]
        return cls._union(parts, qids, passages)

    @classmethod
    def read(cls, files: Mapping[str, Path], qids: Sequence[str], passages: Passages) -> Hits:
        """The same of runs on the disk, each read by a thread of its own."""
        place_of = {qid: place for place, qid in enumerate(qids)}

        def part(name: str) -> _Part:
            return _Part.of(name, read_run(files[name], lean=True), place_of, passages)

        with ThreadPoolExecutor() as pool:
            return cls._union(list(pool.map(part, files)), qids, passages)

    @classmethod
    def _union(cls, parts: list[_Part], qids: Sequence[str], passages: Passages) -> Hits:
        ends = np.array([part.ends for part in parts]).reshape(len(parts), len(qids) + 1)
        most = int(ends[:, -1].sum())
        question_rows, rows = np.empty(most, dtype=np.int64), np.empty(most, dtype=np.int64)
        ranks = {part.name: np.empty(most, dtype=np.int32) for part in parts}
        row_bits = len(passages).bit_length()

        def united(block: tuple[int, int]) -> _Block:
            first, last = block
            slices = [slice(int(end[first]), int(end[last])) for end in ends]
            sets = [part.keys[at] for part, at in zip(parts, slices, strict=True)]
            keys, origins = _sort(np.concatenate(sets) - (first << row_bits))
            new = np.ones(len(keys), dtype=bool)
            np.not_equal(keys[1:], keys[:-1], out=new[1:])
            places = np.empty(len(keys), dtype=np.int64)
            places[origins] = new.cumsum() - 1
            union = keys[np.flatnonzero(new)]
            ranked = [np.zeros(len(union), dtype=np.int32) for _ in parts]
            for part, at, its in zip(parts, slices, ranked, strict=True):
                place, places = np.split(places, [at.stop - at.start])
                its[place] = part.ranks[at]
            return (union >> row_bits) + first, union & ((1 << row_bits) - 1), ranked

        filled_rows = 0
        blocks = _blocks(ends.sum(axis=0), _AT_ONCE)
        with ThreadPoolExecutor(_WORKERS) as pool:
            for its_question_rows, its_rows, its_ranks in pool.map(united, blocks):
                filled = slice(filled_rows, filled_rows + len(its_rows))
                question_rows[filled], rows[filled] = its_question_rows, its_rows
                for name, values in zip(ranks, its_ranks, strict=True):
                    ranks[name][filled] = values
                filled_rows = filled.stop
        question_rows, rows = question_rows[:filled_rows], rows[:filled_rows]
        ranks = {name: values[:filled_rows] for name, values in ranks.items()}
        for part in parts:
            if np.count_nonzero(ranks[part.name]) != len(part.keys):
                raise UserError(f"the run of {part.name} names a passage twice for one question")
        return cls(question_rows, rows, _Scores(parts, question_rows, ranks), ranks)

    def __len__(self) -> int:
        """Number of hits."""
        return len(self.question_rows)

    @cached_property
    def starts(self) -> np.ndarray:
        """Where each question's hits begin, for ``np.ufunc.reduceat``; (questions with hits,)."""
        first = np.ones(len(self.question_rows), dtype=bool)
        first[1:] = self.question_rows[1:] != self.question_rows[:-1]
        return np.flatnonzero(first)

    @cached_property
    def counts(self) -> np.ndarray:
        """How many hits each question that has any has; (questions with hits,)."""
        return np.diff(self.starts, append=len(self.question_rows))

    def ranked(self, fused: np.ndarray, depth: int, qids: Sequence[str], passages: Passages) -> Run:
        """The run of the best ``depth`` hits by ``fused``, ties in corpus order; ids are encoded.

        Scores are compared as the run holds them, in single precision: its order is then what its
        scores say, and the rounding of a sum does not decide between equal ones.

        Raises:
            UserError: a fused score is not finite in single precision.
        """
        ends = np.searchsorted(
            self.question_rows, np.arange(len(qids) + 1, dtype=self.question_rows.dtype)
        )
        counts = np.minimum(np.diff(ends), depth)
        bounds = np.concatenate([[0], counts.cumsum()])
        rows = np.empty(bounds[-1], dtype=np.int64)
        scores = np.empty(bounds[-1], dtype=np.float32)
        row_bits = len(passages).bit_length()

        def rank(block: tuple[int, int]) -> None:
            first, last = block
            hits, best = slice(ends[first], ends[last]), slice(bounds[first], bounds[last])
            totals = np.diff(ends[first : last + 1])
            keys = np.repeat(np.arange(last - first) << 32, totals)
            keys += _falling(_single(fused[hits]))
            keys <<= row_bits
            keys |= self.rows[hits]
            keys.sort()
            keys = keys[np.flatnonzero(_counting(totals) < depth)]
            rows[best] = keys & ((1 << row_bits) - 1)
            scores[best] = _score((keys >> row_bits).astype(np.uint32))

        with ThreadPoolExecutor(_WORKERS) as pool:
            list(pool.map(rank, _blocks(ends, 1 << (31 - row_bits))))
        codes = np.repeat(np.arange(len(qids), dtype=np.int32), counts)
        return Run(
            pa.table(
                {
                    "qid": pa.DictionaryArray.from_arrays(codes, pa.array(qids, pa.string())),
                    "rank": _counting(counts) + np.int32(1),
                    "pid": _pids(passages, rows),
                    "score": scores,
                    "row": rows.astype(np.int32),
                }
            )
        )


class _Scores(Mapping[str, np.ndarray]):
    """Each part's scores of the hits, found in its run by rank when they are first asked for."""

    def __init__(
        self, parts: list[_Part], question_rows: np.ndarray, ranks: Mapping[str, np.ndarray]
    ) -> None:
        self._runs = {part.name: (part.ends, part.scores) for part in parts}
        self._question_rows, self._ranks = question_rows, ranks
        self._columns: dict[str, np.ndarray] = {}

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._columns:
            (ends, scores), ranks = self._runs[name], self._ranks[name]
            column = np.full(len(ranks), np.nan)
            places = np.flatnonzero(ranks)
            column[places] = scores[ends[self._question_rows[places]] + ranks[places] - 1]
            self._columns[name] = column
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._runs)

    def __len__(self) -> int:
        return len(self._runs)


@dataclass(frozen=True)
class _Part:
    """A run as arrays, questions in the set's order.

    Attributes:
        name: the part.
        ends: where the hits of each question end, after a zero; (questions + 1,) int64.
        keys: the question's place and, in the low bits, the passage's row; (hits,) int64.
        scores: (hits,) float32.
        ranks: (hits,) int32.
    """

    name: str
    ends: np.ndarray
    keys: np.ndarray
    scores: np.ndarray
    ranks: np.ndarray

    @classmethod
    def of(cls, name: str, run: Run, places: Mapping[str, int], passages: Passages) -> _Part:
        rows = rows_of(run, passages, f"the run of {name}")
        ranks = run.table.column("rank").combine_chunks().to_numpy()
        scores = run.table.column("score").combine_chunks().to_numpy()
        # Ranks count from 1 in every question: quicker than to compare the qids of all hits.
        first = np.ones(len(ranks), dtype=bool)
        np.not_equal(ranks[1:] - 1, ranks[:-1], out=first[1:])
        starts = np.flatnonzero(first)
        named = run.table.column("qid").combine_chunks().take(pa.array(starts)).to_pylist()
        if (odd := np.flatnonzero(ranks[starts] != 1)).size:
            raise UserError(f"the run of {name}: ranks of '{named[odd[0]]}' must be 1, 2, 3, …")
        unknown = next((qid for qid in named if qid not in places), None)
        if unknown is not None:
            raise UserError(f"the run of {name} has a question that the set lacks: '{unknown}'")
        at = np.array([places[qid] for qid in named], dtype=np.int64)
        sizes = np.diff(starts, append=len(rows))
        counts = np.zeros(len(places), dtype=np.int64)
        counts[at] = sizes
        keys = np.repeat(at << len(passages).bit_length(), sizes)
        keys |= rows
        if (np.diff(at) <= 0).any():
            order = np.argsort(np.repeat(at, sizes), kind="stable")
            keys, ranks, scores = keys[order], ranks[order], scores[order]
        return cls(name, np.concatenate([[0], counts.cumsum()]), keys, scores, ranks)


def _single(fused: np.ndarray) -> np.ndarray:
    """The scores in single precision, -0 as 0.

    Raises:
        UserError: one is not finite then.
    """
    with np.errstate(over="ignore"):
        scores = fused.astype(np.float32) + np.float32(0)
    if not np.isfinite(scores).all():
        raise UserError("a fused score is infinite or not a number: are the weights too large?")
    return scores


def _falling(scores: np.ndarray) -> np.ndarray:
    """uint32 numbers in the opposite order of float32 scores; of the same shape.

    IEEE floats compare as their bits do, negative ones the other way round.
    """
    bits = scores.view(np.int32)
    return (bits ^ (~(bits >> 31) & np.int32(0x7FFFFFFF))).view(np.uint32)


def _score(falling: np.ndarray) -> np.ndarray:
    """The scores that ``_falling`` made these numbers of: it undoes itself."""
    return _falling(falling.view(np.float32)).view(np.float32)


def _sort(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The keys in order, and where each was; their upper bits must be free to hold that."""
    bits = (len(keys) - 1).bit_length()
    keys = (keys << bits) | np.arange(len(keys))
    keys.sort()
    return keys >> bits, keys & ((1 << bits) - 1)


def _blocks(ends: np.ndarray, most: int) -> Iterator[tuple[int, int]]:
    """(first, last) of questions whose hits are sorted at once: one to ``most``, and some hits."""
    first = 0
    while first < len(ends) - 1:
        within = int(np.searchsorted(ends, ends[first] + _AT_ONCE, side="right")) - 1
        last = max(first + 1, min(within, first + most))
        if ends[last] > ends[first]:
            yield first, last
        first = last


def _counting(counts: np.ndarray) -> np.ndarray:
    """0, 1, … anew for every count: ``[2, 0, 3]`` gives ``[0, 1, 0, 1, 2]``."""
    result = np.arange(counts.sum(), dtype=np.int32)
    result -= np.repeat((counts.cumsum() - counts).astype(np.int32), counts)
    return result


def _pids(passages: Passages, rows: np.ndarray) -> pa.DictionaryArray:
    """The pids at ``rows``, each different one looked up once."""
    there = np.zeros(len(passages), dtype=bool)
    there[rows] = True
    codes = there.cumsum(dtype=np.int32)[rows] - np.int32(1)
    pids = passages.pids(np.flatnonzero(there))
    return pa.DictionaryArray.from_arrays(codes, pids, safe=False)  # unsafe: codes are not checked
