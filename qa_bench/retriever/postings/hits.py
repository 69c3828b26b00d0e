"""An index of postings as a retriever has it: of its corpus, searched to a run, asked for pairs."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from qa_bench.errors import UserError
from qa_bench.retriever.postings.search import Questions, Weights, pair_scores, top_k
from qa_bench.retriever.postings.store import Postings
from qa_bench.runtime.progress import progress
from qa_bench.store.passages import Passages
from qa_bench.types import QuestionSet, Run, Runtime


class Index(NamedTuple):
    """An index, ready to be searched."""

    postings: Postings
    weights: Weights


def postings_of(folder: Path, passages: int, workers: int) -> Postings:
    """The postings in a folder.

    Args:
        folder: that a ``Builder`` filled.
        passages: how many the corpus has.
        workers: threads that unpack.

    Raises:
        DataError: a file is missing, cut short, changed, or of another version.
        UserError: they are those of another corpus.
    """
    postings = Postings(folder, workers)
    if postings.passages != passages:
        raise UserError(
            f"{folder}: postings of {postings.passages} passages, but there are {passages}; delete "
            "the folder to build it again"
        )
    return postings


def hits(
    index: Index,
    encoded: Questions,
    passages: Passages,
    questions: QuestionSet,
    depth: int,
    runtime: Runtime,
) -> Run:
    """The best passages of every question, of those that share a term with it.

    Args:
        index: of these passages.
        encoded: the questions' terms.
        passages: the corpus.
        questions: the set.
        depth: hits a question, at most.
        runtime: threads and progress.
    """
    with progress(len(questions), "search", "questions", runtime) as bar:
        rows, scores = top_k(*index, encoded, depth, runtime.workers, bar.update)
    return Run.of_rows([question.qid for question in questions], rows, scores, passages.pids)


def scores_of_pairs(
    index: Index,
    encoded: Questions,
    question_rows: np.ndarray,
    rows: np.ndarray,
    runtime: Runtime,
) -> np.ndarray:
    """The scores of (question, passage) pairs, 0 where they share no term; float32 (pairs,).

    Args:
        index: of these passages.
        encoded: the questions' terms.
        question_rows: each pair's question, a place in ``encoded``; (pairs,).
        rows: each pair's passage; (pairs,).
        runtime: threads.
    """
    exact = pair_scores(*index, encoded, question_rows, rows, runtime.workers)
    return exact.astype(np.float32)
