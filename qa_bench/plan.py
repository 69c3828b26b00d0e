"""`qa-bench plan`: disk, memory and time of each stage, before anything is spent."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from qa_bench.errors import UserError
from qa_bench.pipeline import Line

# From the manifests of benchmarks/whole_line.py on two cores (408,191 passages, 28,219 questions);
# searching is taken to grow with the passages. Machines differ, so the plan says "about".
_TEXT_PER_BYTE = {".xz": 3.8, ".gz": 2.8, ".bz2": 3.5}
_BYTES_PER_PASSAGE = 640
_CHUNK_PER_S = 60_000
_INDEX_PER_S = 36_000
_LUCENE_BYTES_PER_PASSAGE = 122
_SEARCH_PASSAGE_QUESTIONS_PER_S = 3.7e8
_SCORE_HITS_PER_S = 370_000
_HIT_BYTES = 6


@dataclass(frozen=True)
class Step:
    """One stage's estimate: disk in bytes, time in seconds."""

    name: str
    disk: float
    seconds: float
    memory: str


def plan(line: Line) -> str:
    """A table of the stages for this corpus and question set.

    Raises:
        UserError: the corpus or the questions are missing.
    """
    passages = _passages(line)
    text = passages * _BYTES_PER_PASSAGE
    questions = len(line.questions)
    depth = line.depth
    heap = line.context.runtime.java_heap
    steps = [
        Step("chunk", text, passages / _CHUNK_PER_S, "0.3 GB"),
        Step(
            "index", passages * _LUCENE_BYTES_PER_PASSAGE, passages / _INDEX_PER_S, f"{heap} heap"
        ),
        Step(
            "search",
            questions * depth * _HIT_BYTES,
            questions * passages / _SEARCH_PASSAGE_QUESTIONS_PER_S,
            f"{heap} heap",
        ),
        Step("score", questions * 40, questions * depth / _SCORE_HITS_PER_S, "0.3 GB"),
    ]
    total = sum(step.disk for step in steps)
    free = shutil.disk_usage(_existing(line.context.cache)).free
    rows = [f"{'stage':8}{'disk':>10}{'time':>10}  memory"]
    rows += [
        f"{step.name:8}{_size(step.disk):>10}{_time(step.seconds):>10}  {step.memory}"
        for step in steps
    ]
    return "\n".join(
        [
            f"{line.corpus.made.name}: about {passages:,.0f} passages; {line.questions.name}: "
            f"{questions:,} questions; depth {depth}",
            *rows,
            f"{'all':8}{_size(total):>10}{_time(sum(s.seconds for s in steps)):>10}  free disk: "
            f"{_size(free)}" + ("" if free > total else " — NOT ENOUGH"),
            "Rates are those of two cores; finished stages are reused and cost nothing.",
        ]
    )


def _passages(line: Line) -> float:
    """How many passages the corpus' files will yield, or how many it is published to have."""
    published = line.corpus.about.get("passages")
    try:
        files = line.corpus.made.files()
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
