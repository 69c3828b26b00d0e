"""From the XML of a page to an article, or to the reason why it is none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar, NamedTuple

from qa_bench.formats.mediawiki_xml import Bad, Page, RawPage, parse_page
from qa_bench.formats.wikitext import Cleaning, clean


class Entry(NamedTuple):
    """An article with its revision, and the line on which its page ends."""

    id: str
    title: str
    revision: str
    text: str
    line: int


class Left(NamedTuple):
    """A page that is no article; ``message`` is empty where nothing is wrong with it."""

    reason: str
    message: str
    line: int


REASONS = (
    "other_namespaces", "redirects", "disambiguations", "empty_pages", "too_large_pages",
    "broken_pages",
)  # fmt: skip
"""Why a page is left out, as counts are named."""

_REDIRECT = re.compile(r"\s*#REDIRECT", re.I)
_ANY_REDIRECT = re.compile(r"\s*#\w+[^\S\n]*:?[^\S\n]*\[\[")
"""In the wiki's own words; asked only where an old export has no ``<redirect>``, nor ``<ns>``."""
_DISAMBIGUATION = re.compile(
    r"\{\{\s*+(?i:(?:[\w -]{1,40}[ _])?"
    r"(?:disambig|disambiguation|disamb|dab|hndis|geodis|numberdis|schooldis|roaddis|mathdab)"
    r"(?:[ _]page)?)\s*(?:\||\}\})"
)


class Extractor:
    """Makes articles of pages."""

    CLEANINGS: ClassVar[Mapping[str, Mapping[str, bool] | None]] = {
        "dpr": {},
        "tamber": {
            "placeholders": False,
            "quoted_italics": False,
            "small_text": True,
            "colon_links": True,
            "residue": True,
        },
        "none": None,
    }
    """How each differs from DPR's; None leaves the wikitext as it is."""

    def __init__(self, cleaning: str, keep: Mapping[str, bool]) -> None:
        """Keep the settings.

        Args:
            cleaning: one of ``CLEANINGS``.
            keep: whether links, sections, lists, tables stay.
        """
        changes = self.CLEANINGS[cleaning]
        self._how = None if changes is None else Cleaning(**changes, **keep)

    def __call__(self, pages: list[RawPage | Bad]) -> list[Entry | Left]:
        """What becomes of each page."""
        return [self._one(page) for page in pages]

    def _one(self, raw: RawPage | Bad) -> Entry | Left:
        if isinstance(raw, Bad):
            return Left(*raw)
        page = parse_page(raw)
        if isinstance(page, Bad):
            return Left(*page)
        try:
            return self._made(page, raw)
        except Exception as error:  # whatever it is, it is this page's
            what = (str(error).splitlines() or [""])[0][:200]
            message = f"page '{page.title}' cannot be made text ({type(error).__name__}: {what})"
            return Left("broken_pages", message, raw.line)

    def _made(self, page: Page, raw: RawPage) -> Entry | Left:
        namespace = page.namespace or str(raw.site.namespace(page.title))
        if namespace != "0":
            return Left("other_namespaces", "", raw.line)
        if page.redirect or _REDIRECT.match(page.text):
            return Left("redirects", "", raw.line)
        if not page.namespace and _ANY_REDIRECT.match(page.text):
            return Left("redirects", "", raw.line)
        if _is_disambiguation(page):
            return Left("disambiguations", "", raw.line)
        text = page.text if self._how is None else clean(page.text, self._how, raw.site)
        if not text.strip():
            return Left("empty_pages", "", raw.line)
        return Entry(page.id, page.title, page.revision, text, raw.line)


def _is_disambiguation(page: Page) -> bool:
    if "(disambiguation)" in page.title or "__DISAMBIG__" in page.text:
        return True
    return _DISAMBIGUATION.search(page.text) is not None
