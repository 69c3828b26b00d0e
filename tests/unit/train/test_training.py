"""Training: the same bytes every time, going on after a kill, and what a trained reader reads."""

from __future__ import annotations

import hashlib
import inspect
import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
from extractive_models import dpr_reader, encoder, pointer
from ranked_hits import ranked
from reading_lessons import LESSONS, SHAPE, SQUAD, written

from qa_bench.errors import UserError
from qa_bench.models.source import Source
from qa_bench.reader.extractive.part import Extractive
from qa_bench.reader.extractive.teach import ReaderSettings, teach_lessons
from qa_bench.train.loop import Settings, TrainingFiles
from qa_bench.types import Runtime

RUNTIME = Runtime(threads=1, device="cpu", progress=False)


def digest_of(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def trained(base: Path, folder: Path, **settings: Any) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    given = {"epochs": 2, "batch": 3, "negatives": 1, "checkpoint": 2, **settings}
    return teach_lessons(
        Source(str(base)), SHAPE, LESSONS, ReaderSettings(**given), folder, RUNTIME
    )


@pytest.mark.parametrize("objective", ["spans", "dpr"])
def test_the_same_bytes_twice_and_after_a_kill(
    objective: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = encoder(tmp_path / "base")
    counts = trained(base, tmp_path / "once", objective=objective)
    assert trained(base, tmp_path / "twice", objective=objective) == counts
    once = digest_of(tmp_path / "once" / "model")
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= set(once)
    assert digest_of(tmp_path / "twice" / "model") == once
    assert counts["steps"] == 6
    assert not list((tmp_path / "once").glob("checkpoint*.safetensors"))

    from qa_bench.train import loop as training

    step, asked = training._Run._step, []

    def killed(self: Any, number: int) -> float:
        asked.append(number)
        if len(asked) == 4:
            raise KeyboardInterrupt
        return step(self, number)

    monkeypatch.setattr(training._Run, "_step", killed)
    with pytest.raises(KeyboardInterrupt):
        trained(base, tmp_path / "killed", objective=objective)
    assert not (tmp_path / "killed" / "model").exists()
    assert trained(base, tmp_path / "killed", objective=objective) == counts
    assert asked == [0, 1, 2, 3, 2, 3, 4, 5], "on from the checkpoint after step 2"
    assert digest_of(tmp_path / "killed" / "model") == once


def test_another_seed_gives_another_model(tmp_path: Path) -> None:
    base = encoder(tmp_path / "base")
    trained(base, tmp_path / "a", epochs=1)
    trained(base, tmp_path / "b", epochs=1, seed=1)
    one, other = (digest_of(tmp_path / name / "model") for name in "ab")
    assert one["config.json"] == other["config.json"]
    assert one["model.safetensors"] != other["model.safetensors"]


def test_what_is_only_for_reading_changes_no_training(tmp_path: Path) -> None:
    """It is left out of the stage's key: see ``stages/test_train_stage.py``."""
    base = pointer(tmp_path / "base")
    changes: dict[str, Any] = {
        "model": str(shutil.copytree(base, tmp_path / "copy")),
        "revision": "main",
        "architecture": "BertForQuestionAnswering",
        "precision": "bf16",
        "draft": "fp16",
        "aggregation": "drqa",
        "depth": 7,
        "max_answer_tokens": 3,
        "full_words": False,
    }
    assert set(changes) == Extractive.reading_only
    models, sources = [], []
    shape = {"max_length": 64, "stride": 24, "question_tokens": 12}
    files = TrainingFiles([written(tmp_path / "train.json", SQUAD)])
    for number, changed in enumerate(({}, changes)):
        reader = Extractive(**{"model": str(base), **shape, **changed})
        folder = tmp_path / f"trained{number}"
        folder.mkdir()
        counts = reader.train(files, ReaderSettings(epochs=1, batch=4), folder, RUNTIME)
        assert (counts["examples"], counts["without_answer"]) == (2, 1)
        models.append(digest_of(folder / "model"))
        sources.append(reader.sources())
    assert models[0] == models[1]
    assert sources[0] == sources[1], "the model's content is what the stage is told of it"
    settings = set(inspect.signature(Extractive).parameters)
    assert settings - Extractive.reading_only - Extractive.labels == {"title", *shape}


def test_examples_are_drawn_by_the_seed(tmp_path: Path) -> None:
    reader = Extractive(model=str(encoder(tmp_path / "base")), max_length=64, question_tokens=12)
    data = written(tmp_path / "train.json", SQUAD)
    digests = []
    for name, examples, seed in (("a", 1, 0), ("b", 1, 0), ("c", 9, 0), ("d", None, 0)):
        (tmp_path / name).mkdir()
        files = TrainingFiles([data, data], examples=examples)
        settings = ReaderSettings(epochs=1, batch=2, seed=seed)
        counts = reader.train(files, settings, tmp_path / name, RUNTIME)
        digests.append((counts["examples"], digest_of(tmp_path / name / "model")))
    assert [examples for examples, _ in digests] == [1, 1, 4, 4]
    assert digests[0] == digests[1]
    assert digests[2] == digests[3] != digests[0]


def test_nothing_is_pickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pickle

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("pickled")

    for name in ("dump", "dumps", "load", "loads"):
        monkeypatch.setattr(pickle, name, refuse)
    base = encoder(tmp_path / "base")
    trained(base, tmp_path / "out", epochs=1)
    suffixes = {path.suffix for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert suffixes <= {".json", ".safetensors", ".txt", ".done"}


@pytest.mark.parametrize(("objective", "aggregation"), [("spans", "drqa"), ("dpr", "dpr")])
def test_it_learns_and_reads(objective: str, aggregation: str, tmp_path: Path) -> None:
    """A tiny model learns eight examples by heart, and the reader reads with it."""
    base = encoder(tmp_path / "base", initializer_range=0.1)
    settings = {"epochs": 40, "batch": 4, "learning_rate": 5e-3, "dropout": 0.0}
    counts = trained(base, tmp_path / "out", objective=objective, **settings)
    assert counts["loss"] < 0.2
    reader = Extractive(
        model=str(tmp_path / "out" / "model"), aggregation=aggregation, max_answer_tokens=2,
        max_length=64, stride=24, question_tokens=12,
    )  # fmt: skip
    answers = reader.read(
        ranked(
            [one.question for one in LESSONS],
            [[("x", "a long river")] * (objective == "dpr") + [one.positive] for one in LESSONS],
        ),
        RUNTIME,
    )
    assert answers == [one.positive.text[slice(*one.spans[0])] for one in LESSONS]


def test_the_cost_is_told_beforehand(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        counts = trained(encoder(tmp_path / "base"), tmp_path / "out", epochs=1)
    [told] = [r.getMessage() for r in caplog.records if "a second" in r.getMessage()]
    assert f"{counts['sequences']} sequences" in told
    assert f"{counts['steps']} steps to go" in told
    assert "min" in told


def test_a_reader_is_trained_further(tmp_path: Path) -> None:
    trained(dpr_reader(tmp_path / "dpr"), tmp_path / "a", epochs=1, objective="dpr")
    trained(pointer(tmp_path / "pointer"), tmp_path / "b", epochs=1)
    for name, kind in (("a", "DPRReader"), ("b", "BertForQuestionAnswering")):
        config = json.loads((tmp_path / name / "model/config.json").read_text())
        assert config["architectures"] == [kind]


# What goes wrong


def test_a_loss_that_is_no_number(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    base = pointer(tmp_path / "base")
    weights = load_file(base / "model.safetensors")
    weights["qa_outputs.bias"] = torch.full_like(weights["qa_outputs.bias"], float("nan"))
    save_file(weights, base / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"the loss of step 1 is nan"):
        trained(base, tmp_path / "out")


def test_dpr_is_a_bert(tmp_path: Path) -> None:
    import torch
    from extractive_models import tokenizer
    from transformers import DistilBertConfig, DistilBertModel

    torch.manual_seed(0)
    config = DistilBertConfig(vocab_size=200, dim=32, n_layers=1, n_heads=4, hidden_dim=48)
    DistilBertModel(config).save_pretrained(tmp_path / "base")
    tokenizer().save_pretrained(tmp_path / "base")
    with pytest.raises(UserError, match="'distilbert': take train"):
        trained(tmp_path / "base", tmp_path / "out", objective="dpr")


def test_no_lessons(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no example to train on"):
        teach_lessons(
            Source(str(encoder(tmp_path / "b"))), SHAPE, [], ReaderSettings(), tmp_path, RUNTIME
        )


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"precision": "fp16"}, "train.precision: fp32 or bf16"),
        ({"epochs": 0}, "train.epochs"),
        ({"epochs": True}, "train.epochs: a whole number >= 1, got 'true'"),
        ({"warmup": True}, "train.warmup: a number from 0 to 1, got 'true'"),
        ({"seed": -1}, "train.seed"),
        ({"learning_rate": 2}, "train.learning_rate"),
        ({"dropout": "half"}, "train.dropout"),
    ],
)
def test_settings_out_of_range(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told):
        Settings(**settings)
