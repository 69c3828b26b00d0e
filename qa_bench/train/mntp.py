"""Masked next token prediction: a decoder becomes an encoder.

Its tokens see those after them too, and some are hidden; a hidden one is named from the state
before it, as the decoder has learnt to name the next.

Source: BehnamGhader et al. 2024, LLM2Vec: Large Language Models Are Secretly Powerful Text
Encoders (COLM), section 2.1: 20 % are hidden (in most of its models), as BERT hides them, behind an
underscore where the tokenizer has no token for that. It trains LoRA adapters; here all weights
learn.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from qa_bench.models.source import Source
from qa_bench.models.word_heads import WordModel, decoder_model, states
from qa_bench.train.loop import Task
from qa_bench.train.mlm import Guesses, MaskedWords
from qa_bench.train.sequences import Sequences


class MaskedNextWords(MaskedWords):
    """Passages whose words are guessed from the states before them; the first words are not."""

    def __init__(self, sequences: Sequences, places: np.ndarray, *lesson: Any) -> None:
        """See ``MaskedWords``; a passage without words behind its first token is left out."""
        super().__init__(sequences, places[sequences.free(1)[places] > 0], *lesson)

    def free_of(self, free: Any) -> Any:
        """Which tokens may be hidden: none that has no state before it."""
        later = free.clone()
        later[:, 0] = False
        return later

    def guessing(self, model: Any, batch: Guesses) -> Any:
        """The states before the hidden words, (words, width)."""
        return states(model, batch.features)[:, :-1][batch.chosen[:, 1:]]


class MaskedNextTokens:
    """What ``train.objective=mntp`` learns; see ``pretraining.Objective``."""

    share = 0.2
    pooling = "mean"

    def prepared(self, source: Source) -> WordModel:
        """The model that learns."""
        return decoder_model(source)

    def words(self, model: Any) -> Any:
        """The model with a head for words in it: itself."""
        return model

    def masked(self, *lesson: Any) -> MaskedWords:
        """``MaskedNextWords`` of the same."""
        return MaskedNextWords(*lesson)

    def task(self, words: MaskedWords) -> Task:
        """What it learns."""
        return words
