"""Training cross-encoders: the same bytes, going on after a kill, and what reranks with them."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pair_lessons import EXAMPLES, WORDS, file_of
from ranked_hits import ranked
from reranker_models import (
    CHARACTERS,
    SMALL,
    VOCABULARY,
    save_cross_encoder,
    save_decoder,
    save_encoder_decoder,
)

from qa_bench.errors import UserError
from qa_bench.models.source import Source
from qa_bench.reranker.cross_encoder import CrossEncoder
from qa_bench.reranker.lessons import lessons
from qa_bench.reranker.objectives import OBJECTIVES, ScoreTable
from qa_bench.reranker.scorer import loaded_scorer
from qa_bench.reranker.teach import RerankerSettings, teach_lessons
from qa_bench.train.loop import TrainingFiles
from qa_bench.types import Runtime

RUNTIME = Runtime(threads=1, device="cpu", progress=False)
LESSONS = list(lessons(EXAMPLES, ". ", 3, contrasts=True, distils=True, counts={}))


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    """A tiny random BERT without a head; a character is a token, and the words of the lessons."""
    import torch
    import transformers

    torch.manual_seed(3)
    words = {**VOCABULARY, **{word: len(VOCABULARY) + n for n, word in enumerate(WORDS)}}
    config = transformers.BertConfig(**SMALL, vocab_size=len(words))
    transformers.BertModel(config).save_pretrained(tmp_path / "base")
    transformers.BertTokenizer(vocab=words, model_max_length=128).save_pretrained(tmp_path / "base")
    assert set("what is") - {" "} < set(CHARACTERS)
    return tmp_path / "base"


def trained(base: Path, folder: Path, **settings: Any) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    label = settings.pop("label", None)
    source = Source(str(base), max_length=settings.pop("max_length", None))
    some = {"epochs": 2, "batch": 2, "checkpoint": 2, **settings}
    return teach_lessons(source, label, LESSONS, RerankerSettings(**some), folder, RUNTIME)


def digest_of(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def hits(count: int = len(EXAMPLES)) -> Any:
    some = EXAMPLES[:count]
    return ranked(
        [one.question for one in some],
        [[(c.passage.title, c.passage.text) for c in [*one.hard_negatives[:3], *one.positives]]
         for one in some],
    )  # fmt: skip


def test_a_killed_run_ends_with_the_same_bytes(
    encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = trained(encoder, tmp_path / "once", objective="kl")
    assert trained(encoder, tmp_path / "twice", objective="kl") == counts
    once = digest_of(tmp_path / "once" / "model")
    assert {"config.json", "model.safetensors", "modules.json", "tokenizer.json"} <= set(once)
    assert digest_of(tmp_path / "twice" / "model") == once
    assert (counts["steps"], counts["sequences"]) == (6, 24)

    from qa_bench.train import loop

    step, numbers = loop._Run._step, []

    def killed(self: Any, number: int) -> float:
        numbers.append(number)
        if len(numbers) == 4:
            raise KeyboardInterrupt
        return step(self, number)

    monkeypatch.setattr(loop._Run, "_step", killed)
    with pytest.raises(KeyboardInterrupt):
        trained(encoder, tmp_path / "killed", objective="kl")
    assert not (tmp_path / "killed" / "model").exists()
    assert trained(encoder, tmp_path / "killed", objective="kl") == counts
    assert numbers == [0, 1, 2, 3, 2, 3, 4, 5], "on from the checkpoint after step 2"
    assert digest_of(tmp_path / "killed" / "model") == once


@pytest.mark.parametrize("objective", ["list", "binary", "margin_mse"])
def test_it_learns_and_reranks(objective: str, encoder: Path, tmp_path: Path) -> None:
    """The positive is the last hit; a tiny model learns six examples by heart."""
    settings = {"epochs": 40, "learning_rate": 3e-3, "dropout": 0.0, "batch": 6}
    first = trained(encoder, tmp_path / "start", **{**settings, "epochs": 1}, objective=objective)
    last = trained(encoder, tmp_path / "end", **settings, objective=objective)
    assert last["loss"] < first["loss"] / 3
    scores = CrossEncoder(model=str(tmp_path / "end" / "model")).rerank(hits(), RUNTIME)
    best = scores.reshape(len(EXAMPLES), 4).argmax(1)
    assert (best == 3).all()


@pytest.mark.parametrize("max_length", [None, 40])
def test_sentence_transformers_gives_the_same_scores(
    max_length: int | None, encoder: Path, tmp_path: Path
) -> None:
    """Raw ones, and pairs are cut where they were cut in training."""
    from sentence_transformers import CrossEncoder as Theirs

    trained(encoder, tmp_path / "out", epochs=1, max_length=max_length, learning_rate=1e-3)
    folder = str(tmp_path / "out" / "model")
    some = hits()
    pairs = [
        (some.questions.questions[row].text, f"{title}. {text}")
        for row, title, text in zip(some.question_rows, some.titles, some.texts, strict=True)
    ]
    theirs = Theirs(folder, device="cpu")
    assert theirs.max_seq_length == (max_length or 128)
    ours = CrossEncoder(model=folder).rerank(some, RUNTIME)
    np.testing.assert_allclose(ours, theirs.predict(pairs), atol=1e-5)
    assert np.ptp(ours) > 1e-3


@pytest.mark.parametrize("label", [None, 1])
def test_the_loss_is_of_what_the_reranker_says(
    label: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a rate of almost 0 the first step's loss is that of the reranker's own scores."""
    from qa_bench.reranker import teach
    from qa_bench.train import pieces

    base = save_cross_encoder(tmp_path / "base", labels=1 if label is None else 2)
    monkeypatch.setattr(pieces, "PIECE_TOKENS", 100)
    monkeypatch.setattr(teach, "held_tokens", lambda model: 500)
    counts = trained(base, tmp_path / "out", label=label, objective="kl", batch=6, epochs=1,
                     dropout=0.0, learning_rate=1e-9)  # fmt: skip
    import torch

    questions = [one.question for one in LESSONS]
    passages = [text for one in LESSONS for text in one.passages]
    scorer = loaded_scorer(Source(str(base)), None, label, RUNTIME)
    rows = scorer.rows(questions, passages, np.repeat(np.arange(6), 4), np.arange(24))
    scores = torch.from_numpy(scorer.scores(rows)).reshape(6, 4)
    teacher = torch.tensor([one.teacher for one in LESSONS])
    table = ScoreTable(scores, torch.ones(6, 4, dtype=torch.bool), teacher)
    assert counts["loss"] == pytest.approx(float(OBJECTIVES["kl"].loss(table)), abs=1e-4)


