"""Postings on the disk: for every term the passages that hold it, with counts or weights.

``postings.bin`` holds them packed (``packing``), in chunks of whole terms, real weights as they are
behind the rows of their chunk; ``terms.parquet`` how many each term has, and the sorted vocabulary;
``lengths.npy`` the passages' lengths. ``postings.json`` tells sizes and checksums.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash

from qa_bench.engine.digests import digest, file_digest
from qa_bench.errors import DataError
from qa_bench.retriever.postings.packing import WIDTHS, most_bytes, pack, unpack
from qa_bench.retriever.postings.shards import Shards

FORMAT = 1
"""Raised when older files can no longer be read."""
DTYPES = ("uint8", "uint16", "uint32", "float16", "float32")

_JSON, _PACKED, _TERMS, _LENGTHS = "postings.json", "postings.bin", "terms.parquet", "lengths.npy"
_FILES = (_JSON, _PACKED, _TERMS, _LENGTHS)
_SHARDS = "postings.shards"
_CHUNK = 1 << 20
"""Postings that are packed, and unpacked, at once."""


class Builder:
    """Writes postings from blocks of passages; its memory does not grow with the passages.

    In a ``with`` block, which leaves nothing open and no file of its own behind when it fails.
    """

    def __init__(self, folder: Path, passages: int, dtype: str, workers: int = 2) -> None:
        """Start in a folder; what an earlier one left there goes.

        Args:
            folder: is there.
            passages: how many the corpus has.
            dtype: of the values: uint8, uint16 or uint32, whole numbers, which are read back in
                the smallest type that holds them; float16 or float32.
            workers: threads of ``finish``.

        Raises:
            ValueError: another dtype.
        """
        if dtype not in DTYPES:
            raise ValueError(f"postings hold {', '.join(DTYPES)}, got {dtype}")
        self._folder, self._passages, self._workers = folder, passages, workers
        self._dtype = np.dtype(dtype)
        for name in _FILES:
            (folder / name).unlink(missing_ok=True)
        self._shards = Shards(folder / _SHARDS, self._dtype)

    def __enter__(self) -> Builder:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove what only building needs."""
        self._shards.remove()

    def add(
        self, first_row: int, pointers: np.ndarray, terms: np.ndarray, values: np.ndarray
    ) -> None:
        """Add the passages from ``first_row`` on; blocks come in the order of the corpus.

        Args:
            first_row: of the block.
            pointers: where each passage's terms start, and the end; whole numbers (passages + 1,).
            terms: their numbers, each once in a passage; (postings,).
            values: counts or weights, which fit the dtype; (postings,).

        Raises:
            ValueError: a block out of order or beyond the corpus, arrays that do not fit each
                other, or a value that does not fit the dtype.
        """
        if first_row + len(pointers) - 1 > self._passages:
            raise ValueError(f"passages beyond the {self._passages} of the corpus")
        with np.errstate(over="ignore"):
            stored = np.asarray(values).astype(self._dtype)
        if self._dtype.kind == "u" and not np.array_equal(stored, values):
            raise ValueError(f"a value that is no {self._dtype}")
        if self._dtype.kind == "f" and not np.isfinite(stored).all():
            raise ValueError(f"a value that is not finite as {self._dtype}")
        self._shards.add(first_row, pointers, terms, stored)

    def finish(
        self,
        vocabulary: Sequence[str] | np.ndarray | pa.Array | None = None,
        lengths: np.ndarray | None = None,
        origin: Mapping[str, Any] | None = None,
    ) -> None:
        """Merge all shards and write the files.

        Args:
            vocabulary: what each term is, a text or a whole number, each once: terms are numbered
                anew in its sorted order. None: they keep their numbers.
            lengths: whole numbers >= 0, (passages,); None where nobody asks for them.
            origin: what made the terms, to be compared by whoever reads them: texts and numbers.

        Raises:
            ValueError: a term twice, one without a name, a term twice in a passage, or another
                number of lengths than of passages.
        """
        names = _names(vocabulary)
        if lengths is None:
            lengths = np.zeros(0, dtype=np.int32)
        elif len(lengths) != self._passages:
            raise ValueError(f"{len(lengths)} lengths of {self._passages} passages")
        if names is None:
            self._shards.end()
            ranks = np.arange(self._shards.terms, dtype=np.int32)
        else:
            order = pc.array_sort_indices(names).to_numpy()
            names = names.take(pa.array(order))
            if len(names) > 1 and pc.any(pc.equal(names[1:], names[:-1])).as_py():
                raise ValueError("a vocabulary with a term twice")
            ranks = np.empty(len(order), dtype=np.int32)
            ranks[order] = np.arange(len(order), dtype=np.int32)
        counts = self._shards.renumber(ranks, self._workers)
        chunks, most = self._write_packed(counts)
        whole = self._dtype.kind == "u"
        dtype = np.min_scalar_type(most) if whole else self._dtype
        self._write_terms(counts, names)
        np.save(self._folder / _LENGTHS, _narrow(lengths))
        self._shards.remove()
        entries = {
            "format": FORMAT,
            "passages": self._passages,
            "terms": len(counts),
            "postings": int(counts.sum()),
            "dtype": dtype.name,
            "origin": dict(origin or {}),
            "chunks": chunks,
            "files": {name: file_digest(self._folder / name) for name in (_TERMS, _LENGTHS)},
        }
        entries["digest"] = digest(entries)
        (self._folder / _JSON).write_text(json.dumps(entries))

    def _write_packed(self, counts: np.ndarray) -> tuple[list[list[Any]], int]:
        """Write ``postings.bin``.

        Returns:
            Of each chunk its terms, bytes, least value and checksum; and the largest whole number.
        """
        chunks: list[list[Any]] = []
        most = [0]

        def packed(bound: tuple[int, int]) -> tuple[list[Any], bytes]:
            first, last = bound
            rows, values = self._shards.merged(first, counts[first:last])
            data, least = _packed(counts[first:last], rows, values)
            if self._dtype.kind == "u":
                most.append(int(values.max(initial=0)))
            return [last - first, len(data), least, xxhash.xxh3_64_hexdigest(data)], data

        bounds = list(_bounds(counts))
        with (self._folder / _PACKED).open("wb") as file, ThreadPoolExecutor(self._workers) as pool:
            for first in range(0, len(bounds), self._workers):
                for entry, data in pool.map(packed, bounds[first : first + self._workers]):
                    file.write(data)
                    chunks.append(entry)
        return chunks, max(most)

    def _write_terms(self, counts: np.ndarray, names: pa.Array | None) -> None:
        columns, encodings = {"passages": pa.array(counts)}, {"passages": "DELTA_BINARY_PACKED"}
        if names is not None:
            columns["term"] = names
            text = pa.types.is_string(names.type)
            encodings["term"] = "DELTA_BYTE_ARRAY" if text else "DELTA_BINARY_PACKED"
        pq.write_table(
            pa.table(columns),
            self._folder / _TERMS,
            compression="zstd",
            use_dictionary=False,
            column_encoding=encodings,
            write_statistics=False,
        )


