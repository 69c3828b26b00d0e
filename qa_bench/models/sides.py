"""The two sides of a retriever that encodes: the model of its questions, that of its passages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from qa_bench.errors import UserError
from qa_bench.models.positions import check_announced
from qa_bench.models.routes import TASKS
from qa_bench.models.source import PRECISIONS, Source, Text
from qa_bench.settings import flag, one_of, strings, whole_number
from qa_bench.text import filled

_FIRST_STATE = "first_state"
POOLINGS = ("mean", "cls", "max", "lasttoken", "weightedmean", "mean_sqrt_len_tokens", _FIRST_STATE)

_WORDS = {"prompt": "", "suffix": "", "title": ". "}
"""The settings that are texts, and their defaults."""
_NOTHING = {"prompt": "", "suffix": "", "title": "none"}
"""What null means."""
_MORE = ("untitled", "example", "examples", "marks", "encode_kwargs")


@dataclass(frozen=True)
class Side:
    """A model, and how its texts are made.

    Attributes:
        source: the model.
        prompt: what stands before a text, examples first; the encoder puts it there.
        suffix: what stands after it.
        title: of passages: pair (two segments), none, or what stands between title and text.
        untitled: what stands for a missing title; None: the text stands alone.
        marks: none, or two: texts whose tokens stand before and behind those of each text.
        encode_kwargs: what is handed to the model's own code.
        task: what sentence-transformers calls its texts; the route they take in a model of two.
    """

    source: Source
    prompt: str
    suffix: str
    title: str
    untitled: str | None = None
    marks: tuple[str, ...] = ()
    encode_kwargs: tuple[tuple[str, Any], ...] = ()
    task: str = ""

    @classmethod
    def of(
        cls, name: str, common: Mapping[str, Any], own: Mapping[str, Any], more: Sequence[str] = ()
    ) -> Side:
        """The side that the settings of a retriever describe.

        Args:
            name: question or passage.
            common: those of both sides: fields of ``Source``, of which the side may override each.
            own: what is set for this side alone.
            more: settings among ``own`` that are none of ``Source``'s: the retriever checks them.

        Raises:
            UserError: a setting is out of range, or there is no such setting.
        """
        if not isinstance(own, Mapping):
            raise UserError(f"retriever.{name}: settings such as prompt, got '{own}'")
        names = {*common, *_WORDS, *_MORE, *more}
        for setting in own:
            if setting not in names:
                raise UserError(
                    f"retriever.{name}.{setting}: no such setting; there are "
                    f"{', '.join(sorted(names))}"
                )
        ours = {key: value for key, value in own.items() if key in common}
        return _side(name, _source(name, {**common, **ours}, ours), own)

    def identity(self) -> str:
        """What tells the model's content from another's.

        Raises:
            UserError: there is no such model, or it has fewer positions than ``max_length``.
        """
        check_announced(self.source, self.source.length_setting, self.source.max_length)
        return self.source.identity()

    def questions(self, texts: Sequence[str]) -> list[Text]:
        """Questions as the encoder is given them."""
        return [text + self.suffix for text in texts]

    def passages(self, titles: Sequence[str], texts: Sequence[str]) -> list[Text]:
        """Passages as the encoder is given them."""
        return [self._passage(*both) for both in zip(titles, texts, strict=True)]

    def _passage(self, title: str, text: str) -> Text:
        title = title or self.untitled or ""
        if self.title == "pair" and title:
            return title, text + self.suffix
        if self.title == "none" or not title:
            return text + self.suffix
        return title + self.title + text + self.suffix

    def options(self) -> dict[str, Any]:
        """What an encoder is told beside the texts: prompt, task and, of few models, more."""
        options: dict[str, Any] = {"prompt": self.prompt, "task": self.task}
        if self.marks:
            options["marks"] = self.marks
        if self.encode_kwargs:
            options["encode_kwargs"] = dict(self.encode_kwargs)
        return options


def _source(name: str, settings: dict[str, Any], own: Mapping[str, Any]) -> Source:
    if not settings["model"]:
        raise UserError("retriever.model: name a model of the hub, or a folder")

    def place(setting: str) -> str:
        return f"retriever.{name}.{setting}" if setting in own else f"retriever.{setting}"

    plain = {field.name: field.default for field in fields(Source)}
    values = {**plain, **settings}
    one_of(place("precision"), values["precision"], PRECISIONS)
    for setting in ("trust_remote_code", "end_token", "bidirectional"):
        flag(place(setting), values[setting])
    flag(place("pool_prompt"), values["pool_prompt"], optional=True)
    one_of(place("pooling"), values["pooling"], (*POOLINGS, None))
    whole_number(place("max_length"), values["max_length"], 3, optional=True)
    if values["architecture"] and (values["pooling"] or values["pool_prompt"] is not None):
        raise UserError("retriever.architecture makes the vector itself: leave the pooling out")
    if values["pooling"] == _FIRST_STATE:
        for setting in ("pool_prompt", "end_token", "bidirectional"):
            if values[setting]:
                raise UserError(
                    f"{place(setting)}: a decoder's first state is the vector "
                    f"(pooling={_FIRST_STATE}): leave it out"
                )
    values["sha256"] = tuple(sorted(dict(values["sha256"]).items()))
    values["length_setting"] = place("max_length")
    return Source(**values)


def _side(name: str, source: Source, own: Mapping[str, Any]) -> Side:
    words = {
        key: default if key not in own else _NOTHING[key] if own[key] is None else str(own[key])
        for key, default in _WORDS.items()
    }
    here, untitled = f"retriever.{name}", own.get("untitled")
    if name == "question" and untitled is not None:
        raise UserError(f"{here}.untitled: questions have no titles: it is a setting of passages")
    if untitled is not None and words["title"] == "none":
        raise UserError(f"{here}.untitled: no titles are encoded (title=none): leave one of them")
    words["prompt"] = _examples(here, own) + words["prompt"]
    return Side(
        source,
        **words,
        untitled=None if untitled is None else str(untitled),
        marks=_marks(here, source, own.get("marks")),
        encode_kwargs=_encode_kwargs(here, source, own.get("encode_kwargs")),
        task=TASKS[name],
    )


def _examples(here: str, own: Mapping[str, Any]) -> str:
    """The examples of a side, one after the other.

    Source: Li et al. 2025, Making Text Embedders Few-Shot Learners (ICLR).
    """
    examples, template = own.get("examples") or (), own.get("example") or ""
    if not isinstance(examples, Sequence) or isinstance(examples, str):
        raise UserError(f"{here}.examples: a list of mappings, got '{examples}'")
    if examples and not template:
        raise UserError(f"{here}.examples: say in {here}.example how one of them is written")
    prefix = ""
    for place, example in enumerate(examples):
        if not isinstance(example, Mapping) or not example:
            raise UserError(f"{here}.examples[{place}]: a mapping, got '{example}'")
        missing = [key for key in example if f"{{{key}}}" not in template]
        if missing:
            raise UserError(f"{here}.example has no {{{missing[0]}}}, which examples[{place}] says")
        prefix += filled(template, **{key: str(value) for key, value in example.items()})
    return prefix


def _marks(here: str, source: Source, marks: Any) -> tuple[str, ...]:
    pair = tuple(strings(f"{here}.marks", marks))
    if not pair:
        return ()
    if len(pair) != 2 or not all(pair):
        raise UserError(f"{here}.marks: two texts, as ['[', ']'], got '{marks}'")
    if source.architecture or source.pool_prompt is False:
        raise UserError(f"{here}.marks: not with architecture, nor with pool_prompt=false")
    return pair


def _encode_kwargs(here: str, source: Source, values: Any) -> tuple[tuple[str, Any], ...]:
    if not values:
        return ()
    plain = isinstance(values, Mapping) and all(
        isinstance(key, str) and isinstance(value, str | int | float | bool)
        for key, value in values.items()
    )
    if not plain:
        raise UserError(
            f"{here}.encode_kwargs: names with a text, a number, true or false, got '{values}'"
        )
    if source.architecture or source.pooling == _FIRST_STATE:
        raise UserError(f"{here}.encode_kwargs: a class of transformers takes none: leave it out")
    return tuple(sorted(values.items()))
