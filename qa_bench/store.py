"""How passages and runs lie on disk: Arrow files that are memory-mapped, and Parquet.

A passage folder opens with ``datasets.load_from_disk`` too. Reading maps the files: a corpus of
any size needs no memory of its own.
"""

from __future__ import annotations

import bisect
import json
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from qa_bench.errors import DataError, UserError
from qa_bench.stage import digest, file_digest
from qa_bench.types import Passage, Run

PASSAGE_SCHEMA = pa.schema([("pid", pa.string()), ("title", pa.string()), ("text", pa.string())])
RUN_SCHEMA = pa.schema(
    [("qid", pa.string()), ("rank", pa.int32()), ("pid", pa.string()), ("score", pa.float32())]
)
_ROW = pa.field("row", pa.int32())
_IDS = ["qid", "pid"]
_CODES = pa.dictionary(pa.int32(), pa.string())
BATCH_SIZE = 4096
"""Passages a record batch: what is in memory at once while writing or streaming."""

_LOOKUP_BATCHES = 256


def write_passages(path: Path, passages: Iterable[Passage]) -> int:
    """Write one Arrow file; return how many passages went in."""
    count = 0
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, PASSAGE_SCHEMA) as writer:
        for columns in _columns(passages):
            batch = pa.record_batch(columns, schema=PASSAGE_SCHEMA)
            writer.write_batch(batch)
            count += batch.num_rows
    return count


def _columns(passages: Iterable[Passage]) -> Iterator[list[pa.Array]]:
    pids: list[str] = []
    titles: list[str] = []
    texts: list[str] = []
    for pid, title, text in passages:
        pids.append(pid)
        titles.append(title)
        texts.append(text)
        if len(pids) == BATCH_SIZE:
            yield [pa.array(c, pa.string()) for c in (pids, titles, texts)]
            pids, titles, texts = [], [], []
    if pids:
        yield [pa.array(c, pa.string()) for c in (pids, titles, texts)]


def describe_passages(folder: Path, files: Sequence[Path]) -> None:
    """Write the two JSON files by which ``datasets.load_from_disk`` knows the folder."""
    features = {name: {"dtype": "string", "_type": "Value"} for name in PASSAGE_SCHEMA.names}
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
            yield from map(Passage._make, zip(*(c.to_pylist() for c in columns), strict=True))

    def batches(self) -> Iterator[Batch]:
        """The record batches in corpus order, nothing copied."""
        for start, (pids, titles, texts) in zip(self._starts, self._columns, strict=False):
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
        return Passage._make(column[offset].as_py() for column in columns)

    def texts(self, rows: np.ndarray) -> Sequence[str]:
        """The texts at ``rows``, each read when it is asked for.

        The places are found for all rows at once and the bytes decoded straight from the map:
        through Arrow's scalars a text took longer to read than to test for an answer.
        """
        return _Strings([columns[2] for columns in self._columns], self._starts, rows)

    def titles(self, rows: np.ndarray) -> Sequence[str]:
        """The titles at ``rows``, as ``texts``."""
        return _Strings([columns[1] for columns in self._columns], self._starts, rows)

    def pids(self, rows: np.ndarray) -> pa.Array:
        """The pids at ``rows`` (any order, repeats allowed), as one string array."""
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
        wanted = pc.unique(pids)
        row_of = np.full(len(wanted) + 1, -1, dtype=np.int64)
        # Many batches a call: each call hashes ``wanted`` anew.
        for first in range(0, len(self._columns), _LOOKUP_BATCHES):
            chunk = pa.chunked_array(
                [columns[0] for columns in self._columns[first : first + _LOOKUP_BATCHES]]
            )
            found = pc.index_in(chunk, value_set=wanted).combine_chunks()
            at = pc.indices_nonzero(found.is_valid()).to_numpy()
            row_of[found.take(pa.array(at)).to_numpy()] = at + self._starts[first]
        positions = pc.index_in(pids, value_set=wanted).to_numpy()
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


