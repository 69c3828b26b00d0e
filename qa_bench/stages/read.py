"""run ─read─► predictions."""

from __future__ import annotations

import json
import logging
import shutil
import time
from pathlib import Path
from typing import Any

from qa_bench.engine.context import Context
from qa_bench.engine.digests import digest
from qa_bench.engine.files import write_whole
from qa_bench.engine.stage import run_stage
from qa_bench.protocols import Reader
from qa_bench.store.passages import open_passages
from qa_bench.store.ranked import Ranked
from qa_bench.store.runs import RUN_FILE, read_run
from qa_bench.types import Folder, QuestionSet

log = logging.getLogger(__name__)

VERSION = 1
PREDICTIONS_FILE = "predictions.jsonl"
FAILED_FILE = "failed.jsonl"


def read(
    run: Folder,
    passages: Folder,
    questions: QuestionSet,
    reader: Reader,
    name: str,
    context: Context,
) -> Folder:
    """An answer for every question, in ``predictions.jsonl`` as ``predictions=`` takes them.

    Questions that the reader marks as failed (``failed`` of what it returns) have none there and
    count as wrong; ``failed.jsonl`` says why. They are read anew the next time.
    """

    def build(folder: Path) -> dict[str, Any]:
        clock = time.perf_counter()
        hits = read_run(run.path / RUN_FILE)
        ranked = Ranked.of(hits, open_passages(passages.path), questions, reader.depth)
        answers = reader.read(ranked, context.runtime)
        seconds = round(time.perf_counter() - clock, 3)
        failed: dict[int, str] = getattr(answers, "failed", {})
        rows = [
            {"id": question.qid, "prediction": answer}
            for place, (question, answer) in enumerate(zip(questions, answers, strict=True))
            if place not in failed
        ]
        whys = [{"id": questions.questions[n].qid, "why": why} for n, why in failed.items()]
        write_whole(folder / PREDICTIONS_FILE, _lines(rows))
        write_whole(folder / FAILED_FILE, _lines(whys))
        return {
            "questions": len(questions),
            "without_answer": sum(not row["prediction"] for row in rows),
            "failed": len(failed),
            "seconds": seconds,
            **getattr(answers, "costs", {}),
        }

    def stage() -> Folder:
        return run_stage(
            "read",
            version=VERSION,
            slug=f"{questions.name}-{questions.split}-{name}",
            config={"reader": reader.identity},
            inputs={
                "run": run.key,
                "passages": passages.key,
                "questions": digest(
                    [[q.qid, q.text, *_seen(reader, q.answers)] for q in questions]
                ),
                **reader.sources(),
            },
            build=build,
            **context.common,
        )

    folder = stage()
    if folder.reused and folder.manifest["counts"].get("failed"):
        log.info("read: questions failed the last time; reading them again")
        _discard(folder.path)
        folder = stage()
    _tell_failed(folder)
    return folder


def _lines(rows: list[dict[str, str]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _discard(path: Path) -> None:
    """Under a hidden name first: a folder that shows is always whole."""
    hidden = path.with_name(f".{path.name}.failed")
    shutil.rmtree(hidden, ignore_errors=True)
    try:
        path.replace(hidden)
    except FileNotFoundError:
        return  # another process was quicker
    shutil.rmtree(hidden, ignore_errors=True)


def _tell_failed(folder: Folder) -> None:
    if not folder.manifest["counts"].get("failed"):
        return
    text = (folder.path / FAILED_FILE).read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text.strip().split("\n")]
    names = ", ".join(row["id"] for row in rows)
    log.warning(
        "read: %d of %d questions failed, count as wrong and are read again by the next run "
        "(first: %s): %s",
        len(rows),
        folder.manifest["counts"]["questions"],
        rows[0]["why"],
        names,
    )


def _seen(reader: Reader, answers: tuple[str, ...]) -> tuple[str, ...]:
    """Gold answers, for the one reader that looks at them."""
    return answers if reader.sees_answers else ()
