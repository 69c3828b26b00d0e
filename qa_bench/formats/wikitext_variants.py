"""Markup of wikis whose pages are shown in several scripts or vocabularies: ``-{…}-``.

As MediaWiki's language converter reads it: ``-{zh-hans:计算机;zh-hant:電腦}-`` has a text for each
variant, ``-{A|…}-`` and others begin with flags, ``-{…}-`` without variants shows what it holds.
"""

from __future__ import annotations

import re

_CONVERTED = frozenset(
    {"ban", "crh", "gan", "iu", "kk", "ku", "mni", "sh", "shi", "sr", "tg", "tly", "uz", "wuu",
     "zh"}
)  # fmt: skip
"""Languages that MediaWiki converts: on other wikis ``-{`` is text."""
_FIRST = {
    "zh": ("zh-hans", "zh-cn", "zh", "zh-sg", "zh-my", "zh-hant", "zh-tw", "zh-hk", "zh-mo"),
    "gan": ("gan-hans", "gan"),
    "wuu": ("wuu-hans", "wuu"),
    "sr": ("sr-ec", "sr-cyrl", "sr"),
}
"""Which variant's text is taken; of what has none of these, and in other languages, the first."""
_SILENT = frozenset("TD-")
"""Flags of rules that show nothing by themselves: for the title, described, removed."""
_FLAGS = re.compile(r"[\sA-Za-z;-]*")
_MARK = re.compile(r"-(\{)|\}-")
_DEPTH = 10
"""As MediaWiki's; what lies deeper is text."""


def one_variant(text: str, language: str) -> str:
    """The text of one variant, always the same one; as it is where the language has none."""
    base = language.partition("-")[0]
    if base not in _CONVERTED or "-{" not in text:
        return text
    levels: list[list[str]] = [[]]
    at = 0
    for mark in _MARK.finditer(text):
        if len(levels) > _DEPTH if mark[1] else len(levels) == 1:
            continue
        levels[-1].append(text[at : mark.start()])
        at = mark.end()
        if mark[1]:
            levels.append([])
        else:
            inside = "".join(levels.pop())
            levels[-1].append(_shown(inside, base))
    unclosed = (piece for level in levels for piece in level)  # keeps its text
    return "".join([*unclosed, text[at:]])


def _shown(inside: str, base: str) -> str:
    """What is shown of the inside of one ``-{…}-``."""
    flags, bar, rules = inside.partition("|")
    if not bar or not _FLAGS.fullmatch(flags):
        flags, rules = "", inside
    signs = {flag.strip().upper() for flag in flags.split(";")}
    if "H" in signs or (signs & _SILENT and "A" not in signs):
        return ""
    if "R" in signs:
        return rules
    texts: dict[str, list[str]] = {}
    last: list[str] | None = None
    for piece in rules.split(";"):
        if (rule := _rule(piece, base)) is not None:
            last = [rule[1]]
            texts.setdefault(rule[0], last)
        elif last is not None:
            last.append(piece)  # the semicolon was the text's own, as in "&nbsp;"
        else:
            return rules
    best = next((v for v in _FIRST.get(base, ()) if v in texts), next(iter(texts)))
    return ";".join(texts[best]).strip().removesuffix(";").rstrip()


def _rule(piece: str, base: str) -> tuple[str, str] | None:
    """(variant, text) of ``variant:text`` or ``word=>variant:text``, if it is one."""
    for rule in (piece, piece.partition("=>")[2]):
        variant, colon, text = rule.partition(":")
        variant = variant.strip().lower()
        if colon and (variant == base or variant.startswith((f"{base}-", "ike-"))):
            return variant, text
    return None