def _names(vocabulary: Any) -> pa.Array | None:
    """A vocabulary as an Arrow array of strings or of whole numbers."""
    if vocabulary is None or isinstance(vocabulary, pa.Array):
        return vocabulary
    numbers = isinstance(vocabulary, np.ndarray)
    return pa.array(vocabulary, None if numbers else pa.string())


def _narrow(numbers: np.ndarray) -> np.ndarray:
    """Whole numbers >= 0 in the smallest type that holds them."""
    if len(numbers) and numbers.min() < 0:
        raise ValueError(f"a length is {numbers.min()}")
    return numbers.astype(np.min_scalar_type(int(numbers.max(initial=0))))


def _bounds(counts: np.ndarray) -> Iterator[tuple[int, int]]:
    """(first term, one past the last) of chunks of ``_CHUNK`` postings, or of one longer term."""
    ends = np.cumsum(counts)
    first = 0
    while first < len(counts):
        before = int(ends[first - 1]) if first else 0
        last = max(int(np.searchsorted(ends, before + _CHUNK, side="right")), first + 1)
        yield first, last
        first = last


def _packed(counts: np.ndarray, rows: np.ndarray, values: np.ndarray) -> tuple[bytes, int]:
    """A chunk's bytes, and the smallest of its values where they are whole numbers.

    Raises:
        ValueError: a term twice in a passage.
    """
    whole = values.dtype.kind == "u"
    least = int(values.min(initial=np.iinfo(values.dtype).max)) if whole else 0
    room = most_bytes(len(rows), len(counts), 8 * values.dtype.itemsize)
    packed = np.empty(room, dtype=np.uint8)
    numbers = values if whole else np.zeros(0, dtype=np.uint8)
    size = pack(counts, rows, numbers, least, WIDTHS, packed)
    if size < 0:
        raise ValueError("a term twice in a passage")
    return packed[:size].tobytes() + (b"" if whole else values.tobytes()), least


