"""`qa-bench compare`: two systems of an experiment's results, tested question by question."""

from __future__ import annotations

import gc
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qa_bench.analysis import engines
from qa_bench.analysis import two_systems_text as texts
from qa_bench.analysis.breakdown import BREAKDOWNS
from qa_bench.analysis.pairing import Pair, pairing
from qa_bench.analysis.subject import Subject
from qa_bench.analysis.two_systems import two_systems
from qa_bench.cli.analyse import _train
from qa_bench.errors import DataError, UserError
from qa_bench.report.files import alone, write
from qa_bench.report.record import Record
from qa_bench.settings import one_of, whole_number
from qa_bench.types import Question

_LONGEST = 80
"""Characters of a label in a file's name."""
_EVERY = 1 << 62


def compare(config: Any) -> str:
    """Write ``<a>--<b>.md``, ``.csv`` and ``.questions.csv``, and return a summary.

    Raises:
        UserError: no such system, or nothing that can be compared.
        DataError: a file of the results was edited.
    """
    gc.freeze()  # what was imported stays: collections need not walk through it
    one_of("report", config.report, (None, "engines"))
    alpha, together = closed_forms(config)
    listed = questions(config, 3)
    results, name = Path(config.paths.results), str(config.name)
    kinds = breakdowns(config)
    with alone(results, name, list(config.merge)) as entries:
        both = pairing(entries, config.a, config.b)

        def subject(pair: Pair) -> Subject:
            return _subject(pair, config)

        metric = config.compare.metric
        summary = two_systems(both, subject, kinds, alpha, together, metric and str(metric))
        folder = results / name / "compare"
        first, second = both.pairs[0].a.record, both.pairs[0].b.record
        stem = folder / f"{_stem(both.a, first)}--{_stem(both.b, second)}"
        folder.mkdir(parents=True, exist_ok=True)
        files = {
            ".md": texts.markdown(summary, max(listed, 20)),
            ".csv": texts.figures_csv(summary),
            ".questions.csv": texts.questions_csv(summary),
        }
        if config.report == "engines":
            files[".engines.md"] = engines.markdown(summary)
        for suffix, text in files.items():
            write(stem.with_name(stem.name + suffix), text)
    print(f"comparison: {stem}{', '.join(files)}", file=sys.stderr)
    if config.json:
        return "\n".join(texts.json_lines(summary))
    if config.report == "engines":
        return engines.terminal(summary)
    return texts.terminal(summary, listed)


def closed_forms(config: Any) -> tuple[float, bool]:
    """α, and whether the metrics of all sets are one family.

    Raises:
        UserError: the group ``statistics`` is not what a comparison of two can follow.
    """
    target = str(config.statistics.get("_target_", "")).rpartition(".")[2]
    if target != "Closed":
        raise UserError(
            "two systems are compared by closed forms, which need no resampling: leave "
            "statistics=… away, or statistics=closed"
        )
    from qa_bench.parts import make

    part: Any = make("statistics", config.statistics)
    return float(part.alpha), part.family == "all"


def questions(config: Any, otherwise: int) -> int:
    """How many questions are listed.

    Raises:
        UserError: ``compare.questions`` is no number.
    """
    count = config.compare.questions
    if count is None:
        return otherwise
    return _EVERY if count == "all" else whole_number("compare.questions", count, least=0)


def breakdowns(config: Any) -> list[str]:
    """By which kinds of questions.

    Raises:
        UserError: there is no such breakdown.
    """
    kinds = config.compare.kinds
    if kinds is None:
        return []
    names = [kinds] if isinstance(kinds, str) else [str(kind) for kind in kinds]
    if names == ["all"]:
        return list(BREAKDOWNS)
    for kind in names:
        one_of("compare.kinds", kind, tuple(BREAKDOWNS))
    return names


def _stem(label: str, record: Record) -> str:
    """A label in a file's name; with the row's key where it had to be changed."""
    name = re.sub(r"[^\w.,=+\[\]-]+", "-", label)[:_LONGEST]
    return name if name == label else f"{name}-{record.row}"


def _subject(pair: Pair, config: Any) -> Subject:
    """The questions of a pair.

    Raises:
        DataError: its answers are not what a run writes.
    """
    record = pair.a.record
    qids, request = pair.a.qids, pair.a.column("question")
    answers: Sequence[Any] = [()] * len(qids)
    if record.match != "qrels":
        try:
            answers = json.loads(f"[{','.join(map(str, pair.a.column('answers')))}]")
            own = tuple(map(Question, qids, map(str, request), map(tuple, answers)))
            if len(own) != len(qids):
                raise ValueError(f"{len(answers)} lists for {len(qids)} questions")
        except (ValueError, TypeError) as error:
            path = pair.a.path.with_suffix(".csv")
            raise DataError(f"answers are no JSON lists ({error}): run it again", path) from None
    else:
        own = tuple(Question(qid, str(text), ()) for qid, text in zip(qids, request, strict=True))
    return Subject(
        record.dataset,
        record.split,
        record.match,
        own,
        Path(config.paths.raw) / record.dataset,
        lambda: _train(record.dataset, config),
    )
