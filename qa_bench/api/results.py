"""What a run has shown: figures, questions, and where every stage lies."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from qa_bench.errors import UserError
from qa_bench.line import entropy
from qa_bench.line.line import Line
from qa_bench.report.record import Record
from qa_bench.report.rows import choose
from qa_bench.stages.ceiling import CEILING_FILE
from qa_bench.stages.score import SCORES_FILE
from qa_bench.store.columns import read_columns
from qa_bench.store.passages import open_passages
from qa_bench.store.runs import RUN_FILE, read_run, rows_of

if TYPE_CHECKING:
    import pandas as pd


class StageFolder(NamedTuple):
    """Where a stage of a run lies.

    Attributes:
        system: the row of the table.
        dataset: the question set.
        stage: what the plan calls it, as "index bm25".
        path: the folder.
        key: what identifies it.
        reused: whether it was there before.
    """

    system: str
    dataset: str
    stage: str
    path: Path
    key: str
    reused: bool


class Results:
    """What ``qa_bench.run`` returns."""

    def __init__(self, jobs: Sequence[tuple[Line, Record]]) -> None:
        """Keep the jobs' lines and records."""
        self._jobs = list(jobs)

    def rows(self) -> list[dict[str, Any]]:
        """A dict a system and question set: who, on what, every metric's mean, every cost.

        Metrics are fractions of all questions.
        """
        return [json.loads(record.line()) for _, record in self._jobs]

    def table(self) -> pd.DataFrame:
        """``rows()`` as a DataFrame; a metric that a row lacks is NaN.

        Raises:
            UserError: pandas is not installed.
        """
        return _pandas().DataFrame(self.rows())

    def questions(
        self, dataset: str | None = None, system: str | None = None, passages: int = 10
    ) -> pd.DataFrame:
        """A row a question of every system: what it was asked, what it found, what it scored.

        Columns: ``system``, ``dataset``, ``qid``, ``question``, ``answers`` (list), ``prediction``
        (None where there is none), ``first_rank`` (0 where no passage has an answer) and
        ``first_pid`` of the first passage with an answer, ``pids`` and ``titles`` of the best
        passages (lists), and one a metric.

        Args:
            dataset: only this question set.
            system: only this system: its label, whole or as tables show it, or its row's key.
            passages: how many of the best passages are listed.

        Raises:
            UserError: there is no such set or system, or pandas is not installed.
        """
        rows: list[dict[str, Any]] = []
        for line, record in self._chosen(dataset, system):
            with line.context.watching():
                rows.extend(_rows(line, record, passages))
        return _pandas().DataFrame(rows)

    def stages(self) -> list[StageFolder]:
        """Every stage of every line, in order: where it lies, and whether it was there before."""
        return [
            StageFolder(
                line.system,
                line.questions.name,
                stage.title or stage.name,
                folder.path,
                folder.key,
                folder.reused,
            )
            for line, _ in self._jobs
            for stage in line.stages()
            for folder in [line.context.run(stage)]
        ]

    def _chosen(self, dataset: str | None, system: str | None) -> list[tuple[Line, Record]]:
        records = [record for _, record in self._jobs]
        there = {record.dataset for record in records}
        if dataset is not None and dataset not in there:
            raise UserError(f"no dataset '{dataset}' in these results: {', '.join(sorted(there))}")
        chosen = records if system is None else choose(records, [system])
        return [
            (line, record)
            for line, record in self._jobs
            if dataset in (None, record.dataset) and record in chosen
        ]

    def __repr__(self) -> str:
        """The systems and sets."""
        return "\n".join(
            f"{record.system} on {record.dataset} {record.split}: "
            + ", ".join(f"{name} {value:.4f}" for name, value in record.values.items())
            for _, record in self._jobs
        )


def _rows(line: Line, record: Record, depth: int) -> Iterator[dict[str, Any]]:
    columns = read_columns(line.context.run(line.scores).path / SCORES_FILE)
    if line.ceiling is not None:
        columns |= read_columns(line.context.run(line.ceiling).path / CEILING_FILE)
    columns |= entropy.measured(line).columns
    pids, titles = _best(line, depth)
    for place, question in enumerate(line.questions):
        yield {
            "system": record.system,
            "dataset": record.dataset,
            "qid": question.qid,
            "question": question.text,
            "answers": list(question.answers),
            "prediction": columns["prediction"][place] if "prediction" in columns else None,
            "first_rank": columns["first_rank"][place] if "first_rank" in columns else None,
            "first_pid": columns["first_pid"][place] if "first_pid" in columns else None,
            "pids": pids.get(question.qid, []),
            "titles": titles.get(question.qid, []),
            **{metric: columns[metric][place] for metric in record.values},
        }


def _best(line: Line, depth: int) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Pids and titles of each question's best passages, by qid; none for given predictions."""
    if line.config.predictions is not None:
        return {}, {}
    folder = line.context.run
    run = read_run(folder(line.ranked).path / RUN_FILE)
    passages = open_passages(folder(line.run_passages).path)
    rows, pids = rows_of(run, passages), run.table.column("pid").to_pylist()
    best = {
        qid: range(hits.start, min(hits.stop, hits.start + depth))
        for qid, hits in run.slices().items()
    }
    flat = [place for places in best.values() for place in places]
    names = dict(zip(flat, passages.titles(rows[flat]), strict=True)) if flat else {}
    return (
        {qid: [pids[place] for place in places] for qid, places in best.items()},
        {qid: [names[place] for place in places] for qid, places in best.items()},
    )


def _pandas() -> Any:
    try:
        import pandas
    except ModuleNotFoundError:
        raise UserError(
            "tables of pandas need pip install 'qa-bench[datasets]'; Results.rows() does without"
        ) from None
    return pandas
