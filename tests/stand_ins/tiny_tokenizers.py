"""Tokenizers of every kind that the stand-ins need, with vocabularies of single characters.

Each letter stands with a space before it too, so that a space is no token of its own.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

LETTERS = string.ascii_letters
CHARACTERS = string.ascii_letters + string.digits + string.punctuation


def wordpiece() -> dict[str, int]:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "is", "of", "##ing", "##s"]
    words += [*CHARACTERS, *(f"##{c}" for c in CHARACTERS)]
    return {word: place for place, word in enumerate(words)}


def bert_tokenizer() -> Any:
    from transformers import BertTokenizer

    return BertTokenizer(vocab=wordpiece(), model_max_length=512)


def mpnet_tokenizer() -> Any:
    from transformers import MPNetTokenizer

    renamed = {"[PAD]": "<pad>", "[CLS]": "<s>", "[SEP]": "</s>", "[MASK]": "<mask>"}
    vocab = {renamed.get(word, word): place for word, place in wordpiece().items()}
    return MPNetTokenizer(vocab=vocab, model_max_length=512)


def byte_level(specials: Sequence[str]) -> dict[str, Any]:
    from tokenizers.pre_tokenizers import ByteLevel

    merges = [("Ġ", letter) for letter in LETTERS]
    words = [*specials, *sorted(ByteLevel.alphabet()), *("".join(pair) for pair in merges)]
    return {"vocab": {word: place for place, word in enumerate(words)}, "merges": merges}


def roberta_tokenizer() -> Any:
    from transformers import RobertaTokenizer

    specials = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    return RobertaTokenizer(**byte_level(specials), model_max_length=512)


def gpt2_tokenizer() -> Any:
    from transformers import GPT2Tokenizer

    words = byte_level(["<|endoftext|>"])
    place = len(words["vocab"])
    words["vocab"][".}"] = place  # a bracket that is one token with what is before it
    return GPT2Tokenizer(vocab=words["vocab"], merges=[*words["merges"], (".", "}")])


def qwen_tokenizer() -> Any:
    from transformers import Qwen2Tokenizer

    return Qwen2Tokenizer(**byte_level(["<|endoftext|>"]))


def qwen3_tokenizer() -> Any:
    """That of Qwen3's embeddings: every text ends in a token that is not its ``eos_token``."""
    from tokenizers.processors import TemplateProcessing
    from transformers import Qwen2Tokenizer

    end = "<|endoftext|>"
    tokenizer = Qwen2Tokenizer(
        **byte_level([end, "<|im_end|>"]), eos_token="<|im_end|>", pad_token=end
    )
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"$A {end}", special_tokens=[(end, 0)]
    )
    return tokenizer


def pieces(specials: Sequence[str]) -> list[tuple[str, float]]:
    return [
        *((word, 0.0) for word in specials),
        ("▁", -3.0),
        *((letter, -4.0) for letter in CHARACTERS),
        *((f"▁{letter}", -4.5) for letter in LETTERS),
    ]


def xlmr_tokenizer() -> Any:
    from transformers import XLMRobertaTokenizer

    specials = ["<s>", "<pad>", "</s>", "<unk>"]
    return XLMRobertaTokenizer(vocab=[*pieces(specials), ("<mask>", 0.0)], model_max_length=8192)


def t5_tokenizer() -> Any:
    from transformers import T5Tokenizer

    specials = ["<pad>", "</s>", "<unk>"]
    return T5Tokenizer(vocab=pieces(specials), extra_ids=0, model_max_length=512)


def llama_pieces(specials: Sequence[str]) -> dict[str, Any]:
    merges = [("▁", letter) for letter in LETTERS]
    spelled = [f"<0x{byte:02X}>" for byte in range(256)]
    words = [*specials, *spelled, "▁", *CHARACTERS, *("".join(pair) for pair in merges)]
    return {"vocab": {word: place for place, word in enumerate(words)}, "merges": merges}


def llama_tokenizer() -> Any:
    from transformers import LlamaTokenizer

    specials = ["<unk>", "<s>", "</s>"]
    return LlamaTokenizer(**llama_pieces(specials), add_bos_token=True, pad_token="</s>")


def gemma_tokenizer() -> Any:
    from transformers import GemmaTokenizer

    specials = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    return GemmaTokenizer(**llama_pieces(specials), add_bos_token=True)
