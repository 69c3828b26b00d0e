"""Contrastive entropy: its pairs, its values by hand, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from given import given

from qa_bench.engine.context import Context
from qa_bench.engine.stage import Stage
from qa_bench.errors import UserError
from qa_bench.formats.gold import Gold
from qa_bench.stages.entropy import ENTROPY_FILE, METRIC, contrast, entropies, entropy, others
from qa_bench.stages.pair_scores import PairScores, Score
from qa_bench.store.columns import read_columns
from qa_bench.train.golds import Golds
from qa_bench.types import Folder, QuestionSet

Made = tuple[QuestionSet, Stage]


def test_the_entropy_by_hand() -> None:
    scores = np.array([[0.0, 0.0, 0.0], [np.log(6), np.log(2), 0.0], [900.0, 0.0, 0.0]])
    np.testing.assert_allclose(entropies(scores), [np.log(3), np.log(9 / 6), 0.0], atol=1e-12)
    np.testing.assert_allclose(entropies(np.array([[-900.0, 900.0]])), [1800.0])


def test_others_are_drawn_by_the_question_alone() -> None:
    rows = others("q1", 3, 10, 9)
    assert rows[0] == 3
    assert sorted(rows.tolist()) == list(range(10)), "each once, the gold one among none of them"
    assert others("q1", 3, 10, 9).tolist() == rows.tolist()
    assert others("q2", 3, 10, 9).tolist() != rows.tolist()


@pytest.fixture
def line(make_passages: Any, make_questions: Any) -> Made:
    rows = [(str(n), "t" if n < 3 else "u", f"the number {n}") for n in range(6)]
    passages = given(make_passages(rows).folder)
    questions = make_questions({"a": ["1"], "b": ["9"], "c": ["5"]})
    return questions, passages


def golds(**titles: str) -> Golds:
    answers = {"a": "1", "b": "9", "c": "5"}
    return Golds({q: Gold(t, f"the number {answers[q]}") for q, t in titles.items()}, [])


def scored(score: Score) -> PairScores:
    def opened(inputs: Mapping[str, Folder], runtime: Any) -> Score:
        return score

    return PairScores({}, {"scorer": "s"}, dict, opened)


def test_a_set_with_questions_without_gold(line: Made, context: Context) -> None:
    questions, passages = line
    pairs = contrast(questions, passages, golds(a="t", b="t", c="u"), 3, "dpr", context)
    counts = context.run(pairs).manifest["counts"]
    assert counts == {"questions": 3, "with_gold": 2, "gold_unknown": 0, "gold_not_found": 1}
    seen: list[Any] = []

    def score(places: np.ndarray, rows: np.ndarray) -> np.ndarray:
        seen.append((places.tolist(), rows.reshape(2, 4)[:, 0].tolist()))
        return np.where(np.isin(rows, (1, 5)), np.log(2) / 2, 0).astype(np.float32)

    stage = entropy(pairs, passages, questions, scored(score), 2.0, "name", context)
    folder = context.run(stage)
    assert seen == [([0] * 4 + [2] * 4, [1, 5])]
    values = read_columns(folder.path / ENTROPY_FILE)[METRIC]
    # Twice the score of a pair: e^s is 2 for the gold one; another 2 where the other's was drawn.
    assert values[1] is None
    assert all(any(np.isclose(v, np.log((2 + rest) / 2)) for rest in (3, 4)) for v in values[::2])
    assert folder.manifest["counts"]["questions"] == 2
    assert folder.manifest["counts"]["mean"] == pytest.approx(np.mean(values[::2]))


def test_what_is_refused(line: Made, context: Context) -> None:
    questions, passages = line

    def refusal(run: Callable[[], Any]) -> str:
        with pytest.raises(UserError) as caught:
            run()
        return str(caught.value)

    none = contrast(questions, passages, golds(), 3, "dpr", context)
    told = refusal(lambda: context.run(none))
    assert "no question of set has a gold passage in the corpus (3 gold paragraphs are not" in told
    many = contrast(questions, passages, golds(a="t"), 6, "dpr", context)
    assert "contrastive_entropy=6 draws so many passages" in refusal(lambda: context.run(many))
    pairs = contrast(questions, passages, golds(a="t"), 2, "dpr", context)
    lost = scored(lambda places, rows: np.full(len(rows), np.nan, np.float32))
    stage = entropy(pairs, passages, questions, lost, 1.0, "name", context)
    assert "name gives 3 of 3 pairs no finite score, the first of question 'a'" in refusal(
        lambda: context.run(stage)
    )


def test_another_scale_is_another_key(line: Made, context: Context, tmp_path: Path) -> None:
    questions, passages = line
    pairs = contrast(questions, passages, golds(a="t"), 2, "dpr", context)
    scores = scored(lambda places, rows: np.zeros(len(rows), np.float32))
    keys = {
        entropy(pairs, passages, questions, scores, scale, "name", context).key
        for scale in (1.0, 20.0)
    }
    assert len(keys) == 2
