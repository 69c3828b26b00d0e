"""A language model on this machine, through ``transformers``: causal ones and encoder-decoders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from qa_bench.errors import UserError
from qa_bench.lm.cache import kept_or_asked
from qa_bench.lm.messages import messages_of, one_text
from qa_bench.models.decoding import Writer, loaded_writer
from qa_bench.models.source import language_source
from qa_bench.parts import Part
from qa_bench.runtime.estimates import model_step
from qa_bench.settings import flag, number, strings, whole_number
from qa_bench.types import Prompt, Reply, Request, Runtime, Step


class Local(Part):
    """Decodes greedily, or draws with a seed; prompts of like length together.

    A draw depends on seed, prompt and how manieth draw it is, not on what else is in the batch.
    Padding may round the last digits of logits differently, and with that a greedy reply may turn.
    """

    labels = frozenset({"sha256", "cache"})
    depends = ("transformers",)

    def __init__(
        self,
        model: str | None = None,
        revision: str | None = None,
        precision: str = "fp32",
        chat: bool = True,
        system: str | None = None,
        max_tokens: int = 64,
        temperature: float = 0.0,
        top_p: float = 1.0,
        seed: int = 0,
        stop: Sequence[str] | None = None,
        sha256: Mapping[str, str] | None = None,
        cache: str | None = None,
    ) -> None:
        """Check the settings; nothing is loaded yet.

        Args:
            model: see ``Source``.
            revision: see ``Source``.
            precision: see ``Source``.
            chat: use the model's chat template, where it has one.
            system: system message before the prompt.
            max_tokens: longest reply in tokens.
            temperature: 0 for the likeliest token each time; above, tokens are drawn.
            top_p: draw from the likeliest tokens that have this much probability together.
            seed: of the draws.
            stop: strings that end a reply.
            sha256: see ``Source``.
            cache: file of replies; None to keep none.

        Raises:
            UserError: a setting is out of range.
        """
        self._source = language_source("lm", model, revision, precision, sha256)
        self._chat, self._system = flag("lm.chat", chat), system
        self._max_tokens = whole_number("lm.max_tokens", max_tokens)
        self._temperature = number("lm.temperature", temperature, 0)
        self._top_p = number("lm.top_p", top_p, above=0, most=1)
        self._seed = whole_number("lm.seed", seed, 0)
        self._stop = [text for text in strings("lm.stop", stop) if text]
        self._cache = Path(cache) if cache else None

    def sources(self) -> dict[str, str]:
        """Identity of the model's content."""
        return {"lm": self._source.identity()}

    def plan(self, prompts: int, tokens: float, runtime: Runtime) -> Step:
        """From ``about.parameters``, with the longest replies there can be."""
        return model_step(
            "generate",
            self.about,
            self._source.precision,
            prompts * tokens,
            runtime,
            output=prompts * self._max_tokens,
        )

    def generate(self, prompts: Sequence[Prompt], runtime: Runtime) -> list[Reply]:
        """See ``LanguageModel``.

        Raises:
            UserError: the model cannot be loaded, or a prompt is longer than it takes.
        """
        identity: dict[str, Any] = {
            "model": self._source.identity(),
            "precision": self._source.precision,
            "chat": self._chat,
            "system": self._system,
            "max_tokens": self._max_tokens,
            "temperature": self._temperature,
            "top_p": self._top_p,
            "seed": self._seed,
            "stop": self._stop,
            "transformers": metadata.version("transformers"),
        }

        def ask(requests: Sequence[Request]) -> Iterator[tuple[int, Reply]]:
            return self._ask(requests, loaded_writer(self._source, identity["model"], runtime))

        draws = self._temperature > 0
        return kept_or_asked(prompts, identity, draws, self._cache, ask, runtime)

    def _ask(self, requests: Sequence[Request], model: Writer) -> Iterator[tuple[int, Reply]]:
        ids = [self._ids(model.tokenizer, request.prompt) for request in requests]
        if not all(ids):
            raise UserError(f"model {self._source.model}: a prompt has no tokens: is it empty?")
        self._fits(model.config, ids)
        for place, tokens in model.replies(
            ids,
            max_tokens=self._max_tokens,
            stop=self._stop,
            temperature=self._temperature,
            top_p=self._top_p,
            seeds=[[self._seed, request.prompt, request.draw] for request in requests],
        ):
            text = model.tokenizer.decode(tokens, skip_special_tokens=True)
            for stop in self._stop:
                text = text.partition(stop)[0]
            yield place, Reply(text, len(ids[place]), len(tokens))

    def _ids(self, tokenizer: Any, prompt: Prompt) -> list[int]:
        if self._chat and getattr(tokenizer, "chat_template", None):
            try:
                text = tokenizer.apply_chat_template(
                    messages_of(prompt, self._system), tokenize=False, add_generation_prompt=True
                )
            except Exception as error:  # a template may raise what it likes
                raise UserError(
                    f"model {self._source.model}: its chat template refuses the prompt ({error}); "
                    "leave lm.system out, or set lm.chat=false"
                ) from error
            ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
            return ids
        if self._system is not None:
            raise UserError("lm.system: this model has no chat template, or lm.chat is false")
        remedy = "choose a model with a chat template and lm.chat=true, or a prompt of one text"
        plain: list[int] = tokenizer(one_text(prompt, remedy))["input_ids"]
        return plain

    def _fits(self, config: Any, ids: list[list[int]]) -> None:
        limit = getattr(config, "max_position_embeddings", None)
        if limit is None:
            return  # T5 and others with relative positions
        room = limit if config.is_encoder_decoder else limit - self._max_tokens
        longer = [len(one) for one in ids if len(one) > room]
        if longer:
            raise UserError(
                f"model {self._source.model}: {len(longer)} prompts are longer than the "
                f"{room:,} tokens it takes, the longest has {max(longer):,}: give it fewer or "
                "shorter passages"
            )
