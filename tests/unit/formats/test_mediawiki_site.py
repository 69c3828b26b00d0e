"""What a dump's head says: language and namespaces."""

from __future__ import annotations

import pickle

import pytest

from qa_bench.formats.mediawiki_site import Site
from qa_bench.formats.wikitext import Cleaning, clean

KEPT = Cleaning(colon_links=True)


def head(*names: tuple[int, str], attributes: str = 'xml:lang="de"', more: str = "") -> bytes:
    listed = "".join(
        f'<namespace key="{key}" case="first-letter">{name}</namespace>\n' for key, name in names
    )
    return (
        f'<mediawiki version="0.11" {attributes}>\n<siteinfo>{more}<namespaces>\n'
        f'<namespace key="0" case="first-letter" />{listed}</namespaces></siteinfo>\n'
    ).encode()


RUSSIAN = Site.of(
    head((6, "Файл"), (14, "Категория"), (-2, "Медиа"), (1, "Обсуждение"), (4, "Википедия"),
         (15, "Обсуждение категории"), attributes="xml:lang='ru'")
)  # fmt: skip


@pytest.mark.parametrize(
    ("title", "key"),
    [
        ("Хоф", 0),
        ("Файл:А.jpg", 6),
        ("файл : А.jpg", 6),
        ("обсуждение_категории:А", 15),
        ("Обсуждение  категории:А", 15),
        ("Talk:A", 1),
        ("TEMPLATE TALK:A", 11),
        ("Википедия:А", 4),
        ("Звёздный путь: Вояджер", 0),
        (": А", 0),
        ("", 0),
    ],
)
def test_the_namespace_of_a_title(title: str, key: int) -> None:
    assert RUSSIAN.namespace(title) == key


def test_a_dumps_own_name_goes_before_an_english_one() -> None:
    site = Site.of(head((4, "Help"), (102, "A &amp; B")))
    assert (site.namespace("Help:X"), site.namespace("A & B:X")) == (4, 102)


@pytest.mark.parametrize(
    ("xml", "language"),
    [
        (head(attributes='xml:lang="zh"'), "zh"),
        (head(attributes='xml:lang="sr-EC"'), "sr-ec"),
        (head(attributes="", more="<dbname>zhwiki</dbname>"), "zh"),
        (head(attributes="", more="<dbname>zh_yuewiktionary</dbname>"), "zh-yue"),
        (head(attributes=""), ""),
        (b"", ""),
        (b'\xff<mediawiki xml:lang="', ""),
    ],
)
def test_the_language(xml: bytes, language: str) -> None:
    assert Site.of(xml).language == language


def test_an_english_dump_has_no_names_of_its_own() -> None:
    names = ((-2, "Media"), (6, "File"), (14, "Category"), (1, "Talk"))
    site = Site.of(head(*names, attributes='xml:lang="en"'))
    assert site.names == ()
    assert hash(site) == hash(pickle.loads(pickle.dumps(site)))


@pytest.mark.parametrize(
    "link",
    ["Файл:а.jpg|мини|Ратуша", "файл : а.jpg", "Категория:Города", "категория:Города|*",
     "Медиа:а.ogg", "File:a.jpg|thumb|a", "Category:Towns", "image:a.png", "Изображение:а.jpg"],
)  # fmt: skip
def test_files_and_categories_in_the_dumps_language_go(link: str) -> None:
    assert clean(f"[[{link}]]Хоф — город.", KEPT, RUSSIAN) == "Хоф — город."
    assert clean(f"[[{link}]]Хоф — город.", Cleaning(), RUSSIAN) == "Хоф — город."


def test_other_links_stay() -> None:
    text = "[[Звёздный путь: Вояджер]] и [[:Категория:Города|города]]"
    assert clean(text, KEPT, RUSSIAN) == "Звёздный путь: Вояджер и города"


@pytest.mark.parametrize(("language", "name"), [("de", "Bild"), ("zh", "文件"), ("zh", "分類")])
def test_older_names_that_no_dump_lists(language: str, name: str) -> None:
    site = Site.of(head((6, "File"), attributes=f'xml:lang="{language}"'))
    assert clean(f"[[{name}:a|b]]Hof", KEPT, site) == "Hof"
    assert clean(f"[[{name}:a|b]]Hof", KEPT) == "bHof"


def test_names_are_no_patterns() -> None:
    site = Site.of(head((6, "D.tei (x)"), (14, "Thể loại")))
    assert clean("[[D.tei (x):a]]b", KEPT, site) == "b"
    assert clean("[[Dxtei (x):a]]b", KEPT, site) == "Dxtei (x):ab"
    assert clean("[[Thể_loại:a]]b", KEPT, site) == "b"
