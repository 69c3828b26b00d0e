"""`qa-bench plan`: disk, memory and time of each stage, before anything is spent."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from qa_bench.errors import UserError
from qa_bench.line.line import Line
from qa_bench.line.retrieval import Retrieval
from qa_bench.protocols import Composite, Planned, PlannedHits
from qa_bench.types import Runtime, Step

# From the manifests of benchmarks/whole_line.py on two cores (408,191 passages, 28,219 questions);
# searching is taken to grow with the passages. Machines differ, so the plan says "about".
_TEXT_PER_BYTE = {".xz": 3.8, ".gz": 2.8, ".bz2": 3.5}
_BYTES_PER_PASSAGE = 640
_CHUNK_PER_S = 60_000
_SCORE_HITS_PER_S = 370_000
_HIT_BYTES, _RERANKED_HIT_BYTES, _ANSWER_BYTES = 6, 13, 60
_FUSE_HITS_PER_S = 3e6
_COMPLETE_HITS_PER_S = 7e5


def plan(line: Line) -> str:
    """A table of the stages for this corpus and question set.

    Raises:
        UserError: the corpus or the questions are missing.
    """
    passages = _passages(line)
    text = passages * _BYTES_PER_PASSAGE
    questions = len(line.questions)
    depth = line.depth
    after, hits = _after_search(line, questions)
    steps = [
        Step("chunk", text, passages / _CHUNK_PER_S, "0.3 GB"),
        *_steps(line.retrieval, passages, questions, depth, line.context.runtime),
        *after,
        Step("score", questions * 40, questions * hits / _SCORE_HITS_PER_S, "0.3 GB"),
    ]
    total = sum(step.disk for step in steps)
    known = [step.seconds for step in steps if step.seconds is not None]
    at_least = "> " if len(known) < len(steps) else ""
    free = shutil.disk_usage(_existing(line.context.cache)).free
    wide = max(len(step.name) for step in steps)
    rows = [f"{'stage':{wide}}{'disk':>10}{'time':>10}  memory"]
    rows += [_row(step, wide) for step in steps]
    return "\n".join(
        [
            f"{line.corpus.name}: about {passages:,.0f} passages; {line.questions.name}: "
            f"{questions:,} questions; depth {depth}",
            *rows,
            _row(Step("all", total, sum(known), _free(free, total)), wide, at_least),
            "Rates are those of two cores, or guessed for a GPU; what is finished costs nothing.",
        ]
    )


def _row(step: Step, wide: int, at_least: str = "") -> str:
    time = "not known" if step.seconds is None else at_least + _time(step.seconds)
    return f"{step.name:{wide}}{_size(step.disk):>10}{time:>10}  {step.memory}"


def _free(free: float, total: float) -> str:
    return f"free disk: {_size(free)}" + ("" if free > total else " — NOT ENOUGH")


def _steps(
    retrieval: Retrieval, passages: float, questions: int, depth: int, runtime: Runtime
) -> list[Step]:
    """A retriever's own stages after those of its parts."""
    made = retrieval.part
    composite = isinstance(made, Composite)
    deep = max(depth, made.parts_depth) if composite else depth
    steps = [
        step._replace(name=f"{step.name} {label}" if composite else step.name)
        for label, part in retrieval.parts.items()
        for step in _steps(part, passages, questions, deep, runtime)
    ]
    if not composite:
        return [
            step._replace(disk=step.disk + (step.name == "search") * _run_bytes(questions, depth))
            for step in [*steps, *_foretold(made, passages, questions, depth, runtime)]
        ]
    hits = questions * deep * len(retrieval.parts)
    memory = f"{hits * 60 / 1e9:.1f} GB"
    if made.fusion.true_scores:
        steps.append(Step("complete", hits * _HIT_BYTES, hits / _COMPLETE_HITS_PER_S, memory))
    return [*steps, Step("fuse", _run_bytes(questions, depth), hits / _FUSE_HITS_PER_S, memory)]


def _foretold(
    made: Any, passages: float, questions: int, depth: int, runtime: Runtime
) -> list[Step]:
    if isinstance(made, Planned):
        return made.plan(passages, questions, depth, runtime)
    return [Step("index", 0, None, "not known"), Step("search", 0, None, "not known")]


def _after_search(line: Line, questions: int) -> tuple[list[Step], int]:
    """Reranking and reading, where they are chosen, and how many hits a question are left."""
    steps, hits, runtime = [], line.depth, line.context.runtime
    if line.reranker is not None:
        made = line.reranker
        looked_at = min(hits, made.depth)
        hits = min(looked_at, made.keep or looked_at)
        step = _on_hits("rerank", made, questions, looked_at, runtime)
        steps.append(step._replace(disk=step.disk + questions * hits * _RERANKED_HIT_BYTES))
    if line.reader is not None:
        made = line.reader
        step = _on_hits("read", made, questions, min(hits, made.depth), runtime)
        steps.append(step._replace(disk=step.disk + questions * _ANSWER_BYTES))
    return steps, hits


def _on_hits(name: str, made: Any, questions: int, hits: int, runtime: Runtime) -> Step:
    if isinstance(made, PlannedHits):
        return made.plan(questions, hits, runtime)
    return Step(name, 0, None, "not known")


def _run_bytes(questions: int, depth: int) -> float:
    return questions * depth * _HIT_BYTES


def _passages(line: Line) -> float:
    """How many passages the corpus' files will yield, or how many it is published to have."""
    published = line.corpus.about.passages
    try:
        files = line.corpus.files()
    except UserError:
        if published is None:
            raise
        return float(published)
    text = sum(path.stat().st_size * _TEXT_PER_BYTE.get(path.suffix, 1.0) for path in files)
    return float(published or text / _BYTES_PER_PASSAGE)


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
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
