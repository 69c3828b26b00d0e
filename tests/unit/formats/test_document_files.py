"""Documents as people keep them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qa_bench.errors import DataError, UserError
from qa_bench.formats import documents
from qa_bench.formats.documents import SUFFIXES, Document, read_document


def read(folder: Path, name: str, content: str | bytes) -> Document:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_document(path)


@pytest.mark.parametrize(
    ("content", "title", "text"),
    [
        ("# One *x* #\n\nText.\n## Two", "One *x*", "One *x*\n\nText.\nTwo"),
        ("Intro\n\nA title\n=======\nText", "A title", "Intro\n\nA title\nText"),
        ('Text with [a link](http://a.b "t") and ![img](x.png).', "", "Text with a link and img."),
        ("```py\n# no heading\n```\n# Yes", "Yes", "# no heading\nYes"),
        ("---\ntitle: 'From front'\ntags: a\n---\n# Other\n", "From front", "Other\n"),
        ("---\n\nText\n\n---\nMore", "", "---\n\nText\n\n---\nMore"),
        ("a **bold** and __init__", "", "a bold and __init__"),
        ("a<!-- no\n-->b", "", "ab"),
        ("#hashtag\n#\n", "", "#hashtag\n\n"),
        ("\ufeff# Mark", "Mark", "Mark"),
        ("# A\r\nb\rc", "A", "A\nb\nc"),
    ],
)
def test_markdown(content: str, title: str, text: str, tmp_path: Path) -> None:
    assert read(tmp_path, "a.md", content) == (title, text)


@pytest.mark.parametrize(
    ("content", "title", "text"),
    [
        ("<html><head><title>T &amp; t</title>"
         "<style>p</style><script>if (a<b) x()</script>"
         "</head><body><h1>Head</h1><p>One<br>two <b>three</b></p>"
         "<ul><li>a<li>b</ul></body></html>",
         "T & t", "Head\nOne\ntwo three\na\nb"),
        ("<h2>First <i>heading</i></h2><h1>Second</h1>x", "First heading",
         "First heading\nSecond\nx"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><th>c</table>", "", "a b\nc"),
        ("<head><title>T</title><p>No end of head", "T", "No end of head"),
        ("<title>T<p>never closed", "T", "never closed"),
        ("plain &lt;text&gt; &#" + "1" * 5000 + ";", "", "plain <text> \ufffd"),
        ("<a href='&#" + "1" * 5000 + ";'>x</a>", "", "x"),
        ("a <!-- b --> c <![CDATA[ d ]]> <?php e ?> f", "", None),
        ("<p>a\n  b</p>\n\n<p> c </p>", "", "a\nb\nc"),
        ("<b", "", None),
        ("", "", ""),
    ],
)  # fmt: skip
def test_html(content: str, title: str, text: str | None, tmp_path: Path) -> None:
    document = read(tmp_path, "a.html", content)
    assert document.title == title
    assert text is None or document.text == text


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("Käse".encode(), "Käse"),
        ("\ufeffKäse".encode(), "Käse"),
        ("\ufeffKäse".encode("utf-16-le"), "Käse"),
        ("\ufeffKäse".encode("utf-16-be"), "Käse"),
        ('<meta charset="iso-8859-1">Käse'.encode("latin-1"), "Käse"),
        ('<meta content="text/html; charset=windows-1252">„Käse'.encode("cp1252"), "„Käse"),
    ],
)
def test_encodings(content: bytes, text: str, tmp_path: Path) -> None:
    assert read(tmp_path, "a.html", content).text == text


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "Käse".encode("latin-1"), "not utf-8"),
        ("a.md", b"a\0b", "null bytes"),
        ("a.txt", b"\xed\xa0\x80", "not utf-8"),
        ("a.html", b'<meta charset="zip">x', "not zip"),
        ("a.html", b'<meta charset="nonsense">x', "not nonsense"),
        ("a.txt", b"\xff\xfea", "not utf-16-le"),
    ],
)
def test_what_is_no_text(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, name, content)


def test_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "SIZE_LIMIT", 10)
    with pytest.raises(DataError, match="larger than"):
        read(tmp_path, "a.txt", "x" * 11)


UNITS = ["<", "<!--", "<a ", "<p>", "&", "&#", "</", "<![", "<?", "<!", "[", "](", "**", "__", "# ",
         "```\n", "---\n", "a:\n", "=\n", '<a b="', "<title>", "<script>"]  # fmt: skip


@pytest.mark.parametrize("suffix", [".md", ".html"])
@pytest.mark.parametrize("unit", UNITS)
def test_time_is_linear(unit: str, suffix: str, tmp_path: Path) -> None:
    start = time.process_time()
    read(tmp_path, f"a{suffix}", unit * (120_000 // len(unit)))
    assert time.process_time() - start < 5


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(
    suffix=st.sampled_from(sorted(SUFFIXES - {".pdf"})),
    content=st.one_of(st.binary(max_size=60), st.lists(st.sampled_from(UNITS)).map("".join)),
)
def test_whatever_a_file_holds(suffix: str, content: bytes | str, tmp_path: Path) -> None:
    try:
        document = read(tmp_path, f"a{suffix}", content)
    except DataError as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:
        "".join(document).encode()


OBJECTS = (
    b"<</Type/Catalog/Pages 2 0 R>>",
    b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
    b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Contents 4 0 R"
    b"/Resources<</Font<</F 5 0 R>>>>>>",
    b"<</Length 42>>\nstream\nBT /F 12 Tf 20 200 Td (Hof is a town) Tj ET\nendstream",
    b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
)


def pdf() -> bytes:
    """A page that says "Hof is a town"."""
    content, places = b"%PDF-1.4\n", []
    for number, body in enumerate(OBJECTS, 1):
        places.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"trailer\n<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % len(content)
    return content + b"xref\n0 6\n0000000000 65535 f \n" + table + end


PDF = pdf()


@pytest.mark.filterwarnings("ignore")
def test_pdf(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("pypdf")
    document = read(tmp_path, "a.pdf", PDF)
    assert (document.title, document.text.strip()) == ("", "Hof is a town")
    for content in (b"", b"%PDF-1.4\n", PDF[:200], PDF.replace(b"2 0 R", b"9 0 R"), b"text"):
        try:
            read(tmp_path, "b.pdf", content)
        except DataError as error:
            assert "not a readable PDF" in str(error)  # noqa: PT017
    assert not caplog.messages  # pypdf's, which name no file


def test_pdf_without_its_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "pypdf", None)
    with pytest.raises(UserError, match=r"pip install 'qa-bench\[pdf\]'"):
        read(tmp_path, "a.pdf", PDF)
