from __future__ import annotations

import pytest
from given import given

from qa_bench.engine.context import Context
from qa_bench.stages import ceiling as stage
from qa_bench.stages.ceiling import CEILING_FILE, ceiling
from qa_bench.store.columns import read_columns


def test_a_question_is_found_in_whatever_batch(
    make_passages, make_questions, context: Context, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(stage, "_PASSAGES", 2)
    rows = [(str(n), "t", f"the number {n}") for n in range(7)]
    passages = make_passages(rows[:3], rows[3:])
    answers = {"last": ["6"], "none": ["seven"], "first": ["nought", "0"], "all": ["number"]}
    questions = make_questions(answers)
    made = context.run(ceiling(questions, given(passages.folder), "dpr", context))
    assert read_columns(made.path / CEILING_FILE) == {
        "qid": list(answers),
        "ceiling": [1, 0, 1, 1],
    }
    assert made.manifest["counts"] == {"ceiling": 0.75}
