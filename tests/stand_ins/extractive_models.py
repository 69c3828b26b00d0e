"""Tiny checkpoints with random weights for the tests of the extractive reader."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

SMALL: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "initializer_range": 0.5,
    "max_position_embeddings": 512,
    "hidden_dropout_prob": 0.1,
}
WORDS = ["the", "who", "is", "was", "of", "king", "queen", "france", "england", "anna", "louis",
         "ruled", "river", "long", "in", "##er", "##s"]  # fmt: skip


def vocabulary() -> dict[str, int]:
    characters = string.ascii_lowercase + string.digits + string.punctuation
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *characters]
    words += [f"##{one}" for one in characters]
    return {word: place for place, word in enumerate(words)}


def tokenizer() -> Any:
    from transformers import BertTokenizer

    return BertTokenizer(vocab=vocabulary(), model_max_length=512)


def _saved(model: Any, folder: Path) -> Path:
    model.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def encoder(folder: Path, **changes: Any) -> Path:
    """A BERT without a head."""
    import torch
    from transformers import BertConfig, BertModel

    torch.manual_seed(1)
    config = BertConfig(vocab_size=len(vocabulary()), **{**SMALL, **changes})
    return _saved(BertModel(config), folder)


def pointer(folder: Path, **changes: Any) -> Path:
    """A BERT that points at answers."""
    import torch
    from transformers import BertConfig, BertForQuestionAnswering

    torch.manual_seed(2)
    config = BertConfig(vocab_size=len(vocabulary()), **{**SMALL, **changes})
    return _saved(BertForQuestionAnswering(config), folder)


def dpr_reader(folder: Path, **changes: Any) -> Path:
    """DPR's reader."""
    import torch
    from transformers import DPRConfig, DPRReader

    torch.manual_seed(3)
    config = DPRConfig(vocab_size=len(vocabulary()), **{**SMALL, **changes})
    return _saved(DPRReader(config), folder)
