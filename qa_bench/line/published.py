"""Which published systems a line repeats, and what keeps it from repeating others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qa_bench.line.line import Line
from qa_bench.parts import About


def repeats(line: Line) -> tuple[list[str], dict[str, str]]:
    """The published systems that a line repeats, and those that it nearly does."""
    return repeats_of(
        line.questions.name, line.retrieval.part, line.expander, line.reranker, line.reader
    )


def repeats_of(
    dataset: str, retriever: Any, expander: Any = None, reranker: Any = None, reader: Any = None
) -> tuple[list[str], dict[str, str]]:
    """The published systems that parts repeat on a question set, and those that they nearly do.

    Returns:
        The names of the former, the nearest one first, and of the latter, each with what differs.
    """
    unlike = _unlike(retriever.about, retriever.identity, dataset)
    if expander is not None:
        unlike = {name: why or "an expander changes the questions" for name, why in unlike.items()}
    before = dict(unlike)
    if reranker is not None:
        unlike = {name: why or "the hits are reranked" for name, why in unlike.items()}
        unlike |= _behind(reranker, before, dataset)
        before = dict(unlike)
    if reader is not None:
        unlike |= _behind(reader, before, dataset)
    same = [name for name, reason in unlike.items() if not reason]
    return same, {name: reason for name, reason in unlike.items() if reason}


def _behind(part: Any, before: Mapping[str, str], dataset: str) -> dict[str, str]:
    """The same of a reranker or reader, by what the line before it repeats.

    Systems with another retriever are left out: they are others, not this one with a difference.
    """
    about: About = part.about
    unlike = {}
    for name, reason in _unlike(about, part.identity, dataset).items():
        needed = about.published_after.get(name)
        if needed is None or needed in before:
            unlike[name] = reason or before.get(str(needed), "")
    return unlike


def _unlike(about: About, identity: Any, dataset: str) -> dict[str, str]:
    """Each published system of a part: what differs from it, empty for nothing."""
    setting = _setting(about.published_with, identity, dataset)
    unlike = {}
    for name in about.published:
        sets = about.published_on.get(name)
        other = "" if sets is None or dataset in sets else f"on {dataset} theirs is another model"
        unlike[name] = other or str(about.published_unlike.get(name) or setting)
    return unlike


def _setting(expected: Mapping[str, Any], identity: Any, dataset: str) -> str:
    """The first setting that is another than the published one, in words; empty for none."""
    for place, value in expected.items():
        if isinstance(value, Mapping):
            if dataset not in value:
                return f"{place} was not published for {dataset}"
            value = value[dataset]
        ours = _at(identity, place)
        if ours != value:
            return f"{place} is {_shown(ours)}, theirs {_shown(value)}"
    return ""


def _shown(value: Any) -> str:
    return (
        "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    )


def _at(settings: Any, place: str) -> Any:
    """A setting of a part or of its parts: ``parts.bm25.k1``; None where there is none."""
    for name in place.split("."):
        settings = settings.get(name) if isinstance(settings, Mapping) else None
    return settings
