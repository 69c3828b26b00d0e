"""`qa-bench export`: runs, passages and results in other people's formats."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from qa_bench.cli.export_results import FORMATS, export_results
from qa_bench.engine.files import whole_text
from qa_bench.errors import UserError
from qa_bench.formats.psgs_tsv import write_passages
from qa_bench.formats.run_writers import write_dpr_json, write_pyserini_json, write_trec
from qa_bench.line.line import Line
from qa_bench.metric.matching import answer_test
from qa_bench.store.passages import open_passages
from qa_bench.store.runs import RUN_FILE, read_run


def _psgs_w100(line: Line, config: Any, file: IO[str]) -> int:
    return write_passages(file, open_passages(line.context.run(line.passages).path))


def _trec(line: Line, config: Any, file: IO[str]) -> int:
    return write_trec(file, read_run(line.context.run(line.ranked).path / RUN_FILE), line.system)


def _json(write: Callable[..., int]) -> Callable[[Line, Any, IO[str]], int]:
    def whole(line: Line, config: Any, file: IO[str]) -> int:
        questions = line.questions
        return write(
            file,
            read_run(line.context.run(line.ranked).path / RUN_FILE),
            questions,
            open_passages(line.context.run(line.run_passages).path),
            lambda answers, qid: answer_test(answers, questions.match, config.mode, qid),
        )

    return whole


WRITERS: dict[tuple[str, str], tuple[Callable[[Line, Any, IO[str]], int], str]] = {
    ("passages", "psgs_w100"): (_psgs_w100, "passages"),
    ("run", "trec"): (_trec, "hits"),
    ("run", "dpr"): (_json(write_dpr_json), "questions"),
    ("run", "pyserini"): (_json(write_pyserini_json), "questions"),
}
"""What is written, and what its count counts, by (export.what, export.format)."""

RESULTS = "results"
"""What needs no passages: an experiment's figures."""


def export(line: Line, config: Any) -> None:
    """Write ``export.what`` as ``export.format`` to ``export.out``, whole or not at all.

    Raises:
        UserError: an unknown combination, or no ``export.out`` for a run or passages.
    """
    pair = (config.export.what, config.export.format)
    if pair[0] == RESULTS and pair[1] in FORMATS:
        print(export_results(config))
        return
    if pair not in WRITERS:
        every = [*WRITERS, *((RESULTS, how) for how in FORMATS)]
        choices = ", ".join(f"what={what} format={how}" for what, how in every)
        raise UserError(f"cannot export what={pair[0]} as format={pair[1]}: use {choices}")
    if config.export.out is None:
        raise UserError("export needs out=<file>")
    out = Path(config.export.out)
    write, unit = WRITERS[pair]
    with whole_text(out) as file:
        count = write(line, config, file)
    print(f"{out}: {count} {unit}")
