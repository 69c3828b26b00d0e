"""A BEIR folder's questions, with relevance judgements instead of answers."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable
from pathlib import Path

from qa_bench.dataset.limit import limited, rest
from qa_bench.errors import DataError, UserError
from qa_bench.formats.beir import inside, qrels_file, read_qrels, read_queries
from qa_bench.parts import Part
from qa_bench.settings import whole_number
from qa_bench.types import Qrels, Question, QuestionSet

log = logging.getLogger(__name__)


def judged_digest(questions: Iterable[Question], qrels: Qrels) -> str:
    """sha256 over the ordered (question, judgements) pairs; a question's judgements by pid."""
    state = hashlib.sha256()
    for qid, text, _ in questions:
        judged = sorted(qrels[qid].items())
        state.update(json.dumps([text, judged], ensure_ascii=True).encode() + b"\n")
    return state.hexdigest()


class BeirSplit(Part):
    """The questions of one split: those of queries.jsonl that have a judgement in it."""

    def __init__(
        self,
        name: str,
        split: str = "test",
        path: str | None = None,
        limit: int | None = None,
    ) -> None:
        """Keep the settings; nothing is read yet.

        Args:
            name: what tables call the set.
            split: which judgements, ``qrels/<split>.tsv``.
            path: the folder.
            limit: at most so many questions, spread evenly over the set.

        Raises:
            UserError: a limit below 1.
        """
        self.name, self._split = name, split
        self._path = path
        self._limit = whole_number("dataset.limit", limit, optional=True)

    def questions(self) -> QuestionSet:
        """The questions in the order of queries.jsonl.

        Raises:
            UserError: no folder is named, or it has no such split.
            DataError: anything wrong in the files; a judgement of a query that is not there.
        """
        if not self._path:
            raise UserError(
                f"dataset {self.name} needs dataset.path=<folder with queries.jsonl and qrels/>"
            )
        folder = Path(self._path)
        judgements = qrels_file(folder, self._split)
        qrels = read_qrels(judgements)
        queries = inside(folder, "queries.jsonl")
        questions: list[Question] = []
        for qid, text, line in read_queries(queries):
            if qid in qrels:
                if not text.strip():
                    raise DataError(f"query '{qid}' has no text", queries, line)
                questions.append(Question(qid, text, ()))
        if len(questions) < len(qrels):
            lacking = next(iter(qrels.keys() - {question.qid for question in questions}))
            raise DataError(f"judges query '{lacking}', which {queries} lacks", judgements)
        return self._cut(questions, qrels)

    def _cut(self, whole: list[Question], qrels: Qrels) -> QuestionSet:
        """The set with its remark, limited if asked."""
        questions, cut = limited(whole, self._limit)
        remarks = [cut] if cut else []
        qrels = {question.qid: qrels[question.qid] for question in questions}
        if hopeless := sum(max(grades.values()) < 1 for grades in qrels.values()):
            remarks.append(f"{hopeless} questions have no relevant passage and count 0")
        remark = f"{self.name} {self._split}: {'; '.join(remarks)}" if remarks else ""
        if remark:
            log.warning("WARNING: %s (%s)", remark, self._path)
        digest = judged_digest(questions, qrels)
        others = rest(whole, questions)
        return QuestionSet(
            self.name, self._split, "qrels", questions, digest, None, remark, qrels, rest=others
        )
