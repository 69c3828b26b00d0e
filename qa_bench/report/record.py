"""One system on one set: what a table needs, kept as a certificate (``certificate.py``)."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import logging
import re
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from qa_bench.engine.digests import digest
from qa_bench.engine.files import write_whole
from qa_bench.errors import UserError
from qa_bench.formats import ro_crate
from qa_bench.report import certificate
from qa_bench.types import Heading

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Record:
    """The figures of one system on one question set.

    Attributes:
        system: what was measured; a row of the table.
        dataset: the question set's name.
        split: its split.
        n: questions; the denominator of every figure that ``denominators`` does not name.
        match: string or regex.
        mode: whose matching rules.
        questions: first eight digits of the questions' content hash.
        published_set: whether the questions are those that were published.
        corpus: name of the corpus, with its chunker; empty for predictions.
        published_corpus: whether the corpus is the published one.
        passages_key: key of the passages; tells corpora of one name apart.
        values: mean by metric, fractions.
        headings: what a table calls each metric, its unit, and which way is better.
        costs: passages, index_mb, build_s, search_s, questions_per_s, latency_p50_s and
            latency_p95_s, peak_mb, and a question's rerank_s, read_s and read_tokens, where known;
            of what was trained: non_embedding_parameters and examples.
        notes: what a reader of the table must know.
        published_as: the published systems that this one repeats.
        published_unlike: published systems that it nearly repeats, and what differs.
        version: version of qa_bench.
        scores: the score stage's folder, for the per-question values.
        changes: the settings in the label's brackets, in the order of the command's.
        file: the run or predictions that were scored, as the command named them; empty for ours.
        place: number of the job in its multirun: rows stand in this order.
        key: digest of what was ranked or read, of the questions and of the rules of matching: what
            makes the figures, whatever it is called; empty where only reported.
        digest: SHA-256 of the per-question file; empty where the figures are only reported.
        denominators: questions with a value, of each metric of which some have none.
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
    published_unlike: dict[str, str] = field(default_factory=dict)
    version: str = ""
    scores: str = ""
    changes: list[str] = field(default_factory=list)
    file: str = ""
    place: int = 0
    key: str = ""
    digest: str = ""
    denominators: dict[str, int] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The full label: the system, and its corpus and chunker with what was changed of them."""
        return f"{self.system} ({self.corpus})" if self.corpus else self.system

    @property
    def row(self) -> str:
        """The key of the row, as in its files' names; 8 hex digits."""
        return digest([self.system, self.corpus, self.passages_key])[:8]

    @property
    def question_set(self) -> str:
        """What a table calls the question set: a split other than test is part of the name."""
        return self.dataset if self.split == "test" else f"{self.dataset}-{self.split}"

    def signature(self, metric: str) -> str:
        """How a figure came about, in sacrebleu's manner."""
        return (
            f"{metric}|match:{self.match}|tok:{self.mode}|n:{self.denominators.get(metric, self.n)}"
            f"|questions:{self.questions}|v:{self.version}"
        )

    def heading(self, metric: str) -> Heading:
        """What a table calls a metric."""
        return self.headings.get(metric, Heading(metric.upper()))

    def line(self) -> str:
        """The record as one JSON line, figures as fractions."""
        head = {"system": self.system, "dataset": self.dataset, "split": self.split, "n": self.n}
        return json.dumps({**head, **self.values, **self.costs}, ensure_ascii=False)


def save(
    record: Record,
    results: Path,
    experiment: str,
    rows: dict[str, list[Any]],
    provenance: certificate.Provenance = certificate.UNKNOWN,
) -> Path:
    """Write the per-question CSV and the record, its certificate; return the former's path.

    An older record of the same row is replaced; one of another run file with a word.

    Args:
        record: the figures.
        results: the folder of all results.
        experiment: the experiment's name.
        rows: a column a name, a row a question.
        provenance: how they came about.
    """
    folder = results / experiment
    folder.mkdir(parents=True, exist_ok=True)
    label = re.sub(r"[^\w.,=+\[\]-]+", "-", record.system)[:100]
    stem = f"{record.dataset}-{record.split}--{label}--{record.row}"
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(rows)
    writer.writerows(zip(*rows.values(), strict=True))
    path = folder / f"{stem}.json"
    _tell_of_another_file(record, path)
    values = file.getvalue()
    write_whole(folder / f"{stem}.csv", values)
    record = replace(record, digest=hashlib.sha256(values.encode()).hexdigest())
    statement = certificate.statement(asdict(record), f"{stem}.csv", rows, provenance)
    write_whole(path, json.dumps(statement, indent=1, ensure_ascii=False) + "\n")
    return folder / f"{stem}.csv"


def _tell_of_another_file(record: Record, path: Path) -> None:
    """Say that a record is replaced that was made of another run file, or of none."""
    try:
        before = _read(path)
    except (OSError, UserError):
        return
    if before.file != record.file:
        log.warning(
            "%s on %s: the figures of %s are replaced by those of %s; a system=LABEL keeps both",
            record.system,
            record.question_set,
            before.file or "this harness' own run",
            record.file or "this harness' own run",
        )


def load(results: Path, experiment: str, whole: bool = False) -> list[tuple[Record, Path]]:
    """All records of an experiment and their files, in the order of the files' names.

    One that is spoilt is left out, with a warning.

    Args:
        results: the folder of all results.
        experiment: its name.
        whole: refuse one that is spoilt.

    Raises:
        UserError: there are none, or one is spoilt and ``whole``.
    """
    folder, pairs, spoilt = results / experiment, [], ""
    for path in sorted(folder.glob("[!.]*.json")):
        if path.name == ro_crate.FILE:  # describes the records, and is none
            continue
        try:
            pairs.append((_read(path), path))
        except FileNotFoundError:  # removed meanwhile
            continue
        except (OSError, UserError) as error:
            spoilt = str(error)
            if whole:
                raise UserError(spoilt) from None
            log.warning("%s; its row is left out", spoilt)
    if not pairs:
        raise UserError(
            spoilt
            or f"no results of experiment '{experiment}' in {results}: qa-bench run makes them"
        )
    return pairs


def _read(path: Path) -> Record:
    try:
        fields = certificate.fields(json.loads(path.read_text(encoding="utf-8")))
        headings = {name: Heading(*pair) for name, pair in fields["headings"].items()}
        record = Record(**{**fields, "headings": headings})
        _check(record)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        why = str(error).replace("\n", " ")
        raise UserError(f"{path}: not a record of this version ({why}); move it away") from None
    return record


_SAMPLE = {
    **dict.fromkeys(("system", "dataset", "split", "match", "mode", "questions"), ""),
    **dict.fromkeys(("corpus", "passages_key", "version", "scores", "file", "key", "digest"), ""),
    **dict.fromkeys(("n", "place"), 0),
    **{name: {} for name in ("values", "costs", "published_unlike", "denominators")},
    **{name: [] for name in ("notes", "published_as", "changes")},
}
"""A value of each field's kind."""


def _check(record: Record) -> None:
    """That every field is of its kind.

    Raises:
        TypeError: the first that is not.
    """
    for name, sample in _SAMPLE.items():
        value = getattr(record, name)
        if type(value) is not type(sample):
            raise TypeError(f"{name}: {type(sample).__name__} expected")
    for values in (record.values, record.costs, record.denominators):
        for name, value in values.items():
            if type(value) not in (int, float):
                raise TypeError(f"{name}: a number expected")
    unlike = record.published_unlike.values()
    for item in [*record.notes, *record.published_as, *record.changes, *unlike]:
        if not isinstance(item, str):
            raise TypeError(f"a text expected, not {item!r}")
