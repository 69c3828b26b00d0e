"""What a model's tokenizer must have.

Where a folder has no file of one, transformers makes a tokenizer of its special tokens alone and
says nothing: every word is unknown to it then, and figures come out all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from qa_bench.errors import UserError
from qa_bench.models.source import Source, Text

_FEW = 1000
"""Words of a tokenizer that is looked at closely."""


def check_tokenizer(source: Source, tokenizer: Any, model: Any = None) -> None:
    """Refuse a tokenizer without words, and one whose tokens the model does not know.

    Args:
        source: the model, for messages.
        tokenizer: of transformers.
        model: of transformers or sentence-transformers; None where it is not at hand.

    Raises:
        UserError: it is one of these.
    """
    size = getattr(tokenizer, "vocab_size", None)
    if not isinstance(size, int):
        return
    if size < _FEW:
        special = {*tokenizer.all_special_tokens, *tokenizer.get_added_vocab(), "▁"}
        if not set(tokenizer.get_vocab()) - special:
            raise UserError(
                f"model {source.model}: its tokenizer has no words: is a file missing, such as "
                "tokenizer.json?"
            )
    rows = _rows(model)
    used = (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.cls_token_id)
    most = max(size, *(token + 1 for token in used if isinstance(token, int)))
    if rows is not None and most > rows:
        raise UserError(
            f"model {source.model} knows {rows:,} tokens, its tokenizer {most:,}: are the two of "
            "one model?"
        )


def pad_with_any(tokenizer: Any) -> None:
    """Give a tokenizer without a padding token one: padding is masked, and then taken off."""
    if tokenizer.pad_token is None:
        tokens = (tokenizer.eos_token, tokenizer.unk_token, tokenizer.bos_token)
        first = next(filter(None, tokens), None)
        tokenizer.pad_token = first or tokenizer.convert_ids_to_tokens(0)


def padded(tokenizer: Any, texts: Sequence[Text], prompt: str | None, limit: int) -> dict[str, Any]:
    """Tokens of texts, each cut to ``limit`` and then padded; tensors of shape (texts, tokens).

    Segment ids stay zero, also of a pair: DPR's are.
    """
    rows: list[Any] = [None] * len(texts)
    for paired in (False, True):
        places = [n for n, text in enumerate(texts) if isinstance(text, tuple) == paired]
        if not places:
            continue
        some = [texts[n] for n in places]
        firsts = [(prompt or "") + (s if isinstance(s, str) else s[0]) for s in some]
        seconds = [s[1] for s in some] if paired else None
        windows = tokenizer(firsts, seconds, truncation=True, max_length=limit)["input_ids"]
        for place, ids in zip(places, windows, strict=True):
            rows[place] = {"input_ids": ids}
    return dict(tokenizer.pad(rows, return_tensors="pt"))


def _rows(model: Any) -> int | None:
    """Tokens that a model has vectors for; None where it does not tell."""
    with suppress(Exception):  # models' own code answers here
        inner = getattr(model, "transformers_model", None) or model
        return int(inner.get_input_embeddings().weight.shape[0])
    return None
