"""Models with a head that names words: BERT's masked language models, and decoders.

Only the states at masked places go through the head: with a vocabulary of 30,522 it takes ten
times as long as two layers of width 128.
"""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

from qa_bench.errors import UserError
from qa_bench.models.checkpoint import checkpoint
from qa_bench.models.loading import language_model
from qa_bench.models.source import Source

_HEADS = ("cls", "lm_head", "predictions")
"""Modules that make logits of states: BERT's, RoBERTa's and MPNet's, ALBERT's."""
_NEW = (*_HEADS, "vocab_transform", "vocab_layer_norm", "vocab_projector", "generator_predictions")
_PIECE = 1024
"""Tokens whose logits are in memory at once."""


class WordModel(NamedTuple):
    """A model with a head for words.

    Attributes:
        model: of transformers.
        new_head: whether the head is random, because the checkpoint has none.
    """

    model: Any
    new_head: bool


def word_model(source: Source) -> WordModel:
    """A masked language model to be trained, on the CPU; a head that it lacks is drawn.

    Raises:
        UserError: there is no such model, transformers has no such head for it, it lacks other
            weights, or its head is none that is known here.
    """
    import transformers

    kind: Any = transformers.AutoModelForMaskedLM
    with checkpoint(source, None, new=_NEW) as place:
        model, info = kind.from_pretrained(
            place.name, revision=place.commit, output_loading_info=True
        )
    check_head(model, source)
    return WordModel(model, any(key.startswith(_NEW) for key in info["missing_keys"]))


def decoder_model(source: Source) -> WordModel:
    """A decoder to be trained whose tokens see those after them, on the CPU; GGUF files too.

    Raises:
        UserError: there is no such model, it is no decoder, or its head is none that is known here.
    """
    _, model = language_model(source)
    if model.config.is_encoder_decoder:
        raise UserError(
            f"model {source.model} is a {type(model).__name__}, which has an encoder: take a "
            "decoder, such as SmolLM2"
        )
    if hasattr(model.config, "quantization_config"):
        model = _plain(model)
    model.config.is_causal = False  # sentence-transformers' decoders go by it too
    model.set_attn_implementation("eager")  # others ask the layers, which do not know of it
    check_head(model, source)
    return WordModel(model, False)


def _plain(model: Any) -> Any:
    """A model read from GGUF, whose weights are plain numbers by now: it can be saved."""
    config = copy.deepcopy(model.config)
    del config.quantization_config
    plain = type(model)(config)
    plain.load_state_dict(model.state_dict())
    plain.tie_weights()
    return plain.eval()


def check_head(model: Any, source: Source) -> None:
    """See that ``states`` and ``word_logits`` together are the model's own forward pass.

    Raises:
        UserError: they are not.
    """
    import torch

    ids = torch.arange(4).reshape(1, 4) % int(model.config.vocab_size)
    features = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    training = model.training
    with torch.inference_mode():
        own = model.eval()(**features).logits
        head = any(hasattr(model, name) for name in _HEADS)
        ours = word_logits(model, states(model, features)) if head else None
    model.train(training)
    if ours is None or ours.shape != own.shape or not torch.allclose(ours, own, atol=1e-4):
        raise UserError(
            f"model {source.model} is a {type(model).__name__}, whose head for words is none that "
            "is known here: take one of the kind of BERT, RoBERTa or MPNet"
        )


def states(model: Any, features: dict[str, Any]) -> Any:
    """The last states of the layers below the head; float of shape (texts, tokens, width)."""
    return model.base_model(**features, return_dict=True).last_hidden_state


def word_logits(model: Any, hidden: Any) -> Any:
    """The head's logits of states; float of shape (…, vocabulary)."""
    head = next(getattr(model, name) for name in _HEADS if hasattr(model, name))
    return head(hidden)


def word_loss(model: Any, hidden: Any, words: Any) -> Any:
    """The mean cross entropy of words, in nats; a scalar.

    Many are done in pieces, whose logits are made anew for the gradient: memory does not grow with
    a batch times the vocabulary.

    Args:
        model: see ``word_model``.
        hidden: the states that tell them, (words, width).
        words: their numbers, int64 (words,).
    """
    import torch
    from torch.utils.checkpoint import checkpoint as made_again

    def total(some: Any, of_them: Any) -> Any:
        logits = word_logits(model, some)
        with torch.autocast(logits.device.type, enabled=False):
            return torch.nn.functional.cross_entropy(logits.float(), of_them, reduction="sum")

    if len(words) <= _PIECE:
        return total(hidden, words) / len(words)
    pieces = zip(hidden.split(_PIECE), words.split(_PIECE), strict=True)
    totals = [made_again(total, *piece, use_reentrant=False) for piece in pieces]
    return torch.stack(totals).sum() / len(words)
