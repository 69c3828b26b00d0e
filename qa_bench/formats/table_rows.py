"""Rows of tables, whatever the file: .csv, .tsv, .jsonl (packed too) and .parquet."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from typing import Any

from qa_bench.errors import DataError
from qa_bench.formats.lines import read_json_lines, read_lines

_DELIMITERS = {".csv": ",", ".tsv": "\t"}
"""What parts the columns, unless only another of ``_OTHERS`` gives the header its names."""
_OTHERS = ",;\t"
_PACKED = {".gz", ".bz2", ".xz"}
_BATCH = 4096


def read_rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[dict[str, Any], int]]:
    """(row, its last line; of Parquet its number from 1), by the file's suffix.

    Args:
        path: the file.
        columns: those that must be there; a row may have more.

    Raises:
        DataError: another suffix, a column is missing, or the file is damaged.
    """
    suffix = (path.with_suffix("") if path.suffix in _PACKED else path).suffix.lower()
    if suffix in _DELIMITERS:
        yield from _separated(path, columns, _DELIMITERS[suffix])
    elif suffix in (".jsonl", ".ndjson"):
        for number, row in read_json_lines(path):
            yield row, number
    elif suffix == ".parquet":
        yield from _parquet(path, columns)
    else:
        raise DataError(f"'{suffix}' is none of .csv, .tsv, .jsonl, .parquet", path)


def cell(row: dict[str, Any], column: str, path: Path, line: int, *, optional: bool = False) -> str:
    """A cell as text; whole numbers are taken as their decimal text. ``optional``: or nothing.

    Raises:
        DataError: it is missing or something else.
    """
    value = row.get(column)
    if isinstance(value, str):
        return value
    if value is None and optional:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    kind = "nothing" if value is None else type(value).__name__
    has = f"; its columns: {', '.join(map(str, row))[:200]}" if column not in row else ""
    raise DataError(f"column '{column}' must be text, found {kind}{has}", path, line)


def _missing(columns: Sequence[str], header: Sequence[str], path: Path) -> None:
    if absent := [column for column in columns if column not in header]:
        raise DataError(
            f"there is no column '{absent[0]}', there are {', '.join(header)[:200] or 'none'}: "
            "name yours, as corpus.columns.text=body, and null where there is none",
            path,
            1,
        )


def _delimiter(first: list[str], columns: Sequence[str], usual: str) -> str:
    """What parts a header that has the columns: the usual, or what spreadsheets write instead.

    Where none has all of them, what gives most of them, so that a message names columns.
    """
    best, most = usual, 0
    for delimiter in (usual, *_OTHERS):
        with suppress(csv.Error):
            header = next(csv.reader(first, delimiter=delimiter), [])
            here = len(set(columns) & {name.removeprefix("\ufeff") for name in header})
            if here > most:
                best, most = delimiter, here
    return best


def _separated(
    path: Path, columns: Sequence[str], delimiter: str
) -> Iterator[tuple[dict[str, Any], int]]:
    csv.field_size_limit(sys.maxsize)
    lines = (line for _, line in read_lines(path))
    first = list(islice(lines, 1))
    delimiter = _delimiter(first, columns, delimiter)
    reader = csv.reader(chain(first, lines), delimiter=delimiter, strict=True)
    try:
        header = next(reader, [])
        if header:
            header[0] = header[0].removeprefix("\ufeff")
        _missing(columns, header, path)
        if len(set(header)) < len(header):
            raise DataError(f"two columns have one name: {', '.join(header)[:200]}", path, 1)
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(header):
                raise DataError(
                    f"expected {len(header)} columns, found {len(cells)}", path, reader.line_num
                )
            yield dict(zip(header, cells, strict=True)), reader.line_num
    except csv.Error as error:
        raise DataError(f"not CSV ({error})", path, reader.line_num) from None


def _parquet(path: Path, columns: Sequence[str]) -> Iterator[tuple[dict[str, Any], int]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        with pq.ParquetFile(path) as file:
            _missing(columns, file.schema_arrow.names, path)
            for batch in file.iter_batches(_BATCH, columns=list(dict.fromkeys(columns))):
                for row in batch.to_pylist():
                    number += 1
                    yield row, number
    except (OSError, pa.ArrowException, UnicodeError) as error:
        what = (str(error).splitlines() or [""])[0][:200]
        raise DataError(f"not a readable Parquet file ({what})", path, number + 1) from None