class Postings:
    """The postings of a folder.

    Attributes:
        folder: where they lie.
        passages: how many the corpus has.
        origin: what made the terms, as ``Builder.finish`` took it.
        pointers: where each term's postings start, and the end; int64 (terms + 1,).
        lengths: of the passages, int32 (passages,); empty where none were stored.
        vocabulary: the terms, sorted texts or whole numbers, an Arrow array; None where they are
            their own numbers.
    """

    def __init__(self, folder: Path, workers: int = 2) -> None:
        """Read all but the postings themselves.

        Args:
            folder: that a ``Builder`` filled.
            workers: threads that unpack.

        Raises:
            DataError: a file is missing, cut short, changed, or of another version.
        """
        self.folder, self._workers = folder, workers
        entries = self._entries()
        self.passages = int(entries["passages"])
        self.origin: dict[str, Any] = entries["origin"]
        self.dtype = np.dtype(entries["dtype"])
        self._chunks: list[list[Any]] = entries["chunks"]
        for name, checksum in entries["files"].items():
            if not (folder / name).is_file() or file_digest(folder / name) != checksum:
                raise self._damaged(name)
        table = pq.read_table(folder / _TERMS)
        counts = table["passages"].to_numpy()
        self.pointers = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        named = "term" in table.column_names
        self.vocabulary = table["term"].combine_chunks() if named else None
        self.lengths = np.load(folder / _LENGTHS).astype(np.int32)
        size = sum(chunk[1] for chunk in self._chunks)
        path = folder / _PACKED
        if not path.is_file() or path.stat().st_size != size:
            raise self._damaged(_PACKED)

    def _entries(self) -> dict[str, Any]:
        path = self.folder / _JSON
        try:
            entries: dict[str, Any] = json.loads(path.read_text())
            checksum = entries.pop("digest")
        except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
            raise self._damaged(_JSON) from error
        if entries.get("format") != FORMAT:
            raise DataError(
                f"postings of format {entries.get('format')}, this version reads {FORMAT}; delete "
                f"{self.folder} to build it again",
                path,
            )
        if digest(entries) != checksum:
            raise self._damaged(_JSON)
        return entries

    def _damaged(self, name: str) -> DataError:
        path = self.folder / name
        what = "cut short or changed" if path.is_file() else "missing"
        return DataError(f"{what}; delete {self.folder} to build it again", path)

    @property
    def terms(self) -> int:
        """How many terms there are."""
        return len(self.pointers) - 1

    @property
    def rows(self) -> np.ndarray:
        """The passages of each term, ascending; int32 (postings,)."""
        return self._unpacked[0]

    @property
    def values(self) -> np.ndarray:
        """Counts or weights, of ``dtype``; (postings,)."""
        return self._unpacked[1]

    @cached_property
    def _unpacked(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows and values, unpacked when they are asked for first."""
        total = int(self.pointers[-1])
        rows, values = np.empty(total, np.int32), np.empty(total, self.dtype)
        if not total:
            return rows, values
        terms = np.cumsum([0, *(chunk[0] for chunk in self._chunks)])
        places = np.cumsum([0, *(chunk[1] for chunk in self._chunks)])
        with (self.folder / _PACKED).open("rb") as file:
            packed = np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)

        def one(number: int) -> None:
            data = packed[places[number] : places[number + 1]]
            _, _, least, checksum = self._chunks[number]
            if xxhash.xxh3_64_hexdigest(data.data) != checksum:
                raise self._damaged(_PACKED)
            pointers = self.pointers[terms[number] : terms[number + 1] + 1]
            some = slice(pointers[0], pointers[-1])
            _unpack(data, np.diff(pointers), least, rows[some], values[some])

        with ThreadPoolExecutor(self._workers) as pool:
            list(pool.map(one, range(len(self._chunks))))
        return rows, values

    def find(self, terms: Sequence[str] | np.ndarray) -> np.ndarray:
        """The numbers of terms, -1 for those that no passage holds; int32 (terms,).

        Args:
            terms: texts, or whole numbers where the vocabulary has those, or is none.
        """
        if self.vocabulary is None:
            numbers = np.asarray(terms, dtype=np.int64)
            there = (numbers >= 0) & (numbers < self.terms)
            return np.where(there, numbers, -1).astype(np.int32)
        values = pa.array(terms, self.vocabulary.type)
        distinct = pc.unique(values)
        # The other way round, the whole vocabulary would be hashed for a few questions.
        place = pc.index_in(self.vocabulary, value_set=distinct)
        at = pc.indices_nonzero(place.is_valid())
        numbers = np.full(len(distinct), -1, dtype=np.int32)
        numbers[place.take(at).to_numpy()] = at.to_numpy()
        which: np.ndarray = pc.index_in(values, value_set=distinct).to_numpy()
        of_terms: np.ndarray = numbers[which]
        return of_terms

    def term(self, text: str | int) -> int:
        """The number of one term, -1 where no passage holds it."""
        return int(self.find([text])[0])  # type: ignore[list-item]


def _unpack(
    data: np.ndarray, counts: np.ndarray, least: int, rows: np.ndarray, values: np.ndarray
) -> None:
    """Fill a chunk's rows and values from its bytes, which are those that were written."""
    whole = values.dtype.kind == "u"
    numbers = values if whole else np.zeros(0, dtype=np.uint8)
    size = unpack(data, counts, least, WIDTHS, rows, numbers)
    if not whole:
        values[:] = np.frombuffer(data[size:].tobytes(), values.dtype)
