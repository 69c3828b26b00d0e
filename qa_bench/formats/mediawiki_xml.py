"""MediaWiki's XML export, the format of Wikipedia's dumps, page by page in bounded memory.

The file is cut at its ``<page>`` tags, which wikitext cannot hold unescaped, and only the pages are
parsed, each by itself. So one bad page spoils no other, pages can be parsed side by side, and what
a document type declares (entities that multiply) is never read.
"""

from __future__ import annotations

import lzma
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.parsers import expat

from qa_bench.formats.lines import open_bytes
from qa_bench.formats.mediawiki_site import ENGLISH, Site
from qa_bench.formats.mediawiki_xml_bz2 import in_pieces, read_bz2

PAGE_LIMIT = 16 << 20
"""Bytes of a page's XML; a wiki takes 2 MiB of text (``$wgMaxArticleSize``)."""
_CORRUPT = (EOFError, zlib.error, lzma.LZMAError, OSError)
_OPEN, _CLOSE = b"<page>", b"</page>"
_END = re.compile(rb"\s*</mediawiki>\s*")


class RawPage(NamedTuple):
    """A page's XML, from ``<page>`` to ``</page>``, the line on which it ends, and its wiki."""

    xml: bytes
    line: int
    site: Site = ENGLISH


class Page(NamedTuple):
    """What a page's XML says; of several revisions the last.

    ``namespace`` is empty in exports before version 0.6, which do not tell it.
    """

    id: str
    title: str
    namespace: str
    revision: str
    redirect: bool
    text: str


class Bad(NamedTuple):
    """What cannot be read, why, and the line where it was noticed."""

    reason: str
    message: str
    line: int


def read_pages(path: Path, workers: int = 1) -> Iterator[RawPage | Bad]:
    """The pages of a file: plain, .gz, .xz, or .bz2 (of several streams too) on several cores.

    After a ``Bad`` the next page follows, if the file can be read on.

    Raises:
        DataError: the file is not there or may not be read.
    """
    with open_bytes(path) as file:
        if path.suffix == ".bz2":
            yield from _pages(read_bz2(path, workers))
        else:
            yield from _pages(in_pieces(file))


def _pages(pieces: Iterator[bytes]) -> Iterator[RawPage | Bad]:
    buffer = b""
    line = 1  # on which the buffer begins
    head = True  # before the first page
    skipping = False  # inside of a page that is too large
    site = ENGLISH
    while True:
        try:
            more = next(pieces, b"")
        except _CORRUPT as error:
            line += buffer.count(b"\n")
            yield Bad("broken_pages", f"corrupt or truncated file ({error})", line)
            return
        from_here = max(0, len(buffer) - len(_CLOSE))
        buffer += more
        at = 0
        while (end := buffer.find(_CLOSE, max(at, from_here))) >= 0:
            end += len(_CLOSE)
            start = buffer.rfind(_OPEN, at, end)
            before = buffer[at : start if start >= 0 else end]
            line += buffer.count(b"\n", at, end)
            if not skipping and (wrong := _between(before, head)):
                yield Bad("broken_pages", wrong, line - buffer.count(b"\n", at + len(before), end))
            if head:
                site = Site.of(before)
            if start >= 0:
                yield RawPage(buffer[start:end], line, site)
            at, head, skipping = end, False, False
        if not more:
            break
        buffer = buffer[at:]
        if len(buffer) > PAGE_LIMIT and not skipping:
            line_here = line + buffer.count(b"\n")
            yield Bad(
                "too_large_pages", f"more than {PAGE_LIMIT >> 20} MiB without </page>", line_here
            )
            skipping, head = True, False
        if skipping:
            line += buffer[: -len(_CLOSE)].count(b"\n")
            buffer = buffer[-len(_CLOSE) :]
    rest = buffer[at:]
    if wrong := _after(rest, head):
        yield Bad("broken_pages", wrong, line + rest.rstrip().count(b"\n"))


def _between(xml: bytes, head: bool) -> str:
    """What is wrong with what stands before a page, if anything."""
    if _OPEN in xml:
        return "a <page> without </page>"
    if _CLOSE in xml:
        return "a </page> without <page>"
    if not head:
        return "something else between two pages" if xml.strip() else ""
    return "" if b"<mediawiki" in xml else "not a MediaWiki export: no <mediawiki> before a page"


def _after(xml: bytes, head: bool) -> str:
    """What is wrong with the end of a file, if anything."""
    if head and b"<mediawiki" not in xml:
        return "not a MediaWiki export: no <mediawiki>"
    if _END.fullmatch(xml) or (head and xml.rstrip().endswith(b"</mediawiki>")):
        return ""
    if b"</mediawiki>" in xml:
        return "something else after </mediawiki>"
    return "the file ends without </mediawiki>; is it truncated?"


_FIELDS = {
    "page/id": "id",
    "page/title": "title",
    "page/ns": "namespace",
    "page/revision/id": "revision",
    "page/revision/text": "text",
}


def parse_page(raw: RawPage) -> Page | Bad:
    """The fields of a page."""
    fields = dict.fromkeys(_FIELDS.values(), "")
    inside: list[str] = []
    pieces: list[str] = []
    redirect = False

    def opened(name: str, attributes: dict[str, str]) -> None:
        nonlocal redirect
        inside.append(name)
        pieces.clear()
        redirect = redirect or name == "redirect"

    def closed(_: str) -> None:
        if len(inside) <= 3 and (field := _FIELDS.get("/".join(inside))):
            fields[field] = "".join(pieces)
        inside.pop()

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.buffer_size = 1 << 18
    parser.StartElementHandler = opened
    parser.EndElementHandler = closed
    parser.CharacterDataHandler = pieces.append
    try:
        parser.Parse(raw.xml, True)
    except expat.ExpatError as error:
        first = raw.line - raw.xml.count(b"\n")
        what = expat.ErrorString(error.code)
        name = f"page '{fields['title']}': " if fields["title"] else ""
        return Bad("broken_pages", f"{name}not XML ({what})", first + error.lineno - 1)
    if not fields["id"] or not fields["title"]:
        known = fields["title"] or fields["id"]
        name = f", '{known}'" if known else ""
        return Bad("broken_pages", f"a page without id or title{name}", raw.line)
    return Page(**fields, redirect=redirect)
