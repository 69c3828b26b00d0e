"""How passages lie on disk: Arrow files that are memory-mapped.

A passage folder opens with ``datasets.load_from_disk`` too. Reading maps the files: a corpus of
any size needs no memory of its own.
"""

from __future__ import annotations

import bisect
import json
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from qa_bench.engine.digests import digest, file_digest
from qa_bench.errors import DataError, UserError
from qa_bench.types import Passage

PASSAGE_SCHEMA = pa.schema([("pid", pa.string()), ("title", pa.string()), ("text", pa.string())])
SOURCED_SCHEMA = PASSAGE_SCHEMA.append(pa.field("source", pa.string()))
"""With the id of each passage's article. Ready-made passages do without, unless they name one."""
BATCH_SIZE = 4096
"""Passages a record batch: what is in memory at once while writing or streaming."""

_LOOKUP_BATCHES = 256


def write_passages(path: Path, rows: Iterable[tuple[str, ...]], *, sourced: bool = False) -> int:
    """Write one Arrow file; return how many passages went in.

    Args:
        path: the file.
        rows: passages; with their articles' ids behind their texts where they are ``sourced``.
        sourced: whether they are.
    """
    count = 0
    schema = SOURCED_SCHEMA if sourced else PASSAGE_SCHEMA
    rows = iter(rows)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, schema) as writer:
        while block := list(islice(rows, BATCH_SIZE)):
            columns = [pa.array(column, pa.string()) for column in zip(*block, strict=True)]
            writer.write_batch(pa.record_batch(columns, schema=schema))
            count += len(block)
    return count


def describe_passages(folder: Path, files: Sequence[Path]) -> None:
    """Write the two JSON files by which ``datasets.load_from_disk`` knows the folder."""
    names = PASSAGE_SCHEMA.names
    for path in files[:1]:
        with pa.OSFile(str(path)) as source:
            names = pa.ipc.open_stream(source).schema.names
    features = {name: {"dtype": "string", "_type": "Value"} for name in names}
    (folder / "dataset_info.json").write_text(json.dumps({"features": features}, indent=1))
    state: dict[str, Any] = {
        "_data_files": [{"filename": path.name} for path in files],
        "_fingerprint": digest([file_digest(path) for path in files])[:16],
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": None,
    }
    (folder / "state.json").write_text(json.dumps(state, indent=1))


Batch = tuple[int, pa.Array, pa.Array, pa.Array]
"""A record batch: its first row, pids, titles, texts."""


