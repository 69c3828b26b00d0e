"""Fusion-in-decoder: T5 encodes each passage by itself, and decodes from all of them at once.

Source: Izacard and Grave 2021, Leveraging passage retrieval with generative models (EACL), and
their code, github.com/facebookresearch/FiD: the inputs' form, 250 tokens a passage, answers of at
most 50 tokens, greedy.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from qa_bench.errors import UserError
from qa_bench.models.decoding import generated, loaded_writer, of_like_length, padded
from qa_bench.models.source import language_source
from qa_bench.parts import Part
from qa_bench.runtime.estimates import PASSAGE_TOKENS, QUESTION_TOKENS, model_step, text_tokens
from qa_bench.runtime.progress import progress
from qa_bench.settings import whole_number
from qa_bench.store.ranked import Ranked
from qa_bench.text import filled
from qa_bench.types import Answers, Runtime, Step

if TYPE_CHECKING:
    import torch


class FusionInDecoder(Part):
    """Reads any T5 checkpoint; one that was trained for it answers well.

    A passage's states do not depend on what it is batched with, as padding is masked and then left
    out: the decoder sees the passages' own tokens only.
    """

    labels = frozenset({"sha256"})
    depends = ("transformers",)

    def __init__(
        self,
        model: str | None = None,
        revision: str | None = None,
        precision: str = "fp32",
        depth: int = 100,
        passage: str = "question: {question} title: {title} context: {text}",
        max_length: int = 250,
        max_tokens: int = 50,
        sha256: Mapping[str, str] | None = None,
    ) -> None:
        """Check the settings; nothing is loaded yet.

        Args:
            model: see ``Source``.
            revision: see ``Source``.
            precision: see ``Source``.
            depth: passages a question it reads.
            passage: what the encoder is given: {question}, {title} and {text}.
            max_length: tokens it is cut to, the end token among them.
            max_tokens: longest answer in tokens.
            sha256: see ``Source``.

        Raises:
            UserError: a setting is out of range.
        """
        self._source = language_source("reader", model, revision, precision, sha256)
        if "{question}" not in passage or "{text}" not in passage:
            raise UserError("reader.passage needs {question} and {text} in it")
        self.depth = whole_number("reader.depth", depth)
        self._passage = passage
        self._max_length = whole_number("reader.max_length", max_length)
        self._max_tokens = whole_number("reader.max_tokens", max_tokens)

    def sources(self) -> dict[str, str]:
        """Identity of the model's content."""
        return {"reader_model": self._source.identity()}

    def plan(self, questions: int, hits: int, runtime: Runtime) -> Step:
        """From ``about.parameters``: half of them encode, an answer goes through all."""
        each = min(self._max_length, PASSAGE_TOKENS + QUESTION_TOKENS + text_tokens(self._passage))
        return model_step(
            "read",
            self.about,
            self._source.precision,
            questions * hits * each / 2,
            runtime,
            output=questions * self._max_tokens,
        )

    def read(self, ranked: Ranked, runtime: Runtime) -> Answers:
        """See ``Reader``; a question without hits has no answer.

        Raises:
            UserError: the model cannot be loaded, or is no T5.
        """
        model = loaded_writer(self._source, self._source.identity(), runtime)
        if getattr(model.config, "model_type", None) not in ("t5", "mt5", "umt5"):
            # Others know a token's place in the whole input, which the decoder would see mixed up.
            raise UserError(f"reader.model: {self._source.model} is no T5")
        groups = [(place, hits) for place, hits in ranked.groups() if hits.stop > hits.start]
        alone = threading.Lock()  # a tokenizer is of one thread at a time

        def forward(number: int, copy: Any, device: torch.device) -> tuple[int, list[int]]:
            with alone:
                ids = self._ids(model.tokenizer, ranked, *groups[number])
            states = encoded(copy, ids, model.batch_size, device)
            return len(states), decoded(copy, [states], self._max_tokens)[0]

        answers, costs = [""] * len(ranked.questions), {"prompt_tokens": 0, "completion_tokens": 0}
        with progress(len(groups), "read", "questions", runtime) as bar:
            for number, (count, tokens) in model.each(len(groups), forward):
                with alone:
                    text = model.tokenizer.decode(tokens, skip_special_tokens=True)
                answers[groups[number][0]] = text.strip()
                costs["prompt_tokens"] += count
                costs["completion_tokens"] += len(tokens)
                bar.update(1)
        return Answers(answers, costs=costs)

    def _ids(self, tokenizer: Any, ranked: Ranked, place: int, hits: slice) -> list[list[int]]:
        question = ranked.questions.questions[place].text
        texts = [
            filled(
                self._passage,
                question=question,
                title=ranked.titles[hit],
                text=ranked.texts[hit],
            )
            for hit in range(hits.start, hits.stop)[: self.depth]
        ]
        ids: list[list[int]] = tokenizer(texts, truncation=True, max_length=self._max_length)[
            "input_ids"
        ]
        return ids


def encoded(
    model: Any, ids: list[list[int]], batch_size: int, device: torch.device
) -> torch.Tensor:
    """The states of all tokens of all passages, in order; of shape (tokens, width)."""
    import torch

    states: list[Any] = [None] * len(ids)
    for places in of_like_length(np.array([len(one) for one in ids]), batch_size):
        some = [ids[place] for place in places]
        tokens, mask = padded(some, model.config.pad_token_id or 0, pad_left=False)
        output = model.encoder(input_ids=tokens.to(device), attention_mask=mask.to(device))
        for place, row, one in zip(places, output.last_hidden_state, some, strict=True):
            states[place] = row[: len(one)]
    return torch.cat(states)


def decoded(model: Any, states: list[torch.Tensor], max_tokens: int) -> list[list[int]]:
    """The tokens of each question's answer, from its states (tokens, width)."""
    import torch
    from transformers.modeling_outputs import BaseModelOutput

    together = torch.nn.utils.rnn.pad_sequence(states, batch_first=True)
    mask = torch.zeros(together.shape[:2], dtype=torch.int64, device=together.device)
    for number, row in enumerate(states):
        mask[number, : len(row)] = 1
    outputs: Any = BaseModelOutput
    return generated(
        model,
        max_tokens,
        skip=1,
        encoder_outputs=outputs(last_hidden_state=together),
        attention_mask=mask,
    )
