"""What the tests of pre-training learn from: passages whose next word follows from the last."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from extractive_models import SMALL, tokenizer, vocabulary

from qa_bench.models.source import Text

WORDS = "the king was long in france . the queen ruled england . louis was anna"
TITLES = ("king", "queen", "river", "anna")


def rows(count: int) -> list[tuple[str, str, str]]:
    """(pid, title, text) of passages, two sentences each."""
    words = WORDS.replace(" . ", " ").split()
    return [
        (
            str(place),
            f"{TITLES[place % 4]} {place // 4}",
            f"The {words[place % 7]} was long. "
            f"Who is {' '.join(words[place % 5 : place % 5 + 4])}?",
        )
        for place in range(count)
    ]


def composed(titles: Any, texts: Any) -> list[Text]:
    return [f"{title}. {text}" for title, text in zip(titles, texts, strict=True)]


def with_head(folder: Path, **changes: Any) -> Path:
    """A BERT with a head for masked words."""
    import torch
    from transformers import BertConfig, BertForMaskedLM

    torch.manual_seed(4)
    config = BertConfig(vocab_size=len(vocabulary()), **{**SMALL, **changes})
    BertForMaskedLM(config).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder
