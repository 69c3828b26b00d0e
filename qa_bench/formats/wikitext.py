"""Wikitext to plain text, in time linear in its length whatever it holds.

Every pass reads the text once from left to right. Nested constructs are matched with a stack and
cut out whole; what is opened and never closed loses its brackets and keeps its text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from qa_bench.formats.charrefs import unescape
from qa_bench.formats.mediawiki_site import ENGLISH, Site
from qa_bench.formats.wikitext_tables import rows
from qa_bench.formats.wikitext_variants import one_variant

_Region = tuple[int, int]


@dataclass(frozen=True)
class Cleaning:
    """What becomes of each kind of markup.

    Attributes:
        placeholders: a formula becomes "formula_1", code "codice_1", counted in each article; else
            formulas go and code stays.
        quoted_italics: italics become "quoted"; else their text stays as it is.
        small_text: the text of sub, sup and small stays; else it goes.
        colon_links: links whose target has a colon keep their text, files, categories and languages
            apart; else all of them go.
        residue: empty brackets and stranded punctuation go.
        links: a link stays ``[[target|text]]``; else its text.
        sections: headings stay, as lines; else they go.
        lists: items stay, as lines without their bullets; else they go.
        tables: rows stay, as lines with " | " between the cells, infoboxes as "name: value"; else
            they go.
    """

    placeholders: bool = True
    quoted_italics: bool = True
    small_text: bool = False
    colon_links: bool = False
    residue: bool = False
    links: bool = False
    sections: bool = False
    lists: bool = False
    tables: bool = False


def clean(text: str, how: Cleaning = Cleaning(), site: Site = ENGLISH) -> str:
    """The text that a reader of the page sees, paragraphs as lines.

    Templates are not expanded, they go. Lines that hold no letter or digit go too.

    Args:
        text: the wikitext.
        how: what becomes of each kind of markup.
        site: the wiki, for the names of files and categories and for language variants.
    """
    text, shielded = _without_opaque(text, how)
    text = _without_templates(text, how)
    text = one_variant(text, site.language)
    if not how.tables:
        text = _cut(text, _balanced(_TABLE.finditer(text)))
    text = _without_elements(text, how)
    if not how.links:
        text = _without_links(text, how, site)
    text = _insides(_WEB_LINK, text)
    text = _without_quotes(text, how)
    text = _lines(text, how)
    text = unescape(text)
    text = _polished(text, how)
    return _SHIELDED.sub(lambda sign: chr(ord(sign[0]) - _AWAY), text) if shielded else text


def _cut(text: str, regions: list[_Region]) -> str:
    """The text without the regions, which may overlap."""
    pieces, at = [], 0
    for start, end in sorted(regions):
        if start > at:
            pieces.append(text[at:start])
        at = max(at, end)
    return "".join([*pieces, text[at:]]) if at else text


def _balanced(tokens: Iterable[re.Match[str]]) -> list[_Region]:
    """From each opening token to the closing one that belongs to it.

    A token that has a group opens.
    """
    opened: list[int] = []
    regions: list[_Region] = []
    for token in tokens:
        if token.lastindex:
            opened.append(token.start())
        elif opened:
            regions.append((opened.pop(), token.end()))
    return regions


def _insides(pattern: re.Pattern[str], text: str) -> str:
    r"""``pattern.sub(r"\1", text)``, several times as fast: no step of it is Python's."""
    return "".join(pattern.split(text))


# Comments, and elements whose content is no wikitext.

_DROPPED = (
    "ref|references|gallery|timeline|imagemap|score|hiero|pre|source|syntaxhighlight|graph|"
    "mapframe|maplink|templatestyles|inputbox|categorytree|includeonly|indicator|ce|chem"
)
_OPAQUE = re.compile(rf"<!--|<(nowiki|math|code|{_DROPPED})\b([^<>]*)>", re.I)
_CLOSING = {
    name: re.compile(rf"</{name}\s*>", re.I)
    for name in ("nowiki", "math", "code", *_DROPPED.split("|"))
}
_AWAY = 0xF0000
_SHIELD = {ord(sign): chr(_AWAY + ord(sign)) for sign in "[]{}|<>'*#;:=!&_"}
_SHIELDED = re.compile("[\U000f0000-\U000f007f]")


def _without_opaque(text: str, how: Cleaning) -> tuple[str, bool]:
    """Without comments and dropped elements; what nowiki holds is shielded from later passes.

    Returns:
        The text, and whether any of it is shielded.
    """
    pieces: list[str] = []
    at = 0
    shielded = False
    unclosed: set[str] = set()
    counts = {"math": 0, "code": 0}
    for match in _OPAQUE.finditer(text):
        start, end = match.span()
        if start < at:
            continue
        instead = ""
        if (name := (match[1] or "").lower()) == "":
            end = text.find("-->", end) + 3
            end = end if end > 2 else len(text)
        elif not match[2].endswith("/"):
            closing = None if name in unclosed else _CLOSING[name].search(text, end)
            if closing is None:
                unclosed.add(name)  # the others of this name are not closed either
            else:
                if name == "nowiki":
                    instead = text[end : closing.start()].translate(_SHIELD)
                    shielded = True
                elif name in counts and how.placeholders:
                    counts[name] += 1
                    instead = f"{_PLACEHOLDER[name]}{counts[name]}"
                elif name == "code":
                    instead = text[end : closing.start()]
                end = closing.end()
        pieces += text[at:start], instead
        at = end
    return "".join([*pieces, text[at:]]), shielded


_PLACEHOLDER = {"math": "formula_", "code": "codice_"}

# Templates, tables, elements.

# A pattern that begins with one set of signs, not with "|", is found five times faster.
_BRACES = re.compile(r"[{}](?:(?<=\{)(\{)(?:\{(?!\{))?|(?<=\})\}(?:\}(?!\}))?)")
_SIMPLE_TEMPLATE = re.compile(r"\{\{(?<!\{..)[^{}]*\}\}(?!\})")
_TABLE = re.compile(
    r"[{|<](?:(?<=\{)(?<![^\s:]\{)(\|)|(?<=\|)\}(?!\})|(?<=<)(?i:(t)able\b|/table\s*>))"
)
_INFOBOX = re.compile(r"\{\{\s*(?:infobox|taxobox|automatic taxobox|speciesbox)\b[^|{}]*", re.I)


def _without_templates(text: str, how: Cleaning) -> str:
    """Without templates; of an infobox that stays only the braces and the name go."""
    if how.tables:
        regions = _all_but_infoboxes(text)
    else:
        text = _SIMPLE_TEMPLATE.sub("", text)  # most of them, and fast
        regions = _balanced(_BRACES.finditer(text))
    return _cut(text, regions).replace("{{", "").replace("}}", "")


def _all_but_infoboxes(text: str) -> list[_Region]:
    opened: list[tuple[int, int]] = []
    regions: list[_Region] = []
    for token in _BRACES.finditer(text):
        if token.lastindex:
            box = None if opened else _INFOBOX.match(text, token.start())
            opened.append((token.start(), box.end() if box else 0))
        elif opened:
            start, name_end = opened.pop()
            if name_end:
                regions += (start, name_end), token.span()
            else:
                regions.append((start, token.end()))
    return regions


_TAG = re.compile(r"<(/?)([a-z][a-z0-9]*)\b[^<>]*>", re.I)
_SMALL = frozenset({"sub", "sup", "small"})
_BLOCKS = frozenset(
    {"div", "ul", "ol", "dl", "li", "dt", "dd", "table", "tr", "td", "th", "caption", "form",
     "input", "select", "option", "textarea", "menu", "dir", "img", "noinclude"}
)  # fmt: skip
_BREAK = re.compile(r"</?(?:br|hr|p|poem|blockquote)\b[^<>]*>", re.I)
_KNOWN = _SMALL | _BLOCKS | frozenset(_DROPPED.split("|")) | frozenset(
    {"abbr", "b", "bdi", "bdo", "big", "center", "cite", "data", "del", "dfn", "em", "font", "h1",
     "h2", "h3", "h4", "h5", "h6", "i", "ins", "kbd", "mark", "nobr", "onlyinclude", "q", "rb",
     "rp", "rt", "ruby", "s", "samp", "section", "span", "strike", "strong", "time", "translate",
     "tt", "tvar", "u", "var", "wbr", "a", "code", "math", "nowiki", "body", "html"}
)  # fmt: skip


def _without_elements(text: str, how: Cleaning) -> str:
    """Without HTML: whole elements where their text goes too, else their tags."""
    if "<" not in text:
        return text
    whole = (frozenset() if how.tables or how.lists else _BLOCKS) | (
        frozenset() if how.small_text else _SMALL
    )
    text = _BREAK.sub(" ", text)
    opened: dict[str, list[int]] = {}
    regions: list[_Region] = []
    for tag in _TAG.finditer(text):
        name, (start, end) = tag[2].lower(), tag.span()
        if name in whole:
            if not tag[1]:
                opened.setdefault(name, []).append(start)
            elif opened.get(name):
                start = opened[name].pop()
        if name in _KNOWN:
            regions.append((start, end))
    return _cut(text, regions)


# Links and quotes.

_LINK_WITH_TEXT = re.compile(r"\[\[[^\[\]|:\n]*\|([^\[\]|]*)\]\]")
_LINK = re.compile(r"\[\[([^\[\]|:\n]*)\]\]")
_LINK_PARTS = re.compile(r"[\[\]](?:(?<=\[)\[([^\[\]|\n]*)(\|?)|(?<=\])\])")
_WEB_LINK = re.compile(
    r"\[(?:(?:https?|ftps?|gopher|irc|mailto|news|tel):|//)[^\s\[\]<>\"]*+[^\S\n]*+([^\[\]\n]*+)\]",
    re.I,
)
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[a-z-]+)?:|simple:")


def _without_links(text: str, how: Cleaning, site: Site) -> str:
    """Links as their text; files with their captions, and categories, go."""
    not_shown = site.not_shown()
    text = _insides(_LINK, _insides(_LINK_WITH_TEXT, text))
    opened: list[tuple[int, int]] = []
    regions: list[_Region] = []
    for token in _LINK_PARTS.finditer(text):
        if token.lastindex:
            begin = token.end() if token[2] else token.start(1) + token[1].startswith(":")
            opened.append(
                (token.start(), begin if _has_text(token[1], token[2], how, not_shown) else 0)
            )
        elif opened:
            start, begin = opened.pop()
            if begin:
                regions += (start, begin), token.span()
            else:
                regions.append((start, token.end()))
    return _cut(text, regions).replace("[[", "").replace("]]", "")


def _has_text(target: str, bar: str, how: Cleaning, not_shown: re.Pattern[str]) -> bool:
    """Whether a reader sees a link to ``target``."""
    if ":" not in target[1:]:
        return True
    if not how.colon_links:
        return False
    return not not_shown.match(target) and bool(bar or not _LANGUAGE.match(target))


_BOLD_ITALICS = re.compile(r"'''''([^\n]*?)'''''")
_BOLD = re.compile(r"'''([^\n]*?)'''")


def _without_quotes(text: str, how: Cleaning) -> str:
    """Without the quotes of bold and italics."""
    if how.quoted_italics:
        text = _insides(_BOLD, _insides(_BOLD_ITALICS, text))
        text = '"'.join(_ITALICS.split(text))
        return text.replace("'''", "").replace("''", '"')
    return _QUOTES.sub("", text)


_ITALICS = re.compile(r"''\"?([^\"\n]*?)\"?''")
_QUOTES = re.compile(r"'{2,5}")

# Lines.

# A line is matched from the "\n" before it: a literal first sign makes the search fast.
_BULLET = re.compile(r"\n[*#:;]+[ \t]*")
_ITEM = re.compile(r"\n[*#:;][^\n]*")
_HEADING = re.compile(r"\n=[^\n]*=[ \t]*(?=\n)")
_ROW = re.compile(r"\n[ \t]*(?:\||\{\|)[^\n]*")
_NO_WORD = re.compile(r"\n[^\w\n]+(?=\n)")
_SWITCH = re.compile(r"__[A-Z]+__")


def _lines(text: str, how: Cleaning) -> str:
    """Keep or drop lines by their first sign."""
    text = f"\n{text}\n"
    text = _HEADING.sub(_heading if how.sections else "\n", text)
    text = _BULLET.sub("\n", text) if how.lists else _ITEM.sub("", text)
    text = rows(text) if how.tables else _ROW.sub("", text)
    return _SWITCH.sub("", text)


def _heading(match: re.Match[str]) -> str:
    return f"\n\n{match[0].strip(_HEADING_SIGNS)}"


_HEADING_SIGNS = "\n\t ="
_EMPTY_BRACKETS = re.compile(r"[ \xa0]?(?:\([\s,;:/–-]*+(?:\b(?:or|and)\b[\s,;:]*+)*+\)|\[\s*+\])")
_BRACKET_START = re.compile(r"\((?:[\s,;:]|\b(?:or|and)\b(?=\s*[,;:]))*[,;:]\s*+")
_BEFORE_SIGN = re.compile(r"(?<![ \xa0])[ \xa0]++(?=[,;.)](?:\s|$))", re.M)
_SIGNS = re.compile(r"([,;:])(?:\s*+[,;])++")
_EMPTY_LINES = re.compile(r"\n\n\n+")


def _polished(text: str, how: Cleaning) -> str:
    """Without what the passes left over."""
    if how.residue:
        text = _EMPTY_BRACKETS.sub("", text)
        text = _BRACKET_START.sub("(", text)
        text = _BEFORE_SIGN.sub("", text)
        text = _SIGNS.sub(r"\1", text)
    while "  " in text:
        text = text.replace("  ", " ")
    text = text.replace(" \n", "\n").replace(",,", ",").replace(",.", ".")
    return _EMPTY_LINES.sub("\n\n", _NO_WORD.sub("", text)).strip("\n ")
