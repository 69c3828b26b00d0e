"""What is doubtful about figures: cut-offs beyond the run, and what run and corpus lack."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from qa_bench.line.line import Line
from qa_bench.store.runs import RUN_FILE, read_run, rising

_MANY = 0.1
"""The share of articles without passages, or of empty predictions, from which it is told."""
_CUT = re.compile(r"@(\d+)$")


def doubts(line: Line, rows: Mapping[str, Any]) -> list[str]:
    """What to tell beside the figures, a sentence each.

    Args:
        line: one that was run.
        rows: the columns of its scores.
    """
    sentences = _empty(line, rows)
    if line.config.predictions is not None:
        return sentences
    sentences += [] if line.run_passages is line.run else _lacking(line)
    if line.config.run is None:
        sentences += _trained_on(line)
        return sentences + _beyond(line, line.ranked_depth, "left out: the run goes to depth")
    counts, file = line.context.run(line.run).manifest["counts"], line.config.run
    if counts["lacks_place_0"]:
        sentences.append(
            f"WARNING: {file}: its ids are taken for places in the set, counted from 0, and none "
            "of them is 0: if they are counted from 1, every figure is wrong"
        )
    if missing := counts["without_hits"]:
        sentences.append(
            f"{file}: {missing} of {len(line.questions)} questions have no hit, as "
            f"'{counts['first_without_hits']}'; they count as not found"
        )
    if unordered := _unordered(line):
        sentences.append(
            f"{file}: {unordered} questions are not in the order of their scores; the file's order "
            "counts"
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


def _trained_on(line: Line) -> list[str]:
    """That a model was trained on questions of the set: it may know them by heart."""
    count = line.retrieval.seen([question.text for question in line.questions])
    if not count:
        return []
    return [
        f"WARNING: {line.system} was trained on {count} of {len(line.questions)} questions of "
        f"{line.questions.name}: its figures say nothing of questions that it has not seen"
    ]


def _empty(line: Line, rows: Mapping[str, Any]) -> list[str]:
    """That a reader, a language model say, often answers with nothing."""
    predictions = rows.get("prediction", ())
    blank = sum(text is not None and not text.strip() for text in predictions)
    if blank <= len(predictions) * _MANY:
        return []
    lm = line.config.reader.get("lm") or {}
    longest = lm.get("max_tokens")
    why = (
        f": if the model thinks first, reader.lm.max_tokens={longest} may end before it answers"
        if longest
        else ""
    )
    return [f"{line.system}: {blank} of {len(predictions)} predictions are empty{why}"]


def _unordered(line: Line) -> int:
    """Questions of the run file whose scores rise from a hit to the next."""
    run = read_run(line.context.run(line.run).path / RUN_FILE, lean=True)
    qids = run.table.column("qid").combine_chunks().indices
    return len(qids.filter(pa.array(rising(run))).unique())


def _lacking(line: Line) -> list[str]:
    """What of the corpus is in no passage; as the manifest has it, so at every use of it."""
    counts, name = line.context.run(line.passages).manifest["counts"], line.corpus.name
    sentences = []
    if unreadable := counts.get("unreadable_files"):
        sentences.append(f"{name}: {unreadable} documents cannot be read and are left out")
    articles, bare = counts.get("articles", 0), counts.get("articles_without_passages", 0)
    if bare > articles * _MANY:
        short = line.config.chunker.get("short") == "drop"
        why = " (the chunker drops short ones); chunker=words keeps them" if short else ""
        sentences.append(f"{name}: {bare} of {articles} articles have no passage{why}")
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
