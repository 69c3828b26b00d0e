"""Vectors of passages on the disk: numpy files in corpus order, memory-mapped when read.

``vectors-00000.npy`` … hold one row a passage: float32 or float16 of shape (passages, dimension),
or, for int8, records of ``scale`` (float32) and ``codes`` (int8 of shape (dimension,)) whose
product is the vector.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from qa_bench.errors import DataError, UserError

STEM = "vectors"
SHARD_PASSAGES = 32_768
"""Passages a file: the window that is sorted by length."""

_PIECE = 128
"""Vectors unpacked at once that lie all over: they stay near the core."""

DTYPES = ("fp32", "fp16", "int8")


def packed(vectors: np.ndarray, dtype: str) -> np.ndarray:
    """Float32 vectors as they are stored.

    int8: ``scale`` is the largest magnitude of the row / 127, codes are rounded to nearest.

    Raises:
        UserError: a number is too large for fp16.
    """
    if dtype == "fp32":
        return vectors.astype(np.float32, copy=False)
    if dtype == "fp16":
        with np.errstate(over="ignore"):
            halved = vectors.astype(np.float16)
        if not np.isfinite(halved).all():
            raise UserError(
                "a passage's vector goes beyond fp16's largest number, 65504; choose "
                "retriever.dtype=fp32 or int8"
            )
        return halved
    scale = np.abs(vectors).max(axis=1) / np.float32(127)
    safe = np.where(scale > 0, scale, np.float32(1))
    records = np.empty(
        len(vectors), dtype=[("scale", np.float32), ("codes", np.int8, vectors.shape[1:])]
    )
    records["scale"] = scale
    # Where float32 runs out of small numbers, the scale can be too small for the code.
    records["codes"] = np.rint(vectors / safe[:, None]).clip(-127, 127)
    return records


def unpacked(stored: np.ndarray) -> np.ndarray:
    """Stored rows as float32 of shape (rows, dimension)."""
    if stored.dtype.names:
        codes = stored["codes"].astype(np.float32)
        codes *= stored["scale"][:, None]
        return codes
    return np.ascontiguousarray(stored, dtype=np.float32)


def bytes_per_vector(dimension: int, dtype: str) -> int:
    """Bytes on the disk."""
    return {"fp32": 4 * dimension, "fp16": 2 * dimension, "int8": dimension + 4}[dtype]


class Vectors:
    """The vectors of a folder; rows count from 0 in corpus order."""

    def __init__(self, folder: Path) -> None:
        """Map the files.

        Raises:
            DataError: a file is cut short or no numpy file, or their dimensions differ.
            UserError: there is none.
        """
        self._files: list[np.ndarray] = []
        for path in sorted(folder.glob(f"{STEM}-*.npy")):
            try:
                # "c": private pages, which torch takes for writable; nothing is written.
                # As a plain array: a memmap's slices take longer to make than to read.
                file = np.asarray(np.load(path, mmap_mode="c", allow_pickle=False))
            except (EOFError, OSError, ValueError) as error:
                raise DataError(
                    f"cut short or no numpy file; delete {folder} to encode again", path
                ) from error
            if _kind(file) is None:
                raise DataError(f"holds no vectors; delete {folder} to encode again", path)
            if self._files and _kind(file) != _kind(self._files[0]):
                raise DataError(
                    f"other dimension or type than the first; delete {folder} to encode again", path
                )
            self._files.append(file)
        if not self._files:
            raise UserError(f"{folder}: no {STEM}-*.npy; delete the folder to encode again")
        _, self._dimension = _kind(self._files[0]) or (None, 0)
        self._starts = np.cumsum([0, *(len(file) for file in self._files)])

    def __len__(self) -> int:
        """Number of vectors."""
        return int(self._starts[-1])

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._dimension

    def spans(self, size: int) -> Iterator[tuple[int, np.ndarray]]:
        """(first row, stored rows) of at most ``size`` rows, in corpus order."""
        for start, file in zip(self._starts, self._files, strict=False):
            for first in range(0, len(file), size):
                yield int(start) + first, file[first : first + size]

    def blocks(self, size: int) -> Iterator[tuple[int, np.ndarray]]:
        """(first row, float32 vectors) of at most ``size`` rows, in corpus order."""
        for first, stored in self.spans(size):
            yield first, unpacked(stored)

    def pieces(self, rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Those at ``rows``, in the order of the disk: (places in ``rows``, vectors, rows of them).

        The vectors are float32: a whole file where it holds such, else few.
        """
        order = np.argsort(rows)
        cuts = np.searchsorted(rows, self._starts, sorter=order)
        for file, start, a, b in zip(self._files, self._starts, cuts, cuts[1:], strict=False):
            size = max(1, b - a) if file.dtype == np.float32 else _PIECE
            for first in range(a, b, size):
                places = order[first : min(first + size, b)]
                here = rows[places] - start
                if file.dtype == np.float32:
                    yield places, file, here
                else:
                    yield places, unpacked(file[here]), np.arange(len(here))

    def at(self, rows: np.ndarray) -> np.ndarray:
        """The vectors at ``rows``, in that order; float32 (rows, dimension)."""
        result = np.empty((len(rows), self.dimension), dtype=np.float32)
        for places, vectors, here in self.pieces(rows):
            result[places] = vectors[here]
        return result


def _kind(stored: np.ndarray) -> tuple[np.dtype, int] | None:
    """Type and length of the vectors; None where the array holds none."""
    if stored.dtype.names == ("scale", "codes") and stored.ndim == 1:
        return stored.dtype, int(np.prod(stored.dtype["codes"].shape))
    if stored.dtype in (np.float32, np.float16) and stored.ndim == 2:
        return stored.dtype, stored.shape[1]
    return None
