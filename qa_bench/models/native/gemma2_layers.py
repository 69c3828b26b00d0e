"""BGE's lightweight reranker: Gemma 2 with a head after each layer from the eighth.

After github.com/FlagOpen/FlagEmbedding, ``gemma_model.py``; Li et al. 2024 (Making text embedders
few-shot learners, arXiv 2409.15700) is its authors'. Before some layers the passage's tokens are
replaced by means of neighbours.

Their code reads the n-th of ``cutoff_layers`` with the n-th head: of [28] with the first head,
which was trained for layer 8. It is read so here too, since published figures come from that code;
``own_heads`` reads each layer with the head that was trained for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from qa_bench.models.native.kind import Classes, Config, Kind, unlike
from qa_bench.models.native.layer_heads import chosen_layers, compressed, heads, last_tokens


def _suits(config: Config) -> bool:
    return config.get("model_type") == "cost_wise_gemma"


def _unlike(config: Config) -> str:
    return unlike(config, {"layer_wise": True})


@cache
def _classes() -> Classes:
    import torch
    from transformers import Gemma2Config, Gemma2Model, Gemma2PreTrainedModel
    from transformers.masking_utils import create_causal_mask, create_sliding_window_causal_mask
    from transformers.modeling_outputs import CausalLMOutput

    output: Any = CausalLMOutput  # a tensor a layer, where it speaks of one

    class LightweightGemma2Config(Gemma2Config):
        """Gemma 2's, and which layers have heads."""

        start_layer: int = 28
        layer_sep: int = 28

        @classmethod
        def from_dict(cls, config_dict: dict[str, Any], **settings: Any) -> Any:
            dropped = ("auto_map", "model_type")
            plain = {name: value for name, value in config_dict.items() if name not in dropped}
            return super().from_dict(plain, **settings)

    class LightweightGemma2(Gemma2PreTrainedModel):
        """Scores of pairs, read after some layers."""

        config_class = LightweightGemma2Config

        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self.model = Gemma2Model(config)
            self.scored = range(config.start_layer, config.num_hidden_layers + 1, config.layer_sep)
            self.lm_head = heads(config.hidden_size, len(self.scored))
            self.post_init()  # type: ignore[no-untyped-call]

        def get_input_embeddings(self) -> Any:
            return self.model.embed_tokens

        def forward(
            self,
            input_ids: torch.Tensor,
            attention_mask: torch.Tensor | None = None,
            cutoff_layers: Sequence[int] | None = None,
            own_heads: bool = False,
            compress_ratio: int = 1,
            compress_layers: Sequence[int] = (),
            query_lengths: Any = 0,
            prompt_lengths: Any = 0,
        ) -> Any:
            """The score at the last token after each of ``cutoff_layers``; (rows, 1) each.

            Args:
                input_ids: (rows, tokens), padded on the right.
                attention_mask: likewise.
                cutoff_layers: after so many layers a score is read.
                own_heads: each with the head trained for it; False as the authors' code.
                compress_ratio: tokens of a passage that become one.
                compress_layers: after so many layers they do, each time anew.
                query_lengths: tokens before the passage; a number or (rows,).
                prompt_lengths: tokens after it; likewise.
            """
            stops = chosen_layers(cutoff_layers, self.scored)
            shrinks = compress_layers if compress_ratio > 1 else ()
            hidden = self.model.embed_tokens(input_ids)
            lengths = torch.full_like(input_ids[:, 0], input_ids.shape[1])
            if attention_mask is not None:
                lengths = attention_mask.sum(1)
            before, after = (
                torch.as_tensor(count, device=lengths.device).expand(len(lengths))
                for count in (query_lengths, prompt_lengths)
            )
            views = self._views(hidden)
            kinds: Any = self.config.layer_types
            scores: list[torch.Tensor] = []
            for number, layer in enumerate(self.model.layers[: stops[-1]]):
                if number in shrinks and number:
                    hidden, lengths = compressed(hidden, lengths, before, after, compress_ratio)
                    views = self._views(hidden)
                hidden = layer(hidden, **views[kinds[number]])
                if number + 1 in stops:
                    state = self.model.norm(last_tokens(hidden, lengths))
                    own = self.scored.index(number + 1)
                    head = self.lm_head[own if own_heads else len(scores)]
                    scores.append(self._capped(head.linear_head(state)).float().flatten(1))
            return output(logits=tuple(scores))

        def _views(self, hidden: torch.Tensor) -> dict[str, dict[str, Any]]:
            """What tokens see, by kind of layer. Padding is at the end, where none looks."""
            places = torch.arange(hidden.shape[1], device=hidden.device)[None]
            seen: dict[str, Any] = {
                "config": self.config,
                "inputs_embeds": hidden,
                "attention_mask": None,
                "past_key_values": None,
                "position_ids": places,
            }
            turns = self.model.rotary_emb(hidden, places)
            common = {"position_embeddings": turns, "position_ids": places}
            return {
                "full_attention": {**common, "attention_mask": create_causal_mask(**seen)},
                "sliding_attention": {
                    **common,
                    "attention_mask": create_sliding_window_causal_mask(**seen),
                },
            }

        def _capped(self, scores: torch.Tensor) -> torch.Tensor:
            most = self.config.final_logit_softcapping
            return scores if most is None else torch.tanh(scores / most) * most

    return Classes(LightweightGemma2Config, {"AutoModelForCausalLM": LightweightGemma2})


KIND = Kind(_suits, _unlike, _classes)
