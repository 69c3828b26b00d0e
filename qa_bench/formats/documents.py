"""Documents as people keep them, .md, .txt, .html and .pdf: a title and plain text."""

from __future__ import annotations

import codecs
import io
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from qa_bench.errors import DataError, UserError
from qa_bench.formats.charrefs import unescape

SIZE_LIMIT = 256 << 20
"""Bytes of a document: what is larger is no document, and would be held in memory."""


class Document(NamedTuple):
    """What a reader sees of a file; the title is empty where the file names none."""

    title: str
    text: str


def read_document(path: Path) -> Document:
    """Read a file by its suffix, one of ``SUFFIXES``.

    Raises:
        DataError: it cannot be read, is too large, or holds no text in a known encoding.
        UserError: a package is missing.
    """
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= SIZE_LIMIT else b""
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", path) from None
    if size > SIZE_LIMIT:
        raise DataError(f"larger than {SIZE_LIMIT >> 20} MiB", path)
    return _READERS[path.suffix.lower()](data, path)


_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CHARSET = re.compile(rb"<meta\b[^<>]*?\bcharset\s*=\s*[\"']?\s*([A-Za-z0-9_:.-]{1,40})", re.I)


def _decoded(data: bytes, path: Path, declared: str = "") -> str:
    """The text, by its byte order mark, else as declared, else UTF-8."""
    encoding = declared or "utf-8"
    for mark, name in _BOMS:
        if data.startswith(mark):
            data, encoding = data[len(mark) :], name
            break
    try:
        text = data.decode(encoding)
        text.encode()
    except (LookupError, ValueError) as error:
        hint = "" if declared else ": save it as UTF-8"
        reason = getattr(error, "reason", None) or str(error)[:80]
        raise DataError(f"not {encoding} ({reason}){hint}", path) from None
    if "\0" in text:
        raise DataError("not text: it holds null bytes", path)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _plain(data: bytes, path: Path) -> Document:
    return Document("", _decoded(data, path))


# Markdown: what is markup by its form; the text of code and of tables stays.

_FRONT = re.compile(r"---[ \t]*\n(?=\w[\w -]*:)(?:[^\n]*\n){1,200}?(?:---|\.\.\.)[ \t]*(?:\n|\Z)")
_FRONT_TITLE = re.compile(r"^title[ \t]*:[ \t]*(.*)$", re.M)
_HEADING = re.compile(r" {0,3}#{1,6}(?:[ \t]+(.*))?$")
_UNDERLINE = re.compile(r" {0,3}(?:=+|-{2,})[ \t]*$")
_FENCE = re.compile(r" {0,3}(```+|~~~+)")
_COMMENT = re.compile(r"<!--[\s\S]*?-->")
_LINK = re.compile(r"!?\[([^\[\]\n]*)\]\([^()\n]*\)")


def _markdown(data: bytes, path: Path) -> Document:
    text = _decoded(data, path)
    title = ""
    if front := _FRONT.match(text):
        text = text[front.end() :]
        if (entry := _FRONT_TITLE.search(front[0])) is not None:
            title = entry[1].strip().strip("\"'")
    if "-->" in text:
        text = _COMMENT.sub("", text)
    lines: list[str] = []
    fence = ""
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if mark and (not fence or line.strip() == fence):
            fence = "" if fence else mark[1]
            continue
        if fence:
            lines.append(line)
            continue
        heading = _HEADING.match(line)
        if heading:
            line = (heading[1] or "").strip().rstrip("#").rstrip()
        line = _LINK.sub(r"\1", line).replace("**", "")
        underlined = bool(_UNDERLINE.match(line)) and bool(lines) and bool(lines[-1].strip())
        if underlined:
            title = title or (lines[-1].strip() if line.strip()[0] == "=" else "")
            continue
        if heading and not title:
            title = line
        lines.append(line)
    return Document(title, "\n".join(lines))


# HTML

