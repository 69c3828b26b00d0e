"""`qa-bench analyse`: an experiment's figures by kinds of questions, from its results alone."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qa_bench.analysis.breakdown import BREAKDOWNS, Cell, _cell, _csv, _markdown, _records
from qa_bench.analysis.orders import Measured, agreements, orders_csv, orders_markdown
from qa_bench.analysis.subject import Subject, UnknownError
from qa_bench.errors import DataError, UserError
from qa_bench.parts import make
from qa_bench.report.files import alone, write
from qa_bench.report.record import Record
from qa_bench.types import Question


def analyse(config: Any) -> str:
    """Write ``<name>.breakdown.md`` and ``.csv``, and return what was written and left out.

    Where two sets have three systems or more in common, ``<name>.orders.md`` and ``.csv`` too.

    Raises:
        UserError: the experiment has no results.
        DataError: a per-question file that is missing or something else.
    """
    results, name = Path(config.paths.results), config.name
    cells: list[Cell] = []
    measured: list[Measured] = []
    left_out: dict[str, None] = {}
    with alone(results, name) as pairs:
        for record, path in _records(pairs, systems(config)):
            subject, columns = _read(record, path, config)
            measured.append((record, columns))
            cells.append(_cell(record, "all", "all", [True] * record.n, columns))
            for breakdown, parted in BREAKDOWNS.items():
                try:
                    subsets = parted(subject)
                except UnknownError as reason:
                    left_out[f"no {breakdown} of {record.question_set}: {reason}"] = None
                    continue
                for subset, members in subsets.items():
                    cells.append(_cell(record, breakdown, subset, members, columns))
        write(results / f"{name}.breakdown.csv", _csv(cells))
        write(results / f"{name}.breakdown.md", _markdown(name, cells, list(left_out)))
        lines = [*left_out, f"breakdown: {results / name}.breakdown.md, .breakdown.csv"]
        if several := agreements(measured):
            write(results / f"{name}.orders.csv", orders_csv(several))
            write(results / f"{name}.orders.md", orders_markdown(name, several))
            lines.append(f"orders: {results / name}.orders.md, .orders.csv")
    return "\n".join(lines)


def systems(config: Any) -> list[str]:
    """The systems that ``system`` names, one or a list; empty for all."""
    if config.system is None:
        return []
    return [config.system] if isinstance(config.system, str) else [str(s) for s in config.system]


def _read(record: Record, path: Path, config: Any) -> tuple[Subject, dict[str, list[float]]]:
    """The questions of a per-question file, and its columns of values."""
    csv.field_size_limit(sys.maxsize)
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        metrics = [m for m in record.values if m not in record.denominators]  # n would be another
        columns = {metric: [float(row[metric]) for row in rows] for metric in metrics}
        questions = tuple(_question(row, record.match) for row in rows)
    except FileNotFoundError:
        raise DataError("no such file: run the system again", path) from None
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"not the values of its record ({error}): run it again", path) from None
    if len(rows) != record.n:
        raise DataError(f"has {len(rows)} questions, its record {record.n}: run it again", path)
    folder = Path(config.paths.raw) / record.dataset
    subject = Subject(
        record.dataset,
        record.split,
        record.match,
        questions,
        folder,
        lambda: _train(record.dataset, config),
    )
    return subject, columns


def _question(row: dict[str, str], match: str) -> Question:
    answers = [] if match == "qrels" else json.loads(row["answers"])
    return Question(row["qid"], row["question"], tuple(answers))


def _train(dataset: str, config: Any) -> Sequence[Question]:
    """The train split of the set of this name.

    Raises:
        UserError: there is no such set in the configuration, or its file is not there.
    """
    from hydra import compose
    from hydra.errors import HydraException

    try:
        whole = compose("config", [f"dataset={dataset}", "dataset.split=train"])
    except HydraException:
        raise UserError(f"no dataset={dataset} to take a train split from") from None
    whole.paths = config.paths
    dataset_part = make("dataset", whole.dataset)
    dataset_part.file()  # raises where it is missing: to look back downloads nothing
    questions: Sequence[Question] = dataset_part.questions().questions
    return questions
