"""BGE-M3 trained: a step's loss is that of the texts one by one, and what was trained is read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import tiny_m3  # noqa: E402
from tiny_models import make  # noqa: E402

from qa_bench.errors import UserError  # noqa: E402
from qa_bench.models.m3_training import m3_to_train  # noqa: E402
from qa_bench.models.source import Source  # noqa: E402
from qa_bench.retriever.m3.base import M3  # noqa: E402
from qa_bench.retriever.m3.task import M3Task  # noqa: E402
from qa_bench.train.loop import TrainingFiles  # noqa: E402
from qa_bench.train.losses.m3 import Heads, M3Distillation  # noqa: E402
from qa_bench.types import Runtime  # noqa: E402

RUNTIME = Runtime(threads=1, device="cpu", progress=False)
OPTIONS = {
    "objective": "m3_distillation", "batch": 2, "epochs": 2, "learning_rate": 1e-3, "dropout": 0.0,
}  # fmt: skip
ROWS = [
    ("who is the king", "The king is old and the king is tall.", "Seine"),
    ("river", "A river, a river!", "abc def ghi"),
    ("moon or sun", "Moon & sun", "the the of"),
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_m3.save(tmp_path_factory.mktemp("models") / "m3")


def files(folder: Path) -> TrainingFiles:
    path = folder / "pairs.jsonl"
    lines = [{"question": q, "positive": p, "negatives": [n]} for q, p, n in ROWS]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return TrainingFiles([path])


def trained(model: Path, folder: Path, **options: Any) -> tuple[dict[str, Any], Path]:
    folder.mkdir()
    part = M3(model=str(model))
    settings = part.training({**OPTIONS, **options})
    return part.train(files(folder), settings, folder, RUNTIME), folder / "model"


def plain_scores(model: Path, asked: list[str], read: list[str]) -> list[Any]:
    """The three scores of all pairs, from what the authors make of each text."""
    scores = np.zeros((3, len(asked), len(read)))
    for q, question in enumerate(asked):
        vector, tokens, terms = tiny_m3.expected(model, question)
        for p, passage in enumerate(read):
            other, others, weights = tiny_m3.expected(model, passage)
            shared = terms.keys() & weights.keys()
            scores[:, q, p] = (
                vector @ other,
                sum(terms[term] * weights[term] for term in shared),
                (tokens @ others.T).max(1).mean(),
            )
    return [torch.from_numpy(one) for one in scores]


def test_the_loss_of_a_step_is_that_of_texts_one_by_one(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Padding, pieces and their order play no part."""
    from qa_bench.retriever.dense import tokens
    from qa_bench.retriever.m3 import teach

    tasks: list[M3Task] = []

    def one_step(build: Any, *_: Any) -> dict[str, Any]:
        towers, _, task = build()
        tasks.append(task)
        loss = task.loss(towers.eval(), np.arange(3))
        raise UserError(str(float(loss.detach())))

    monkeypatch.setattr(tokens, "_CPU_TOKENS", 12)
    monkeypatch.setattr(teach, "learn", one_step)
    with pytest.raises(UserError) as caught:
        trained(model, tmp_path / "one")
    step = tasks[0].step(np.arange(3))
    read = [tasks[0]._lessons.passages[place][1] for place in step.passages]
    assert read[:3] == [positive for _, positive, _ in ROWS]
    scores = plain_scores(model, [question for question, *_ in ROWS], read)
    pairs = torch.from_numpy(step.own), torch.from_numpy(step.masked)
    expected = M3Distillation()(Heads(*scores, *pairs))
    assert float(str(caught.value)) == pytest.approx(float(expected), rel=1e-4)


@pytest.mark.parametrize("objective", ["m3_distillation", "m3_heads"])
def test_what_was_trained_is_read_and_is_the_same_twice(
    objective: str, model: Path, tmp_path: Path
) -> None:
    counts, folder = trained(model, tmp_path / "one", objective=objective)
    assert counts["steps"] == 4
    again, other = trained(model, tmp_path / "two", objective=objective)
    assert again == counts
    for name in ("model.safetensors", "sparse_linear.pt", "colbert_linear.pt"):
        assert (folder / name).read_bytes() == (other / name).read_bytes()
        assert (folder / name).read_bytes() != (model / name).read_bytes()
    three = M3(model=str(folder)).encode_three(["river"], RUNTIME)
    vector, tokens, _ = tiny_m3.expected(folder, "river")
    np.testing.assert_allclose(three.vectors[0], vector, atol=1e-5)
    np.testing.assert_allclose(three.tokens.columns[0].reshape(tokens.shape), tokens, atol=1e-5)


def test_a_base_without_heads_gets_new_ones(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    make("bge_m3", base, base)
    _, folder = trained(base, tmp_path / "one")
    assert M3(model=str(folder)).encode_three(["river"], RUNTIME).tokens.columns[0].size


def test_half_a_model_is_refused(model: Path, tmp_path: Path) -> None:
    half = Path(shutil.copytree(model, tmp_path / "half"))
    (half / "colbert_linear.pt").unlink()
    with pytest.raises(UserError, match=r"has no colbert_linear\.pt"):
        m3_to_train(Source(str(half), pooling="cls"))


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"objective": "contrastive"}, "train.objective: m3_distillation or m3_heads"),
        ({"sharing": "ade"}, "train.sharing: sde, got 'ade'"),
        ({"cache": 8}, "train.cache: null for a model of three heads"),
        ({"projection": 8}, "train.projection: null for a model of three heads"),
        ({"similarity": "dot"}, "train.similarity: null for train.objective=m3_distillation"),
        ({"matryoshka": [2]}, "train.matryoshka: null for train.objective=m3_distillation"),
    ],
)
def test_settings_of_one_vector_a_text_are_refused(
    options: dict[str, Any], line: str, model: Path
) -> None:
    with pytest.raises(UserError) as caught:
        M3(model=str(model)).training({**OPTIONS, **options})
    assert str(caught.value).startswith(line)
