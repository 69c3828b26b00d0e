"""Learning from passages alone, before a retriever learns from questions.

The result is an encoder with its head for words, so that one can go on, and a folder of
sentence-transformers, so that a retriever takes it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from qa_bench.errors import UserError
from qa_bench.models.loading import tokenizer_of
from qa_bench.models.positions import check_length, positions
from qa_bench.models.sentence_files import POOLINGS, write_sentence_files
from qa_bench.models.source import Source, Text
from qa_bench.models.word_heads import WordModel
from qa_bench.runtime.devices import devices, torch_threads
from qa_bench.runtime.progress import progress
from qa_bench.settings import number
from qa_bench.store.passages import Passages
from qa_bench.train.held_out import Split, split
from qa_bench.train.loop import MODEL_FOLDER, Settings, Task, learn
from qa_bench.train.mlm import MaskedLanguageModelling, MaskedWords
from qa_bench.train.mntp import MaskedNextTokens
from qa_bench.train.retromae import RetroMae
from qa_bench.train.sequences import Sequences
from qa_bench.types import Runtime

log = logging.getLogger(__name__)

Composition = Callable[[Sequence[str], Sequence[str]], Sequence[Text]]
"""Titles and texts of passages → what the encoder is given."""

_LONGEST = 512
"""Tokens of a passage where neither a setting nor the model says how many."""
_BLANK = "_"
_ROWS = 1024
"""Passages that are made tokens at once."""


@dataclass(frozen=True)
class Masks:
    """How much is hidden.

    Attributes:
        encoder: the part of a passage's tokens that the encoder must guess; None for the
            objective's own: 0.15 (mlm), 0.2 (mntp), 0.3 (retromae).
        decoder: the part that is hidden from RetroMAE's decoder.
    """

    encoder: float | None = None
    decoder: float = 0.5

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            UserError: one is out of range.
        """
        number("train.mask", self.encoder, 0.01, 0.99, optional=True)
        number("train.decoder_mask", self.decoder, 0, 1)


class Objective(Protocol):
    """What is learnt from passages.

    Attributes:
        share: the part of a passage's tokens that is guessed, where no setting says it.
        pooling: what sentence-transformers makes a vector of, where no setting says it.
    """

    share: float
    pooling: str

    def prepared(self, source: Source) -> WordModel:
        """The model that learns."""
        ...

    def words(self, model: Any) -> Any:
        """The model with a head for words in it."""
        ...

    def masked(self, *lesson: Any) -> MaskedWords:
        """``MaskedWords`` of the same, or what stands for it."""
        ...

    def task(self, words: MaskedWords) -> Task:
        """What it learns."""
        ...


OBJECTIVES: dict[str, Callable[[Masks], Objective]] = {
    "mlm": lambda masks: MaskedLanguageModelling(),
    "mntp": lambda masks: MaskedNextTokens(),
    "retromae": lambda masks: RetroMae(masks.decoder),
}


def named_words(objective: str, masks: Masks) -> float:
    """The part of a passage's tokens that a head names; RetroMAE's decoder names all of them."""
    learning = OBJECTIVES[objective](masks)
    share = learning.share if masks.encoder is None else masks.encoder
    return share + isinstance(learning, RetroMae)


