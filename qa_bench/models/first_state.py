"""An encoder-decoder whose decoder's first state is the vector of a text."""

from __future__ import annotations

from typing import Any

from qa_bench.errors import UserError
from qa_bench.models.checkpoint import torch_dtype
from qa_bench.models.loading import decoder_start
from qa_bench.models.positions import check_length, positions
from qa_bench.models.source import Place, Source, Text
from qa_bench.models.tokenizers import check_tokenizer, pad_with_any, padded

_LENGTH = 512
"""Tokens a text is cut to where nothing says how many: T5 was trained on so many."""


def first_state(source: Source, place: Place) -> Any:
    """The model with ``preprocess`` and ``forward`` as sentence-transformers has them.

    The encoder reads the text; the decoder, given its start token alone, attends to it, and its
    output there is the vector.

    Source: Ni et al. 2022, Sentence-T5, section 3.1 (encoder-decoder first).

    Raises:
        UserError: it has no decoder beside its encoder, or fewer positions than ``max_length``.
    """
    import torch
    import transformers

    common = {"revision": place.commit, "trust_remote_code": source.trust_remote_code}
    tokenizer = transformers.AutoTokenizer.from_pretrained(place.name, **common)
    inner = transformers.AutoModel.from_pretrained(place.name, dtype=torch_dtype(source), **common)
    if not inner.config.is_encoder_decoder:
        raise UserError(
            f"model {source.model} is a {type(inner).__name__}, which is no encoder-decoder: "
            "pooling=first_state takes one, such as T5"
        )
    check_tokenizer(source, tokenizer, inner)
    pad_with_any(tokenizer)
    most = positions(inner)
    check_length(source.length_setting, source.max_length, most)
    limit = source.max_length or min(tokenizer.model_max_length, _LENGTH, most or _LENGTH)
    start = decoder_start(inner)

    class Model(torch.nn.Module):
        """Its vectors have the decoder's width."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = inner

        def preprocess(self, texts: list[Text], prompt: str | None = None) -> dict[str, Any]:
            return padded(tokenizer, texts, prompt, limit)

        def forward(self, features: dict[str, Any]) -> dict[str, Any]:
            first = torch.full_like(features["input_ids"][:, :1], start)
            output = self.inner(**features, decoder_input_ids=first, use_cache=False)
            return {"sentence_embedding": output.last_hidden_state[:, 0]}

    return Model()
