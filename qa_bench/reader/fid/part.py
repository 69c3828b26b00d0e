"""Fusion-in-decoder: T5 encodes each passage by itself, and decodes from all of them at once.

Source: Izacard and Grave 2021, Leveraging passage retrieval with generative models (EACL), and
their code, github.com/facebookresearch/FiD: the inputs' form, 250 tokens a passage, answers of at
most 50 tokens, greedy.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa_bench.errors import UserError
from qa_bench.models.decoding import loaded_writer
from qa_bench.models.source import language_source
from qa_bench.parts import Part
from qa_bench.reader.fid.model import Form, check_t5, decoded, encoded
from qa_bench.runtime.estimates import PASSAGE_TOKENS, QUESTION_TOKENS, model_step, text_tokens
from qa_bench.runtime.progress import progress
from qa_bench.settings import whole_number
from qa_bench.store.ranked import Ranked
from qa_bench.train.loop import MODEL_FOLDER, Settings, TrainingFiles, settings_of
from qa_bench.train.seen import seen_by
from qa_bench.types import Answers, Runtime, Step

if TYPE_CHECKING:
    import torch


class FusionInDecoder(Part):
    """Reads any T5 checkpoint; one that was trained for it answers well.

    A passage's states do not depend on what it is batched with, as padding is masked and then left
    out: the decoder sees the passages' own tokens only.
    """

    labels = frozenset({"sha256"})
    reading_only = frozenset({"model", "revision", "precision"})
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
        self._form = Form(
            passage,
            whole_number("reader.max_length", max_length),
            whole_number("reader.max_tokens", max_tokens),
        )

    def sources(self) -> dict[str, str]:
        """Identity of the model's content."""
        return {"reader_model": self._source.identity()}

    def plan(self, questions: int, hits: int, runtime: Runtime) -> Step:
        """From ``about.parameters``: half of them encode, an answer goes through all."""
        form = self._form
        each = min(form.max_length, PASSAGE_TOKENS + QUESTION_TOKENS + text_tokens(form.passage))
        return model_step(
            "read",
            self.about,
            self._source.precision,
            questions * hits * each / 2,
            runtime,
            output=questions * form.max_tokens,
        )

    def read(self, ranked: Ranked, runtime: Runtime) -> Answers:
        """See ``Reader``; a question without hits has no answer.

        Raises:
            UserError: the model cannot be loaded, or is no T5.
        """
        model = loaded_writer(self._source, self._source.identity(), runtime)
        check_t5("reader.model", self._source, getattr(model.config, "model_type", None))
        groups = [(place, hits) for place, hits in ranked.groups() if hits.stop > hits.start]
        alone = threading.Lock()  # a tokenizer is of one thread at a time

        def forward(number: int, copy: Any, device: torch.device) -> tuple[int, list[int]]:
            with alone:
                ids = self._ids(model.tokenizer, ranked, *groups[number])
            states = encoded(copy, ids, model.batch_size, device)
            return len(states), decoded(copy, [states], self._form.max_tokens)[0]

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
        some = range(hits.start, hits.stop)[: self.depth]
        passages = [(ranked.titles[hit], ranked.texts[hit]) for hit in some]
        return self._form.ids(tokenizer, ranked.questions.questions[place].text, passages)

    def training(self, options: Mapping[str, Any]) -> Settings:
        """See ``teach.FusionSettings``; what is None there has its default.

        Raises:
            UserError: a setting is out of range, or there is no such setting.
        """
        from qa_bench.reader.fid.teach import FusionSettings

        some = {name: one for name, one in options.items() if one is not None}
        if "negatives" in some:
            raise UserError(
                "train.negatives: fusion-in-decoder learns from the first reader.depth passages, "
                "whatever they hold: leave it out"
            )
        return settings_of(FusionSettings, some)

    def train(
        self, files: TrainingFiles, settings: Any, folder: Path, runtime: Runtime
    ) -> dict[str, Any]:
        """Train the model further, on as many passages as this reader reads; see ``teach``."""
        from qa_bench.reader.fid.teach import teach

        return teach(self._source, self._form, self.depth, files, settings, folder, runtime)

    def trained(self, folder: Path, settings: Any) -> dict[str, Any]:
        """The settings that read with what was trained in a folder."""
        return {"model": str(folder / MODEL_FOLDER)}

    def seen(self, questions: Sequence[str]) -> int:
        """How many of the questions its model was trained on, as far as its folder tells."""
        return seen_by(self._source.model, questions)
