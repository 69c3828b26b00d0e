"""One system on one set: what a table needs, as one JSON file a cell row."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from qa_bench.engine.digests import digest
from qa_bench.engine.files import write_whole
from qa_bench.errors import UserError
from qa_bench.types import Heading


@dataclass(frozen=True)
class Record:
    """The figures of one system on one question set.

    Attributes:
        system: what was measured; a row of the table.
        dataset: the question set's name.
        split: its split.
        n: questions; the denominator of every figure.
        match: string or regex.
        mode: whose matching rules.
        questions: first eight digits of the questions' content hash.
        published_set: whether the questions are those that were published.
        corpus: name of the corpus, with its chunker; empty for predictions.
        published_corpus: whether the corpus is the published one.
        passages_key: key of the passages; tells corpora of one name apart.
        values: mean by metric, fractions.
        headings: what a table calls each metric, and its unit.
        costs: passages, index_mb, build_s, search_s, questions_per_s, and a question's rerank_s,
            read_s and read_tokens, where known.
        notes: what a reader of the table must know.
        published_as: the systems of ``published.csv`` this one repeats.
        version: version of qa_bench.
        scores: the score stage's folder, for the per-question values.
    """

    system: str
    dataset: str
    split: str
    n: int
    match: str
    mode: str
    questions: str
    published_set: bool
    corpus: str
    published_corpus: bool
    passages_key: str
    values: dict[str, float]
    headings: dict[str, Heading] = field(default_factory=dict)
    costs: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    published_as: list[str] = field(default_factory=list)
    version: str = ""
    scores: str = ""

    def signature(self, metric: str) -> str:
        """How a figure came about, in sacrebleu's manner."""
        return (
            f"{metric}|match:{self.match}|tok:{self.mode}|n:{self.n}|questions:{self.questions}"
            f"|v:{self.version}"
        )

    def heading(self, metric: str) -> Heading:
        """What a table calls a metric."""
        return self.headings.get(metric, Heading(metric.upper()))

    def line(self) -> str:
        """The record as one JSON line, figures as fractions."""
        head = {"system": self.system, "dataset": self.dataset, "split": self.split, "n": self.n}
        return json.dumps({**head, **self.values, **self.costs}, ensure_ascii=False)


def save(record: Record, results: Path, experiment: str, rows: dict[str, list[Any]]) -> Path:
    """Write the record and its per-question CSV; an older record of the same row is replaced."""
    folder = results / experiment
    folder.mkdir(parents=True, exist_ok=True)
    row = digest([record.system, record.corpus, record.passages_key])[:8]
    label = re.sub(r"[^\w.,=+\[\]-]+", "-", record.system)[:100]
    stem = f"{record.dataset}-{record.split}--{label}--{row}"
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(rows)
    writer.writerows(zip(*rows.values(), strict=True))
    write_whole(folder / f"{stem}.csv", file.getvalue())
    text = json.dumps(asdict(record), indent=1, ensure_ascii=False)
    write_whole(folder / f"{stem}.json", text + "\n")
    return folder / f"{stem}.csv"


def load(results: Path, experiment: str) -> list[Record]:
    """All records of an experiment, in the order of their names.

    Raises:
        UserError: there are none, or a file is not a record.
    """
    records = list(_load(results / experiment))
    if not records:
        raise UserError(
            f"no results of experiment '{experiment}' in {results}: qa-bench run makes them"
        )
    return records


def _load(folder: Path) -> Iterator[Record]:
    for path in sorted(folder.glob("*.json")):
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
            headings = {name: Heading(*pair) for name, pair in fields["headings"].items()}
            yield Record(**{**fields, "headings": headings})
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise UserError(f"{path}: not a record of this version ({error}); delete it") from None
