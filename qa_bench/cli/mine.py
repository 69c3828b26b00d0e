"""`qa-bench mine`: files to train retrievers with, by DPR's rules (Karpukhin et al. 2020, 4.2).

    questions + run + passages (+ gold paragraphs) ─mine─► <dataset>-<split>.json

A question's first positive is the passage of its gold paragraph, where paragraphs are known; then
come the hits that hold an answer. Hits without an answer are the hard negatives. A question without
a positive is dropped, and so is one whose gold paragraph is not found in the corpus.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qa_bench.errors import UserError
from qa_bench.line.line import Line
from qa_bench.stages.mine import file_name
from qa_bench.stages.mine import mine as mine_stage
from qa_bench.train.mining import gold_paragraphs


def mine(line: Line, config: Any) -> str:
    """Make the training file, and return where it lies and what became of the questions.

    Raises:
        UserError: a test split, a set without answers, or gold paragraphs without texts.
    """
    from omegaconf import OmegaConf

    questions = line.questions
    if questions.split == "test":
        raise UserError("training data is not made of a test split: set dataset.split=train")
    if questions.qrels is not None:
        raise UserError(f"{questions.name} has relevance judgements, and no answers to mine with")
    named, articles = (OmegaConf.select(config, f"mine.{name}") for name in ("gold", "articles"))
    file = line.dataset.file() if named is None else Path(named)
    golds = gold_paragraphs(questions, file, None if articles is None else Path(articles))
    if named is not None and not golds.of:
        raise UserError(f"mine.gold: {named} names no gold paragraph of these questions")
    common = (questions, line.run, line.run_passages, golds, config.mode, line.slug, line.context)
    folder = line.context.run(mine_stage(*common))
    counts = ", ".join(f"{n} {name}" for name, n in folder.manifest["counts"].items())
    return f"training data: {folder.path / file_name(questions)} ({counts})"
