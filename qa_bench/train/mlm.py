"""Masked language modelling: a model guesses the words that are hidden from it.

Source: Devlin et al. 2019, BERT, section 3.1 (task 1). The head's last layer is the table of word
vectors itself, where the base has it so, as BERT does.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from qa_bench.models.source import Source
from qa_bench.models.word_heads import WordModel, states, word_logits, word_loss, word_model
from qa_bench.train.loop import Task
from qa_bench.train.masking import chosen_tokens, disguised
from qa_bench.train.sequences import Sequences

_AT_ONCE = 32
"""Sequences that are guessed at once when it is measured."""


class Guesses(NamedTuple):
    """Some passages with words hidden, on the CPU; all of shape (passages, tokens).

    Attributes:
        features: what the model takes; ``input_ids`` are those it sees.
        ids: those that stood there.
        free: neither special tokens nor padding.
        chosen: those that it must guess.
    """

    features: dict[str, Any]
    ids: Any
    free: Any
    chosen: Any

    def to(self, device: Any) -> Guesses:
        """The same on a device."""
        features = {name: tensor.to(device) for name, tensor in self.features.items()}
        return Guesses(features, *(tensor.to(device) for tensor in self[1:]))


class MaskedWords(Task):
    """Passages whose words are guessed; see ``train.loop.Task``."""

    def __init__(
        self, sequences: Sequences, places: np.ndarray, share: float, mask: int, vocabulary: int
    ) -> None:
        """Keep the sequences at ``places``.

        Args:
            sequences: passages as tokens, each with a free one.
            places: those that are learnt from.
            share: the part of a passage's tokens that are guessed.
            mask: the token that hides another.
            vocabulary: how many words there are.
        """
        self._sequences, self._places = sequences, places
        self._share, self._mask, self._vocabulary = share, mask, vocabulary
        self.lengths = sequences.lengths[places]
        self.tokens = self.lengths
        self.sequences = len(places)

    def guesses(self, places: np.ndarray) -> Guesses:
        """Some passages; which of their words are hidden is drawn anew each time."""
        features, free = self._sequences.padded(self._places[places])
        ids = features["input_ids"]
        chosen = chosen_tokens(self.free_of(free), self._share)
        features["input_ids"] = disguised(ids, chosen, self._mask, self._vocabulary)
        return Guesses(features, ids, free, chosen)

    def free_of(self, free: Any) -> Any:
        """Which tokens may be hidden, of those that are neither special nor padding."""
        return free

    def guessing(self, model: Any, batch: Guesses) -> Any:
        """The states that name the hidden words, (words, width)."""
        return states(model, batch.features)[batch.chosen]

    def loss(self, model: Any, places: np.ndarray) -> Any:
        """The mean cross entropy of the hidden words."""
        batch = self.guesses(places).to(next(model.parameters()).device)
        return word_loss(model, self.guessing(model, batch), batch.ids[batch.chosen])

    def figures(self, model: Any, seed: int) -> dict[str, float]:
        """How well a model guesses here, dropout off; the same words of the same passages always.

        Args:
            model: see ``word_model``.
            seed: of the words that are hidden.

        Returns:
            ``accuracy``, the part of them that it names, and ``perplexity``, e to the mean cross
            entropy.
        """
        import torch

        device = next(model.parameters()).device
        order = np.argsort(self.lengths, kind="stable")
        total, hits, count = 0.0, 0, 0
        training = model.training
        model.eval()
        with torch.random.fork_rng(devices=[]), torch.inference_mode():
            torch.manual_seed(seed)
            for first in range(0, len(order), _AT_ONCE):
                batch = self.guesses(order[first : first + _AT_ONCE]).to(device)
                words = batch.ids[batch.chosen]
                logits = word_logits(model, self.guessing(model, batch)).float()
                total += float(torch.nn.functional.cross_entropy(logits, words, reduction="sum"))
                hits += int((logits.argmax(1) == words).sum())
                count += len(words)
        model.train(training)
        return {"accuracy": round(hits / count, 4), "perplexity": round(math.exp(total / count), 2)}


class MaskedLanguageModelling:
    """What ``train.objective=mlm`` learns; see ``pretraining.Objective``."""

    share = 0.15
    pooling = "mean"

    def prepared(self, source: Source) -> WordModel:
        """The model that learns."""
        return word_model(source)

    def words(self, model: Any) -> Any:
        """The model with a head for words in it: itself."""
        return model

    def masked(self, *lesson: Any) -> MaskedWords:
        """``MaskedWords`` of the same."""
        return MaskedWords(*lesson)

    def task(self, words: MaskedWords) -> Task:
        """What it learns."""
        return words
