"""`qa-bench mine`: files to train retrievers with, by DPR's rules and later ones.

    questions + run + passages (+ gold paragraphs) ─mine─► <dataset>-<split>.json

A question's first positive is the passage of its gold paragraph, where paragraphs are known; then
come the hits that hold an answer. Hits without an answer are the hard negatives, as many as the
rules leave. A question without a positive is dropped, and so is one whose gold paragraph is not
found in the corpus. Whatever finds passages can be the teacher: the run is the line's.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qa_bench.engine.stage import Stage
from qa_bench.errors import UserError
from qa_bench.line.line import Line
from qa_bench.line.teaching import pair_scores
from qa_bench.settings import flag, one_of, whole_number
from qa_bench.stages.mine import file_name
from qa_bench.stages.mine import mine as mine_stage
from qa_bench.train.golds import gold_paragraphs
from qa_bench.train.mining import Mining
from qa_bench.train.negatives import REASONS, Choice
from qa_bench.train.rules import TABLE_1, checked_rules

_SOURCES = ("hits", "random", "gold")
_DRAWN = 50
"""Negatives of a question that are taken at random, as many as in DPR's own files."""
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


def mine(line: Line, config: Any) -> str:
    """Make the training file, and return where it lies and what became of questions and hits.

    Raises:
        UserError: see ``stage_of``; or no question has a positive.
    """
    folder = line.context.run(stage_of(line, config))
    counts = folder.manifest["counts"]
    shown = ", ".join(
        f"{count} {name}" for name, count in counts.items() if not name.startswith("hits_")
    )
    lines = [
        f"training data: {folder.path / file_name(line.questions)} ({shown})",
        _of_hits(counts, folder.manifest["config"]),
        *_published(counts, line.questions.name),
    ]
    return "\n".join(lines)


def stage_of(line: Line, config: Any) -> Stage:
    """The stage that makes the file; nothing runs.

    Raises:
        UserError: a test split, a set without answers, gold paragraphs without texts, or a setting
            that is out of range.
    """
    from omegaconf import OmegaConf

    questions = line.questions
    if questions.split == "test":
        raise UserError("training data is not made of a test split: set dataset.split=train")
    if questions.qrels is not None:
        raise UserError(f"{questions.name} has relevance judgements, and no answers to mine with")
    options: Any = OmegaConf.to_container(config.mine, resolve=True)
    mining = mining_of(options, config.mode, line.depth)
    named, articles = options["gold"], options["articles"]
    file = line.dataset.file() if named is None else Path(named)
    golds = gold_paragraphs(questions, file, None if articles is None else Path(articles))
    if named is not None and not golds.of:
        raise UserError(f"mine.gold: {named} names no gold paragraph of these questions")
    common = (questions, line.ranked, line.run_passages, golds, mining, _teacher(line))
    return mine_stage(*common, line.context, pair_scores(line))


def _teacher(line: Line) -> str:
    """The system's label; with a reranker that it does not name, that too."""
    name = line.choice("reranker")
    return line.slug if line.reranker is None or name in line.slug else f"{line.slug}+{name}"


def mining_of(options: Mapping[str, Any], mode: str, depth: int) -> Mining:
    """What ``mine.…`` says.

    Args:
        options: the section.
        mode: whose matching rules.
        depth: of the run.

    Raises:
        UserError: a setting is out of range.
    """
    counts = _counts(options["from"])
    names = ("skip", "until", "sampled", "margin", "percentage", "max_score", "min_score", "seed")
    choice = Choice(counts["hits"], **{name: options[name] for name in names})
    if choice.skip >= depth:
        raise UserError(f"mine.skip={choice.skip} leaves none of depth={depth} hits")
    if choice.until is not None and choice.until > depth:
        raise UserError(f"mine.until={choice.until} is deeper than depth={depth}")
    return Mining(
        choice,
        counts["gold"] or 0,
        counts["random"] or 0,
        one_of("mine.answers", options["answers"], ("drop", "keep")) == "keep",
        flag("mine.scores", options["scores"]),
        checked_rules(options["rules"], depth),
        mode,
    )


def _counts(sources: Any) -> dict[str, int | None]:
    """Negatives a question by source: None for all hits there are.

    Raises:
        UserError: there is no such source, or a count is none.
    """
    if sources is None:
        return {"hits": None, "random": _DRAWN, "gold": 0}
    whole: dict[str, int | None] = {"hits": None, "random": _DRAWN, "gold": _DRAWN}
    if not isinstance(sources, Mapping):
        names = [sources] if isinstance(sources, str) else sources
        sources = {one_of("mine.from", name, _SOURCES): whole[name] for name in names}
    for name, count in sources.items():
        one_of("mine.from", name, _SOURCES)
        whole_number(f"mine.from.{name}", count, 0, optional=name == "hits")
    counts: dict[str, int | None] = {name: sources.get(name, 0) for name in _SOURCES}
    if all(count == 0 for count in counts.values()):
        raise UserError("mine.from: one of hits, random and gold, with a count above 0")
    return counts


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
