"""A head that classifies tokens as a sparse model: a term weighs what its tokens do.

The weight of a term is the largest of relu(logit) over the tokens of the text that are this term;
the tokens for beginning, end, padding and unknown words weigh nothing (Zhang et al. 2024, mGTE, and
its authors' code). No term is made up that the text does not hold.
"""

from __future__ import annotations

from typing import Any

from qa_bench.errors import UserError
from qa_bench.models.checkpoint import checkpoint, torch_dtype
from qa_bench.models.positions import check_length, positions
from qa_bench.models.source import Source, Text
from qa_bench.models.tokenizers import check_tokenizer, pad_with_any

_MARKS = ("cls_token_id", "eos_token_id", "pad_token_id", "unk_token_id")


def token_head(source: Source) -> Any:
    """The model on the CPU, in evaluation mode; its ``sentence_embedding`` is (texts, terms).

    Args:
        source: its ``architecture`` is a class of transformers that gives one logit a token.

    Raises:
        UserError: there is no such model or class, it needs code of its own, it lacks weights, it
            gives another number of logits, or it has fewer positions than ``max_length``.
    """
    import torch
    import transformers

    kind = getattr(transformers, str(source.architecture), None)
    if kind is None:
        raise UserError(f"transformers has no class '{source.architecture}'")
    with checkpoint(source, "retriever") as place:
        common = {"revision": place.commit, "trust_remote_code": source.trust_remote_code}
        tokenizer = transformers.AutoTokenizer.from_pretrained(place.name, **common)
        inner = kind.from_pretrained(place.name, dtype=torch_dtype(source), **common).eval()
    most = positions(inner)
    check_length(source.length_setting, source.max_length, most)
    check_tokenizer(source, tokenizer, inner)
    pad_with_any(tokenizer)
    limit = source.max_length or min(tokenizer.model_max_length, most or 8192)
    if _logits(inner) != 1:
        raise UserError(
            f"model {source.model} as {source.architecture} gives {_logits(inner)} logits a token, "
            "not one weight: retriever.architecture=null takes a SPLADE"
        )
    terms = int(inner.get_input_embeddings().weight.shape[0])
    marks = [getattr(tokenizer, name) for name in _MARKS]

    class Head(torch.nn.Module):
        """``preprocess`` and ``forward`` as sentence-transformers has them."""

        marks: torch.Tensor

        def __init__(self) -> None:
            super().__init__()
            self.inner = inner
            known = torch.tensor(sorted({mark for mark in marks if mark is not None}))
            self.register_buffer("marks", known, persistent=False)

        def preprocess(self, texts: list[Text], prompt: str | None = None) -> dict[str, Any]:
            whole = [(prompt or "") + str(text) for text in texts]
            settings = {"padding": True, "truncation": True, "max_length": limit}
            return dict(tokenizer(whole, return_tensors="pt", **settings))

        def forward(self, features: dict[str, Any]) -> dict[str, Any]:
            ids = features["input_ids"]
            weights = self.inner(**features).logits.squeeze(-1).relu()
            weights = weights.masked_fill(torch.isin(ids, self.marks), 0.0)
            whole = weights.new_zeros(len(ids), terms)
            return {"sentence_embedding": whole.scatter_reduce(1, ids, weights, "amax")}

    return Head().eval()


def _logits(model: Any) -> int:
    """How many logits a token gets; 0 where the output has another shape."""
    import torch

    with torch.inference_mode():
        tokens = torch.ones((1, 4), dtype=torch.int64)
        logits = getattr(model(input_ids=tokens, attention_mask=tokens), "logits", None)
    return int(logits.shape[2]) if logits is not None and logits.ndim == 3 else 0
