"""What models will take, told from their size: for `qa-bench plan`, which loads none."""

from __future__ import annotations

from qa_bench.parts import About
from qa_bench.runtime.devices import devices
from qa_bench.types import Runtime, Step

PASSAGE_TOKENS, QUESTION_TOKENS = 141, 14
"""Of 100 words with their title, and of a question (both measured)."""
_PASSAGE_WORDS, _LETTERS_PER_TOKEN = 100, 4
_EMBEDDED_WORDS = 30_522
"""BERT's vocabulary, whose vectors are looked up, not multiplied."""
_WRITTEN = 8
"""A token that is written takes as long as so many that are read (a guess): all weights are fetched
for the few texts of a batch."""


def token_rate(parameters: float, dimension: int, runtime: Runtime) -> float:
    """How many tokens a second a model reads: two operations a token and multiplied weight.

    Args:
        parameters: all of the model's.
        dimension: of its words' vectors; 0 counts those among what is multiplied.
        runtime: the devices.
    """
    multiplied = max(parameters - _EMBEDDED_WORDS * dimension, parameters / 4)
    return encoding_rate(runtime) / (2 * multiplied)


def model_memory(parameters: float, precision: str) -> str:
    """The weights, and a gigabyte for the rest."""
    return f"{parameters * (4 if precision == 'fp32' else 2) / 1e9 + 1:.1f} GB"


def text_tokens(*texts: str) -> float:
    """About how many tokens the fixed text of a prompt has."""
    return sum(map(len, texts)) / _LETTERS_PER_TOKEN


def prompt_tokens(template: str, passages: int, words: int | None) -> float:
    """About how many tokens a prompt has, with so many passages cut to so many words."""
    share = min(words or _PASSAGE_WORDS, _PASSAGE_WORDS) / _PASSAGE_WORDS
    return text_tokens(template) + QUESTION_TOKENS + passages * share * PASSAGE_TOKENS


def model_step(
    name: str,
    about: About,
    precision: str,
    tokens: float,
    runtime: Runtime,
    output: float = 0,
) -> Step:
    """The step of a model on this machine; its disk left out.

    Args:
        name: of the step.
        about: the model's ``parameters``, without which the time is not known, and ``dimension``.
        precision: fp32, bf16 or fp16.
        tokens: that it reads in all.
        runtime: the devices.
        output: tokens that it writes in all.
    """
    if about.parameters is None:
        return Step(name, 0, None, "set about.parameters")
    rate = token_rate(about.parameters, about.dimension or 0, runtime)
    seconds = (tokens + _WRITTEN * output) / rate
    return Step(name, 0, seconds, model_memory(about.parameters, precision))


def training_step(about: About, tokens: float | None, runtime: Runtime, words: float = 0) -> Step:
    """The step of training a model further: a pass forward, and one back, which takes two of it.

    Args:
        about: the model's ``parameters``, without which the time is not known, and ``dimension``.
        tokens: that it reads in all; None where nobody knows.
        runtime: the devices.
        words: the part of the tokens that a head names, out of all words there are.
    """
    if about.parameters is None:
        return Step("train", 0, None, "set about.parameters")
    disk = 4 * about.parameters
    memory = f"{4 * disk / 1e9 + 1:.1f} GB"  # the gradient, and AdamW's two means
    if tokens is None:
        return Step("train", disk, None, memory)
    dimension = about.dimension or 0
    head = 2 * words * _EMBEDDED_WORDS * dimension / encoding_rate(runtime)
    seconds = 3 * tokens * (1 / token_rate(about.parameters, dimension, runtime) + head)
    return Step("train", disk, seconds, memory)


SEARCH_RATE = 5e11
"""Multiplications and additions a second of an exact search, on two cores."""


_CPU_RATE, _GPU_RATE = 1.7e11, 3e13
"""Those of an encoder: a core (MiniLM in float32, measured), a GPU (a guess)."""


def encoding_rate(runtime: Runtime) -> float:
    """Multiplications and additions a second that an encoder reaches on this machine's devices."""
    workers = devices(runtime)
    return len(workers) * (_CPU_RATE if workers[0].type == "cpu" else _GPU_RATE)
