"""`qa-bench plan`: what each stage will take, and whether it is there, before anything is spent."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from qa_bench.engine.context import Context
from qa_bench.engine.stage import Stage
from qa_bench.errors import UserError
from qa_bench.line.line import Line
from qa_bench.stages.chunk import BYTES_PER_PASSAGE
from qa_bench.types import Load, Step

_TEXT_PER_BYTE = {".xz": 3.8, ".gz": 2.8, ".bz2": 3.5}
_REUSE = "reuse"


class Row(NamedTuple):
    """A stage in the plan: its step, and whether it is reused or why it is built."""

    step: Step
    state: str


def plan(line: Line) -> str:
    """A table of the line's stages for this corpus and question set; nothing is built.

    Raises:
        UserError: the corpus or the questions are missing.
    """
    stages = line.stages()
    chunked = any(stage.name == "chunk" for stage in stages)
    load = Load(passage_count(line) if chunked else 0, len(line.questions))
    corpus = f"{line.corpus.name}: about {load.passages:,.0f} passages; " if chunked else ""
    head = f"{corpus}{line.questions.name}: {load.questions:,} questions; depth {line.depth}"
    return table(stages, load, head, line.context)


def table(stages: Iterable[Stage], load: Load, head: str, context: Context) -> str:
    """The table of some stages.

    Args:
        stages: in order.
        load: what is reckoned with.
        head: the line above.
        context: where they lie.
    """
    rows = [_row(stage, load, context) for stage in stages]
    missing = [row.step for row in rows if row.state != _REUSE]
    seconds = [step.seconds for step in missing if step.seconds is not None]
    disk = sum(step.disk for step in missing)
    free = shutil.disk_usage(_existing(context.cache)).free
    enough = "" if free > disk else " — NOT ENOUGH"
    total = Step("to build", disk, sum(seconds), f"free disk: {_size(free)}{enough}")
    wide = max(len(row.step.name) for row in rows)
    memory = max(len(row.step.memory) for row in rows)
    at_least = "> " if len(seconds) < len(missing) else ""
    return "\n".join(
        [
            head,
            f"{'stage':{wide}}{'disk':>10}{'time':>12}  memory",
            *(f"{_cells(row.step, wide):{wide + 24 + memory}}  {row.state}" for row in rows),
            _cells(total, wide, at_least),
            "Rates are those of two cores, or guessed for a GPU; what is reused costs nothing.",
        ]
    )


def seconds_to_build(lines: Iterable[Line]) -> dict[str, float]:
    """What the stages that are not there yet will take, by their keys; nothing is built.

    A stage whose time is not known counts a second; what is not here yet, such as a model whose
    content is part of a key, counts nothing.
    """
    seconds: dict[str, float] = {}
    for line in lines:
        try:
            stages = line.stages()
            chunked = any(stage.name == "chunk" for stage in stages)
            load = Load(passage_count(line) if chunked else 0, len(line.questions))
            for stage in stages:
                if not stage.missing and stage.key not in seconds and not _there(stage, line):
                    seconds[stage.key] = max(stage.plan(load).seconds or 1.0, 0.2)
        except (UserError, OSError):  # the job itself will say so
            continue
    return seconds


def _there(stage: Stage, line: Line) -> bool:
    return line.context.find(stage) is not None


def _row(stage: Stage, load: Load, context: Context) -> Row:
    step = stage.plan(load)._replace(name=stage.title or stage.name)
    if stage.missing:  # such as a model that is not here yet: its content is part of the key
        of_inputs = any(before.missing for before in stage.inputs.values())
        return Row(step, "build" if of_inputs else f"build ({stage.missing})")
    if context.find(stage) is not None:
        return Row(step, _REUSE)
    reason = context.why(stage)
    return Row(step, f"build ({reason})" if reason else "build")


def _cells(step: Step, wide: int, at_least: str = "") -> str:
    time = "not known" if step.seconds is None else at_least + _time(step.seconds)
    return f"{step.name:{wide}}{_size(step.disk):>10}{time:>12}  {step.memory}"


def passage_count(line: Line) -> float:
    """How many passages there are, will be made of the corpus' files, or are published to be."""
    published = line.corpus.about.passages
    try:
        files = line.corpus.files()
    except UserError:
        if published is None:
            raise
        return float(published)
    folder = None if line.passages.missing else line.context.find(line.passages)
    if folder is not None:
        return float(folder.manifest["counts"]["passages"])
    text = sum(path.stat().st_size * _TEXT_PER_BYTE.get(path.suffix, 1.0) for path in files)
    return float(published or text / BYTES_PER_PASSAGE)


def _existing(path: Path) -> Path:
    return path if path.exists() else _existing(path.absolute().parent)


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{max(seconds, 1) if seconds else 0:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
