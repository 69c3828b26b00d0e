"""Tiny language models with random weights whose tokens are whole words: w0, w1, …"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

WORDS = [f"w{number}" for number in range(24)]
SPECIAL = ["<pad>", "</s>", "<unk>", "user:", "system:", "assistant:"]
CHAT = (
    "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }} {% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}"
)


def save_tokenizer(
    folder: Path, words: Sequence[str], template: str | None = None, ends: bool = False
) -> None:
    """Save one whose tokens are these words.

    Args:
        folder: where to.
        words: the first three are <pad>, </s> and <unk>.
        template: for chats.
        ends: whether it puts </s> behind a text.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: number for number, word in enumerate(words)}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if ends:
        inner.post_processor = processors.TemplateProcessing(
            "$A </s>", special_tokens=[("</s>", 1)]
        )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)


def save_causal(folder: Path) -> Path:
    """A llama of two layers that takes 64 tokens."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

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
    save_tokenizer(folder, [*SPECIAL, *WORDS], CHAT)
    return folder


def t5_config(words: int, **more: Any) -> Any:
    """Two layers each way."""
    from transformers import T5Config

    return T5Config(
        vocab_size=words, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4,
        pad_token_id=0, eos_token_id=1, decoder_start_token_id=0, **more,
    )  # fmt: skip


def save_t5(folder: Path) -> Path:
    """A T5 that takes any number of tokens."""
    import torch
    from transformers import T5ForConditionalGeneration

    torch.manual_seed(2)
    config = t5_config(len(SPECIAL) + len(WORDS), initializer_factor=3.0)
    T5ForConditionalGeneration(config).save_pretrained(folder)
    save_tokenizer(folder, [*SPECIAL, *WORDS])
    return folder


def greedy(folder: Path, ids: list[int], max_tokens: int) -> list[int]:
    """The tokens that follow one prompt, by argmax alone: no batch, no padding, no cache."""
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
