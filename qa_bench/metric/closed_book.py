"""What the reader's language model answers by heart, and what passages add to that."""

from __future__ import annotations

import numpy as np

from qa_bench.errors import UserError
from qa_bench.metric.evidence import Evidence
from qa_bench.parts import Part
from qa_bench.protocols import Reader
from qa_bench.store.ranked import Ranked
from qa_bench.types import Answers, Heading


class ClosedBook(Part):
    """Has a second reader answer every question without a passage, and compares it with the first.

    Source: Roberts et al. 2020, How much knowledge can you pack into a language model (EMNLP).
    """

    def __init__(self, reader: Reader) -> None:
        """Check the setting.

        Args:
            reader: one that is given no passage; ``conf/metric/closed_book.yaml`` gives it the
                language model of the reader that is measured.

        Raises:
            UserError: it is none, or it reads passages.
        """
        if not isinstance(reader, Reader) or reader.depth != 0:
            raise UserError(
                "metrics.closed_book.reader: a reader that reads no passage, such as "
                "reader@metrics.closed_book.reader=generative_closed_book"
            )
        self._reader = reader

    def sources(self) -> dict[str, str]:
        """What the reader reads."""
        return self._reader.sources()

    def heading(self, column: str) -> Heading:
        """In words."""
        return Heading({"em_closed_book": "EM closed-book"}.get(column, "gain over closed-book"))

    def score(self, evidence: Evidence) -> dict[str, np.ndarray]:
        """``em_closed_book``, 0 or 1 a question, and ``closed_book_gain``: EM minus that, paired.

        So the gain of a question is 1, 0 or -1, and its mean is the difference of both means.
        """
        right = evidence.right
        if right is None:
            return {}
        questions, none = evidence.questions, np.zeros(0, dtype=np.int64)
        ranked = Ranked(questions, none, none, none.astype(np.float32), [], [])
        answers = Answers.of(self._reader.read(ranked, evidence.runtime))
        by_heart = evidence.matched(
            {
                question.qid: answer
                for place, (question, answer) in enumerate(zip(questions, answers, strict=True))
                if place not in answers.failed
            }
        )
        if answers.failed:
            evidence.failed.extend(questions.questions[place].qid for place in answers.failed)
            evidence.remarks.append(
                f"{len(answers.failed)} questions failed closed-book and count as wrong there "
                f"(first: {next(iter(answers.failed.values()))})"
            )
        return {
            "em_closed_book": by_heart.astype(np.float64),
            "closed_book_gain": right.astype(np.float64) - by_heart,
        }
