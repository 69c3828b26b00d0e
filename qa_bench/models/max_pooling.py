"""SPLADE's max pooling without the logits of all tokens: the head is most of the work.

max over tokens of log(1 + relu(logit)) is log(1 + relu(max of the logits)), as the logarithm grows
with its argument. The logits are made a tile of the vocabulary at a time and reduced at once: all
together, 30,522 a token, they take longer to write and read than to compute.
"""

from __future__ import annotations

import logging
from typing import Any

from qa_bench.runtime.onednn import quick_linear

log = logging.getLogger(__name__)

_TILE = 1024
"""Terms whose logits are made at once."""
_PROBE = 5
"""Tokens that both ways are compared on."""
_CLOSE = 0.01
"""How far the two may be apart, in parts of the largest logit: room for bfloat16."""


def pooled_early(modules: list[Any]) -> list[Any]:
    """The modules of a sparse model, with max pooling done early; others stay as they are.

    The texts of a batch must have the same number of tokens, as those of an ``Encoder`` have.
    """
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sparse_encoder.modules import SpladePooling

    early = list(modules)
    for place, module in enumerate(modules):
        if isinstance(module, SpladePooling) and module.pooling_strategy == "max":
            early[place] = _pooling({"relu": 1, "log1p_relu": 2}[module.activation_function])
            if place and isinstance(modules[place - 1], Transformer):
                _reduce_head(modules[place - 1].model)
    return early


def _pooling(logarithms: int) -> Any:
    """Pooling with so many logarithms, one after the other, behind the maximum."""
    import torch

    class EarlyMax(torch.nn.Module):
        """Logits (texts, tokens, terms), or their maxima (texts, 1, terms), to weights."""

        def forward(self, features: dict[str, Any]) -> dict[str, Any]:
            weights = features["token_embeddings"].amax(dim=1).relu()
            for _ in range(logarithms):
                weights = weights.log1p()
            return {"sentence_embedding": weights}

    return EarlyMax()


def _reduce_head(model: Any) -> None:
    """Let a masked language model return the maxima of its logits, (texts, 1, terms).

    Its last layer is replaced, and put back where what comes out is something else.
    """
    import torch

    head = model.get_output_embeddings()
    names = [name for name, module in model.named_modules() if module is head]
    if type(head) is not torch.nn.Linear or len(names) != 1:
        return
    parent, _, leaf = names[0].rpartition(".")
    tokens = torch.arange(_PROBE).unsqueeze(0)

    def logits() -> torch.Tensor:
        output = model(input_ids=tokens, attention_mask=torch.ones_like(tokens))
        whole: torch.Tensor = output.logits.float()
        return whole

    with torch.inference_mode():
        right = logits().amax(dim=1, keepdim=True)
        setattr(model.get_submodule(parent), leaf, _tiled(head))
        try:
            maxima = logits()
            off = (maxima - right).abs().max() / right.abs().max()
            if maxima.shape == right.shape and off <= _CLOSE:
                return
            what = f"off by {off:.1e}"
        except Exception as error:  # a model's own code raises whatever it raises
            what = " ".join(str(error).split())[:200]
    setattr(model.get_submodule(parent), leaf, head)
    log.debug("logits of %s are made whole (%s)", type(model).__name__, what)


def _tiled(head: Any) -> Any:
    """A linear layer whose output is reduced to its maxima over tokens, tile by tile."""
    import torch

    class TiledMax(torch.nn.Module):
        """States (texts, tokens, width) to (texts, 1, terms)."""

        def __init__(self) -> None:
            super().__init__()
            self.weight, self.bias = head.weight, head.bias

        def forward(self, states: torch.Tensor) -> torch.Tensor:
            maxima = []
            for first in range(0, len(self.weight), _TILE):
                part = slice(first, first + _TILE)
                bias = None if self.bias is None else self.bias[part]
                logits = quick_linear(states, self.weight[part], bias)
                maxima.append(logits.amax(dim=1, keepdim=True))
            return torch.cat(maxima, dim=-1)

    return TiledMax()
