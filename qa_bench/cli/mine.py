"""`qa-bench mine`: files to train retrievers with, by DPR's rules and later ones.

    questions + run + passages (+ gold paragraphs) ─mine─► <dataset>-<split>.json

A question's first positive is the passage of its gold paragraph, where paragraphs are known; then
come the hits that hold an answer. Hits without an answer are the hard negatives, as many as the
rules leave. A question without a positive is dropped, and so is one whose gold paragraph is not
found in the corpus. Whatever finds passages can be the teacher: the run is the line's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qa_bench.line.line import Line
from qa_bench.line.mining import mined
from qa_bench.train.negatives import REASONS
from qa_bench.train.rules import TABLE_1

_WHY = {
    "positive": "are the positive",
    "answer": "hold an answer",
    "skipped": "stand too high (mine.skip)",
    "behind": "too low (mine.until)",
    "margin": "score too near the positive (mine.margin)",
    "percentage": "score too near the positive (mine.percentage)",
    "max_score": "score too high (mine.max_score)",
    "min_score": "score too low (mine.min_score)",
    "surplus": "are more than were wanted",
}


def mine(line: Line) -> str:
    """Make the training file, and return where it lies and what became of questions and hits.

    Raises:
        UserError: see ``line.mining.mined``; or no question has a positive.
    """
    data = mined(line)
    folder = line.context.run(data.stage)
    counts = folder.manifest["counts"]
    shown = ", ".join(
        f"{count} {name}" for name, count in counts.items() if not name.startswith("hits_")
    )
    lines = [
        f"training data: {folder.path / data.file} ({shown})",
        _of_hits(counts, folder.manifest["config"]),
        *_published(counts, line.questions.name),
    ]
    return "\n".join(lines)


def _of_hits(counts: Mapping[str, int], mining: Mapping[str, Any]) -> str:
    """Which share of the hits became negatives, and why the others did not.

    Args:
        counts: of the manifest.
        mining: the settings there.
    """

    def share(count: int, whole: int) -> str:
        return f"{100 * count / whole:.1f} %" if whole else "none"

    hits = counts["hits"]
    why = [
        f"{share(counts[f'hits_{reason}'], hits)} {_WHY[reason]}"
        for reason in REASONS[1:]
        if counts[f"hits_{reason}"]
    ]
    chosen = counts["hits_chosen"]
    first = f"hits: {chosen} of {hits} are hard negatives ({share(chosen, hits)})"
    text = "; ".join([first, *why])
    negatives = sum(counts[f"{source}_negatives"] for source in ("hard", "gold", "random"))
    if mining["with_answers"]:
        with_answer = counts["negatives_with_answer"]
        text += (
            f"\nmine.answers=keep: {share(with_answer, negatives)} of the negatives hold an answer"
        )
    if counts["fewer_hard_negatives"]:
        text += (
            f"\n{counts['fewer_hard_negatives']} of {counts['examples']} questions have fewer than "
            f"{mining['choice']['count']} hard negatives: a deeper depth=, or milder rules"
        )
    return text


def _published(counts: Mapping[str, int], name: str) -> list[str]:
    """DPR's number beside ours, where this is the whole of one of its training sets."""
    if "published" not in counts:
        return []
    whole = TABLE_1[name]
    own, theirs = (100 * n / whole.questions for n in (counts["examples"], whole.trained))
    return [
        f"kept: {counts['examples']:,} of {whole.questions:,} questions ({own:.1f} %); DPR's "
        f"Table 1: {whole.trained:,} ({theirs:.1f} %), with BM25 on its 21,015,324 passages"
    ]