def pretrain(
    source: Source,
    passages: Passages,
    compose: Composition,
    masks: Masks,
    settings: Settings,
    examples: int | None,
    folder: Path,
    runtime: Runtime,
) -> dict[str, Any]:
    """Let a model learn from passages, and write it to ``folder/model``.

    Args:
        source: what learns: an encoder, with a head for words or without; of mntp a decoder.
        passages: the corpus.
        compose: how the retriever makes texts of passages.
        masks: how much is hidden.
        settings: how, ``objective`` among it.
        examples: how many passages are drawn; None for all.
        folder: where the model is written.
        runtime: device, threads and progress.

    Returns:
        Counts: of passages, those of ``learn``, and how well the base and the model guess the
        words of passages that were held out (``base_accuracy`` …, ``held_out_accuracy`` …).

    Raises:
        UserError: there are too few passages, or the model does not suit.
    """
    objective = OBJECTIVES[settings.objective](masks)
    share = objective.share if masks.encoder is None else masks.encoder
    rows = split(passages, examples, settings.seed)
    counts: dict[str, Any] = {}
    measures: list[_Measure] = []

    def build() -> tuple[Any, Any, Task]:
        model, new_head = objective.prepared(source)
        words = objective.words(model)
        tokenizer = tokenizer_of(source, words)
        limit = _limit(source, tokenizer, words)
        sequences = Sequences(
            tokenizer, _texts(passages, rows, compose, runtime), limit, _takes_types(words)
        )
        common = (share, _mask(source, tokenizer), int(words.config.vocab_size))
        places = np.flatnonzero(sequences.free() > 0)
        lesson, test = (
            objective.masked(sequences, places[part], *common)
            for part in (places < len(rows.learnt), places >= len(rows.learnt))
        )
        if not lesson.sequences or not test.sequences:
            raise UserError("no passage to learn from: their texts have no words")
        measures.append(_Measure(test, limit))
        if new_head:
            log.warning(
                "WARNING: model %s has no head for words: it learns with a new one", source.model
            )
        counts.update(
            passages=lesson.sequences,
            held_out_passages=test.sequences,
            passages_without_words=len(sequences) - lesson.sequences - test.sequences,
            new_head=int(new_head),
        )
        counts.update(measures[-1].figures("base", words, settings.seed, runtime))
        return model, tokenizer, objective.task(lesson)

    learning = learn(build, settings, folder, runtime)
    target, measure = folder / MODEL_FOLDER, measures[-1]
    model = objective.words(objective.prepared(Source(str(target))).model)
    with torch_threads(runtime.workers):
        figures = measure.figures("held_out", model, settings.seed, runtime)
    pooling = source.pooling if source.pooling in POOLINGS else objective.pooling
    write_sentence_files(target, str(pooling), int(model.config.hidden_size), measure.limit)
    return {**counts, **learning, **figures}


class _Measure(NamedTuple):
    """The passages that are held out, and the tokens that one is cut to."""

    words: MaskedWords
    limit: int

    def figures(self, label: str, model: Any, seed: int, runtime: Runtime) -> dict[str, float]:
        """What ``MaskedWords.figures`` says, by names that tell of what."""
        figures = self.words.figures(model.to(devices(runtime)[0]), seed)
        return {f"{label}_{name}": value for name, value in figures.items()}


def _mask(source: Source, tokenizer: Any) -> int:
    """The token that hides another; an underscore in a decoder's, as LLM2Vec has it.

    Raises:
        UserError: there is neither.
    """
    mask = tokenizer.mask_token_id
    if mask is None:
        mask = tokenizer.get_vocab().get(_BLANK)
    if mask is None:
        raise UserError(
            f"model {source.model}: its tokenizer has no token that masks a word: "
            "take an encoder, such as a BERT"
        )
    return int(mask)


def _limit(source: Source, tokenizer: Any, model: Any) -> int:
    """Tokens that a passage is cut to."""
    most = positions(model)
    check_length(source.length_setting, source.max_length, most)
    return source.max_length or min(tokenizer.model_max_length, most or _LONGEST, _LONGEST)


def _takes_types(model: Any) -> bool:
    """Whether the model takes segment numbers."""
    import inspect

    return "token_type_ids" in inspect.signature(model.forward).parameters


def _texts(
    passages: Passages, rows: Split, compose: Composition, runtime: Runtime
) -> Iterator[Sequence[Text]]:
    """The passages as the encoder is given them, those that are learnt from first."""
    order = np.concatenate(rows)
    with progress(len(order), "tokenize", "passages", runtime) as bar:
        for first in range(0, len(order), _ROWS):
            some = order[first : first + _ROWS]
            yield compose(list(passages.titles(some)), list(passages.texts(some)))
            bar.update(len(some))
