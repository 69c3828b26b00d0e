"""The vectors that `qa-bench plot kind=towers` draws: of the bi-encoders of an experiment."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from qa_bench.api.jobs import lines
from qa_bench.errors import UserError
from qa_bench.formats.dpr_training import read_examples
from qa_bench.line.line import Line
from qa_bench.line.record import key_of
from qa_bench.protocols import BiEncoder
from qa_bench.report.plots import towers
from qa_bench.report.plots.entries import Entry, labels, leave_out
from qa_bench.report.plots.sheet import Point
from qa_bench.report.rows import Row
from qa_bench.settings import whole_number
from qa_bench.types import Runtime

Pairs = list[tuple[str, str, str]]
"""Questions with the title and the text of their passages."""


@runtime_checkable
class TextEncoder(BiEncoder, Protocol):
    """A bi-encoder that makes vectors of any texts, as they are compared."""

    def encode_questions(self, texts: Sequence[str], runtime: Runtime) -> np.ndarray:
        """Vectors of questions; float32 of shape (questions, dimension)."""
        ...

    def encode_passages(
        self, titles: Sequence[str], texts: Sequence[str], runtime: Runtime
    ) -> np.ndarray:
        """Vectors of passages; float32 of shape (passages, dimension)."""
        ...


def points(entries: Sequence[Entry], settings: Any, alpha: float, runtime: Runtime) -> list[Point]:
    """The points of every bi-encoder among the systems; each is made again from its command.

    Args:
        entries: what is drawn.
        settings: ``plot``; of it, pairs and questions.
        alpha: 1 − the level of intervals.
        runtime: devices.

    Raises:
        UserError: no file of pairs, or no bi-encoder is there, or one cannot be made again.
        DataError: the file is none of DPR's.
    """
    pairs = read_pairs(settings.pairs, whole_number("plot.questions", settings.questions))
    names = labels(entries)
    first = {Row.of(entry.record): entry for entry in reversed(entries)}
    chosen = [first[row] for row in names if row in first]
    made = [(entry, _line(entry)) for entry in chosen]
    encoders = [
        (entry, line.retrieval.part)
        for entry, line in made
        if isinstance(line.retrieval.part, TextEncoder)
    ]
    leave_out(chosen, [entry for entry, _ in encoders], "it makes no vectors of texts")
    return towers.points(
        {names[Row.of(e.record)]: vectors(part, pairs, runtime) for e, part in encoders}, alpha
    )


def read_pairs(files: Any, count: int) -> Pairs:
    """Questions with their first passages, the same ones for whoever draws them.

    Args:
        files: one of DPR's training files, or a list of them.
        count: how many are taken, evenly spread over the files; all, where there are fewer.

    Raises:
        UserError: there is no such file, or no pair in it.
        DataError: it is none of DPR's.
    """
    paths = [Path(str(name)) for name in (files if isinstance(files, list) else [files])]
    if files is None:
        raise UserError(
            "kind=towers draws questions and their passages: plot.pairs=<a file of `qa-bench "
            "mine`>, best of questions that nothing was trained on"
        )
    for path in paths:
        if not path.is_file():
            raise UserError(f"plot.pairs: {path}: no such file")
    pairs = [
        (example.question, passage.title, passage.text)
        for path in paths
        for example in read_examples(path)
        for passage in [one.passage for one in example.positives[:1]]
    ]
    if not pairs:
        raise UserError(f"plot.pairs: no question with a positive passage in {paths[0]}")
    places = np.unique(np.linspace(0, len(pairs) - 1, min(count, len(pairs))).round().astype(int))
    return [pairs[place] for place in places]


def vectors(part: TextEncoder, pairs: Pairs, runtime: Runtime) -> tuple[np.ndarray, np.ndarray]:
    """What a bi-encoder makes of the questions, and of the passages; (n, dimension) each."""
    questions, titles, texts = zip(*pairs, strict=True)
    return part.encode_questions(questions, runtime), part.encode_passages(titles, texts, runtime)


def _line(entry: Entry) -> Line:
    """The line that made a record, of the command in its certificate.

    Raises:
        UserError: what the command makes now is something else.
    """
    words = shlex.split(entry.command)[2:]
    for line in lines(words):
        if key_of(line) == entry.record.key:
            return line
    raise UserError(
        f"{entry.record.label}: its command does not make it again: data, code or a path has "
        "changed since: run it again"
    )
