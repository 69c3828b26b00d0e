"""The best hits of a run with their texts: what rerankers and readers are given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from qa_bench.store.passages import Passages
from qa_bench.store.runs import rows_of
from qa_bench.types import QuestionSet, Run


@dataclass(frozen=True)
class Ranked:
    """Hits in the order of the questions, best first.

    Attributes:
        questions: the set.
        question_rows: place of each hit's question in the set; (hits,) int64, ascending.
        rows: row of each hit's passage in the corpus; (hits,) int64.
        scores: what the retriever gave; (hits,) float32.
        texts: of the passages, each read when it is asked for; (hits,).
        titles: likewise.
    """

    questions: QuestionSet
    question_rows: np.ndarray
    rows: np.ndarray
    scores: np.ndarray
    texts: Sequence[str]
    titles: Sequence[str]

    @classmethod
    def of(cls, run: Run, passages: Passages, questions: QuestionSet, depth: int) -> Ranked:
        """The first ``depth`` hits of every question.

        Raises:
            UserError: the run names a passage the corpus lacks.
        """
        places = {question.qid: place for place, question in enumerate(questions)}
        slices = sorted((places[qid], hits) for qid, hits in run.slices().items())
        places_of = [
            np.arange(hits.start, min(hits.stop, hits.start + depth)) for _, hits in slices
        ]
        at = np.concatenate([np.zeros(0, np.int64), *places_of])
        rows = rows_of(run, passages)
        return cls(
            questions,
            np.repeat([place for place, _ in slices], [len(hits) for hits in places_of]).astype(
                np.int64
            ),
            rows[at].astype(np.int64),
            run.table.column("score").to_numpy()[at],
            passages.texts(rows[at]),
            passages.titles(rows[at]),
        )

    def __len__(self) -> int:
        """Number of hits."""
        return len(self.question_rows)

    def groups(self) -> Iterator[tuple[int, slice]]:
        """(question's place, its hits), for every question of the set, in order."""
        cuts = np.searchsorted(self.question_rows, np.arange(len(self.questions) + 1)).tolist()
        for place, (first, last) in enumerate(pairwise(cuts)):
            yield place, slice(first, last)
