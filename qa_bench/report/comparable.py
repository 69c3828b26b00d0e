"""Whether a published figure may stand beside ours, and why not, in words."""

from __future__ import annotations

from qa_bench.report.counts import counts
from qa_bench.report.published import Published, of_systems
from qa_bench.report.record import Record

MODES = ("dpr", "pyserini")
"""The matching rules by which the published figures were made."""

_OTHER_MODES = {"article_recall": ("drqa",)}
"""Those of metrics of which this is not so."""

COUNTED = ("answer_recall", "article_recall", "em")
"""Metrics, without their k, that are a share of questions."""

_NQ = ("nq", "nq_open")
"""One set of test questions, in two files with other answers."""

_FILES = {"nq": "DPR's (dataset=nq)", "nq_open": "NQ-open's own (dataset=nq_open)"}


def candidates(record: Record, metric: str) -> list[Published]:
    """The figures of what the record repeats, on its set and by its metric: comparable or not.

    Both files of NQ's test questions are one set here. Those of a split that its source does not
    name are among them.
    """
    systems = [*record.published_as, *record.published_unlike]
    return [
        figure
        for figure in of_systems(systems)
        if figure.metric == metric
        and _same_set(record.dataset, figure.dataset)
        and figure.split in (record.split, "unstated")
    ]


def comparable(record: Record, figure: Published) -> str | None:
    """Whether corpus, set, split, question file, settings and matcher are the same.

    Returns:
        None if they are; else the first that is not, in words.
    """
    return (
        _corpus(record, figure)
        or _questions(record, figure)
        or _settings(record, figure)
        or _matcher(record, figure)
        or _count(record, figure)
    )


def compared(record: Record, metric: str) -> list[Published]:
    """The figures that may stand beside a record's, in the order of its ``published_as``."""
    return [figure for figure in candidates(record, metric) if comparable(record, figure) is None]


def _same_set(ours: str, theirs: str) -> bool:
    return ours == theirs or (ours in _NQ and theirs in _NQ)


def _corpus(record: Record, figure: Published) -> str | None:
    name = record.corpus.partition("[")[0].partition("/")[0]
    if not name:
        return "the corpus of the run is not known here"
    if name != figure.corpus:
        return f"the corpus is {name}, theirs {figure.corpus}"
    if not record.published_corpus or "/" in record.corpus:
        there = record.costs.get("passages")
        some = f" ({there:,.0f} passages here)" if there else ""
        return f"the corpus is not the whole of {name}{some}"
    return None


def _questions(record: Record, figure: Published) -> str | None:
    if not _same_set(record.dataset, figure.dataset):
        return f"the set is {record.dataset}, theirs {figure.dataset}"
    if record.split != figure.split:
        return f"the split is {record.split}, theirs {figure.split}"
    if record.dataset != figure.dataset:
        return f"the question file is {_FILES[record.dataset]}, theirs {_FILES[figure.dataset]}"
    if record.dataset in _NQ and record.split == "test" and not figure.topics:
        return "its source does not say which file of NQ's test questions it is of"
    if not record.published_set:
        return "the questions are not the published ones"
    if figure.n is not None and figure.n != record.n:
        return f"there are {record.n:,} questions, theirs are {figure.n:,}"
    return None


def _settings(record: Record, figure: Published) -> str | None:
    if (reason := record.published_unlike.get(figure.system)) is not None:
        return reason
    return None if figure.system in record.published_as else "it is another system"


def _matcher(record: Record, figure: Published) -> str | None:
    regex = record.dataset == "curatedtrec"
    if record.match != ("regex" if regex else "string"):
        return f"answers are matched as {record.match}, theirs as {'regex' if regex else 'string'}"
    modes = _OTHER_MODES.get(figure.metric.partition("@")[0], MODES)
    if record.mode not in modes:
        return f"answers are matched by the rules of {record.mode}, theirs by those of {modes[0]}"
    return None


def _count(record: Record, figure: Published) -> str | None:
    if figure.metric.partition("@")[0] not in COUNTED:
        return "it is no share of questions"
    if not counts(figure.value, record.n):
        return f"no count of {record.n:,} questions makes {figure.value}: a misprint, or another n"
    return None
