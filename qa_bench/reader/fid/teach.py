"""What fusion-in-decoder learns from, for the loop that any part learns by.

Source: Izacard and Grave 2021, and their code, github.com/facebookresearch/FiD: the cross entropy
of an answer's tokens, of several answers one drawn anew each time; gradients go through the decoder
and the encoder, to all passages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qa_bench.errors import UserError
from qa_bench.models.decoding import padded
from qa_bench.models.loading import language_model
from qa_bench.models.positions import config_of
from qa_bench.models.source import Source
from qa_bench.reader.fid.lessons import Lesson, lessons
from qa_bench.reader.fid.model import Form, check_t5, fused
from qa_bench.settings import one_of
from qa_bench.train.examples import drawn, read
from qa_bench.train.loop import MODEL_FOLDER, Settings, Task, TrainingFiles, learn
from qa_bench.train.pieces import held_tokens, in_pieces
from qa_bench.train.seen import write_seen
from qa_bench.types import Runtime

if TYPE_CHECKING:
    from torch import Tensor

_IGNORED = -100
"""What transformers has for a target that does not count."""


@dataclass(frozen=True)
class FusionSettings(Settings):
    """How fusion-in-decoder is trained; see ``Settings`` for the rest.

    Attributes:
        objective: answer: its words are written.
    """

    objective: str = "answer"

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            UserError: one is out of range.
        """
        super().__post_init__()
        one_of("train.objective", self.objective, ("answer",))


class FusionTask(Task):
    """Questions with their passages and answers as tokens; see ``Task``."""

    def __init__(
        self, inputs: Sequence[list[np.ndarray]], targets: Sequence[list[list[int]]], pad: int
    ) -> None:
        """Measure the questions.

        Args:
            inputs: of each question, the tokens of each passage with it; int32 (tokens,).
            targets: of each, the tokens of each of its answers, the end token behind.
            pad: what inputs are filled up with.
        """
        self._inputs, self._targets, self._pad = inputs, targets, pad
        sizes = [[len(ids) for ids in passages] for passages in inputs]
        self.lengths = np.array([max(size) for size in sizes])
        self.tokens = np.array([sum(size) for size in sizes])
        self.sequences = sum(map(len, sizes))

    def loss(self, model: Any, places: np.ndarray) -> Tensor:
        """Cross entropy of an answer to each question at ``places``, a mean over tokens."""
        import torch

        device = next(model.parameters()).device
        rows = [ids for place in places for ids in self._inputs[place]]
        lengths = np.array([len(ids) for ids in rows])

        def encode(some: np.ndarray) -> Tensor:
            tokens, mask = padded([rows[row].tolist() for row in some], self._pad, pad_left=False)
            output = model.encoder(input_ids=tokens.to(device), attention_mask=mask.to(device))
            states: Tensor = output.last_hidden_state
            return states

        states: list[Any] = [None] * len(rows)
        for some, piece in in_pieces(encode, lengths, held_tokens(model)):
            for row, state in zip(some, piece, strict=True):
                states[row] = state[: lengths[row]]  # the decoder sees no padding
        ends = np.cumsum([len(self._inputs[place]) for place in places])
        of_questions = [torch.cat(some) for some in _split(states, ends)]
        labels, there = padded(self._drawn(places), _IGNORED, pad_left=False)
        labels = labels.masked_fill(there == 0, _IGNORED).to(device)
        loss: Tensor = model(**fused(of_questions), labels=labels).loss
        return loss

    def _drawn(self, places: np.ndarray) -> list[list[int]]:
        """One answer a question; torch's seed, which is of the step, decides which."""
        import torch

        draws = torch.randint(1 << 30, (len(places),)).tolist()
        several = [self._targets[place] for place in places]
        return [some[draw % len(some)] for some, draw in zip(several, draws, strict=True)]


def _split(values: list[Any], ends: np.ndarray) -> list[list[Any]]:
    """The values cut behind each of ``ends``."""
    starts = [0, *ends[:-1].tolist()]
    return [values[start:end] for start, end in zip(starts, ends.tolist(), strict=True)]


def teach(
    source: Source,
    form: Form,
    depth: int,
    files: TrainingFiles,
    settings: FusionSettings,
    folder: Path,
    runtime: Runtime,
) -> dict[str, Any]:
    """Train a T5 on the examples of files; see ``train.loop.learn``.

    Args:
        source: what is trained further.
        form: what the model is given.
        depth: passages a question at most.
        files: what is learnt from.
        settings: how.
        folder: where the model is written.
        runtime: device, threads and progress.

    Returns:
        Counts: of the files, and those of ``learn``.

    Raises:
        UserError: no example is left, or the model is no T5.
    """
    counts: dict[str, int] = {}
    several = drawn(list(read(files, counts, depth - 1)), files.examples, settings.seed)
    examples = list(lessons(several, depth, counts))
    learnt = teach_lessons(source, form, examples, settings, folder, runtime)
    write_seen(folder / MODEL_FOLDER, (lesson.question for lesson in examples))
    return {**counts, "examples": len(examples), **learnt}


def teach_lessons(
    source: Source,
    form: Form,
    examples: Sequence[Lesson],
    settings: FusionSettings,
    folder: Path,
    runtime: Runtime,
) -> dict[str, Any]:
    """Train on lessons; see ``teach``."""
    if not examples:
        raise UserError("no example to train on: a question needs a positive passage and an answer")
    config = config_of(source)
    if config:  # told before anything is loaded
        check_t5("train.base", source, config.get("model_type"))

    def build() -> tuple[Any, Any, Task]:
        tokenizer, model = language_model(replace(source, precision="fp32"))
        check_t5("train.base", source, model.config.model_type)
        inputs, targets = [], []
        for lesson in examples:
            ids = form.ids(tokenizer, lesson.question, lesson.passages)
            inputs.append([np.array(one, dtype=np.int32) for one in ids])
            targets.append(_targets(tokenizer, lesson.answers, form.max_tokens))
        return model, tokenizer, FusionTask(inputs, targets, model.config.pad_token_id or 0)

    return learn(build, settings, folder, runtime)


def _targets(tokenizer: Any, answers: list[str], most: int) -> list[list[int]]:
    """The tokens of each answer; the end token is the last, however long it is."""
    some = tokenizer(text_target=answers, add_special_tokens=False)["input_ids"]
    return [[*ids[: most - 1], tokenizer.eos_token_id] for ids in some]
