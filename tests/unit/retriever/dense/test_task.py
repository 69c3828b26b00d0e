"""A step of a bi-encoder's training: which passages count, and losses beside plain ones."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_lessons import ROWS, pairs
from tiny_towers import plain_bert

from qa_bench.models.sides import Side
from qa_bench.models.source import Source
from qa_bench.models.towers import towers
from qa_bench.retriever.dense.lessons import lessons
from qa_bench.retriever.dense.settings import BiEncoderSettings
from qa_bench.retriever.dense.task import BiEncoderTask
from qa_bench.train.examples import read
from qa_bench.train.loop import TrainingFiles
from qa_bench.train.losses.table import loss_of


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = plain_bert(tmp_path_factory.mktemp("models") / "base")
    source = Source(str(folder), pooling="mean")
    return towers(source, source)


def task(model: Any, path: Path, **options: Any) -> BiEncoderTask:
    settings = BiEncoderSettings(similarity="dot", batch=6, **options)
    made = lessons(read(TrainingFiles([pairs(path)]), {}), settings.choice, {})
    source = Source("base")
    sides = Side(source, "q : ", "", "none"), Side(source, "", "", " - ")
    return BiEncoderTask(model, made, sides, loss_of(settings), settings)


ALL = np.arange(len(ROWS))


def test_each_passage_stands_once(model: Any, tmp_path: Path) -> None:
    one = task(model, tmp_path / "d.jsonl", negatives=1, distinct=False)
    step = one.step(ALL)
    golds, mined = step.passages[:6].tolist(), step.passages[6:].tolist()
    assert golds[1] == golds[4], "two questions of one passage"
    assert len(mined) == 1, "all questions have the same negative"
    assert step.own[:, :6].tolist() == np.eye(6, dtype=bool).tolist()
    assert step.own[:, 6].all()
    assert np.argwhere(step.masked).tolist() == [[1, 4], [4, 1]]
    assert one.counts == {"masked_positives": 2, "masked_answers": 0}
    assert step.teacher is None


def test_passages_with_an_answer_are_masked(model: Any, tmp_path: Path) -> None:
    one = task(model, tmp_path / "d.jsonl", negatives=1, mask_answers=True)
    step = one.step(np.array([0, 3]))
    assert step.masked.tolist() == [[False, True, False], [False, False, True]]
    assert one.counts["masked_answers"] == 2, "'things' stands in the other's; 'being' in the mined"


def test_the_loss_is_that_of_plain_vectors(model: Any, tmp_path: Path) -> None:
    import torch

    one = task(model, tmp_path / "d.jsonl", negatives=1, distinct=False)
    model.eval()
    with torch.inference_mode():
        questions = model.encode(
            "question", model.preprocess("question", [f"q : {row['question']}" for row in ROWS])
        )
        texts = [f"the king - {row['positive']['text']}" for row in ROWS]
        passages = model.encode(
            "passage", model.preprocess("passage", [*texts, ROWS[0]["negatives"][0]])
        )
        scores = questions @ passages.T
        scores[1, 4] = scores[4, 1] = float("-inf")
        plain = torch.nn.functional.cross_entropy(scores, torch.arange(6))
        assert one.loss(model, ALL) == pytest.approx(float(plain), abs=1e-5)


@pytest.mark.parametrize("cache", [1, 2, 64])
def test_cached_gradients_are_the_same(cache: int, model: Any, tmp_path: Path) -> None:
    def gradients(**options: Any) -> tuple[float, dict[str, Any]]:
        one = task(model, tmp_path / "d.jsonl", negatives=2, **options)
        model.eval()
        model.zero_grad()
        value = one.backward(model, ALL, nullcontext)
        named = {n: w.grad.clone() for n, w in model.named_parameters() if w.grad is not None}
        return value, named

    loss, plain = gradients()
    other, cached = gradients(cache=cache)
    assert other == pytest.approx(loss, abs=1e-6)
    assert cached.keys() == plain.keys()
    largest = max(float(gradient.abs().max()) for gradient in plain.values())
    for name, gradient in plain.items():
        assert float((cached[name] - gradient).abs().max()) < 1e-6 * max(1.0, largest), name


def test_teachers_scores_reach_the_loss(model: Any, tmp_path: Path) -> None:
    rows = [{**row, "scores": [3.0, 1.0, 0.5]} for row in ROWS]
    settings = BiEncoderSettings(objective="margin_mse", similarity="dot", negatives=2)
    files = TrainingFiles([pairs(tmp_path / "d.jsonl", rows)])
    made = lessons(read(files, {}), settings.choice, {})
    side = Side(Source("base"), "", "", "none")
    one = BiEncoderTask(model, made, (side, side), loss_of(settings), settings)
    step = one.step(np.array([0, 1]))
    assert step.teacher is not None
    assert step.teacher[0, [0, 2, 3]].tolist() == [3.0, 1.0, 0.5]
    assert np.isnan(step.teacher[0, 1])


def test_batches_are_of_one_task(model: Any, tmp_path: Path) -> None:
    rows = [
        {**row, "task": ("retrieval", "pairs")[n % 2], "scores": [3.0, 1.0, 0.5]}
        for n, row in enumerate(ROWS)
    ]
    settings = BiEncoderSettings(objective="piccolo2", negatives=2, batch=2)
    files = TrainingFiles([pairs(tmp_path / "d.jsonl", rows)])
    made = lessons(read(files, {}), settings.choice, {})
    side = Side(Source("base"), "", "", "none")
    one = BiEncoderTask(model, made, (side, side), loss_of(settings), settings)
    batches = one.order(0, np.random.default_rng(0), 2)
    assert len(batches) == 4
    for places in batches:
        assert len({made.tasks[place] for place in places}) == 1
        assert np.isfinite(one.backward(model, places, nullcontext))
