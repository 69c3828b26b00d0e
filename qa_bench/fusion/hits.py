"""The hits of several runs side by side: what a fusion sees.

A question has few hits, a run has many: some questions at a time are sorted, as 64-bit numbers that
hold the question, what it is sorted by, and the place it came from. That fits the caches, which one
sort over all hits does not. Ids are looked up once each, runs hold them dictionary-encoded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from qa_bench.errors import UserError
from qa_bench.store import Passages, check_covered, read_run
from qa_bench.types import Run

_AT_ONCE = 1 << 15
"""Hits that are sorted at once, and questions: 15 bits each, which leaves 32 to sort by."""


@dataclass(frozen=True)
class Hits:
    """Every (question, passage) that any part found, once; by question, then in corpus order.

    Attributes:
        asked: place of the question in the set; (hits,) int, ascending.
        rows: row of the passage in the corpus; (hits,) int64, ascending within a question.
        scores: each part's scores, NaN where it has none; (hits,) float64.
        ranks: each part's ranks from 1, 0 where it did not find the passage; (hits,) int32.
    """

    asked: np.ndarray
    rows: np.ndarray
    scores: dict[str, np.ndarray]
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
                a passage twice for a question.
        """
        known = {qid: place for place, qid in enumerate(qids)}
        parts = [_Part.of(name, run, known, passages) for name, run in runs.items()]
        return cls._union(parts, qids, passages)

    @classmethod
    def read(cls, files: Mapping[str, Path], qids: Sequence[str], passages: Passages) -> Hits:
        """The same of runs on the disk, each read by a thread of its own."""
        known = {qid: place for place, qid in enumerate(qids)}

        def part(name: str) -> _Part:
            return _Part.of(name, read_run(files[name], encoded=True), known, passages)

        with ThreadPoolExecutor() as pool:
            return cls._union(list(pool.map(part, files)), qids, passages)

    @classmethod
    def _union(cls, parts: list[_Part], qids: Sequence[str], passages: Passages) -> Hits:
        ends = np.array([part.ends for part in parts]).reshape(len(parts), len(qids) + 1)
        most = int(ends[:, -1].sum())
        asked, rows = np.empty(most, dtype=np.int64), np.empty(most, dtype=np.int64)
        scores = {part.name: np.empty(most) for part in parts}
        ranks = {part.name: np.empty(most, dtype=np.int32) for part in parts}
        row_bits = len(passages).bit_length()
        done = 0
        for first, last in _blocks(ends.sum(axis=0)):
            slices = [slice(int(end[first]), int(end[last])) for end in ends]
            found = [part.keys[at] for part, at in zip(parts, slices, strict=True)]
            keys, origins = _sort(np.concatenate(found) - (first << row_bits))
            new = np.ones(len(keys), dtype=bool)
            np.not_equal(keys[1:], keys[:-1], out=new[1:])
            places = np.empty(len(keys), dtype=np.int64)
            places[origins] = new.cumsum() - 1
            union = keys[new]
            filled = slice(done, done + len(union))
            asked[filled] = (union >> row_bits) + first
            rows[filled] = union & ((1 << row_bits) - 1)
            for part, at in zip(parts, slices, strict=True):
                place, places = np.split(places, [at.stop - at.start])
                scores[part.name][filled] = np.nan
                scores[part.name][filled][place] = part.scores[at]
                ranks[part.name][filled] = 0
                ranks[part.name][filled][place] = part.ranks[at]
            done = filled.stop
        for part in parts:
            if np.count_nonzero(ranks[part.name][:done]) != len(part.keys):
                raise UserError(f"the run of {part.name} names a passage twice for one question")
        return cls(
            asked[:done],
            rows[:done],
            {name: values[:done] for name, values in scores.items()},
            {name: values[:done] for name, values in ranks.items()},
        )

    def __len__(self) -> int:
        """Number of hits."""
        return len(self.asked)

    @cached_property
    def starts(self) -> np.ndarray:
        """Where each question's hits begin, for ``np.ufunc.reduceat``; (questions with hits,)."""
        first = np.ones(len(self.asked), dtype=bool)
        first[1:] = self.asked[1:] != self.asked[:-1]
        return np.flatnonzero(first)

    @cached_property
    def counts(self) -> np.ndarray:
        """How many hits each question that has any has; (questions with hits,)."""
        return np.diff(self.starts, append=len(self.asked))

    def ranked(self, fused: np.ndarray, depth: int, qids: Sequence[str], passages: Passages) -> Run:
        """The run of the best ``depth`` hits by ``fused``, ties in corpus order; ids are encoded.

        Scores are compared as the run holds them, in single precision: its order is then what its
        scores say, and the rounding of a sum does not decide between equal ones.

        Raises:
            UserError: a fused score is not finite in single precision.
        """
        with np.errstate(over="ignore"):
            scores = fused.astype(np.float32) + np.float32(0)  # so that -0 is 0
        if not np.isfinite(scores).all():
            raise UserError("a fused score is infinite or not a number: are the weights too large?")
        totals = np.bincount(self.asked, minlength=len(qids))
        ends = np.concatenate([[0], totals.cumsum()])
        best = [np.zeros(0, dtype=np.int64)]
        for first, last in _blocks(ends):
            block = slice(int(ends[first]), int(ends[last]))
            bits = scores[block].view(np.int32)
            # IEEE floats compare as their bits do, negative ones the other way round.
            falling = ~(bits ^ ((bits >> 31) & np.int32(0x7FFFFFFF)))
            owners = self.asked[block].astype(np.int64) - first
            _, ordered = _sort((owners << 32) + falling)
            kept = _counting(totals[first:last]) < depth
            best.append(ordered[kept] + block.start)
        hits = np.concatenate(best)
        counts = np.minimum(totals, depth)
        codes = np.repeat(np.arange(len(qids), dtype=np.int32), counts)
        return Run(
            pa.table(
                {
                    "qid": pa.DictionaryArray.from_arrays(codes, pa.array(qids, pa.string())),
                    "rank": _counting(counts) + np.int32(1),
                    "pid": _pids(passages, self.rows[hits]),
                    "score": scores[hits],
                }
            )
        )


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
        pids = run.table.column("pid").combine_chunks().dictionary_encode()
        rows = _rows(passages, pids.dictionary)[pids.indices.to_numpy()]
        check_covered(run, rows, f"the run of {name}")
        ranks = run.table.column("rank").to_numpy()
        scores = run.table.column("score").to_numpy()
        # Ranks count from 1 in every question: quicker than to compare the qids of all hits.
        starts = np.flatnonzero(ranks == 1)
        named = run.table.column("qid").take(pa.array(starts)).to_pylist()
        unknown = next((qid for qid in named if qid not in places), None)
        if unknown is not None:
            raise UserError(f"the run of {name} has a question that the set lacks: '{unknown}'")
        at = np.array([places[qid] for qid in named], dtype=np.int64)
        sizes = np.diff(starts, append=len(rows))
        counts = np.zeros(len(places), dtype=np.int64)
        counts[at] = sizes
        keys = rows
        keys += np.repeat(at << len(passages).bit_length(), sizes)
        if (np.diff(at) <= 0).any():
            order = np.argsort(np.repeat(at, sizes), kind="stable")
            keys, ranks, scores = keys[order], ranks[order], scores[order]
        return cls(name, np.concatenate([[0], counts.cumsum()]), keys, scores, ranks)


