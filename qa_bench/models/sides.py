"""The two sides of a retriever that encodes: the model of its questions, that of its passages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from qa_bench.errors import UserError
from qa_bench.models.positions import check_announced
from qa_bench.models.source import PRECISIONS, Source, Text
from qa_bench.settings import flag, one_of, whole_number

POOLINGS = ("mean", "cls", "max", "lasttoken", "weightedmean", "mean_sqrt_len_tokens")


@dataclass(frozen=True)
class Side:
    """A model, and how its texts are made.

    Attributes:
        source: the model.
        prompt: what stands before a text; the encoder puts it there.
        suffix: what stands after it.
        title: of passages: pair (two segments), none, or what stands between title and text.
    """

    source: Source
    prompt: str
    suffix: str
    title: str

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
        texts = {"prompt": "", "suffix": "", "title": ". "}
        names = {*common, *texts, *more}
        for setting in own:
            if setting not in names:
                raise UserError(
                    f"retriever.{name}.{setting}: no such setting; there are "
                    f"{', '.join(sorted(names))}"
                )
        ours = {key: value for key, value in own.items() if key in common}
        nothing = {"prompt": "", "suffix": "", "title": "none"}
        texts |= {
            key: nothing[key] if value is None else str(value)
            for key, value in own.items()
            if key in texts
        }
        return cls(_source(name, {**common, **ours}, ours), **texts)

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
        if self.title == "pair" and title:
            return title, text + self.suffix
        if self.title == "none" or not title:
            return text + self.suffix
        return title + self.title + text + self.suffix


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
    values["sha256"] = tuple(sorted(dict(values["sha256"]).items()))
    values["length_setting"] = place("max_length")
    return Source(**values)
