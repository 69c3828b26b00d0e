"""Tiny models with random weights, in folders as the hub has them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

WORDS = [f"w{number}" for number in range(24)]
SPECIAL = ["<pad>", "</s>", "<unk>", "user:", "system:", "assistant:"]


def save_tokenizer(folder: Path, template: str | None = None) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: number for number, word in enumerate([*SPECIAL, *WORDS])}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)


@pytest.fixture(scope="session")
def tiny_causal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A llama of two layers that takes 64 tokens."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("causal")
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=len(SPECIAL) + len(WORDS), hidden_size=32, intermediate_size=48,
        num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=64,
        initializer_range=0.5, pad_token_id=0, eos_token_id=1, bos_token_id=None,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    # What authors set for chatting must not leak into greedy replies.
    model.generation_config.repetition_penalty = 1.5
    model.save_pretrained(folder)
    save_tokenizer(
        folder,
        "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }} {% endfor %}"
        "{% if add_generation_prompt %}assistant:{% endif %}",
    )
    return folder


@pytest.fixture(scope="session")
def tiny_t5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    folder = tmp_path_factory.mktemp("t5")
    torch.manual_seed(2)
    config = T5Config(
        vocab_size=len(SPECIAL) + len(WORDS), d_model=32, d_kv=8, d_ff=48, num_layers=2,
        num_heads=4, initializer_factor=3.0, pad_token_id=0, eos_token_id=1,
        decoder_start_token_id=0,
    )  # fmt: skip
    T5ForConditionalGeneration(config).save_pretrained(folder)
    save_tokenizer(folder)
    return folder


@pytest.fixture(scope="session")
def reference() -> Callable[..., list[int]]:
    """``reference(folder, ids, max_tokens)``: greedy tokens of one prompt, by argmax alone."""

    def written(folder: Path, ids: list[int], max_tokens: int) -> list[int]:
        import torch
        from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM

        encodes = AutoConfig.from_pretrained(folder).is_encoder_decoder
        kind: Any = AutoModelForSeq2SeqLM if encodes else AutoModelForCausalLM
        model = kind.from_pretrained(folder).eval()
        tokens: list[int] = []
        with torch.inference_mode():
            while len(tokens) < max_tokens:
                if encodes:
                    found = model(
                        input_ids=torch.tensor([ids]),
                        decoder_input_ids=torch.tensor([[0, *tokens]]),
                    )
                else:
                    found = model(torch.tensor([[*ids, *tokens]]))
                token = int(found.logits[0, -1].argmax())
                if token == 1:
                    break
                tokens.append(token)
        while tokens and tokens[-1] == 0:
            tokens.pop()  # padding, which a random model may write
        return tokens

    return written