def _sort(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The keys in order, and where each was; their upper bits must be free to hold that."""
    bits = (len(keys) - 1).bit_length()
    keys = (keys << bits) | np.arange(len(keys))
    keys.sort()
    return keys >> bits, keys & ((1 << bits) - 1)


def _blocks(ends: np.ndarray) -> Iterator[tuple[int, int]]:
    """(first, last) of questions whose hits are sorted at once: one at least, and some hits."""
    first = 0
    while first < len(ends) - 1:
        within = int(np.searchsorted(ends, ends[first] + _AT_ONCE, side="right")) - 1
        last = max(first + 1, min(within, first + _AT_ONCE))
        if ends[last] > ends[first]:
            yield first, last
        first = last


def _counting(counts: np.ndarray) -> np.ndarray:
    """0, 1, … anew for every count: ``[2, 0, 3]`` gives ``[0, 1, 0, 1, 2]``."""
    result = np.arange(counts.sum(), dtype=np.int32)
    result -= np.repeat((counts.cumsum() - counts).astype(np.int32), counts)
    return result


def _rows(passages: Passages, pids: pa.Array) -> np.ndarray:
    """The row of each pid, -1 for one the corpus lacks.

    Most corpora number their passages from 1; a number is read an order of magnitude quicker than a
    string is looked up.
    """
    numbers = _numbers(pids, len(passages))
    if numbers is not None and _numbered(passages):
        return numbers - 1
    return passages.rows(pids)


def _numbers(pids: pa.Array, largest: int) -> np.ndarray | None:
    """The pids as whole numbers from 1 to ``largest``, None where one is not the plain writing."""
    try:
        numbers = pc.cast(pids, pa.int64()).to_numpy()
    except pa.ArrowInvalid:
        return None
    if not len(numbers):
        return None
    if numbers.min() < 1 or numbers.max() > largest:
        return None
    digits = pc.binary_length(pids).to_numpy()
    # The cast also takes leading zeros and 0x: no number from 1 up is as short in either.
    bounds = 10 ** np.arange(1, len(str(largest)))
    plain = np.ones(len(numbers), dtype=digits.dtype)
    for bound in bounds:
        plain += numbers >= bound
    return numbers if np.array_equal(plain, digits) else None


@lru_cache(maxsize=4)
def _numbered(passages: Passages) -> bool:
    """Whether the pids are "1", "2", … in corpus order."""
    return all(
        pids.equals(pc.cast(pa.array(np.arange(start + 1, start + 1 + len(pids))), pa.string()))
        for start, pids, _, _ in passages.batches()
    )


def _pids(passages: Passages, rows: np.ndarray) -> pa.DictionaryArray:
    """The pids at ``rows``, each different one looked up once."""
    wanted = np.zeros(len(passages), dtype=bool)
    wanted[rows] = True
    codes = wanted.cumsum(dtype=np.int32)[rows] - np.int32(1)
    return pa.DictionaryArray.from_arrays(codes, passages.pids(np.flatnonzero(wanted)))
