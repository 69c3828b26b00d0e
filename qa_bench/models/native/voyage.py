"""Voyage 4 nano: a Qwen3 that looks both ways, and a linear layer over its tokens.

After huggingface.co/voyageai/voyage-4-nano, ``modeling_qwen3_bidirectional.py``. Its config.json
names a plain Qwen3; only ``use_bidirectional_attention`` tells it from one. What the model gives
is a vector a token, wider than the model; that of a text is their mean, which is left to the
pooling that every encoder has.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from qa_bench.models.native.kind import Classes, Config, Kind, unlike

_WRITTEN = {"sliding_window": None, "use_sliding_window": False, "attention_bias": False}


def _suits(config: Config) -> bool:
    return config.get("model_type") == "qwen3" and bool(config.get("use_bidirectional_attention"))


def _unlike(config: Config) -> str:
    return unlike(config, _WRITTEN)


@cache
def _classes() -> Classes:
    import torch
    from transformers import Qwen3Config, Qwen3Model, Qwen3PreTrainedModel
    from transformers.modeling_outputs import BaseModelOutput

    class VoyageConfig(Qwen3Config):
        """Qwen3's, with ``num_labels`` for the width of the vectors."""

        is_causal: bool = False

    class VoyageModel(Qwen3PreTrainedModel):
        """A vector a token."""

        config_class = VoyageConfig

        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self.model = Qwen3Model(config)
            self.linear = torch.nn.Linear(config.hidden_size, config.num_labels, bias=False)
            self.post_init()  # type: ignore[no-untyped-call]

        def forward(
            self,
            input_ids: Any = None,
            attention_mask: Any = None,
            return_dict: bool | None = None,
        ) -> Any:
            tokens = self.model(
                input_ids=input_ids, attention_mask=attention_mask, use_cache=False
            ).last_hidden_state
            return BaseModelOutput(last_hidden_state=self.linear(tokens))

    return Classes(VoyageConfig, {"AutoModel": VoyageModel})


KIND = Kind(_suits, _unlike, _classes)