def write_run(path: Path, run: Run) -> None:
    """Write a run as Parquet: columns qid, rank, pid, score, and row where the run has it.

    Every different id is in the file once, and whoever knows the rows need not look at pids:
    reading and fusing millions of hits then takes little more than their numbers do.
    """
    # No value is missing: a file that says so is written and read a fifth quicker.
    schema = pa.schema([field.with_nullable(False) for field in _encoded(_schema(run.table))])
    pq.write_table(
        run.table.cast(schema).unify_dictionaries(),
        path,
        row_group_size=max(len(run), 1),  # each group would hold the ids anew
        compression={"qid": "lz4", "rank": "lz4", "pid": "none", "score": "lz4", "row": "lz4"},
        use_dictionary=_IDS,
        dictionary_pagesize_limit=1 << 30,
        column_encoding={"score": "BYTE_STREAM_SPLIT", "row": "BYTE_STREAM_SPLIT"},
        write_statistics=False,
        store_schema=False,  # readers see strings
    )


def read_run(path: Path, *, lean: bool = False) -> Run:
    """Read a run written by ``write_run``.

    Args:
        path: the file.
        lean: leave ids dictionary-encoded, for who looks each different one up once, and pids out
            where the file has the rows.

    Raises:
        DataError: not Parquet, or other columns.
    """
    try:
        # Not pq.read_table: it reads in pieces, each with a dictionary of its own.
        with pq.ParquetFile(path, read_dictionary=_IDS if lean else None) as file:
            names = file.schema_arrow.names
            needless = {"pid"} if lean and _ROW.name in names else set()
            # Lean, there is little to do: threads only take memory.
            table = file.read([n for n in names if n not in needless], use_threads=not lean)
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"not a readable Parquet file ({error})", path) from error
    schema = _encoded(_schema(table)) if lean else _schema(table)
    schema = pa.schema([field for field in schema if field.name not in needless])
    if (table.column_names, table.schema.types) != (schema.names, schema.types):
        raise DataError(f"columns must be {RUN_SCHEMA.names}, found {table.column_names}", path)
    return Run(table.cast(schema))


def _schema(table: pa.Table) -> pa.Schema:
    """What the columns of a run must be, if it has its rows or not."""
    return RUN_SCHEMA.append(_ROW) if _ROW.name in table.column_names else RUN_SCHEMA


def _encoded(schema: pa.Schema) -> pa.Schema:
    return pa.schema([field.with_type(_CODES) if field.name in _IDS else field for field in schema])


def write_columns(path: Path, columns: dict[str, Any]) -> None:
    """Write per-question values as Parquet."""
    pq.write_table(pa.table(columns), path, compression="zstd")


def rows_of(run: Run, passages: Passages, source: str = "run") -> np.ndarray:
    """The row of every hit's passage in the corpus; int32 or int64 (hits,).

    Raises:
        UserError: the run names passages the corpus lacks; the message names the first.
    """
    if _ROW.name in run.table.column_names:
        rows: np.ndarray = run.table.column(_ROW.name).combine_chunks().to_numpy()
    else:
        rows = passages.rows(run.table.column("pid").combine_chunks())
    if len(rows) and (rows.min() < 0 or rows.max() >= len(passages)):
        missing = np.flatnonzero((rows < 0) | (rows >= len(passages)))
        first = run.table.slice(int(missing[0]), 1).to_pylist()[0]
        raise UserError(
            f"{source}: {len(missing)} of {len(run)} hits name passages that the corpus lacks, "
            f"first '{first.get('pid', first.get('row'))}': is it another corpus, or another "
            "chunker?"
        )
    return rows


def read_columns(path: Path) -> dict[str, list[Any]]:
    """Read per-question values written by ``write_columns``."""
    columns: dict[str, list[Any]] = pq.read_table(path).to_pydict()
    return columns
