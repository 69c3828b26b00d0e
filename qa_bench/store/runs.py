"""Runs on disk: Parquet, every different id once, and the rows of their passages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from qa_bench.errors import DataError, UserError
from qa_bench.store.passages import Passages
from qa_bench.types import Run

RUN_FILE = "run.parquet"
BYTES_PER_HIT = 6
"""On disk, about."""


RUN_SCHEMA = pa.schema(
    [("qid", pa.string()), ("rank", pa.int32()), ("pid", pa.string()), ("score", pa.float32())]
)


_ROW = pa.field("row", pa.int32())


_IDS = ["qid", "pid"]


_CODES = pa.dictionary(pa.int32(), pa.string())


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
        name = first.get("pid", first.get("row"))
        hint = "is it another corpus, or another chunker?"
        if passages.has_sources and len(passages.of_sources(pa.array([str(name)]))[0]):
            hint = "it is the id of an article: run_ids=articles scores a run of articles"
        raise UserError(
            f"{source}: {len(missing)} of {len(run)} hits name passages that the corpus lacks, "
            f"first '{name}': {hint}"
        )
    return rows


def first_hits(run: Run) -> np.ndarray:
    """Of every hit whether it is the first of its question; bool (hits,)."""
    codes = run.table.column("qid").combine_chunks()
    if not pa.types.is_dictionary(codes.type):
        codes = codes.dictionary_encode()
    places = codes.indices.to_numpy(zero_copy_only=False)
    return np.concatenate([np.ones(min(1, len(places)), dtype=bool), places[1:] != places[:-1]])


def rising(run: Run) -> np.ndarray:
    """Of every hit whether its score is higher than that of the one before it; bool (hits,)."""
    scores = run.table.column("score").to_numpy()
    higher = np.concatenate([np.zeros(min(1, len(scores)), dtype=bool), scores[1:] > scores[:-1]])
    higher &= ~first_hits(run)
    return higher


def ids_of_both(run: Run, passages: Passages) -> bool:
    """Whether every id of a run is that of a passage and that of another passage's article."""
    ids = pc.unique(run.table.column("pid").combine_chunks().cast(pa.string()))
    if not passages.has_sources or not len(ids):
        return False
    rows = passages.rows(ids)
    if rows.min() < 0 or list(passages.sources(rows)) == ids.to_pylist():
        return False
    return len(np.unique(passages.of_sources(ids)[1])) == len(ids)
