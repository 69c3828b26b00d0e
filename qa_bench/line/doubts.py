"""What is doubtful about a run's figures: cut-offs beyond it, questions and answers it lacks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from qa_bench.line.line import Line

_CUT = re.compile(r"@(\d+)$")


def doubts(line: Line, rows: Mapping[str, Any]) -> list[str]:
    """What to tell beside the figures, a sentence each; none for predictions alone.

    Args:
        line: one that was run.
        rows: the columns of its scores.
    """
    if line.config.predictions is not None:
        return []
    if line.config.run is None:
        return _beyond(line, line.ranked_depth, "left out: the run goes to depth")
    sentences = []
    counts, file = line.context.run(line.run).manifest["counts"], line.config.run
    if missing := counts["without_hits"]:
        sentences.append(
            f"{file}: {missing} of {len(line.questions)} questions have no hit, as "
            f"'{counts['first_without_hits']}'; they count as not found"
        )
    if "first_rank" in rows and not any(rows["first_rank"]):
        sentences.append(
            f"WARNING: {file}: no hit holds an answer of its question: another corpus?"
        )
    if line.ranked_depth is None:
        sentences += _beyond(line, counts["deepest"], f"beyond {file}, which ends at rank")
    else:
        sentences += _beyond(line, line.ranked_depth, "left out: the run goes to depth")
    return sentences


def _beyond(line: Line, depth: int | None, how: str) -> list[str]:
    """The metrics' cut-offs that are deeper than the run."""
    judged = line.questions.qrels is not None
    cuts: set[int] = set()
    for metric in line.metrics.values():
        identity = metric.identity
        cuts |= {int(k) for k in identity.get("k", []) if not judged}
        matches = (_CUT.search(str(text)) for text in identity.get("measures", []) if judged)
        cuts |= {int(match[1]) for match in matches if match}
    deeper = sorted(cut for cut in cuts if depth is not None and cut > depth)
    if not deeper:
        return []
    return [f"cut-offs {', '.join(map(str, deeper))} are {how} {depth}"]
