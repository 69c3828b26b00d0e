"""Questions to be broken down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from qa_bench.analysis.subject import Subject
from qa_bench.errors import UserError
from qa_bench.types import Question

MakeAsked = Callable[..., Subject]


@pytest.fixture
def make_asked(tmp_path: Path) -> MakeAsked:
    """``make_asked([["Rome"], …], train=[["Rome"], …])``: answers of questions nq-test-0, …"""

    def questions(split: str, answers: Sequence[Sequence[str]]) -> tuple[Question, ...]:
        return tuple(
            Question(f"nq-{split}-{place}", f"who is {place}?", tuple(gold))
            for place, gold in enumerate(answers)
        )

    def make(
        answers: Sequence[Sequence[str]],
        train: Sequence[Sequence[str]] | None = None,
        split: str = "test",
        match: str = "string",
    ) -> Subject:
        def read() -> tuple[Question, ...]:
            if train is None:
                raise UserError("dataset nq has no train file")
            return questions("train", train)

        return Subject("nq", split, match, questions(split, answers), tmp_path, read)

    return make
