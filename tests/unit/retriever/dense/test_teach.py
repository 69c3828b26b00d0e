"""Trained bi-encoders: the same bytes after a kill, the same vectors wherever they are loaded."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_lessons import ROWS, nearest, pairs
from tiny_towers import plain_bert

from qa_bench.errors import DataError, UserError
from qa_bench.retriever.dense.part import Dense
from qa_bench.train import loop
from qa_bench.train.loop import TrainingFiles
from qa_bench.types import Runtime

RUNTIME = Runtime(threads=1, device="cpu", progress=False)
POOLED = {"pooling": "mean"}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return plain_bert(tmp_path_factory.mktemp("models") / "base")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return pairs(tmp_path / "pairs.jsonl")


def train(part: Dense, data: Path, folder: Path, **options: Any) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    settings = part.training({"epochs": 2, "batch": 2, "checkpoint": 2, **options})
    return part.train(TrainingFiles([data]), settings, folder, RUNTIME)


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


@pytest.mark.parametrize(
    "options",
    [
        {"mask_answers": True, "choose": {"sampled": True}, "sharing": "ade"},
        {"cache": 2, "similarity": "dot"},
    ],
)
def test_the_same_bytes_twice_and_after_a_kill(
    options: dict[str, Any], base: Path, data: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    part = Dense(model=str(base), **POOLED)
    counts = train(part, data, tmp_path / "once", **options)
    assert counts["steps"] == 6
    once = digests(tmp_path / "once")
    step, numbers = loop._Run._step, []

    def killed(self: Any, number: int) -> float:
        numbers.append(number)
        if len(numbers) == 4:
            raise KeyboardInterrupt
        return step(self, number)

    monkeypatch.setattr(loop._Run, "_step", killed)
    with pytest.raises(KeyboardInterrupt):
        train(part, data, tmp_path / "killed", **options)
    assert not (tmp_path / "killed" / "model").exists()
    assert train(part, data, tmp_path / "killed", **options) == counts
    assert numbers == [0, 1, 2, 3, 2, 3, 4, 5], "on from the checkpoint after step 2"
    killed_bytes = digests(tmp_path / "killed")
    assert {n: killed_bytes[n] for n in once if n.startswith("model/")} == {
        n: d for n, d in once.items() if n.startswith("model/")
    }
    assert any(name.endswith("model.safetensors") for name in once)


def test_it_learns_and_the_folder_gives_the_same_vectors_elsewhere(
    base: Path, data: Path, tmp_path: Path
) -> None:
    from sentence_transformers import SentenceTransformer

    part = Dense(model=str(base), question={"prompt": "q : "}, **POOLED)
    options = {"epochs": 30, "batch": 3, "learning_rate": 5e-3, "dropout": 0.0}
    counts = train(part, data, tmp_path / "out", **options)
    assert counts["loss"] < 0.3
    used = part.trained(tmp_path / "out", part.training({}))
    assert used == {"model": str(tmp_path / "out/model")}
    trained = Dense(**used, question={"prompt": "q : "})
    questions = [row["question"] for row in ROWS]
    texts = [row["positive"]["text"] for row in ROWS]
    titles = [row["positive"]["title"] for row in ROWS]
    ours = trained.encode_questions(questions, RUNTIME)
    passages = trained.encode_passages(titles, texts, RUNTIME)
    right = [texts[at] for at in nearest(ours, passages)]
    assert sum(a == b for a, b in zip(right, texts, strict=True)) >= 5
    theirs = SentenceTransformer(str(tmp_path / "out/model"), device="cpu").encode(
        [f"q : {question}" for question in questions], normalize_embeddings=True
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert trained.seen([*questions, "who was that"]) == len(questions)
    assert part.seen(questions) == 0


def test_the_folder_says_what_it_was_made_of(base: Path, data: Path, tmp_path: Path) -> None:
    part = Dense(model=str(base), **POOLED)
    counts = train(part, data, tmp_path / "out", epochs=1, seed=3, negatives=2)
    said = json.loads((tmp_path / "out/model/training.json").read_text())
    assert list(said["data"]) == ["pairs.jsonl"]
    assert said["base"]["question"]["model"] == str(base)
    assert (said["settings"]["seed"], said["settings"]["negatives"]) == (3, 2)
    assert said["counts"] == counts
    assert counts["moved"] + counts["left_out"] >= 0
    assert counts["examples"] == len(ROWS)


def test_dprs_encoders(base: Path, data: Path, tmp_path: Path) -> None:
    import transformers

    sides = {
        "question": {"model": str(base), "architecture": "DPRQuestionEncoder"},
        "passage": {"model": str(base), "architecture": "DPRContextEncoder", "title": "pair"},
    }
    part = Dense(**sides, similarity="dot", max_length=32)
    train(part, data, tmp_path / "out", sharing="ade", learning_rate=1e-2)
    used = part.trained(tmp_path / "out", part.training({}))
    dpr = Dense(
        model=used["model"],
        question={**sides["question"], "model": used["question.model"]},
        passage={**sides["passage"], "model": used["passage.model"]},
        similarity="dot",
        max_length=32,
    )
    plain = Dense(model=used["model"], passage={"title": "pair"}, similarity="dot", max_length=32)
    for side in (dpr, plain):
        np.testing.assert_allclose(
            side.encode_questions(["who is it"], RUNTIME),
            plain.encode_questions(["who is it"], RUNTIME),
            atol=1e-5,
        )
        np.testing.assert_allclose(
            side.encode_passages(["the king"], ["It is."], RUNTIME),
            plain.encode_passages(["the king"], ["It is."], RUNTIME),
            atol=1e-5,
        )
    model = transformers.DPRContextEncoder.from_pretrained(used["passage.model"])
    assert model.config.projection_dim == 0


def test_a_set_similarity_goes_with_the_model(base: Path, tmp_path: Path) -> None:
    part = Dense(model=str(base), sha256={"config.json": "0"}, revision="main")
    assert part.training({}).similarity == "cosine"
    used = part.trained(tmp_path, part.training({"similarity": "dot"}))
    assert used == {
        "model": str(tmp_path / "model"), "similarity": "dot", "sha256": None, "revision": None,
    }  # fmt: skip


# What goes wrong


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"batch": 1, "negatives": 0}, r"train\.batch=1: a step of one question"),
        ({"batch": 1, "in_batch": True}, r"train\.batch=1: a step of one question"),
        ({"sharing": "all"}, r"train\.sharing: sde, ade"),
        ({"objective": "mlm2"}, r"train\.objective: contrastive"),
        ({"choose": {"form": "hard"}}, r"train\.choose: from, skip, sampled"),
        ({"choose": {"from": "best"}}, r"train\.choose\.from"),
        ({"cache": 0}, r"train\.cache"),
        ({"negative": 1}, r"train\.negative: no such setting here"),
        ({"in_batch": False, "negatives": 0}, "own negatives: train.negatives=0 leaves none"),
        ({"objective": "kl"}, "learns from a teacher's scores, and the files have none"),
        ({"choose": {"from": "random"}}, "the files have no random negatives"),
    ],
)
def test_settings_that_make_no_sense(
    options: dict[str, Any], told: str, base: Path, data: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=told):
        train(Dense(model=str(base), **POOLED), data, tmp_path / "out", **options)


def test_no_positives(base: Path, tmp_path: Path) -> None:
    data = pairs(tmp_path / "d.jsonl", [{"question": "who", "positive": ""}])
    with pytest.raises(UserError, match="no question has a positive"):
        train(Dense(model=str(base), **POOLED), data, tmp_path / "out")


def test_a_loss_that_is_no_number(data: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    base = plain_bert(tmp_path / "base")
    weights = load_file(base / "model.safetensors")
    name = "encoder.layer.0.output.dense.bias"
    weights[name] = torch.full_like(weights[name], float("nan"))
    save_file(weights, base / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"the loss of step 1 is nan"):
        train(Dense(model=str(base), **POOLED), data, tmp_path / "out")
    assert not (tmp_path / "out/model").exists()


def test_towers_of_unlike_dimensions(base: Path, data: Path, tmp_path: Path) -> None:
    other = plain_bert(tmp_path / "other", hidden=16)
    part = Dense(question={"model": str(base)}, passage={"model": str(other)}, model=str(base))
    with pytest.raises(UserError, match="of 32 dimensions, the passages'"):
        train(part, data, tmp_path / "out", sharing="ade")
    with pytest.raises(UserError, match="differ in model: set it once"):
        train(part, data, tmp_path / "out")


def test_simcse_learns_texts_from_themselves(base: Path, tmp_path: Path) -> None:
    data = pairs(tmp_path / "d.jsonl", [{"question": row["question"]} for row in ROWS])
    part = Dense(model=str(base), **POOLED)
    common = {"objective": "simcse", "negatives": 0, "batch": 3, "epochs": 1}
    counts = train(part, data, tmp_path / "out", dropout=0.3, **common)
    assert counts["examples"] == len(ROWS)
    assert counts["loss"] > 0


def test_the_scale_is_that_of_training(base: Path, data: Path, tmp_path: Path) -> None:
    part = Dense(model=str(base), **POOLED)
    settings = {"similarity": "dot", "scale": 3.0}
    assert part.scale(part.training(settings)) == 3.0
    assert (part.scale(None), part.scale(part.training({}))) == (20.0, 20.0)
    assert Dense(model=str(base), similarity="dot", **POOLED).scale(None) == 1.0
    assert part.scale(part.training({"objective": "mlm"})) == 20.0
    counts = train(part, data, tmp_path / "out", epochs=1, **settings)
    assert 0 < counts["non_embedding_parameters"] < 1e6
    folder = tmp_path / "out/model"
    assert Dense(model=str(folder), similarity="dot").scale(None) == 3.0
    (folder / "training.json").write_text('{"settings": {"scale": "x"}}')
    with pytest.raises(DataError, match=r"training\.json: settings\.scale: a number, got 'x'"):
        Dense(model=str(folder)).scale(None)
    (folder / "training.json").write_text("[]")
    with pytest.raises(DataError, match="not what training writes of a model"):
        Dense(model=str(folder)).scale(None)


def test_of_each_question_an_example_of_each_task(base: Path, tmp_path: Path) -> None:
    titles = ("the king", "the king", "being", "being", "thing", "thing")
    rows = [
        {**row, "positive": {"title": title, "text": row["positive"]["text"]}, "scores": [3, 2, 1]}
        for row, title in zip(ROWS, titles, strict=True)
    ]
    part = Dense(model=str(base), **POOLED)
    options = {"objective": "piccolo2", "tasks": ["retrieval", "pairs", "classes"]}
    counts = train(part, pairs(tmp_path / "p.jsonl", rows), tmp_path / "out", **options)
    assert counts["examples"] == 18
    assert counts["steps"] == 18, "two epochs, two examples a step, each of one task"
    assert [counts[f"task_{task}"] for task in options["tasks"]] == [6, 6, 6]
    said = json.loads((tmp_path / "out/model/training.json").read_text())
    assert said["settings"]["tasks"] == options["tasks"]