def test_the_part_reads_files_and_counts(encoder: Path, tmp_path: Path) -> None:
    none = EXAMPLES[0].__class__("set", "why?", ["x"], [], [], EXAMPLES[0].hard_negatives)
    data = file_of(tmp_path / "train.json", [*EXAMPLES, none])
    part = CrossEncoder(model=str(encoder), title="none")
    settings = part.training({"epochs": 1, "batch": 4, "negatives": 2, "objective": "binary"})
    digests = []
    for name, examples in (("a", 3), ("b", 3), ("c", None)):
        (tmp_path / name).mkdir()
        files = TrainingFiles([data], examples=examples)
        counts = part.train(files, settings, tmp_path / name, RUNTIME)
        assert (counts["questions"], counts["without_positive"]) == (7, 1)
        assert counts["examples"] == (examples or 6)
        digests.append(digest_of(tmp_path / name / "model"))
    assert digests[0] == digests[1] != digests[2]
    assert part.trained(tmp_path, settings) == {"model": str(tmp_path / "model")}
    later = CrossEncoder(model=str(tmp_path / "c" / "model"))
    assert later.seen([EXAMPLES[0].question.upper(), "who was it?"]) == 1
    assert part.seen([EXAMPLES[0].question]) == 0
    assert not (tmp_path / "a" / "model" / "README.md").exists(), "it would tell folders and times"


def test_a_trained_one_is_trained_further(encoder: Path, tmp_path: Path) -> None:
    trained(encoder, tmp_path / "a", epochs=1)
    trained(tmp_path / "a" / "model", tmp_path / "b", epochs=1, learning_rate=1e-9)
    from safetensors.torch import load_file

    one, other = (load_file(tmp_path / name / "model/model.safetensors") for name in "ab")
    assert set(one) == set(other)
    assert all(one[name].allclose(other[name], atol=1e-6) for name in one)
    config = json.loads((tmp_path / "b/model/config.json").read_text())
    assert config["architectures"] == ["BertForSequenceClassification"]


def test_the_cost_is_told_beforehand(
    encoder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        trained(encoder, tmp_path / "out", epochs=1)
    [line] = [r.getMessage() for r in caplog.records if "a second" in r.getMessage()]
    assert "24 sequences; 3 steps to go" in line


# What goes wrong


@pytest.mark.parametrize("make", [save_decoder, save_encoder_decoder])
def test_a_base_of_another_kind(make: Any, tmp_path: Path) -> None:
    make(tmp_path / "base")
    with pytest.raises(UserError, match=r"train\.base: .* a cross-encoder is made of an encoder"):
        trained(tmp_path / "base", tmp_path / "out")


def test_a_loss_that_is_no_number(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    base = save_cross_encoder(tmp_path / "base")
    weights = load_file(base / "model.safetensors")
    weights["classifier.bias"] = torch.full_like(weights["classifier.bias"], float("nan"))
    save_file(weights, base / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"the loss of step 1 is nan"):
        trained(base, tmp_path / "out")
    assert not (tmp_path / "out" / "model").exists()


def test_nothing_to_learn_from(encoder: Path, tmp_path: Path) -> None:
    settings = RerankerSettings(objective="margin_mse")
    with pytest.raises(UserError, match=r"a positive and a negative, with scores of a teacher"):
        teach_lessons(Source(str(encoder)), None, [], settings, tmp_path, RUNTIME)


def test_a_language_model_is_not_trained(tmp_path: Path) -> None:
    template = {"question": "{}", "passage": "{}", "answer": "yes"}
    part = CrossEncoder(model="x", template=template)
    with pytest.raises(UserError, match=r"reranker\.template"):
        part.train(TrainingFiles([]), RerankerSettings(), tmp_path, RUNTIME)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"objective": "spans"}, "train.objective"), ({"negatives": 0}, "train.negatives"),
     ({"scale": 1}, "train.scale: no such setting")],
)  # fmt: skip
def test_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        CrossEncoder(model="x").training(settings)
