"""somebody else's run file ─import─► run, and the passages inside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qa_bench.engine.context import Context
from qa_bench.engine.stage import Stage
from qa_bench.errors import UserError
from qa_bench.formats.runs import ForeignRun, read_run_file
from qa_bench.stages.expand import question_digest
from qa_bench.store.passages import describe_passages, write_passages
from qa_bench.store.runs import RUN_FILE, write_run
from qa_bench.types import Folder, QuestionSet, Step

VERSION = 3


class ForeignFile:
    """A run file on its way in: parsed once, whoever asks first."""

    def __init__(self, path: Path, questions: QuestionSet) -> None:
        """Nothing is read yet.

        Raises:
            UserError: the file is missing.
        """
        if not path.is_file():
            raise UserError(f"run: no such file: {path}")
        self.path, self.questions = path, questions
        self._parsed: ForeignRun | None = None

    def parse(self) -> ForeignRun:
        """The run, and the passages inside it; kept for ``take``.

        Raises:
            UserError: the file is wrong.
        """
        if self._parsed is None:
            self._parsed = read_run_file(self.path, self.questions)
        return self._parsed

    def take(self) -> ForeignRun:
        """``parse``, for the last time: it may be large."""
        parsed, self._parsed = self.parse(), None
        return parsed


def import_run(file: ForeignFile, name: str, context: Context) -> Stage:
    """The run as ours; the manifest's ``counts.passages`` is 0 where the file names pids only.

    ``counts.deepest`` is the most hits that a question has; ``counts.without_hits`` how many
    questions have none, and ``first_without_hits`` is the first of them; ``counts.lacks_place_0``
    is that of ``ForeignRun``.

    Its build raises ``UserError`` where the file is wrong.
    """
    questions = file.questions

    def build(folder: Path, inputs: Mapping[str, Folder]) -> dict[str, Any]:
        foreign = file.take()
        write_run(folder / RUN_FILE, foreign.run)
        if foreign.passages:
            passages = folder / "passages-00000.arrow"
            write_passages(passages, foreign.passages)
            describe_passages(folder, [passages])
        return {
            "hits": len(foreign.run),
            "passages": len(foreign.passages),
            "deepest": foreign.deepest,
            "without_hits": len(foreign.without_hits),
            "first_without_hits": next(iter(foreign.without_hits), None),
            "lacks_place_0": foreign.lacks_place_0,
        }

    return Stage(
        "import",
        VERSION,
        f"{questions.name}-{questions.split}-{name}",
        {},
        {},
        lambda: {
            "file": context.digests.of([file.path])[0],
            "questions": question_digest(questions),
        },
        build,
        lambda load: Step("import", file.path.stat().st_size, None, "not known"),
    )


def holds_passages(stage: Stage, file: ForeignFile, context: Context) -> bool:
    """Whether a run file holds its passages: as its stage says, or by parsing it.

    Raises:
        UserError: the file is wrong.
    """
    folder = context.find(stage)
    if folder is not None:
        return bool(folder.manifest["counts"]["passages"])
    return bool(file.parse().passages)