class Passages:
    """A memory-mapped passage collection, random access by row and by pid.

    Rows count from 0 in corpus order.
    """

    def __init__(self, folder: Path) -> None:
        """Open the Arrow files that ``folder/state.json`` lists.

        Raises:
            DataError: a file is missing or not Arrow.
        """
        self.folder = folder
        self._columns: list[list[pa.Array]] = []
        state = folder / "state.json"
        try:
            names = [entry["filename"] for entry in json.loads(state.read_text())["_data_files"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"not a passage folder ({error})", state) from error
        for name in names:
            try:
                with pa.memory_map(str(folder / name)) as source:
                    self._columns.extend(batch.columns for batch in pa.ipc.open_stream(source))
            except (OSError, pa.ArrowInvalid) as error:
                raise DataError(f"not a readable Arrow file ({error})", folder / name) from error
        sizes = [len(columns[0]) for columns in self._columns]
        self._starts = [0, *np.cumsum(sizes).tolist()]

    def __len__(self) -> int:
        """Number of passages."""
        return int(self._starts[-1])

    def __iter__(self) -> Iterator[Passage]:
        """All passages in corpus order."""
        for columns in self._columns:
            of_each = (column.to_pylist() for column in columns[:3])
            yield from map(Passage._make, zip(*of_each, strict=True))

    def batches(self) -> Iterator[Batch]:
        """The record batches in corpus order, nothing copied."""
        for start, (pids, titles, texts, *_) in zip(self._starts, self._columns, strict=False):
            yield start, pids, titles, texts

    def _locate(self, row: int) -> tuple[list[pa.Array], int]:
        number = bisect.bisect_right(self._starts, row) - 1
        return self._columns[number], row - self._starts[number]

    def __getitem__(self, row: int) -> Passage:
        """The passage at ``row``.

        Raises:
            IndexError: there is no such row.
        """
        if not 0 <= row < len(self):
            raise IndexError(row)
        columns, offset = self._locate(row)
        return Passage._make(column[offset].as_py() for column in columns[:3])

    def texts(self, rows: np.ndarray) -> Sequence[str]:
        """The texts at ``rows``, each read when it is asked for.

        The places are found for all rows at once and the bytes decoded straight from the map:
        through Arrow's scalars a text took longer to read than to test for an answer.
        """
        return _Strings([columns[2] for columns in self._columns], self._starts, rows)

    def titles(self, rows: np.ndarray) -> Sequence[str]:
        """The titles at ``rows``, as ``texts``."""
        return _Strings([columns[1] for columns in self._columns], self._starts, rows)

    @property
    def has_sources(self) -> bool:
        """Whether it is known of which article each passage is."""
        return bool(self._columns) and all(len(columns) > 3 for columns in self._columns)

    def sources(self, rows: np.ndarray) -> Sequence[str]:
        """The ids of the articles at ``rows``, as ``texts``; pids where none are known."""
        column = 3 if self.has_sources else 0
        return _Strings([columns[column] for columns in self._columns], self._starts, rows)

    def of_sources(self, sources: pa.Array) -> tuple[np.ndarray, np.ndarray]:
        """The passages of some articles.

        Args:
            sources: ids of articles, each once.

        Returns:
            Their rows, ascending, int64 (passages,), and of which article each is, a place in
            ``sources``, int64 (passages,). An article may have none.
        """
        return self._where(3 if self.has_sources else 0, sources)

    def of_titles(self, titles: pa.Array) -> tuple[np.ndarray, np.ndarray]:
        """The passages under some titles, each once: as ``of_sources``."""
        return self._where(1, titles)

    def article_numbers(self) -> np.ndarray:
        """Of which article each passage is, from 0 in the order of their first passages.

        Articles are known by their ids, where passages have any, else by their titles, wherever in
        the corpus their passages stand. A passage without is an article of its own.

        Returns:
            int64 (passages,).
        """
        if not len(self):
            return np.zeros(0, dtype=np.int64)
        column = 3 if self.has_sources else 1
        names = pa.chunked_array([columns[column] for columns in self._columns])
        encoded = names.dictionary_encode().unify_dictionaries()
        numbers = np.concatenate([chunk.indices.to_numpy() for chunk in encoded.chunks])
        numbers = numbers.astype(np.int64)
        different = encoded.chunk(0).dictionary
        blank = pc.index(different, pa.scalar("", different.type)).as_py()
        alone = np.flatnonzero(numbers == blank)
        if not len(alone):
            return numbers  # Arrow numbers strings as they first come
        numbers[alone] = len(different) + np.arange(len(alone))
        _, firsts, places = np.unique(numbers, return_index=True, return_inverse=True)
        ranks = np.empty(len(firsts), dtype=np.int64)
        ranks[np.argsort(firsts)] = np.arange(len(firsts))
        of_each: np.ndarray = ranks[places]
        return of_each

    def _where(self, column: int, values: pa.Array) -> tuple[np.ndarray, np.ndarray]:
        """Rows with one of the values in a column, ascending, and which of them it is."""
        rows, places = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for first in range(0, len(self._columns), _LOOKUP_BATCHES):
            some = self._columns[first : first + _LOOKUP_BATCHES]
            of_each = pa.chunked_array([columns[column] for columns in some])
            place = pc.index_in(of_each, value_set=values).combine_chunks()
            at = pc.indices_nonzero(place.is_valid())
            rows.append(at.to_numpy().astype(np.int64) + self._starts[first])
            places.append(place.take(at).to_numpy().astype(np.int64))
        return np.concatenate(rows), np.concatenate(places)

    def pids(self, rows: np.ndarray) -> pa.Array:
        """The pids at ``rows`` (any order, repeats allowed), as one string array.

        Raises:
            UserError: a row that is none of the corpus.
        """
        if len(rows) and (rows.min() < 0 or rows.max() >= len(self)):
            bad = int(rows.min()) if rows.min() < 0 else int(rows.max())
            raise UserError(f"row {bad} is outside the corpus, whose rows are 0 to {len(self) - 1}")
        order = np.argsort(rows, kind="stable")
        ordered = rows[order]
        bounds = np.searchsorted(ordered, self._starts)
        parts = [
            columns[0].take(pa.array(ordered[a:b] - start))
            for start, columns, a, b in zip(
                self._starts, self._columns, bounds[:-1], bounds[1:], strict=False
            )
            if a < b
        ]
        if not parts:
            return pa.array([], pa.string())
        pids = pa.concat_arrays(parts)
        if np.array_equal(rows, ordered):
            return pids
        inverse = np.empty_like(order)
        inverse[order] = np.arange(len(order))
        return pids.take(pa.array(inverse))

    def rows(self, pids: pa.Array) -> np.ndarray:
        """The row of each pid, -1 for one the collection lacks.

        One pass over the pid column; memory grows with ``pids``, not with the collection.
        """
        if pa.types.is_dictionary(pids.type):
            of_values: np.ndarray = self.rows(pids.dictionary)[pids.indices.to_numpy()]
            return of_values
        unique = pc.unique(pids)
        row_of = np.full(len(unique) + 1, -1, dtype=np.int64)
        # Many batches a call: each call hashes ``wanted`` anew.
        for first in range(0, len(self._columns), _LOOKUP_BATCHES):
            chunk = pa.chunked_array(
                [columns[0] for columns in self._columns[first : first + _LOOKUP_BATCHES]]
            )
            in_chunk = pc.index_in(chunk, value_set=unique).combine_chunks()
            at = pc.indices_nonzero(in_chunk.is_valid()).to_numpy()
            row_of[in_chunk.take(pa.array(at)).to_numpy()] = at + self._starts[first]
        positions = pc.index_in(pids, value_set=unique).to_numpy()
        result: np.ndarray = row_of[positions]
        return result


class _Strings(Sequence[str]):
    """Strings of one column at given rows, decoded when asked for."""

    def __init__(self, columns: list[pa.Array], starts: list[int], rows: np.ndarray) -> None:
        numbers = np.searchsorted(starts, rows, side="right") - 1
        self._numbers = numbers.tolist()
        self._offsets = (rows - np.array(starts)[numbers]).tolist()
        # A batch of a stream starts at 0 of its own buffers: 32-bit ends, then the bytes.
        self._ends = [memoryview(column.buffers()[1]).cast("i") for column in columns]
        self._bytes = [memoryview(column.buffers()[2] or b"") for column in columns]

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, place: Any) -> Any:
        number, offset = self._numbers[place], self._offsets[place]
        ends = self._ends[number]
        return str(self._bytes[number][ends[offset] : ends[offset + 1]], "utf-8")


@lru_cache(maxsize=4)
def open_passages(folder: Path) -> Passages:
    """Open a passage folder, once a process: in a multirun all jobs share the maps."""
    return Passages(folder)
