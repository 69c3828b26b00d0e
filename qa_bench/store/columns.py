"""Per-question values on disk: Parquet, a row a question."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


def write_columns(path: Path, columns: dict[str, Any]) -> None:
    """Write per-question values as Parquet."""
    pq.write_table(pa.table(columns), path, compression="zstd")


def read_columns(path: Path) -> dict[str, list[Any]]:
    """Read per-question values written by ``write_columns``."""
    with pq.ParquetFile(path) as file:  # pq.read_table imports pandas
        columns: dict[str, list[Any]] = file.read().to_pydict()
    return columns
