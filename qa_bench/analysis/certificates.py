"""What differs between how two figures came about: settings, inputs, versions."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from qa_bench.errors import DataError
from qa_bench.report.certificate import settings
from qa_bench.report.record import Record

_GOAL = ("metrics", "mode", "ceiling", "contrastive_entropy")
_DATA = ("dataset", "corpus", "questions", "passages", "file")
_OF_METHOD = re.compile(r"model|^file\d* of (index|search|expand|rerank|read)\b")
_SHORT = 12
"""Digits of a digest that are shown."""

PRIMAD = {
    "p": "platform",
    "r": "research goal",
    "i": "implementation",
    "m": "method",
    "a": "actor",
    "d": "data",
}
"""Ferro et al. 2016, Increasing Reproducibility in IR, SIGIR Forum 50(1): what may have changed."""


class Change(NamedTuple):
    """One thing that differs.

    Attributes:
        kind: settings, inputs or versions.
        name: what it is.
        a: of the first figure; None where it has none.
        b: of the second one.
        letter: of ``PRIMAD``.
    """

    kind: str
    name: str
    a: Any
    b: Any
    letter: str


class Certificate(NamedTuple):
    """What a record's file tells of how it came about.

    Attributes:
        record: its figures.
        settings: by their places; empty where only reported.
        inputs: digests, by what they are of.
        versions: of packages, and the commit.
        known: whether it tells any of this: a record of 0.1 does not.
    """

    record: Record
    settings: Mapping[str, Any]
    inputs: Mapping[str, str]
    versions: Mapping[str, str]
    known: bool


def certificate(record: Record, path: Path) -> Certificate:
    """Read what a record's file tells.

    Raises:
        DataError: the file is not what a run writes.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        predicate = content.get("predicate", {})
        definition = predicate.get("buildDefinition", {})
        known = settings(content)
        versions = dict(predicate.get("runDetails", {}).get("builder", {}).get("version", {}))
        digests_of: dict[str, set[str]] = {}
        for entry in definition.get("resolvedDependencies", []):
            digests = [f"{name}:{value}" for name, value in entry.get("digest", {}).items()]
            if entry["name"] == "qa_bench":
                versions |= {"commit of qa_bench": digests[0]} if digests else {}
                continue
            digests_of.setdefault(_input(entry), set()).update(digests)
    except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
        why = " ".join(str(error).split())
        raise DataError(f"not the certificate of a record ({why}): run it again", path) from None
    inputs = {name: ", ".join(sorted(values)) for name, values in digests_of.items()}
    inputs |= {"questions": record.questions, "passages": record.passages_key}
    return Certificate(record, known, inputs, versions, bool(known))


def _input(entry: Mapping[str, Any]) -> str:
    """What a dependency is: of which stage, and which file or model; not of which system."""
    what, of, stage = str(entry["name"]).partition(" of ")
    where = str(entry.get("uri", "")).partition("@")[0]
    return " ".join(text for text in (what + of + stage.partition(" ")[0], where) if text)


def changes(a: Certificate, b: Certificate) -> list[Change]:
    """What differs, settings first, then inputs, then versions.

    Of settings and versions nothing is told where one of the two is only reported.
    """
    summary: list[Change] = []
    for kind in ("settings", "inputs", "versions"):
        first, second = getattr(a, kind), getattr(b, kind)
        if not (a.known and b.known):
            first, second = (_comparable(kind, one) for one in (first, second))
        for name in dict.fromkeys([*first, *second]):
            one, other = first.get(name), second.get(name)
            if one != other:
                summary.append(Change(kind, name, one, other, _letter(kind, name)))
    if a.record.mode != b.record.mode and not any(c.name == "mode" for c in summary):
        summary.append(Change("settings", "mode", a.record.mode, b.record.mode, "r"))
    return summary


def _comparable(kind: str, entries: Mapping[str, Any]) -> dict[str, Any]:
    """What both kinds of records know."""
    names = ("questions", "passages") if kind == "inputs" else ()
    return {name: entries[name] for name in names if name in entries}


def _letter(kind: str, name: str) -> str:
    if kind == "versions":
        return "i" if name.endswith("qa_bench") else "p"
    first = name.partition(".")[0].partition(" ")[0]
    if kind == "inputs":
        return "m" if _OF_METHOD.search(name) else "d"
    if first in _GOAL:
        return "r"
    return "d" if first in _DATA else "m"


def primad(summary: Sequence[Change]) -> str:
    """The letters, those upper case whose part has changed: ``prIMad``."""
    changed = {change.letter for change in summary}
    return "".join(letter.upper() if letter in changed else letter for letter in PRIMAD)


def shown(value: Any) -> str:
    """A setting or digest as people see it."""
    if value is None:
        return "–"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    algorithm, colon, digits = text.partition(":")
    if colon and algorithm in ("sha256", "gitCommit", "xxh3-128", "qa-bench") and len(digits) > 16:
        return f"{algorithm}:{digits[:_SHORT]}…"
    return text
