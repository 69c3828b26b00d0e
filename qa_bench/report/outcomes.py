"""Per-question values of a record, read back and held against it."""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from qa_bench.errors import DataError
from qa_bench.report.record import Record

_WIDTH = 1e-9
"""A mean is the record's where it differs by no more: sums in another order."""
_BLOCK = 1 << 26
"""Bytes that are parsed at once: no row is longer."""


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What a system got question by question.

    Attributes:
        record: its record.
        path: the record's file.
        table: the per-question file as an Arrow table: texts, and floats for metrics.
        runs: what this is the mean of, where it is of several runs; path and table are then those
            of the first.
        seeds: what tells the runs apart, one a run.
    """

    record: Record
    path: Path
    table: Any
    runs: tuple[Outcomes, ...] = ()
    seeds: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Number of questions."""
        return int(self.table.num_rows)

    @cached_property
    def qids(self) -> list[str]:
        """The questions' ids, in the set's order."""
        return [str(qid) for qid in self.table.column("qid").to_pylist()]

    def values(self, metric: str) -> np.ndarray:
        """A metric's values, (n,) float64; NaN where a question has none; of several runs, means.

        Raises:
            KeyError: the record has no such metric.
        """
        if self.runs:
            mean: np.ndarray = self.of_runs(metric).sum(axis=0) / len(self.runs)
            return mean
        # pyarrow's own way to numpy imports pandas, which takes longer than all of this.
        return np.array(self.table.column(metric).to_pylist(), dtype=np.float64)

    def lower(self, metric: str) -> bool:
        """Whether a metric's lower value is the better one."""
        return self.record.heading(metric).lower

    @property
    def each(self) -> tuple[Outcomes, ...]:
        """Single runs: this one, or those that it is the mean of."""
        return self.runs or (self,)

    def of_runs(self, metric: str) -> np.ndarray:
        """A metric's values in each run, float64 (runs, n).

        Raises:
            KeyError: a run has no such metric.
        """
        return np.stack([run.values(metric) for run in self.each])

    @cached_property
    def groups(self) -> np.ndarray | None:
        """Codes of the questions' groups, (n,); None where the set has none."""
        if "group" not in self.table.column_names:
            return None
        return np.unique(self.column("group"), return_inverse=True)[1]

    @property
    def single(self) -> bool:
        """Whether all questions are of one group."""
        return self.groups is not None and len(self) > 0 and int(self.groups.max()) == 0

    def column(self, name: str) -> list[Any]:
        """A column of the file: ``question``, ``answers`` (JSON), ``first_rank``, ``passages``.

        Empty texts where the file has no such column.
        """
        if name not in self.table.column_names:
            return [""] * len(self)
        values: list[Any] = self.table.column(name).to_pylist()
        return values


def read(record: Record, path: Path, texts: Collection[str] | None = None) -> Outcomes | None:
    """The per-question values of a record; None where the figures are only reported.

    Which are those of a record without a digest (of 0.1), or whose file is not there.

    Args:
        record: the record.
        path: its file; that of the values lies beside it.
        texts: other columns to read; None for all.

    Raises:
        DataError: the file is not what was written: another digest, another mean, no number,
            another number of questions; or a figure that is only reported cannot be one.
    """
    source = path.with_suffix(".csv")
    if not record.digest or not source.is_file():
        _possible(record, path)
        return None
    content = source.read_bytes()
    if hashlib.sha256(content).hexdigest() != record.digest:
        raise DataError(
            f"not the file that {path.name} was made of (edited?): run it again", source
        )
    table = _parsed(record, content, source, texts)
    if table.num_rows != record.n:
        raise DataError(f"has {table.num_rows} questions, its record {record.n}", source)
    outcomes = Outcomes(record, path, table)
    for metric, value in record.values.items():
        values = outcomes.values(metric)
        if metric in record.denominators:
            values = values[~np.isnan(values)]
            if len(values) != record.denominators[metric]:
                raise DataError(f"has {len(values)} values of {metric}: run it again", source)
        mean = float(values.mean()) if len(values) else math.nan
        if not abs(mean - value) <= _WIDTH * max(1.0, abs(value)):
            raise DataError(
                f"{metric} is {value:.6f}, but the mean of {source.name} is {mean:.6f} (edited?): "
                "run it again",
                path,
            )
    return outcomes


def _possible(record: Record, path: Path) -> None:
    """That figures, which nothing can be held against, are numbers, and shares between -1 and 1.

    Raises:
        DataError: the first that is not.
    """
    for metric, value in record.values.items():
        share = record.heading(metric).unit == "%"
        if not math.isfinite(value) or (share and abs(value) > 1):
            what = "a share" if share else "a figure"
            raise DataError(f"{metric} is {value:g}, which is not {what}: run it again", path)


def _parsed(record: Record, content: bytes, source: Path, texts: Collection[str] | None) -> Any:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    metrics = dict.fromkeys(record.values, pa.float64())
    others = [name for name in _names(content) if name not in metrics]
    if texts is not None:
        others = [name for name in others if name in {"qid", "group", *texts}]
    kinds = {name: pa.int64() if name == "first_rank" else pa.string() for name in others}
    try:
        return arrow_csv.read_csv(
            pa.BufferReader(content),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
            read_options=arrow_csv.ReadOptions(block_size=min(len(content) + 1, _BLOCK)),
            convert_options=arrow_csv.ConvertOptions(
                column_types={**kinds, **metrics},
                include_columns=[*others, *metrics],
                strings_can_be_null=False,
            ),
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError, KeyError) as error:
        why = " ".join(str(error).split())
        raise DataError(f"cannot be read ({why[:200]}): run it again", source) from None


def _names(content: bytes) -> list[str]:
    """The names of a CSV file's columns."""
    head = content[: content.find(b"\n") + 1].decode("utf-8", "replace")
    return next(csv.reader(io.StringIO(head)), [])
