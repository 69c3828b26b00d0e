"""Dumps for tests: as MediaWiki writes them."""

from __future__ import annotations

from xml.sax.saxutils import escape

HEAD = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/" version="0.10" xml:lang="en">
  <siteinfo>
    <sitename>Wikipedia</sitename>
    <namespaces>
      <namespace key="0" case="first-letter" />
    </namespaces>
  </siteinfo>
"""


def page(
    number: int | str, title: str, text: str, namespace: int = 0, redirect: str = "", more: str = ""
) -> str:
    """A page, as text that is not yet closed by the next."""
    target = f'    <redirect title="{escape(redirect)}" />\n' if redirect else ""
    return f"""  <page>
    <title>{escape(title)}</title>
    <ns>{namespace}</ns>
    <id>{number}</id>
{target}{more}    <revision>
      <id>{number}9</id>
      <contributor><username>A</username><id>7</id></contributor>
      <text bytes="{len(text)}" xml:space="preserve">{escape(text)}</text>
    </revision>
  </page>
"""


def dump(*pages: str, end: str = "</mediawiki>\n") -> bytes:
    """A whole file."""
    return "".join([HEAD, *pages, end]).encode()
