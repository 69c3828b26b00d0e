"""What metrics look at: questions, and what a system gave for them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from qa_bench.metric.matching import answer_test, get_mode
from qa_bench.store import Passages, check_covered
from qa_bench.types import QuestionSet, Run


@dataclass(frozen=True)
class Evidence:
    """A question set beside a run or predictions, or both.

    Attributes:
        questions: the set; metrics give one value for each.
        mode: whose matching rules hold, see ``qa_bench.metric.matching``.
        run: ranked hits, if passages were retrieved.
        passages: the collection the run's pids name.
        predictions: answer by qid, if questions were answered.
        searched: how deep the run was asked to go, where that is known.
        source: what to call the run in an error.
    """

    questions: QuestionSet
    mode: str = "dpr"
    run: Run | None = None
    passages: Passages | None = None
    predictions: dict[str, str] | None = None
    searched: int | None = None
    source: str = "run"

    @cached_property
    def first_ranks(self) -> np.ndarray | None:
        """Rank of the first passage with an answer, by question; 0 for none; int32 (questions,).

        None where there is no run. Reading stops at a question's first hit.

        Raises:
            UserError: the run names a passage the collection lacks.
        """
        if self.run is None or self.passages is None:
            return None
        rows = self.passages.rows(self.run.table.column("pid").combine_chunks())
        check_covered(self.run, rows, self.source)
        slices = self.run.slices()
        texts = self.passages.texts(rows)
        titles = self.passages.titles(rows) if get_mode(self.mode).titles else None
        ranks = np.zeros(len(self.questions), dtype=np.int32)
        for number, (qid, _, answers) in enumerate(self.questions):
            hits = slices.get(qid)
            if hits is None:
                continue
            test = answer_test(answers, self.questions.match, self.mode)
            for place in range(hits.start, hits.stop):
                if test(texts[place], titles[place] if titles else ""):
                    ranks[number] = place - hits.start + 1
                    break
        return ranks
