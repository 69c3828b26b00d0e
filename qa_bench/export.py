"""`qa-bench export`: runs and passages in other people's formats."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from qa_bench.errors import UserError
from qa_bench.formats.psgs_tsv import write_passages
from qa_bench.formats.runs import write_dpr_json, write_trec
from qa_bench.metric.matching import answer_test
from qa_bench.pipeline import Line
from qa_bench.stages.search import RUN_FILE
from qa_bench.store import open_passages, read_run


def _psgs_w100(line: Line, config: Any, file: IO[str]) -> int:
    return write_passages(file, open_passages(line.passages.path))


def _trec(line: Line, config: Any, file: IO[str]) -> int:
    return write_trec(file, read_run(line.ranked.path / RUN_FILE), line.system)


def _dpr(line: Line, config: Any, file: IO[str]) -> int:
    questions = line.questions
    return write_dpr_json(
        file,
        read_run(line.ranked.path / RUN_FILE),
        questions,
        open_passages(line.run_passages.path),
        lambda answers: answer_test(answers, questions.match, config.mode),
    )


WRITERS: dict[tuple[str, str], tuple[Callable[[Line, Any, IO[str]], int], str]] = {
    ("passages", "psgs_w100"): (_psgs_w100, "passages"),
    ("run", "trec"): (_trec, "hits"),
    ("run", "dpr"): (_dpr, "questions"),
}
"""What is written, and what its count counts, by (export.what, export.format)."""


def export(line: Line, config: Any) -> None:
    """Write ``export.what`` as ``export.format`` to ``export.out``, whole or not at all.

    Raises:
        UserError: an unknown combination, or no ``export.out``.
    """
    asked = (config.export.what, config.export.format)
    if asked not in WRITERS:
        known = ", ".join(f"what={what} format={how}" for what, how in WRITERS)
        raise UserError(f"cannot export what={asked[0]} as format={asked[1]}: use {known}")
    if config.export.out is None:
        raise UserError("export needs out=<file>")
    out = Path(config.export.out)
    write, unit = WRITERS[asked]
    with _whole(out) as file:
        count = write(line, config, file)
    print(f"{out}: {count} {unit}")


@contextmanager
def _whole(out: Path) -> Iterator[IO[str]]:
    """A text file, compressed where the name ends in .gz, that appears when it is complete."""
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        if out.suffix == ".gz":
            # No time stamp and no name inside: same content, same bytes.
            with (
                temporary.open("wb") as raw,
                gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as zipped,
            ):
                import io

                with io.TextIOWrapper(
                    cast(IO[bytes], zipped), encoding="utf-8", newline=""
                ) as text:
                    yield text
        else:
            with temporary.open("w", encoding="utf-8", newline="") as text:
                yield text
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)
