"""Learning from passages: it learns, resumes to the byte, and what it leaves is taken."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from extractive_models import encoder, tokenizer
from pretraining_lessons import composed, rows, with_head

from qa_bench.errors import UserError
from qa_bench.models.sentence_model import sentence_model
from qa_bench.models.source import Source
from qa_bench.models.word_heads import states, word_loss, word_model
from qa_bench.train.loop import Settings
from qa_bench.train.mlm import MaskedWords
from qa_bench.train.pretraining import Masks, pretrain
from qa_bench.train.sequences import Sequences
from qa_bench.types import Runtime

RUNTIME = Runtime(threads=1, device="cpu", progress=False)
MakePassages = Callable[..., Any]


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def trained(base: Path, passages: Any, folder: Path, **settings: Any) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    plain = {"objective": "mlm", "epochs": 1, "batch": 4, "checkpoint": 2}
    how = Settings(**{**plain, **settings})
    return pretrain(Source(str(base)), passages, composed, Masks(), how, None, folder, RUNTIME)


@pytest.mark.parametrize("objective", ["mlm", "retromae"])
def test_the_same_bytes_after_a_kill(
    objective: str, tmp_path: Path, make_passages: MakePassages, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, passages = with_head(tmp_path / "base"), make_passages(rows(32))
    counts = trained(base, passages, tmp_path / "once", objective=objective)
    once = digests(tmp_path / "once/model")
    assert {"config.json", "model.safetensors", "modules.json", "tokenizer.json"} <= set(once)

    from qa_bench.train import loop

    step, numbers = loop._Run._step, []

    def killed(self: Any, number: int) -> float:
        numbers.append(number)
        if len(numbers) == 4:
            raise KeyboardInterrupt
        return step(self, number)

    monkeypatch.setattr(loop._Run, "_step", killed)
    with pytest.raises(KeyboardInterrupt):
        trained(base, passages, tmp_path / "killed", objective=objective)
    assert trained(base, passages, tmp_path / "killed", objective=objective) == counts
    assert numbers == [0, 1, 2, 3, 2, 3]
    assert digests(tmp_path / "killed/model") == once


@pytest.mark.parametrize("objective", ["mlm", "retromae"])
def test_it_learns(objective: str, tmp_path: Path, make_passages: MakePassages) -> None:
    base = with_head(tmp_path / "base", initializer_range=0.05)
    settings = {"epochs": 12, "batch": 16, "learning_rate": 5e-3, "dropout": 0.0}
    counts = trained(
        base, make_passages(rows(160)), tmp_path / "out", objective=objective, **settings
    )
    assert counts["held_out_perplexity"] < 0.3 * counts["base_perplexity"]
    assert counts["held_out_accuracy"] > counts["base_accuracy"] + 0.2
    assert (counts["passages"], counts["held_out_passages"]) == (80, 80)
    assert counts["new_head"] == counts["passages_without_words"] == 0


def test_what_it_leaves_goes_on_and_is_a_retriever(
    tmp_path: Path, make_passages: MakePassages
) -> None:
    passages = make_passages(rows(16))
    base = with_head(tmp_path / "base")
    first = trained(base, passages, tmp_path / "mlm", objective="mlm")
    second = trained(tmp_path / "mlm/model", passages, tmp_path / "retromae", objective="retromae")
    assert second["base_perplexity"] != first["base_perplexity"]
    assert second["new_head"] == 0
    for name, pooling in (("mlm", "mean"), ("retromae", "cls")):
        folder = tmp_path / name / "model"
        model = sentence_model(Source(str(folder)))
        assert model[1].pooling_mode == pooling
        assert model.encode(["who ruled france"]).shape == (1, 32)
        assert json.loads((folder / "config.json").read_text())["architectures"] == [
            "BertForMaskedLM"
        ]


def test_a_base_without_a_head_gets_one(
    tmp_path: Path, make_passages: MakePassages, caplog: pytest.LogCaptureFixture
) -> None:
    base = encoder(tmp_path / "base")
    with caplog.at_level(logging.WARNING):
        counts = trained(base, make_passages(rows(16)), tmp_path / "out")
    assert counts["new_head"] == 1
    assert "has no head for words" in caplog.text


def test_of_another_kind_than_bert(tmp_path: Path, make_passages: MakePassages) -> None:
    import torch
    from tiny_tokenizers import mpnet_tokenizer
    from transformers import MPNetConfig, MPNetForMaskedLM

    torch.manual_seed(0)
    words, base = mpnet_tokenizer(), tmp_path / "base"
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4}
    config = MPNetConfig(vocab_size=len(words), intermediate_size=48, **sizes)
    MPNetForMaskedLM(config).save_pretrained(base)
    words.save_pretrained(base)
    passages = make_passages(rows(12))
    assert trained(base, passages, tmp_path / "out")["steps"] == 2
    with pytest.raises(UserError, match=r"retromae takes a BERT; .* is of the kind 'mpnet'"):
        trained(base, passages, tmp_path / "no", objective="retromae")


def test_an_empty_corpus(tmp_path: Path, make_passages: MakePassages) -> None:
    base = with_head(tmp_path / "base")
    with pytest.raises(UserError, match="0 passages to learn from"):
        trained(base, make_passages([]), tmp_path / "out")


def test_passages_without_words(tmp_path: Path, make_passages: MakePassages) -> None:
    sequences = Sequences(tokenizer(), [["", "the king", ""]], 64, types=True)
    assert sequences.free().tolist() == [0, 2, 0]
    assert sequences.free(2).tolist() == [0, 1, 0]
    assert sequences.lengths.tolist() == [2, 4, 2]


def test_masks_out_of_range() -> None:
    with pytest.raises(UserError, match=r"train\.mask"):
        Masks(encoder=0)
    with pytest.raises(UserError, match=r"train\.decoder_mask"):
        Masks(decoder=2)


# What is computed


def lesson(base: Path, share: float = 0.5) -> tuple[Any, MaskedWords]:
    texts = ["the king was long in france.", ("queen", "who ruled england"), "anna"]
    words = tokenizer()
    sequences = Sequences(words, [texts], 64, types=True)
    model = word_model(Source(str(base))).model.eval()
    vocabulary = model.config.vocab_size
    return model, MaskedWords(sequences, np.arange(3), share, words.mask_token_id, vocabulary)


def test_the_loss_is_that_of_transformers(tmp_path: Path) -> None:
    import torch

    model, task = lesson(with_head(tmp_path / "base"))
    torch.manual_seed(3)
    loss = task.loss(model, np.array([2, 0, 1]))
    torch.manual_seed(3)
    batch = task.guesses(np.array([2, 0, 1]))
    assert batch.features["token_type_ids"].sum() > 0, "a title is a segment of its own"
    labels = batch.ids.masked_fill(~batch.chosen, -100)
    assert torch.allclose(loss, model(**batch.features, labels=labels).loss, atol=1e-6)


def test_many_words_are_done_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from qa_bench.models import word_heads

    model, task = lesson(with_head(tmp_path / "base"))
    losses, gradients = [], []
    for piece in (1000, 3):
        monkeypatch.setattr(word_heads, "_PIECE", piece)
        torch.manual_seed(3)
        model.zero_grad()
        loss = task.loss(model, np.arange(3))
        loss.backward()
        losses.append(loss.detach())
        gradients.append(model.get_input_embeddings().weight.grad.clone())
    assert torch.allclose(*losses, atol=1e-6)
    assert torch.allclose(*gradients, atol=1e-6)


def test_retromae_is_its_formula(tmp_path: Path) -> None:
    """Against the paper's equations, token by token and head by head."""
    import torch
    from torch.nn.functional import cross_entropy, gelu, layer_norm

    from qa_bench.train.retromae import Rewriting, auto_encoder, contexts

    words, task = lesson(with_head(tmp_path / "base"))
    torch.manual_seed(1)
    model = auto_encoder(words).eval()
    for name, weight in model.decoder.named_parameters():
        if "LayerNorm" in name or "bias" in name:
            torch.nn.init.normal_(weight)
    places = np.arange(3)
    torch.manual_seed(5)
    loss = Rewriting(task, 0.5).loss(model, places)
    torch.manual_seed(5)
    batch = task.guesses(places)
    seen = contexts(batch.free, batch.features["attention_mask"], 0.5)
    hidden = states(words, batch.features)
    encoder_loss = word_loss(words, hidden[batch.chosen], batch.ids[batch.chosen])
    losses = []
    embeddings, layer = words.bert.embeddings, model.decoder
    width, heads = 32, 4
    for text in range(3):
        vector = hidden[text, 0]
        content = embeddings(input_ids=batch.ids[text : text + 1])[0]
        content = torch.cat([vector[None], content[1:]])
        for token in range(batch.ids.shape[1]):
            if not batch.free[text, token]:
                continue
            question = vector + embeddings.position_embeddings.weight[token]
            there = content[seen[text, token]]
            q, k, v = layer.query(question), layer.key(there), layer.value(there)
            mixed = []
            for head in range(heads):
                some = slice(head * width // heads, (head + 1) * width // heads)
                weights = torch.softmax(k[:, some] @ q[some] / (width // heads) ** 0.5, 0)
                mixed.append(weights @ v[:, some])
            state = question + layer.mixture(torch.cat(mixed))
            norm = layer.mixture_LayerNorm
            state = layer_norm(state, (width,), norm.weight, norm.bias, norm.eps)
            state = state + layer.output(gelu(layer.intermediate(state)))
            norm = layer.output_LayerNorm
            state = layer_norm(state, (width,), norm.weight, norm.bias, norm.eps)
            losses.append(cross_entropy(words.cls(state), batch.ids[text, token]))
    expectation = encoder_loss + torch.stack(losses).mean()
    assert torch.allclose(loss, expectation, atol=1e-4)


def test_what_a_token_is_written_from() -> None:
    import torch

    from qa_bench.train.retromae import contexts

    torch.manual_seed(0)
    free = torch.zeros(2, 102, dtype=torch.bool)
    free[0, 1:101] = free[1, 1:41] = True
    attention = torch.ones(2, 102, dtype=torch.int64)
    attention[1, 42:] = 0
    seen = contexts(free, attention, 0.7)
    assert seen[:, :, 0].all(), "the vector is seen by all"
    assert not seen[1, :, 42:].any(), "padding is not"
    inside = seen[0, 1:101, 1:101]
    assert not inside.diagonal().any(), "no token sees itself"
    assert 0.28 < float(inside.float().mean()) < 0.32
    assert not torch.equal(inside[5, 10:], inside[6, 10:]), "each has a context of its own"
    assert seen[0, 1:101, 101].all(), "the last special token is seen"


# Decoders


def llama(folder: Path) -> Path:
    import torch
    from tiny_tokenizers import llama_tokenizer
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    words = llama_tokenizer()
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4}
    config = LlamaConfig(vocab_size=len(words), intermediate_size=48, **sizes)
    LlamaForCausalLM(config).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def test_a_decoder_guesses_from_the_state_before(
    tmp_path: Path, make_passages: MakePassages
) -> None:
    import torch

    from qa_bench.models.loading import tokenizer_of
    from qa_bench.models.word_heads import decoder_model
    from qa_bench.train.mntp import MaskedNextWords

    source = Source(str(llama(tmp_path / "base")))
    model = decoder_model(source).model.eval()
    words = tokenizer_of(source)
    sequences = Sequences(words, [["the king was long", "a", "who"]], 64, types=False)
    task = MaskedNextWords(sequences, np.arange(3), 0.5, 5, model.config.vocab_size)
    batch = task.guesses(np.arange(task.sequences))
    assert not batch.chosen[:, 0].any(), "nothing stands before the first"
    logits = model(**batch.features).logits
    labels = batch.ids.masked_fill(~batch.chosen, -100)
    expectation = torch.nn.functional.cross_entropy(
        logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten()
    )
    loss = word_loss(model, task.guessing(model, batch), batch.ids[batch.chosen])
    assert torch.allclose(loss, expectation, atol=1e-6)
    ids = torch.tensor([[10, 11, 12, 13]])
    one, other = (
        states(model, {"input_ids": row, "attention_mask": torch.ones_like(row)})
        for row in (ids, torch.where(ids == 13, 14, ids))
    )
    assert not torch.allclose(one[0, 0], other[0, 0]), "the first sees the last"
    counts = trained(source.model, make_passages(rows(12)), tmp_path / "out", objective="mntp")
    assert counts["held_out_perplexity"] > 1
    folder = str(tmp_path / "out/model")
    encoded = sentence_model(Source(folder, bidirectional=True)).encode(["who ruled france"])
    assert encoded.shape == (1, 32)