_UNSEEN = frozenset({"script", "style"})
_BLOCKS = frozenset(
    {"address", "article", "aside", "blockquote", "body", "br", "caption", "dd", "details", "div",
     "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5",
     "h6", "header", "hr", "html", "legend", "li", "main", "nav", "ol", "option", "p", "pre",
     "section", "summary", "table", "tbody", "tfoot", "thead", "tr", "ul"}
)  # fmt: skip
_CELLS = frozenset({"td", "th"})
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})


# The standard library's parser takes time in the square of the length, and raises AssertionError.
_TOKEN = re.compile(
    r"<(?:!--|[!?][^<>]*>|(/?)([A-Za-z][A-Za-z0-9:-]*)(?:[^<>\"']|\"[^\"]*\"|'[^']*')*+>)"
)
_ENDS = {name: re.compile(rf"</{name}\b[^<>]*>", re.I) for name in _UNSEEN}


class _Page:
    """Collects a page's title, first heading and text."""

    def __init__(self, text: str) -> None:
        self.pieces: list[str] = []
        self.title: list[str] = []
        self.heading: list[str] = []
        self._into: list[str] | None = None  # which of these two is open
        at = 0
        last_comment = text.rfind("-->")
        for token in _TOKEN.finditer(text):
            if token.start() < at:
                continue
            self._text(text[at : token.start()])
            at = token.end()
            name = (token[2] or "").lower()
            if token[0] == "<!--":
                at = text.find("-->", at) + 3 if last_comment >= at else at
            elif name in _UNSEEN and not token[1]:
                end = _ENDS[name].search(text, at)
                at = end.end() if end else len(text)
            elif name:
                self._tag(name, bool(token[1]))
        self._text(text[at:])

    def _tag(self, name: str, end: bool) -> None:
        if name == "title":
            self._into = None if end or self.title else self.title
        elif name in _HEADINGS:
            self._into = None if end or "".join(self.heading).strip() else self.heading
        elif not end and (name == "p" or (name in _BLOCKS and self._into is self.title)):
            self._into = None  # it was never closed
        if name in _BLOCKS:
            self.pieces.append("\n")
        elif name in _CELLS:
            self.pieces.append(" ")

    def _text(self, raw: str) -> None:
        if self._into is not None:
            self._into.append(raw)
        if self._into is not self.title:
            self.pieces.append(raw)


_SPACES = re.compile(r"[ \t\r\f\v]+")


def _html(data: bytes, path: Path) -> Document:
    charset = _CHARSET.search(data[:4096])
    text = _decoded(data, path, charset[1].decode("ascii") if charset else "")
    page = _Page(text)
    titles = (_one_line(unescape("".join(pieces))) for pieces in (page.title, page.heading))
    lines = (_SPACES.sub(" ", line).strip() for line in unescape("".join(page.pieces)).split("\n"))
    return Document(
        next((title for title in titles if title), ""), "\n".join(line for line in lines if line)
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _pdf(data: bytes, path: Path) -> Document:
    try:
        import pypdf
    except ImportError:
        raise UserError(f"{path}: .pdf needs pypdf: pip install 'qa-bench[pdf]'") from None
    log = logging.getLogger("pypdf")  # it names no file, and what matters is raised
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        pages = [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages]
    except Exception as error:  # damaged files raise whatever they meet
        what = (str(error).splitlines() or [""])[0][:80]
        raise DataError(f"not a readable PDF ({type(error).__name__}: {what})", path) from None
    finally:
        log.setLevel(level)
    text = "\n".join(pages).replace("\0", "").encode("utf-8", "replace").decode()
    return Document("", text)


_READERS: dict[str, Callable[[bytes, Path], Document]] = {
    ".md": _markdown,
    ".markdown": _markdown,
    ".txt": _plain,
    ".html": _html,
    ".htm": _html,
    ".pdf": _pdf,
}
SUFFIXES = frozenset(_READERS)
