"""What metrics look at: questions, and what a system gave for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from qa_bench.metric.matching import answer_test, exact_match, get_mode
from qa_bench.store.passages import Passages
from qa_bench.store.runs import rows_of
from qa_bench.text import title_key
from qa_bench.types import QuestionSet, Run, Runtime


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
        read: how many passages of a question the reader looked at, where a reader did.
        cited: ranks, from 1, of the passages that an answer names as its own, by qid.
        collection: what ``passages`` hold: a whole corpus, an article each, or the hits alone.
        runtime: how metrics work that ask a language model.
        remarks: what metrics say of their figures, a sentence each.
        failed: the qids of questions that a language model did not reply to; they count as wrong.
    """

    questions: QuestionSet
    mode: str = "dpr"
    run: Run | None = None
    passages: Passages | None = None
    predictions: dict[str, str] | None = None
    searched: int | None = None
    source: str = "run"
    read: int | None = None
    cited: dict[str, list[int]] | None = None
    collection: Literal["corpus", "articles", "hits"] = "corpus"
    runtime: Runtime = field(default_factory=Runtime)
    remarks: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @cached_property
    def rows(self) -> np.ndarray | None:
        """The row of every hit's passage; None where there is no run.

        Raises:
            UserError: the run names a passage the collection lacks.
        """
        if self.run is None or self.passages is None:
            return None
        return rows_of(self.run, self.passages, self.source)

    @cached_property
    def first_ranks(self) -> np.ndarray | None:
        """Rank of the first passage with an answer, by question; 0 for none; int32 (questions,).

        None where there is no run, or no answer to look for. Reading stops at a question's first
        hit.

        Raises:
            UserError: the run names a passage the collection lacks.
        """
        rows = self.rows
        if rows is None or self.run is None or self.passages is None:
            return None
        if self.questions.qrels is not None:
            return None
        slices = self.run.slices()
        texts = self.passages.texts(rows)
        titles = self.passages.titles(rows) if get_mode(self.mode).titles else None
        ranks = np.zeros(len(self.questions), dtype=np.int32)
        for number, (qid, _, answers) in enumerate(self.questions):
            hits = slices.get(qid)
            if hits is None:
                continue
            test = answer_test(answers, self.questions.match, self.mode, qid)
            for place in range(hits.start, hits.stop):
                if test(texts[place], titles[place] if titles else ""):
                    ranks[number] = place - hits.start + 1
                    break
        return ranks

    @cached_property
    def right(self) -> np.ndarray | None:
        """Whether the prediction is exactly an answer; bool (questions,), no where there is none.

        None where there are no predictions, or no answer to compare them with.
        """
        if self.predictions is None or self.questions.qrels is not None:
            return None
        return self.matched(self.predictions)

    def matched(self, predictions: Mapping[str, str]) -> np.ndarray:
        """Whether each question has a prediction that is exactly an answer; bool (questions,)."""
        questions = self.questions
        return np.array(
            [
                qid in predictions
                and exact_match(predictions[qid], answers, questions.match, self.mode, question=qid)
                for qid, _, answers in questions
            ],
            dtype=bool,
        )

    @cached_property
    def title_ranks(self) -> list[list[int]] | None:
        """Rank of the first passage with each of a question's gold titles, 0 for none.

        None where there is no run, or the set tells no titles.

        Raises:
            UserError: the run names a passage the collection lacks.
        """
        rows, golds = self.rows, self.questions.titles
        if rows is None or self.run is None or self.passages is None or not golds:
            return None
        slices, titles = self.run.slices(), self.passages.titles(rows)
        ranks = []
        for question, several in zip(self.questions, golds, strict=True):
            hits = slices.get(question.qid, slice(0, 0))
            first: dict[str, int] = {}
            for place in range(hits.start, hits.stop):
                first.setdefault(title_key(titles[place]), place - hits.start + 1)
            ranks.append([first.get(key, 0) for key in dict.fromkeys(map(title_key, several))])
        if without := sum(not several for several in golds):
            self.remarks.append(f"{without} questions have no gold title and count 0 by titles")
        return ranks

    @cached_property
    def ranked(self) -> dict[str, list[str]] | None:
        """The pids of every question's hits, best first, by qid; None where there is no run.

        Raises:
            UserError: the run names a passage the collection lacks.
        """
        if self.run is None:
            return None
        if self.passages is not None:
            _ = self.rows  # looked up, so that a run of another corpus is noticed
        pids = self.run.table.column("pid").to_pylist()
        return {qid: pids[hits] for qid, hits in self.run.slices().items()}

    @cached_property
    def words_read(self) -> np.ndarray | None:
        """Words of the passages down to the first with an answer; int64 (questions,).

        Where none has one, those of all passages, or a number beyond all where the run ended
        before it was as deep as was asked. None where there is no run.
        """
        rows, ranks = self.rows, self.first_ranks
        if rows is None or ranks is None or self.run is None or self.passages is None:
            return None
        slices, texts = self.run.slices(), self.passages.texts(rows)
        words = np.full(len(self.questions), np.iinfo(np.int64).max)
        for number, (qid, _, _) in enumerate(self.questions):
            hits = slices.get(qid, slice(0, 0))
            depth = hits.stop - hits.start
            if ranks[number] or depth == self.searched:
                last = hits.start + int(ranks[number] or depth)
                words[number] = sum(len(texts[at].split()) for at in range(hits.start, last))
        return words
