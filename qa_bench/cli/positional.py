"""Words without a name, which a few verbs take before their overrides: folders, cells, systems."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qa_bench.errors import UserError

_FOLDERS = ("table", "compare", "verify")
"""Verbs that take folders of results."""
_NAMES = {"diff": ("a", "b"), "explain": ("cell",)}
"""What the words of others mean, in order."""


def positional(verb: str, words: Sequence[str]) -> list[str]:
    """The words with those that have no name as the overrides that they stand for.

    ``table results/a results/b`` is ``table name=a+b merge=[results/a,results/b]``; one folder
    alone is its own experiment.

    Raises:
        UserError: more words than the verb has a meaning for, or one behind an override.
    """
    if verb in _NAMES:
        return _named(verb, words)
    if verb not in _FOLDERS:
        return list(words)
    from qa_bench.cli.app import split_options
    from qa_bench.line.overrides import quoted

    options, rest = split_options(words)
    first = next((n for n, word in enumerate(rest) if "=" in word), len(rest))
    own, others = rest[:first], [*rest[first:], *options]
    for word in rest[first:]:
        if "=" not in word and not word.startswith("~"):
            raise UserError(f"{verb}: folders stand before overrides: '{word}' comes too late")
    if not own:
        return others
    names = [Path(folder).resolve().name for folder in own]
    merge = f"merge=[{','.join(map(quoted, own))}]"
    named = any(word.startswith("name=") for word in others)
    if named:
        return [merge, *others]
    if len(own) == 1:
        results = Path(own[0]).resolve().parent
        return [f"name={quoted(names[0])}", f"paths.results={quoted(str(results))}", *others]
    return [f"name={quoted('+'.join(names)[:100])}", merge, *others]


def _named(verb: str, words: Sequence[str]) -> list[str]:
    """``diff A B``, ``explain CELL``."""
    from qa_bench.cli.app import split_options
    from qa_bench.line.overrides import quoted

    names = _NAMES[verb]
    options, rest = split_options(words)
    first = next((n for n, word in enumerate(rest) if _is_override(word)), len(rest))
    first = min(first, len(names))
    own, rest = rest[:first], rest[first:]
    late = [w for w in rest if not _is_override(w)]
    if late:
        raise UserError(f"{verb}: {len(names)} words before overrides, not '{late[0]}'")
    return [
        *(f"{name}={quoted(word)}" for name, word in zip(names, own, strict=False)),
        *rest,
        *options,
    ]


def _is_override(word: str) -> bool:
    """Whether a word is an option or an override, and no cell: ``nq/bm25[k1=3]/em`` is one."""
    name, equals, _ = word.partition("=")
    return word.startswith(("-", "~")) or bool(equals and not {"/", "["} & set(name))
