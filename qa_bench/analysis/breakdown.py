"""Figures by kinds of questions: cells, CSV and Markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from qa_bench.analysis import answer_length, answer_type, overlap, question_type
from qa_bench.analysis.subject import Subject, Subsets
from qa_bench.report.record import Record
from qa_bench.report.rows import choose, natural, set_place
from qa_bench.report.table import shown

BREAKDOWNS: dict[str, Callable[[Subject], Subsets]] = {
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


def _records(
    pairs: Sequence[tuple[Record, Path]], systems: Sequence[str] = ()
) -> list[tuple[Record, Path]]:
    """The records with their per-question files, sets in the order of DPR's tables.

    Args:
        pairs: an experiment's records with their files.
        systems: only these, as ``qa_bench.report.rows.choose`` takes them; empty for all.

    Raises:
        UserError: there is no such system.
    """
    files = {id(record): path for record, path in pairs}
    records = [record for record, _ in pairs]
    chosen = choose(records, systems) if systems else records
    ordered = sorted(chosen, key=lambda r: (set_place(r), r.place, natural(r.system)))
    return [(record, files[id(record)].with_suffix(".csv")) for record in ordered]


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
        figures = [f"{cell.values[m]:.6f}" if m in cell.values else "" for m in metrics]
        signature = replace(record, n=cell.n).signature(f"{cell.breakdown}={cell.subset}")
        place = [record.system, record.corpus, record.dataset, record.split]
        writer.writerow([*place, cell.breakdown, cell.subset, cell.n, *figures, signature])
    return file.getvalue()


def _markdown(name: str, cells: Sequence[Cell], left_out: Sequence[str]) -> str:
    """A table a set and breakdown: subsets, and in each the systems, per cent."""
    lines = [f"# {name}, by kinds of questions", ""]
    lines += [line for reason in left_out for line in (f"> {reason}", "")]
    for dataset in dict.fromkeys(cell.record.question_set for cell in cells):
        of_set = [cell for cell in cells if cell.record.question_set == dataset]
        for breakdown in BREAKDOWNS:
            parts = [cell for cell in of_set if cell.breakdown in ("all", breakdown)]
            if len({cell.subset for cell in parts}) > 1:
                lines += [f"## {dataset} by {breakdown}", "", *_table(parts), ""]
    lines.append("Per cent of the n questions of the subset.")
    return "\n".join(lines) + "\n"


def _table(cells: Sequence[Cell]) -> Iterator[str]:
    metrics = _metrics(cells)
    headings = {m: cell.record.heading(m) for cell in cells for m in cell.values}
    rows = [["subset", "system", "n", *(headings[m].title for m in metrics)]]
    rows.append(["---", "---", "---:", *("---:" for _ in metrics)])
    for subset in dict.fromkeys(cell.subset for cell in cells):
        for cell in (cell for cell in cells if cell.subset == subset):
            values = [
                shown(headings[m], cell.values[m]) if m in cell.values else "" for m in metrics
            ]
            rows.append([subset, _system(cell.record, cells), str(cell.n), *values])
    for row in rows:
        yield "| " + " | ".join(text.replace("|", "\\|") for text in row) + " |"


def _system(record: Record, cells: Sequence[Cell]) -> str:
    """The system, and its passages where it is there with several."""
    twins = {c.record.passages_key for c in cells if c.record.system == record.system}
    corpus = f" ({record.corpus} {record.passages_key[:8]})" if len(twins) > 1 else ""
    return record.system + corpus
