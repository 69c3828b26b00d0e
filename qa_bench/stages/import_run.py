"""somebody else's run file ─import─► run, and the passages inside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qa_bench.engine.context import Context
from qa_bench.engine.digests import digest
from qa_bench.engine.stage import run_stage
from qa_bench.errors import UserError
from qa_bench.formats.runs import read_run_file
from qa_bench.store.passages import describe_passages, write_passages
from qa_bench.store.runs import RUN_FILE, write_run
from qa_bench.types import Folder, QuestionSet

VERSION = 1


def import_run(file: Path, questions: QuestionSet, name: str, context: Context) -> Folder:
    """The run as ours; the manifest's ``counts.passages`` is 0 where the file names pids only.

    Raises:
        UserError: the file is missing or wrong.
    """
    if not file.is_file():
        raise UserError(f"run: no such file: {file}")

    def build(folder: Path) -> dict[str, Any]:
        foreign = read_run_file(file, questions)
        write_run(folder / RUN_FILE, foreign.run)
        if foreign.passages:
            passages = folder / "passages-00000.arrow"
            write_passages(passages, foreign.passages)
            describe_passages(folder, [passages])
        return {"hits": len(foreign.run), "passages": len(foreign.passages)}

    return run_stage(
        "import",
        version=VERSION,
        slug=f"{questions.name}-{questions.split}-{name}",
        config={},
        inputs={
            "file": context.digests.of([file])[0],
            "questions": digest([[question.qid, question.text] for question in questions]),
        },
        build=build,
        **context.common,
    )
