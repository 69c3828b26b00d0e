"""Questions or passages of a bi-encoder: which model encodes them, and how their texts are made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from qa_bench.errors import UserError
from qa_bench.models.source import PRECISIONS, Source, Text
from qa_bench.settings import flag, one_of, strings, whole_number
from qa_bench.text import filled

_POOLINGS = (
    "mean",
    "cls",
    "max",
    "lasttoken",
    "weightedmean",
    "mean_sqrt_len_tokens",
    "first_state",
)
_WORDS = {"prompt": "", "suffix": "", "title": ". "}
"""The settings that are texts, and their defaults."""
_NOTHING = {"prompt": "", "suffix": "", "title": "none"}
"""What null means."""
_MORE = ("untitled", "example", "examples", "marks", "encode_kwargs")


@dataclass(frozen=True)
class Texts:
    """How the texts of a side are made.

    Attributes:
        prompt: put before each; the examples first.
        suffix: put behind each.
        title: pair (two segments), none, or what stands between title and text.
        untitled: what stands for a missing title; None: the text stands alone.
        marks: none, or two: texts whose tokens stand before and behind those of each text.
        encode_kwargs: what is handed to the model's own code.
    """

    prompt: str
    suffix: str
    title: str
    untitled: str | None
    marks: tuple[str, ...]
    encode_kwargs: Mapping[str, Any]

    def of_questions(self, texts: Iterable[str]) -> list[Text]:
        """What is encoded of questions, the prompt left out."""
        return [text + self.suffix for text in texts]

    def of_passages(self, titles: Iterable[str], texts: Iterable[str]) -> Iterator[Text]:
        """What is encoded of passages, the prompt left out."""
        for own, text in zip(titles, texts, strict=True):
            name = own or self.untitled
            if self.title == "pair" and name:
                yield name, text + self.suffix
            elif self.title == "none" or not name:
                yield text + self.suffix
            else:
                yield name + self.title + text + self.suffix

    def options(self) -> dict[str, Any]:
        """What an encoder is told beside the texts: the prompt and, of few models, more."""
        options: dict[str, Any] = {"prompt": self.prompt}
        if self.marks:
            options["marks"] = self.marks
        if self.encode_kwargs:
            options["encode_kwargs"] = self.encode_kwargs
        return options


def side(name: str, shared: Mapping[str, Any], own: Mapping[str, Any]) -> tuple[Source, Texts]:
    """The model of questions or passages, and how their texts are made.

    Args:
        name: question or passage.
        shared: settings of the model that both sides have.
        own: those of this side.

    Raises:
        UserError: a setting is not there or out of range.
    """
    if not isinstance(own, Mapping):
        raise UserError(f"retriever.{name}: settings such as prompt, got '{own}'")
    models = {item.name for item in fields(Source)} - {"length_setting"}
    names = models | {*_WORDS, *_MORE}
    for setting in own:
        if setting not in names:
            raise UserError(
                f"retriever.{name}.{setting}: no such setting; there are {', '.join(sorted(names))}"
            )
    source = _source(name, shared, {key: value for key, value in own.items() if key in models})
    return source, _texts(name, source, own)


def _source(name: str, shared: Mapping[str, Any], own: Mapping[str, Any]) -> Source:
    settings = {**shared, **own}
    if not settings["model"]:
        raise UserError("retriever.model: name a model of the hub, or a folder")

    def place(setting: str) -> str:
        return f"retriever.{name}.{setting}" if setting in own else f"retriever.{setting}"

    one_of(place("precision"), settings["precision"], PRECISIONS)
    for setting in ("trust_remote_code", "end_token", "bidirectional"):
        flag(place(setting), settings[setting])
    flag(place("pool_prompt"), settings["pool_prompt"], optional=True)
    one_of(place("pooling"), settings["pooling"], (*_POOLINGS, None))
    whole_number(place("max_length"), settings["max_length"], 3, optional=True)
    if settings["architecture"] and (settings["pooling"] or settings["pool_prompt"] is not None):
        raise UserError("retriever.architecture makes the vector itself: leave the pooling out")
    if settings["pooling"] == "first_state":
        for setting in ("pool_prompt", "end_token", "bidirectional"):
            if settings[setting]:
                raise UserError(
                    f"{place(setting)}: a decoder's first state is the vector "
                    "(pooling=first_state): leave it out"
                )
    settings["sha256"] = tuple(sorted(dict(settings["sha256"]).items()))
    settings["length_setting"] = place("max_length")
    return Source(**settings)


def _texts(name: str, source: Source, own: Mapping[str, Any]) -> Texts:
    words = {
        key: default if key not in own else _NOTHING[key] if own[key] is None else str(own[key])
        for key, default in _WORDS.items()
    }
    here = f"retriever.{name}"
    if name == "question" and own.get("untitled") is not None:
        raise UserError(f"{here}.untitled: questions have no titles: it is a setting of passages")
    if own.get("untitled") is not None and words["title"] == "none":
        raise UserError(f"{here}.untitled: no titles are encoded (title=none): leave one of them")
    untitled = own.get("untitled")
    words["prompt"] = _examples(here, own) + words["prompt"]
    return Texts(
        **words,
        untitled=None if untitled is None else str(untitled),
        marks=_marks(here, source, own.get("marks")),
        encode_kwargs=_encode_kwargs(here, source, own.get("encode_kwargs")),
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


def _encode_kwargs(here: str, source: Source, values: Any) -> Mapping[str, Any]:
    if not values:
        return {}
    plain = isinstance(values, Mapping) and all(
        isinstance(key, str) and isinstance(value, str | int | float | bool)
        for key, value in values.items()
    )
    if not plain:
        raise UserError(
            f"{here}.encode_kwargs: names with a text, a number, true or false, got '{values}'"
        )
    if source.architecture or source.pooling == "first_state":
        raise UserError(f"{here}.encode_kwargs: a class of transformers takes none: leave it out")
    return dict(values)
