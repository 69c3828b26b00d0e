"""somebody else's run file ─import─► run, and the passages inside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qa_bench.engine.context import Context
from qa_bench.engine.stage import Stage
from qa_bench.errors import UserError
from qa_bench.formats.runs import read_run_file
from qa_bench.stages.expand import question_digest
from qa_bench.store.passages import describe_passages, write_passages
from qa_bench.store.runs import RUN_FILE, write_run
from qa_bench.types import Folder, QuestionSet, Step

VERSION = 1


def import_run(file: Path, questions: QuestionSet, name: str, context: Context) -> Stage:
    """The run as ours; the manifest's ``counts.passages`` is 0 where the file names pids only.

    Raises:
        UserError: the file is missing. Its build raises it for a wrong one.
    """
    if not file.is_file():
        raise UserError(f"run: no such file: {file}")

    def build(folder: Path, inputs: Mapping[str, Folder]) -> dict[str, Any]:
        foreign = read_run_file(file, questions)
        write_run(folder / RUN_FILE, foreign.run)
        if foreign.passages:
            passages = folder / "passages-00000.arrow"
            write_passages(passages, foreign.passages)
            describe_passages(folder, [passages])
        return {"hits": len(foreign.run), "passages": len(foreign.passages)}

    return Stage(
        "import",
        VERSION,
        f"{questions.name}-{questions.split}-{name}",
        {},
        {},
        lambda: {
            "file": context.digests.of([file])[0],
            "questions": question_digest(questions),
        },
        build,
        lambda load: Step("import", file.stat().st_size, None, "not known"),
    )


def holds_passages(stage: Stage, file: Path, questions: QuestionSet, context: Context) -> bool:
    """Whether a run file holds its passages: as its stage says, or by reading it.

    Raises:
        UserError: the file is wrong.
    """
    folder = context.find(stage)
    if folder is not None:
        return bool(folder.manifest["counts"]["passages"])
    return bool(read_run_file(file, questions).passages)
