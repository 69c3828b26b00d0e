"""Contrastive entropy of a line's retriever, as ``contrastive_entropy`` says."""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

from qa_bench.engine.stage import Stage
from qa_bench.line.golds import golds_of
from qa_bench.settings import whole_number
from qa_bench.stages.entropy import ENTROPY_FILE, METRIC, Contrastive, contrast, entropy
from qa_bench.stages.pair_scores import of_retriever
from qa_bench.store.columns import read_columns
from qa_bench.types import Heading

log = logging.getLogger(__name__)

HEADING = Heading("contrastive entropy", "nats", lower=True)


class Entropies(NamedTuple):
    """What a record takes of it.

    Attributes:
        pairs: draws the passages; it refuses questions without gold passages, and is quick.
        stage: makes the entropies.
        negatives: passages beside each gold one.
        scale: what similarities are multiplied with.
    """

    pairs: Stage
    stage: Stage
    negatives: int
    scale: float


def entropies(line: Any) -> Entropies | None:
    """The stage; None where it is not wanted, or the retriever has no softmax to take it of.

    Args:
        line: a ``line.Line``.

    Raises:
        UserError: a setting is out of range.
    """
    negatives = whole_number("contrastive_entropy", line.config.contrastive_entropy, 0)
    ours = line.config.run is None and line.config.predictions is None
    if not negatives or not ours or line.questions.qrels is not None:
        return None
    several = list(line.retrievals.values())
    part = several[0].part_run(line.depth) if len(several) == 1 else None
    scores = None if part is None else of_retriever(part)
    retriever = None if part is None else part.retriever
    if scores is None or not isinstance(retriever, Contrastive):
        log.info("%s: no contrastive entropy: it is of bi-encoders alone", line.system)
        return None
    training = line.training
    scale = retriever.scale(None if training is None else training.how)
    questions, context = line.questions, line.context
    common = (golds_of(line), negatives, line.config.mode, context)
    pairs = contrast(questions, line.passages, *common)
    name = line.choice("retriever")
    stage = entropy(pairs, line.passages, questions, scores, scale, name, context)
    return Entropies(pairs, stage, negatives, scale)


class Measured(NamedTuple):
    """What a record takes of it; nothing where it is not wanted.

    Attributes:
        columns: of the per-question file.
        values: the mean by metric.
        denominators: questions with a value, where some have none.
        notes: what a reader of the figure must know.
    """

    columns: dict[str, list[Any]]
    values: dict[str, float]
    denominators: dict[str, int]
    notes: tuple[str, ...] = ()


def measured(line: Any) -> Measured:
    """Run the stage of a line, where there is one.

    Args:
        line: a ``line.Line``.

    Raises:
        UserError: no question has a gold passage, or the corpus has too few passages.
    """
    one = line.entropies
    if one is None:
        return Measured({}, {}, {})
    folder, questions = line.context.run(one.stage), line.questions
    counts = folder.manifest["counts"]
    some = counts["questions"] < len(questions)
    whose = f", of the {counts['questions']:,} of {len(questions):,} questions with a gold passage"
    text = (
        f"{questions.name}: contrastive entropy against {one.negatives} drawn passages, of "
        f"similarities times {one.scale:g}{whose if some else ''}"
    )
    return Measured(
        {METRIC: read_columns(folder.path / ENTROPY_FILE)[METRIC]},
        {METRIC: counts["mean"]},
        {METRIC: counts["questions"]} if some else {},
        (text,),
    )
