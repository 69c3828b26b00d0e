"""Token vectors of passages on the disk: some rows a passage, memory-mapped when read.

``tokens-00000.bin`` … hold two numpy arrays each, one after the other, in corpus order: how many
vectors each of its passages has, int32 (passages,), and the vectors, as ``store/vectors.py`` packs
them: float32, float16, or int8 codes with a scale a vector.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from qa_bench.errors import DataError, UserError
from qa_bench.retriever.multivector.kernels import gather_codes

STEM, SUFFIX = "tokens", ".bin"
SHARD_PASSAGES = 8192
"""Passages a file: the window that is sorted by length. Its vectors are in memory twice."""


class Tokens(NamedTuple):
    """The vectors of the tokens of texts.

    Attributes:
        values: float32 of shape (vectors, dimension).
        pointers: where each text's vectors begin, and the end; int64 (texts + 1,).
    """

    values: np.ndarray
    pointers: np.ndarray

    @classmethod
    def of_questions(cls, values: np.ndarray, pointers: np.ndarray, texts: Sequence[str]) -> Tokens:
        """Those of questions.

        Raises:
            UserError: one has none.
        """
        if (empty := np.flatnonzero(np.diff(pointers) == 0)).size:
            raise UserError(
                f"question '{texts[int(empty[0])][:60]}' has no vectors: its model drops all of "
                "its tokens"
            )
        return cls(np.ascontiguousarray(values, dtype=np.float32), pointers)

    @property
    def texts(self) -> int:
        """How many texts."""
        return len(self.pointers) - 1

    def of(self, text: int) -> np.ndarray:
        """One text's vectors."""
        return self.values[self.pointers[text] : self.pointers[text + 1]]

    def part(self, first: int, last: int) -> Tokens:
        """Those of some texts after each other."""
        pointers = self.pointers[first : last + 1]
        return Tokens(self.values[pointers[0] : pointers[-1]], pointers - pointers[0])


def starts(lengths: np.ndarray) -> np.ndarray:
    """Where pieces of these lengths begin, and the end; int64 (pieces + 1,)."""
    pointers = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=pointers[1:])
    return pointers


def save_tokens(file: BinaryIO, content: tuple[np.ndarray, np.ndarray]) -> None:
    """Write a file: how many vectors each passage has (passages,), and the packed vectors."""
    lengths, stored = content
    np.save(file, lengths.astype(np.int32), allow_pickle=False)
    np.save(file, stored, allow_pickle=False)


class TokenVectors:
    """The token vectors of a folder; passages count from 0 in corpus order."""

    def __init__(self, folder: Path) -> None:
        """Map the files.

        Raises:
            DataError: a file is cut short or of another kind.
            UserError: there is none.
        """
        self._files: list[np.ndarray] = []
        lengths: list[np.ndarray] = []
        for path in sorted(folder.glob(f"{STEM}-*{SUFFIX}")):
            count, values = _mapped(path, folder)
            if self._files and _kind(values) != _kind(self._files[0]):
                raise DataError(
                    f"other dimension or type than the first; delete {folder} to encode again", path
                )
            self._files.append(values)
            lengths.append(count)
        if not self._files:
            raise UserError(f"{folder}: no {STEM}-*{SUFFIX}; delete the folder to encode again")
        self.pointers = starts(np.concatenate(lengths))
        self._starts = np.cumsum([0, *(len(file) for file in self._files)])
        self._rows = np.cumsum([0, *(len(count) for count in lengths)])
        _, self.dimension = _kind(self._files[0]) or (None, 0)

    def __len__(self) -> int:
        """Number of passages."""
        return len(self.pointers) - 1

    def check(self, folder: Path, passages: int) -> None:
        """Refuse vectors of other passages.

        Raises:
            UserError: they are such.
        """
        if len(self) != passages:
            raise UserError(
                f"{folder}: vectors of {len(self)} passages, but there are {passages}; delete the "
                "folder to encode again"
            )

    def check_pair(self, questions: Tokens, model: str) -> None:
        """Refuse questions of another dimension.

        Raises:
            UserError: they are such.
        """
        if questions.texts and questions.values.shape[1] != self.dimension:
            raise UserError(
                f"the tokens of questions have {questions.values.shape[1]} dimensions ({model}), "
                f"those of passages {self.dimension}: are the two of one model?"
            )

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

    def at(self, rows: np.ndarray) -> Tokens:
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
        return Tokens(values, pointers)

    @property
    def bytes(self) -> int:
        """Of the vectors on the disk."""
        return sum(file.nbytes for file in self._files)


def _mapped(path: Path, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """The two arrays of a file, the vectors mapped.

    Raises:
        DataError: it is no such file.
    """
    try:
        with path.open("rb") as file:
            lengths = np.load(file, allow_pickle=False)
            version = np.lib.format.read_magic(file)
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
            # "c": private pages, which torch takes for writable; nothing is written.
            values: Any = np.memmap(path, dtype, "c", file.tell(), shape) if shape[0] else None
            whole = values is not None and file.tell() + values.nbytes == path.stat().st_size
    except (EOFError, OSError, ValueError) as error:
        raise DataError(
            f"cut short or no file of token vectors; delete {folder} to encode again", path
        ) from error
    values = np.asarray(values)
    total = int(lengths.sum(dtype=np.int64)) if lengths.dtype == np.int32 else -1
    if not whole or version != (1, 0) or _kind(values) is None or lengths.ndim != 1:
        raise DataError(f"holds no token vectors; delete {folder} to encode again", path)
    if (lengths <= 0).any() or total != len(values):
        raise DataError(
            f"{len(values)} vectors, but its lengths say {total}; delete {folder} to encode again",
            path,
        )
    return lengths, values


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
