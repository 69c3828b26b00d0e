"""Fusion-in-decoder on a tiny random T5 equals a plain loop over one question at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import ranked_hits
from word_models import save_tokenizer, t5_config

from qa_bench.errors import UserError
from qa_bench.reader.fid.part import FusionInDecoder
from qa_bench.store.ranked import Ranked
from qa_bench.types import Runtime

CPU = Runtime(device="cpu", threads=1, batch_size=2, progress=False)
WORDS = ["question:", "title:", "context:", *(f"w{number}" for number in range(27))]
PASSAGES = [
    [("w1", "w2 w3 w4"), ("w5", "w6"), ("w7 w8", "w9 w10 w11 w12 w13 w14 w15")],
    [],
    [("w16", "w17 w18"), ("w19", "w20 w21 w22 w23 w24 w25 w26 w1 w2 w3 w4 w5 w6 w7")],
    [("w2", "w2")],
]


def save(folder: Path, config: Any, kind: Any) -> Path:
    import torch

    torch.manual_seed(3)
    model = kind(config)
    with torch.no_grad():
        for parameter in model.parameters():  # wild enough to say something of its own of each
            parameter.normal_(std=0.7)
        model.lm_head.weight[:3] = 0
    model.save_pretrained(folder)
    save_tokenizer(folder, ["<pad>", "</s>", "<unk>", *WORDS], ends=True)
    return folder


@pytest.fixture(scope="module")
def t5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import T5ForConditionalGeneration

    config = t5_config(3 + len(WORDS), tie_word_embeddings=False)
    return save(tmp_path_factory.mktemp("t5"), config, T5ForConditionalGeneration)


@pytest.fixture
def ranked() -> Ranked:
    return ranked_hits.ranked([f"w{n} w{n + 9}" for n in range(len(PASSAGES))], PASSAGES)


def reference(folder: Path, question: str, passages: Any, length: int, most: int) -> str:
    """No batch, no padding, no cache: encode each, put the states in a row, take the best token."""
    import torch
    from transformers import AutoTokenizer, T5ForConditionalGeneration
    from transformers.modeling_outputs import BaseModelOutput

    model = T5ForConditionalGeneration.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokens: list[int] = []
    with torch.inference_mode():
        states = []
        for title, text in passages:
            words = f"question: {question} title: {title} context: {text}".split()
            ids = [*[WORDS.index(word) + 3 for word in words][: length - 1], 1]
            states.append(model.encoder(input_ids=torch.tensor([ids])).last_hidden_state)
        together: Any = BaseModelOutput(last_hidden_state=torch.cat(states, 1))
        while len(tokens) < most:
            found = model(encoder_outputs=together, decoder_input_ids=torch.tensor([[0, *tokens]]))
            token = int(found.logits[0, -1].argmax())
            if token == 1:
                break
            tokens.append(token)
    text: str = tokenizer.decode(tokens, skip_special_tokens=True)
    return text


@pytest.mark.parametrize(("depth", "length"), [(100, 250), (2, 250), (3, 10)])
def test_the_reference_loop(depth: int, length: int, t5: Path, ranked: Ranked) -> None:
    reader = FusionInDecoder(str(t5), depth=depth, max_length=length, max_tokens=8)
    answers = reader.read(ranked, CPU)
    expected = [
        reference(t5, f"w{n} w{n + 9}", some[:depth], length, 8) if some else ""
        for n, some in enumerate(PASSAGES)
    ]
    assert list(answers) == expected
    assert len(set(expected)) >= 3, "the random model says something of each"
    assert answers.failed == {}
    read = sum(
        min(length, 1 + 5 + len(f"{title} {text}".split()))
        for some in PASSAGES
        for title, text in some[:depth]
    )
    assert answers.costs["prompt_tokens"] == read


def test_another_batch_size_is_the_same(t5: Path, ranked: Ranked) -> None:
    def answers(batch: int) -> list[str]:
        runtime = Runtime(device="cpu", threads=1, batch_size=batch, progress=False)
        return FusionInDecoder(str(t5), max_tokens=8).read(ranked, runtime)

    assert answers(1) == answers(3) == answers(50)


def test_only_t5(tmp_path: Path, ranked: Ranked) -> None:
    from transformers import BartConfig, BartForConditionalGeneration

    config = BartConfig(
        vocab_size=3 + len(WORDS), d_model=16, encoder_layers=1, decoder_layers=1,
        encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=16,
        decoder_ffn_dim=16, max_position_embeddings=32, pad_token_id=0, eos_token_id=1,
        bos_token_id=None, decoder_start_token_id=0, forced_eos_token_id=None,
    )  # fmt: skip
    folder = save(tmp_path / "bart", config, BartForConditionalGeneration)
    with pytest.raises(UserError, match="is no T5"):
        FusionInDecoder(str(folder)).read(ranked, CPU)


@pytest.mark.parametrize(
    "settings",
    [{"model": None}, {"depth": 0}, {"max_length": 0}, {"max_tokens": 0}, {"passage": "{text}"},
     {"precision": "int4"}, {"depth": True}],
)  # fmt: skip
def test_settings(settings: dict[str, Any]) -> None:
    [name] = settings
    with pytest.raises(UserError, match=rf"reader\.{name}"):
        FusionInDecoder(**{"model": "x", **settings})
