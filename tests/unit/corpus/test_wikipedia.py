"""A dump as a corpus: which pages are articles, in what order, and what stops it."""

from __future__ import annotations

import bz2
import gc
import json
import logging
import os
import random
import time
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf
from wikipedia_dumps import dump, page

from qa_bench.corpus import wikipedia
from qa_bench.corpus.wikipedia import WikipediaDump
from qa_bench.corpus.wikipedia_pages import REASONS
from qa_bench.errors import DataError, UserError
from qa_bench.parts import make
from qa_bench.protocols import Corpus
from qa_bench.types import Article

PAGES = [
    page(10, "Old name", "#REDIRECT [[New name]]", redirect="New name"),
    page(11, "Older name", " #redirect [[New name]]"),
    page(12, "New name", "'''New name''' is &amp; [[was|were]]{{cite}}.\n\n== See ==\n* [[List]]"),
    page(13, "Talk:New name", "Signed.", 1),
    page(14, "Name", "'''Name''' may refer to:\n* a\n{{disambiguation}}"),
    page(15, "Name (disambiguation)", "Nothing tells but the title."),
    page(16, "Place", "{{Human name disambiguation|x}}"),
    page(17, "List only", "* a\n* b"),
    page(18, "No words", ""),
    page(19, "Needs one", "Text with {{disambiguation needed|date=x}}."),
    page(20, "Name", "The same title twice."),
]
ARTICLES = [
    Article("12", "New name", "New name is & were."),
    Article("19", "Needs one", "Text with ."),
    Article("20", "Name", "The same title twice."),
]
COUNTS = {
    "pages": 11,
    "other_namespaces": 1,
    "redirects": 2,
    "disambiguations": 3,
    "empty_pages": 2,
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "pages-articles.xml"
    file.write_bytes(dump(*PAGES))
    return file


@pytest.fixture
def in_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small inputs too go to processes, a few pages at a time."""
    monkeypatch.setattr(wikipedia, "_WORTH_PROCESSES", 0)
    monkeypatch.setattr(wikipedia, "_BATCH_BYTES", 2000)


def articles(corpus: WikipediaDump) -> list[Article]:
    return [article for article, _, _ in corpus.articles()]


def test_articles(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    corpus = WikipediaDump("own", str(path))
    assert corpus.counts() == {}
    with caplog.at_level(logging.INFO):
        found = list(corpus.articles())
    assert [article for article, _, _ in found] == ARTICLES
    lines = path.read_text().split("\n")
    for article, where, line in found:
        assert where == path
        assert lines[line - 1] == "  </page>"
        assert f"<id>{article.id}</id>" in "\n".join(lines[line - 13 : line])
    assert corpus.counts() == COUNTS
    assert set(COUNTS) <= {"pages", *REASONS}
    [told] = [record.message for record in caplog.records]
    assert told.startswith(
        "own: 11 pages, 3 articles; left out: 1 other namespaces, 2 redirects, 3 disambiguations, "
        "2 empty pages; 0.0 MB of XML, "
    )
    assert told.endswith(" pages/s")
    assert isinstance(corpus, Corpus)
    assert corpus.unit == "article"


def test_entries_have_the_revision(path: Path) -> None:
    entries = [entry for entry, _ in WikipediaDump("own", str(path)).entries()]
    assert [entry.revision for entry in entries] == ["129", "199", "209"]


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({}, "See A: and B."),
        ({"clean": "none"}, "See A: {{x}} and [[B]].\n== C ==\n* D\n{|\n| E || F\n|}"),
        ({"links": "keep"}, "See A: and [[B]]."),
        ({"sections": "keep"}, "See A: and B.\n\nC"),
        ({"lists": "keep", "tables": "keep"}, "See A: and B.\n\nD\nE | F"),
    ],
)
def test_settings(settings: dict[str, Any], text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    wikitext = "See A: {{x}} and [[B]].\n== C ==\n* D\n{|\n| E || F\n|}"
    path.write_bytes(dump(page(1, "T", wikitext)))
    [article] = articles(WikipediaDump("own", str(path), **settings))
    assert article.text == text


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"clean": "wiki"}, "corpus.clean: dpr, tamber or none, got 'wiki'"),
        ({"links": True}, "corpus.links: drop or keep, got 'true'"),
        ({"tables": "all"}, "corpus.tables: drop or keep, got 'all'"),
        ({"on_error": "ignore"}, "corpus.on_error: stop or skip, got 'ignore'"),
        ({"processes": -1}, "corpus.processes: a whole number >= 0, got '-1'"),
    ],
)
def test_a_setting_that_is_none(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        WikipediaDump("own", None, **setting)
    assert str(caught.value) == message


def test_processes_are_not_in_the_identity() -> None:
    node = {"_target_": "qa_bench.corpus.wikipedia.WikipediaDump", "name": "a", "path": "b"}

    def config(**settings: object) -> dict[str, Any]:
        return make("corpus", OmegaConf.create({**node, **settings})).identity

    assert config(processes=1) == config(processes=8)
    assert config(clean="none") != config(clean="dpr")


@pytest.mark.usefixtures("in_processes")
@pytest.mark.parametrize("processes", [1, 2, 3])
def test_several_pieces_on_several_processes(processes: int, tmp_path: Path) -> None:
    """The order is that of the pages, however many there are and whoever extracts them."""
    rng = random.Random(processes)
    wanted = []
    for piece in (1, 2, 3):
        pages = []
        for number in range(200):
            words = " ".join(rng.choices(["red", "[[planet]]", "{{x}}", "is"], k=rng.randrange(99)))
            pages.append(page(1000 * piece + number, f"T{number}", f"Text {words}"))
            wanted.append(str(1000 * piece + number))
        (tmp_path / f"p{piece}.xml.bz2").write_bytes(bz2.compress(dump(*pages)))
    corpus = WikipediaDump("own", str(tmp_path / "p*.bz2"), processes=processes)
    found = list(corpus.articles())
    assert [article.id for article, _, _ in found] == wanted
    assert [where.name for _, where, _ in found] == [
        f"p{n}.xml.bz2" for n in (1, 2, 3) for _ in range(200)
    ]
    one = WikipediaDump("own", str(tmp_path / "p*.bz2"), processes=1)
    assert list(one.articles()) == found
    assert corpus.counts() == one.counts() == {"pages": 600}


def test_pieces_are_in_the_order_of_their_pages(tmp_path: Path) -> None:
    starts = (10, 30303, 1_000_000)
    for number, start in zip((1, 2, 10), starts, strict=True):
        (tmp_path / f"x-pages-articles{number}.xml-p{start}p{start + 9}").write_bytes(b"")
    files = WikipediaDump("own", str(tmp_path / "*-p*")).files()
    assert [f"-p{start}p" in path.name for path, start in zip(files, starts, strict=True)] == [
        True
    ] * 3
    other = tmp_path / "other.xml"
    other.write_bytes(b"")
    listed = [str(path) for path in (*files[::-1], other)]
    assert WikipediaDump("own", listed).files() == [Path(path) for path in listed]


def test_a_downloaded_dump_is_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "wikipedia" / "enwiki-20260901"
    folder.mkdir(parents=True)
    (folder / "b.xml.bz2").write_bytes(bz2.compress(dump(*PAGES)))
    (folder / "a.xml").write_bytes(dump(page(1, "A", "a")))
    corpus = WikipediaDump("own", None, source="enwiki-20260901", raw=str(tmp_path))
    assert articles(corpus) == [Article("1", "A", "a"), *ARTICLES]


BAD = page(8, "Bad", "x").replace("</text>", "")


@pytest.mark.usefixtures("in_processes")
@pytest.mark.parametrize("processes", [1, 2])
def test_a_bad_page_stops_or_is_skipped(
    processes: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(dump(*PAGES[:3], BAD, *PAGES[3:], end=""))
    stream = WikipediaDump("own", str(path), processes=processes).articles()
    assert next(stream)[0] == ARTICLES[0]
    with pytest.raises(DataError, match="not XML") as caught:
        list(stream)
    assert str(caught.value).endswith("mismatched tag) (corpus.on_error=skip goes on)")
    assert "</revision>" in path.read_text().split("\n")[caught.value.line - 1]
    corpus = WikipediaDump("own", str(path), on_error="skip", processes=processes)
    assert articles(corpus) == ARTICLES
    assert corpus.counts() == {**COUNTS, "pages": 13, "broken_pages": 2}
    warned = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert warned == [
        f"{path}:{caught.value.line}: page 'Bad': not XML (mismatched tag); skipped",
        f"{path}:{path.read_bytes().count(10)}: the file ends without </mediawiki>; is it "
        "truncated?; skipped",
    ]


def test_many_bad_pages_do_not_fill_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(dump(*[BAD] * 500))
    corpus = WikipediaDump("own", str(path), on_error="skip")
    assert articles(corpus) == []
    assert corpus.counts() == {"pages": 500, "broken_pages": 500}
    assert len(caplog.records) <= 25


def test_a_broken_piece_does_not_end_the_others(path: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.xml.bz2"
    broken.write_bytes(bz2.compress(dump(*PAGES))[:-20])
    files = [str(broken), str(path)]
    corpus = WikipediaDump("own", files, on_error="skip")
    assert articles(corpus)[-3:] == ARTICLES
    with pytest.raises(DataError, match=r"broken\.xml\.bz2:\d+: corrupt or truncated file"):
        articles(WikipediaDump("own", files))


def test_templates_ten_thousand_deep(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    deep = f"Before {'{{a|' * 10_000}x{'}}' * 10_000} after"
    path.write_bytes(dump(page(1, "A", deep), page(2, "B", "{{" * 500_000 + "b")))
    start = time.process_time()
    assert articles(WikipediaDump("own", str(path))) == [
        Article("1", "A", "Before after"),
        Article("2", "B", "b"),
    ]
    assert time.process_time() - start < 10


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_no_process_stays_behind(
    path: Path, in_processes: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = WikipediaDump("own", str(path), processes=2)
    stream = corpus.articles()
    next(stream)
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    assert len(children.read_text().split()) >= 2
    before = set(children.read_text().split())
    del stream
    gc.collect()
    assert len(set(children.read_text().split()) & before) <= len(before) - 2


# On the real thing

EXPECTED = {
    "dbpedia-minidump-en.xml.bz2": {
        "pages": 27, "other_namespaces": 1, "redirects": 2, "disambiguations": 1,
    },
    "gensim-enwiki-p10p30302-shortened.xml.bz2": {
        "pages": 206, "other_namespaces": 1, "redirects": 99, "disambiguations": 8,
        "empty_pages": 1,
    },
    "wp2txt-testdata_en.bz2": {
        "pages": 362, "other_namespaces": 1, "redirects": 145, "disambiguations": 11,
        "empty_pages": 4, "broken_pages": 1,
    },
}  # fmt: skip


@pytest.mark.shared
@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize("clean", ["dpr", "tamber"])
def test_real_pieces(name: str, clean: str, shared: Path) -> None:
    path = shared / "data/xml_dumps" / name
    corpus = WikipediaDump("own", str(path), clean=clean, on_error="skip", processes=1)
    found = articles(corpus)
    assert corpus.counts() == EXPECTED[name]
    assert len(found) == 2 * EXPECTED[name]["pages"] - sum(EXPECTED[name].values())
    for article in found:
        for left in ("[[", "]]", "{{", "}}", "\n|", "\n=", "<ref", "<br", "&nbsp;", "  "):
            assert left not in article.text, (article.title, left)


@pytest.mark.shared
def test_the_text_is_that_of_dprs_extractor(shared: Path) -> None:
    """Articles of 2016 and 2018 share most paragraphs; those that stayed come out the same."""
    import lzma

    theirs: dict[str, set[str]] = {}
    with lzma.open(shared / "data/enwiki_201811_p10p30302/articles.00.jsonl.xz", "rt") as file:
        for row, _ in zip(file, range(400), strict=False):
            told = json.loads(row)
            theirs[told["id"]] = {" ".join(line.split()) for line in told["text"].split("\n")}
    path = shared / "data/xml_dumps/gensim-enwiki-p10p30302-shortened.xml.bz2"
    same = near = 0
    for article in articles(WikipediaDump("own", str(path), processes=1)):
        known = theirs.get(article.id, set())
        begins = {line[:60] for line in known}
        for line in article.text.split("\n"):
            words = " ".join(line.split())
            if len(words) > 200 and words[:60] in begins:
                near += 1
                same += words in known
    assert near > 1000
    assert same / near > 0.5


@pytest.mark.shared
def test_real_bytes_changed_at_random(shared: Path, tmp_path: Path) -> None:
    """Whatever is hit, the rest is read, and no page comes twice."""
    piece = shared / "data/xml_dumps/gensim-enwiki-p10p30302-shortened.xml.bz2"
    real = bz2.decompress(piece.read_bytes())
    real = real[: real.index(b"</page>", 400_000) + 8] + b"</mediawiki>\n"
    rng = random.Random(4)
    for turn in range(40):
        content = bytearray(real)
        for _ in range(rng.randrange(1, 6)):
            at = rng.randrange(len(content))
            content[at : at + rng.randrange(20)] = rng.choice(
                [b"", b"<", b"\x00", b"</page>", b"<page>", b"&", rng.randbytes(8), content[:5000]]
            )
        path = tmp_path / f"{turn}.xml"
        path.write_bytes(bytes(content))
        found = articles(WikipediaDump("own", str(path), on_error="skip", processes=1))
        assert len({article.id for article in found}) == len(found)
        path.unlink()
