"""Token vectors of passages on the disk: some rows a passage, memory-mapped when read.

``tokens-00000.npy`` … hold the vectors of all tokens, as ``store/vectors.py`` packs them: float32,
float16, or int8 codes with a scale a vector. ``lengths-00000.npy`` … say how many each passage has;
int32 (passages,). Both are in corpus order.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from qa_bench.engine.shards import Shards
from qa_bench.errors import DataError, UserError
from qa_bench.retriever.multivector.kernels import gather_codes
from qa_bench.store.vectors import packed

VALUES, LENGTHS = "tokens", "lengths"
"""How the files' names begin."""


class Ragged(NamedTuple):
    """Several vectors each for texts.

    Attributes:
        values: float32 of shape (vectors, dimension).
        pointers: where each text's vectors begin, and the end; int64 (texts + 1,).
    """

    values: np.ndarray
    pointers: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray, lengths: np.ndarray) -> Ragged:
        """From the number of vectors of each text."""
        return cls(values, starts(lengths))

    @property
    def texts(self) -> int:
        """How many texts."""
        return len(self.pointers) - 1


def starts(lengths: np.ndarray) -> np.ndarray:
    """Where pieces of these lengths begin, and the end; int64 (pieces + 1,)."""
    pointers = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=pointers[1:])
    return pointers


class TokenShards:
    """The files while they are written: a window of passages each; finished ones survive a kill."""

    def __init__(self, folder: Path) -> None:
        """Know the finished ones."""
        self._lengths = Shards(folder, LENGTHS, ".npy")
        self._values = Shards(folder, VALUES, ".npy")
        notes = self._values.finished()
        self._notes = notes[: min(len(notes), len(self._lengths.finished()))]

    @property
    def passages(self) -> int:
        """How many passages they hold."""
        return sum(int(note["passages"]) for note in self._notes)

    @property
    def count(self) -> int:
        """How many files of vectors there are."""
        return len(self._notes)

    def write(self, vectors: Ragged, dtype: str) -> None:
        """One more, of float32 vectors.

        Raises:
            UserError: a number is too large for fp16.
        """
        note = {"passages": vectors.texts, "vectors": len(vectors.values)}
        lengths = np.diff(vectors.pointers).astype(np.int32)
        stored = packed(vectors.values, dtype)
        for shards, array in ((self._lengths, lengths), (self._values, stored)):
            with shards.write(len(self._notes), note) as path, path.open("wb") as file:
                np.save(file, array, allow_pickle=False)
        self._notes.append(note)


class TokenVectors:
    """The token vectors of a folder; passages count from 0 in corpus order."""

    def __init__(self, folder: Path) -> None:
        """Map the files.

        Raises:
            DataError: a file is cut short or of another kind, or the two kinds do not fit.
            UserError: there is none.
        """
        self._files: list[np.ndarray] = []
        lengths: list[np.ndarray] = []
        for path in sorted(folder.glob(f"{VALUES}-*.npy")):
            values = _mapped(path, folder)
            count = _mapped(path.with_name(path.name.replace(VALUES, LENGTHS, 1)), folder)
            if _kind(values) is None or count.dtype != np.int32 or count.ndim != 1:
                raise DataError(f"holds no token vectors; delete {folder} to encode again", path)
            if self._files and _kind(values) != _kind(self._files[0]):
                raise DataError(
                    f"other dimension or type than the first; delete {folder} to encode again", path
                )
            if (count <= 0).any() or int(count.sum(dtype=np.int64)) != len(values):
                raise DataError(
                    f"{len(values)} vectors, but its lengths say "
                    f"{int(count.sum(dtype=np.int64))}; delete {folder} to encode again",
                    path,
                )
            self._files.append(values)
            lengths.append(count)
        if not self._files:
            raise UserError(f"{folder}: no {VALUES}-*.npy; delete the folder to encode again")
        self.pointers = starts(np.concatenate(lengths))
        self._starts = np.cumsum([0, *(len(file) for file in self._files)])
        self._rows = np.cumsum([0, *(len(count) for count in lengths)])
        _, self.dimension = _kind(self._files[0]) or (None, 0)

    def __len__(self) -> int:
        """Number of passages."""
        return len(self.pointers) - 1

    def blocks(self, size: int) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """(first passage, its stored vectors and others', pointers into them), in corpus order.

        A block has whole passages: those that fit into ``size`` vectors, one at least.
        """
        for file, start, row, end in zip(
            self._files, self._starts, self._rows, self._rows[1:], strict=False
        ):
            first = int(row)
            while first < end:
                most = self.pointers[first] + size
                last = int(np.searchsorted(self.pointers, most, side="right")) - 1
                last = min(max(last, first + 1), int(end))
                span = self.pointers[first : last + 1]
                yield first, file[span[0] - start : span[-1] - start], span - span[0]
                first = last

    def lengths(self, rows: np.ndarray) -> np.ndarray:
        """How many vectors the passages at ``rows`` have; int64 (rows,)."""
        lengths: np.ndarray = self.pointers[rows + 1] - self.pointers[rows]
        return lengths

    def at(self, rows: np.ndarray) -> Ragged:
        """The vectors of the passages at ``rows``, in that order; quickest where they ascend."""
        lengths = self.lengths(rows)
        pointers = starts(lengths)
        places = np.arange(pointers[-1]) + np.repeat(self.pointers[rows] - pointers[:-1], lengths)
        values = np.empty((len(places), self.dimension), dtype=np.float32)
        files = np.searchsorted(self._rows, rows, side="right") - 1
        cuts = np.flatnonzero(np.diff(files, prepend=-1, append=-1)) if len(rows) else rows
        for first, last in pairwise(cuts.tolist()):
            number, span = files[first], slice(pointers[first], pointers[last])
            _pick(self._files[number], places[span] - self._starts[number], values[span])
        return Ragged(values, pointers)

    @property
    def bytes(self) -> int:
        """Of the vectors on the disk."""
        return sum(file.nbytes for file in self._files)


def _mapped(path: Path, folder: Path) -> np.ndarray:
    try:
        # "c": private pages, which torch takes for writable; nothing is written.
        mapped: Any = np.load(path, mmap_mode="c", allow_pickle=False)
    except (EOFError, OSError, ValueError) as error:
        raise DataError(
            f"missing, cut short or no numpy file; delete {folder} to encode again", path
        ) from error
    return np.asarray(mapped)


def _pick(stored: np.ndarray, places: np.ndarray, values: np.ndarray) -> None:
    """Fill ``values`` with the float32 vectors at ``places`` of a file."""
    if stored.dtype.names:
        codes = stored.view(np.int8).reshape(len(stored), -1)
        gather_codes(codes, stored["scale"], places, values)
    else:
        values[:] = stored[places]


def _kind(stored: np.ndarray) -> tuple[np.dtype, int] | None:
    """Type and length of the vectors; None where the array holds none."""
    if stored.dtype.names == ("scale", "codes") and stored.ndim == 1:
        return stored.dtype, int(np.prod(stored.dtype["codes"].shape))
    if stored.dtype in (np.float32, np.float16) and stored.ndim == 2:
        return stored.dtype, stored.shape[1]
    return None
