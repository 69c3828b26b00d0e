"""RetroMAE: a passage's vector must be enough for a weak decoder to write the passage again.

The encoder sees a passage with some words hidden; the state of its first token is the passage's
vector. A decoder of one layer must name every word from that vector and, for each word anew, from a
part of the others. Only the encoder stays.

Source: Xiao et al. 2022, RetroMAE: Pre-Training Retrieval-oriented Language Models Via Masked
Auto-Encoder (EMNLP), sections 3.1 to 3.3: 15 to 30 % are hidden from the encoder, 50 to 70 % from
the decoder; enhanced decoding. Its code hides whole words; here, as in its formulas, tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from qa_bench.errors import UserError
from qa_bench.models.source import Source
from qa_bench.models.word_heads import WordModel, states, word_loss, word_model
from qa_bench.train.loop import Task
from qa_bench.train.mlm import MaskedWords


def contexts(free: Any, attention: Any, share: float) -> Any:
    """Draw which tokens each token is written from.

    The first, which is the vector, is seen by all, and so are other special tokens; of the rest
    each token sees a part that is drawn for it alone, and never itself.

    Args:
        free: bool (texts, tokens): neither special tokens nor padding.
        attention: 1 for tokens, 0 for padding; (texts, tokens).
        share: the part that is hidden.

    Returns:
        bool (texts, tokens, tokens): whether the second is seen by the first.
    """
    import torch

    texts, tokens = free.shape
    seen = torch.rand(texts, tokens, tokens) >= share
    seen |= ~free[:, None, :]
    seen &= (attention == 1)[:, None, :]
    seen &= ~torch.eye(tokens, dtype=torch.bool)
    seen[:, :, 0] = True
    return seen


def decoder(config: Any) -> Any:
    """A layer of BERT's shape whose questions come from another stream than its contents.

    H1 = vector + position, for each token; H2 = the vector, then the tokens' embeddings. With M = 0
    where a token is seen and -inf elsewhere, A = softmax(H1 Wq (H2 Wk)ᵀ / √d + M) H2 Wv by heads;
    then as in BERT's layer: norm(H1 + A Wo), and the same again around two wide linear layers
    (section 3.3).

    Args:
        config: of the encoder; a BERT's.
    """
    import torch
    from transformers.activations import ACT2FN

    width, heads, wide = config.hidden_size, config.num_attention_heads, config.intermediate_size

    class Decoder(torch.nn.Module):
        """Norms are called as BERT's are: that is how the loop tells what does not decay."""

        def __init__(self) -> None:
            super().__init__()
            self.query = torch.nn.Linear(width, width)
            self.key = torch.nn.Linear(width, width)
            self.value = torch.nn.Linear(width, width)
            self.mixture = torch.nn.Linear(width, width)
            self.mixture_LayerNorm = torch.nn.LayerNorm(width, eps=config.layer_norm_eps)
            self.intermediate = torch.nn.Linear(width, wide)
            self.output = torch.nn.Linear(wide, width)
            self.output_LayerNorm = torch.nn.LayerNorm(width, eps=config.layer_norm_eps)
            self.activation = ACT2FN[config.hidden_act]
            self.dropout = torch.nn.Dropout(config.hidden_dropout_prob)
            for layer in self.modules():
                if isinstance(layer, torch.nn.Linear):
                    torch.nn.init.normal_(layer.weight, std=config.initializer_range)
                    torch.nn.init.zeros_(layer.bias)

        def forward(self, question: Any, content: Any, seen: Any) -> Any:
            """The states of all tokens, (texts, tokens, width)."""
            streams = ((self.query, question), (self.key, content), (self.value, content))
            query, key, value = (
                one(stream).unflatten(-1, (heads, -1)).transpose(1, 2) for one, stream in streams
            )
            mixed = torch.nn.functional.scaled_dot_product_attention(
                query, key, value, attn_mask=seen[:, None]
            )
            mixed = self.dropout(self.mixture(mixed.transpose(1, 2).flatten(2)))
            state = self.mixture_LayerNorm(question + mixed)
            changed = self.dropout(self.output(self.activation(self.intermediate(state))))
            return self.output_LayerNorm(state + changed)

    return Decoder()


def auto_encoder(words: Any) -> Any:
    """A masked language model with the decoder beside it, whose embeddings and head are the same.

    Args:
        words: a BERT with a head for words.
    """
    import torch

    class AutoEncoder(torch.nn.Module):
        """What is saved is the encoder with its head."""

        def __init__(self) -> None:
            super().__init__()
            self.words, self.config = words, words.config
            self.decoder = decoder(words.config)

        def set_attn_implementation(self, name: str) -> None:
            """See transformers."""
            self.words.set_attn_implementation(name)

        def save_pretrained(self, folder: Any) -> None:
            """See transformers."""
            self.words.save_pretrained(folder)

        def again(self, vectors: Any, ids: Any, seen: Any) -> Any:
            """The decoder's states, (texts, tokens, width).

            Args:
                vectors: of the texts, (texts, width).
                ids: their tokens as they are, (texts, tokens).
                seen: see ``contexts``.
            """
            embeddings = self.words.base_model.embeddings
            places = embeddings.position_ids[:, : ids.shape[1]]
            question = embeddings.position_embeddings(places) + vectors[:, None]
            content = torch.cat([vectors[:, None], embeddings(input_ids=ids)[:, 1:]], 1)
            return self.decoder(question, content, seen)

    return AutoEncoder()


class Rewriting(Task):
    """Passages that are written again from their vectors; see ``train.loop.Task``."""

    def __init__(self, words: MaskedWords, share: float) -> None:
        """Hide ``share`` of a passage's tokens from the decoder."""
        self._words, self._share = words, share
        self.lengths, self.tokens, self.sequences = words.lengths, words.tokens, words.sequences

    def loss(self, model: Any, places: np.ndarray) -> Any:
        """The encoder's loss of the words hidden from it, and the decoder's of all."""
        device = next(model.parameters()).device
        batch = self._words.guesses(places)
        seen = contexts(batch.free, batch.features["attention_mask"], self._share).to(device)
        batch = batch.to(device)
        hidden = states(model.words, batch.features)
        own = word_loss(model.words, hidden[batch.chosen], batch.ids[batch.chosen])
        states_again = model.again(hidden[:, 0], batch.ids, seen)
        return own + word_loss(model.words, states_again[batch.free], batch.ids[batch.free])


@dataclass(frozen=True)
class RetroMae:
    """What ``train.objective=retromae`` learns; see ``pretraining.Objective``.

    Attributes:
        decoder_share: the part of a passage's tokens that is hidden from the decoder.
    """

    decoder_share: float = 0.5
    share = 0.3
    pooling = "cls"

    def prepared(self, source: Source) -> WordModel:
        """The encoder with its decoder.

        Raises:
            UserError: see ``word_model``; or it is no BERT.
        """
        words, new_head = word_model(source)
        if words.config.model_type != "bert":
            raise UserError(
                f"train.objective=retromae takes a BERT; {source.model} is of the kind "
                f"'{words.config.model_type}': take train.objective=mlm"
            )
        return WordModel(auto_encoder(words), new_head)

    def words(self, model: Any) -> Any:
        """The model with a head for words in it."""
        return model.words

    def masked(self, *lesson: Any) -> MaskedWords:
        """``MaskedWords`` of the same."""
        return MaskedWords(*lesson)

    def task(self, words: MaskedWords) -> Task:
        """What it learns."""
        return Rewriting(words, self.decoder_share)
