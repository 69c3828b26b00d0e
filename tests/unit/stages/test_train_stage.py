"""files of examples ─train─► model: what makes another model, and what does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from extractive_models import encoder
from omegaconf import OmegaConf
from reading_lessons import SQUAD, written

from qa_bench.engine.context import Context
from qa_bench.engine.stage import Stage
from qa_bench.parts import make
from qa_bench.reader.extractive.part import Extractive
from qa_bench.reader.extractive.teach import ReaderSettings
from qa_bench.stages.train import train
from qa_bench.train.loop import TrainingFiles
from qa_bench.types import Folder, Runtime

Key = Callable[..., str]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return encoder(tmp_path / "base")


@pytest.fixture
def stage(base: Path, tmp_path: Path, context: Context) -> Callable[..., Stage]:
    """``stage({"epochs": 3}, max_length=64)``: of other training, of a reader set otherwise."""
    data = written(tmp_path / "train.json", SQUAD)

    def made(
        training: dict[str, Any] | None = None,
        files: TrainingFiles = TrainingFiles([data]),  # noqa: B008
        **reader: Any,
    ) -> Stage:
        node = {"_target_": f"{Extractive.__module__}.Extractive", "model": str(base), **reader}
        learner = make("reader", OmegaConf.create(node))
        return train(learner, files, ReaderSettings(**(training or {})), context)

    return made


READING = {
    "revision": "main",
    "architecture": "BertForQuestionAnswering",
    "precision": "bf16",
    "draft": "bf16",
    "aggregation": "drqa",
    "depth": 7,
    "max_answer_tokens": 3,
    "full_words": False,
}


@pytest.mark.parametrize("name", sorted(READING))
def test_what_only_reads_trains_nothing_anew(stage: Callable[..., Stage], name: str) -> None:
    assert stage(**{name: READING[name]}).key == stage().key


def test_all_that_only_reads_is_tried() -> None:
    assert {*READING, "model"} == Extractive.reading_only


@pytest.mark.parametrize(
    "change", [{"max_length": 256}, {"stride": 64}, {"question_tokens": 32}, {"title": "segment"}]
)
def test_other_sequences_are_other_training(
    stage: Callable[..., Stage], change: dict[str, Any]
) -> None:
    assert stage(**change).key != stage().key


def test_a_model_goes_by_its_content(
    stage: Callable[..., Stage], base: Path, tmp_path: Path
) -> None:
    first = stage().key
    moved = base.rename(tmp_path / "elsewhere")
    assert stage(model=str(moved)).key == first
    other = encoder(tmp_path / "other", num_hidden_layers=1)
    assert stage(model=str(other)).key != first


@pytest.mark.parametrize(
    "change",
    [{"objective": "dpr"}, {"epochs": 3}, {"batch": 8}, {"learning_rate": 1e-5}, {"warmup": 0.2},
     {"weight_decay": 0.1}, {"negatives": 1}, {"dropout": 0.2}, {"precision": "bf16"}, {"seed": 1}],
)  # fmt: skip
def test_other_settings_are_other_training(
    stage: Callable[..., Stage], change: dict[str, Any]
) -> None:
    assert stage(change).key != stage().key


def test_how_often_it_is_kept_is_the_same_training(stage: Callable[..., Stage]) -> None:
    assert stage({"checkpoint": 5}).key == stage().key


def test_files_go_by_their_contents(stage: Callable[..., Stage], tmp_path: Path) -> None:
    data, first = tmp_path / "train.json", stage()
    copy = tmp_path / "copy.json"
    copy.write_bytes(data.read_bytes())
    assert stage(files=TrainingFiles([copy])).key == first.key
    assert first.slug == "train-spans"
    other = written(tmp_path / "other.json", {**SQUAD, "data": SQUAD["data"] * 2})
    for files in (
        TrainingFiles([other]),
        TrainingFiles([data, data]),
        TrainingFiles([data, other]),
        TrainingFiles([other, data]),
        TrainingFiles([data], articles=other),
        TrainingFiles([data], examples=1),
    ):
        assert stage(files=files).key != first.key
    assert (
        stage(files=TrainingFiles([data, other])).key
        != stage(files=TrainingFiles([other, data])).key
    )


def test_it_trains_and_says_what_became_of_the_examples(
    stage: Callable[..., Stage], run: Callable[[Stage], Folder], context: Context
) -> None:
    settings = {"epochs": 1, "batch": 2}
    given = stage(settings, max_length=64, question_tokens=12)
    folder = Context(context.cache, Runtime(threads=1, device="cpu", progress=False)).run(given)
    counts = folder.manifest["counts"]
    assert (counts["questions"], counts["without_answer"], counts["examples"]) == (3, 1, 2)
    assert counts["steps"] == 1
    assert (folder.path / "model" / "model.safetensors").is_file()
    assert sorted(folder.manifest["inputs"]) == ["data0", "reader_model"]
    assert set(folder.manifest["config"]["learner"]).isdisjoint(Extractive.reading_only)
    assert run(stage({**settings, "checkpoint": 7}, max_length=64, question_tokens=12,
                     draft="bf16")).reused  # fmt: skip
