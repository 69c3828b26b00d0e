"""`qa-bench analyse`: an experiment's figures by kinds of questions, from its results alone."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from qa_bench.analysis import answer_length, answer_type, overlap, question_type
from qa_bench.analysis.asked import Asked, Subsets, UnknownError
from qa_bench.errors import DataError, UserError
from qa_bench.parts import make
from qa_bench.report.record import Record, load
from qa_bench.report.table import PAPER_ORDER, header
from qa_bench.stage import write_whole
from qa_bench.types import Question

BREAKDOWNS: dict[str, Callable[[Asked], Subsets]] = {
    "overlap": overlap.subsets,
    "question_type": question_type.subsets,
    "answer_type": answer_type.subsets,
    "answer_length": answer_length.subsets,
}


@dataclass(frozen=True)
class Cell:
    """A system's figures on a subset of a set.

    Attributes:
        record: the system and the set.
        breakdown: by what the set is parted.
        subset: the part.
        n: its questions.
        values: mean by metric, fractions.
    """

    record: Record
    breakdown: str
    subset: str
    n: int
    values: dict[str, float]


def analyse(config: Any) -> str:
    """Write ``<name>.breakdown.md`` and ``.csv``, and return what was written and left out.

    Raises:
        UserError: the experiment has no results.
        DataError: a per-question file that is missing or something else.
    """
    results, name = Path(config.paths.results), config.name
    cells: list[Cell] = []
    left_out: dict[str, None] = {}
    for record, path in _records(results, name):
        asked, columns = _read(record, path, config)
        cells.append(_cell(record, "all", "all", [True] * record.n, columns))
        for breakdown, parted in BREAKDOWNS.items():
            try:
                subsets = parted(asked)
            except UnknownError as reason:
                left_out[f"no {breakdown} of {_set(record)}: {reason}"] = None
                continue
            for subset, members in subsets.items():
                cells.append(_cell(record, breakdown, subset, members, columns))
    write_whole(results / f"{name}.breakdown.csv", _csv(cells))
    write_whole(results / f"{name}.breakdown.md", _markdown(name, cells, list(left_out)))
    return "\n".join([*left_out, f"breakdown: {results / name}.breakdown.md, .breakdown.csv"])


def _records(results: Path, name: str) -> list[tuple[Record, Path]]:
    """The records with their per-question files, sets in the order of DPR's tables."""
    place = {dataset: number for number, dataset in enumerate(PAPER_ORDER)}
    files = [path.with_suffix(".csv") for path in sorted((results / name).glob("*.json"))]
    pairs = zip(load(results, name), files, strict=True)
    return sorted(
        pairs, key=lambda p: (place.get(p[0].dataset, 99), p[0].dataset, p[0].split, p[0].system)
    )


def _read(record: Record, path: Path, config: Any) -> tuple[Asked, dict[str, list[float]]]:
    """The questions of a per-question file, and its columns of values."""
    csv.field_size_limit(sys.maxsize)
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        columns = {metric: [float(row[metric]) for row in rows] for metric in record.values}
        questions = tuple(_question(row, record.match) for row in rows)
    except FileNotFoundError:
        raise DataError("no such file: run the system again", path) from None
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"not the values of its record ({error}): run it again", path) from None
    if len(rows) != record.n:
        raise DataError(f"has {len(rows)} questions, its record {record.n}: run it again", path)
    folder = Path(config.paths.raw) / record.dataset
    asked = Asked(
        record.dataset,
        record.split,
        record.match,
        questions,
        folder,
        lambda: _train(record.dataset, config),
    )
    return asked, columns


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
    dataset_part = make("dataset", whole.dataset).made
    if hasattr(dataset_part, "file"):
        dataset_part.file()  # raises where it is missing: to look back downloads nothing
    questions: Sequence[Question] = dataset_part.questions().questions
    return questions


def _cell(
    record: Record,
    breakdown: str,
    subset: str,
    members: Sequence[bool],
    columns: dict[str, list[float]],
) -> Cell:
    n = sum(members)
    values = {
        metric: sum(v for v, inside in zip(column, members, strict=True) if inside) / n
        for metric, column in columns.items()
    }
    return Cell(record, breakdown, subset, n, values)


def _metrics(cells: Sequence[Cell]) -> list[str]:
    return list(dict.fromkeys(metric for cell in cells for metric in cell.values))


def _csv(cells: Sequence[Cell]) -> str:
    """Fractions with six decimals, and how each line came about."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    metrics = _metrics(cells)
    head = ["system", "corpus", "dataset", "split", "breakdown", "subset", "n"]
    writer.writerow([*head, *metrics, "signature"])
    for cell in cells:
        record = cell.record
        told = [f"{cell.values[m]:.6f}" if m in cell.values else "" for m in metrics]
        signature = replace(record, n=cell.n).signature(f"{cell.breakdown}={cell.subset}")
        place = [record.system, record.corpus, record.dataset, record.split]
        writer.writerow([*place, cell.breakdown, cell.subset, cell.n, *told, signature])
    return file.getvalue()


def _markdown(name: str, cells: Sequence[Cell], left_out: Sequence[str]) -> str:
    """A table a set and breakdown: subsets, and in each the systems, per cent."""
    lines = [f"# {name}, by kinds of questions", ""]
    lines += [line for reason in left_out for line in (f"> {reason}", "")]
    for dataset in dict.fromkeys(_set(cell.record) for cell in cells):
        of_set = [cell for cell in cells if _set(cell.record) == dataset]
        for breakdown in BREAKDOWNS:
            shown = [cell for cell in of_set if cell.breakdown in ("all", breakdown)]
            if len({cell.subset for cell in shown}) > 1:
                lines += [f"## {dataset} by {breakdown}", "", *_table(shown), ""]
    lines.append("Per cent of the n questions of the subset.")
    return "\n".join(lines) + "\n"


def _table(cells: Sequence[Cell]) -> Iterator[str]:
    metrics = _metrics(cells)
    rows = [["subset", "system", "n", *map(header, metrics)]]
    rows.append(["---", "---", "---:", *("---:" for _ in metrics)])
    for subset in dict.fromkeys(cell.subset for cell in cells):
        for cell in (cell for cell in cells if cell.subset == subset):
            told = (f"{100 * cell.values[m]:.2f}" if m in cell.values else "" for m in metrics)
            rows.append([subset, _system(cell.record, cells), str(cell.n), *told])
    for row in rows:
        yield "| " + " | ".join(text.replace("|", "\\|") for text in row) + " |"


def _system(record: Record, cells: Sequence[Cell]) -> str:
    """The system, and its passages where it is there with several."""
    twins = {c.record.passages_key for c in cells if c.record.system == record.system}
    corpus = f" ({record.corpus} {record.passages_key[:8]})" if len(twins) > 1 else ""
    return record.system + corpus


def _set(record: Record) -> str:
    return record.dataset if record.split == "test" else f"{record.dataset}-{record.split}"
