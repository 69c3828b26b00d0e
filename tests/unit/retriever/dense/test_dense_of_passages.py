"""A bi-encoder learns from passages: which settings there are, and what is learnt."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from extractive_models import encoder
from pretraining_lessons import rows, with_head

from qa_bench.errors import UserError
from qa_bench.retriever.dense.part import Dense
from qa_bench.retriever.dense.passages import PassageSettings, examples_of, passage_settings
from qa_bench.retriever.dense.settings import BiEncoderSettings
from qa_bench.train.loop import TrainingFiles
from qa_bench.types import Runtime

RUNTIME = Runtime(threads=1, device="cpu", progress=False)
MakePassages = Callable[..., Any]


def test_settings_of_guessing_words() -> None:
    settings = Dense(model="m").training({"objective": "mlm", "mask": 0.2, "scale": None})
    assert isinstance(settings, PassageSettings)
    assert settings.of_passages
    assert (settings.masks.encoder, settings.masks.decoder) == (0.2, 0.5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"objective": "mlm", "scale": 20}, r"train\.scale: train\.objective=mlm learns from pas"),
        ({"objective": "mlm", "negatives": 7}, r"train\.negatives: .* leave it out"),
        ({"objective": "retromae", "decoder_mask": 2}, r"train\.decoder_mask"),
        ({"objective": "mlm", "width": 2}, r"train\.width: no such setting"),
    ],
)
def test_settings_that_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        passage_settings(options)


@pytest.mark.parametrize("name", ["keep", "mask", "decoder_mask"])
def test_what_is_hidden_is_no_affair_of_questions(name: str) -> None:
    with pytest.raises(UserError, match=rf"train\.{name}: null for train\.objective=contrastive"):
        BiEncoderSettings(**{name: 0.2})


def test_examples_are_drawn_by_the_seed(make_passages: MakePassages) -> None:
    passages = make_passages(rows(40))
    several = []
    for seed in (0, 0, 1):
        settings = BiEncoderSettings(objective="ict", keep=1.0, seed=seed)
        counts: dict[str, Any] = {}
        examples = examples_of(passages, 10, settings, counts)
        assert counts == {"passages": 10, "one_sentence": 0, "kept_sentences": 10}
        several.append([one.positives[0].passage.pid for one in examples])
    assert several[0] == several[1] != several[2]
    assert settings.choice.count == 0, "passages alone have no negatives"


def test_words_then_sentences_then_a_search(tmp_path: Path, make_passages: MakePassages) -> None:
    passages = make_passages(rows(24))
    model = str(with_head(tmp_path / "base"))
    for objective in ("mlm", "ict", "simcse_passages"):
        folder = tmp_path / objective
        folder.mkdir()
        part = Dense(model=model)
        settings = part.training({"objective": objective, "epochs": 1, "batch": 8})
        assert settings.of_passages
        files = TrainingFiles([], passages=passages)
        counts = part.train(files, settings, folder, RUNTIME)
        assert counts["passages"] == (12 if objective == "mlm" else 24)
        model = part.trained(folder, settings)["model"]
        said = json.loads((Path(model) / "training.json").read_text())
        assert said["settings"]["objective"] == objective
    vectors = Dense(model=model).encode_questions(["who ruled france"], RUNTIME)
    assert np.isfinite(vectors).all()


def test_two_models(tmp_path: Path, make_passages: MakePassages) -> None:
    one, other = (str(encoder(tmp_path / name)) for name in "ab")
    part = Dense(model=one, question={"model": other})
    files = TrainingFiles([], passages=make_passages(rows(4)))
    with pytest.raises(UserError, match="questions and passages have two"):
        part.train(files, part.training({"objective": "mlm"}), tmp_path, RUNTIME)
