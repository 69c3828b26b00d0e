"""Training data of a line's run, as its ``mine`` says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qa_bench.errors import UserError
from qa_bench.line.golds import golds_of
from qa_bench.line.mined_line import MinedLine
from qa_bench.settings import flag, one_of, whole_number
from qa_bench.stages.mine import file_name, mine
from qa_bench.stages.pair_scores import PairScores, of_reranker, of_retriever
from qa_bench.stages.train import Mined
from qa_bench.train.mining import Mining
from qa_bench.train.negatives import HitChoice
from qa_bench.train.rules import checked_rules

_SOURCES = ("hits", "random", "gold")
_DRAWN = 50
"""Negatives of a question that are taken at random, as many as in DPR's own files."""


def mined(line: MinedLine) -> Mined:
    """The stage that makes a line's training file, ``stages.mine.file_name``; nothing runs.

    Args:
        line: whose run is mined.

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
    options: Any = OmegaConf.to_container(line.config.mine, resolve=True)
    mining = mining_of(options, line.config.mode, line.depth)
    common = (questions, line.ranked, line.run_passages, golds_of(line), mining, _teacher(line))
    stage = mine(*common, line.context, pair_scores(line))
    return Mined(stage, file_name(questions), len(questions))


def _teacher(line: MinedLine) -> str:
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
    choice = HitChoice(counts["hits"], **{name: options[name] for name in names})
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


def pair_scores(line: MinedLine) -> PairScores | None:
    """The reranker, or the retriever where there is none; None where neither can.

    A run that came from elsewhere, one fused of several searches, and a hybrid's have scores of
    their hits alone.
    """
    if line.reranker is not None:
        return of_reranker(line.reranker, line.questions)
    if line.config.run is not None or len(line.retrievals) != 1:
        return None
    (retrieval,) = line.retrievals.values()
    part = retrieval.part_run(line.depth)
    return None if part is None else of_retriever(part)
