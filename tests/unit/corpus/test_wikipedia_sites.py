"""Dumps of other languages and ages: what is an article, by the dump's own names."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from wikipedia_dumps import dump, page

from qa_bench.corpus import wikipedia_pages
from qa_bench.corpus.wikipedia import WikipediaDump
from qa_bench.errors import DataError


def old_page(number: int, title: str, text: str = "Text.") -> str:
    return page(number, title, text).replace("    <ns>0</ns>\n", "")


def head(language: str, **names: str) -> str:
    listed = "".join(
        f'<namespace key="{key.replace("m", "-").strip("n")}">{name}</namespace>'
        for key, name in names.items()
    )
    return (
        f'<mediawiki xml:lang="{language}"><siteinfo><namespaces>{listed}</namespaces></siteinfo>'
    )


def titles(path: Path, **settings: Any) -> tuple[list[str], dict[str, int]]:
    corpus = WikipediaDump("own", str(path), **settings)
    return [article.title for article, _, _ in corpus.articles()], corpus.counts()


def test_pages_without_ns(tmp_path: Path) -> None:
    path = tmp_path / "old.xml"
    wanted = ["Hof", "Star Trek: Voyager", "Bezirk:X"]
    others = [
        "Diskussion:Hof",
        "talk:Hof",
        "Kategorie:Ort",
        "Category:Ort",
        "Hilfe:A",
        "Benutzer_X:A",
    ]
    pages = [old_page(n, title) for n, title in enumerate([*wanted, *others])]
    pages.append(old_page(99, "Weiter", "#WEITERLEITUNG [[Hof]]"))
    names = {"n1": "Diskussion", "n14": "Kategorie", "n12": "Hilfe", "n102": "Benutzer X"}
    path.write_text(head("de", **names) + "".join(pages) + "</mediawiki>")
    assert titles(path) == (wanted, {"pages": 10, "other_namespaces": 6, "redirects": 1})


def test_pages_with_ns_are_taken_by_it(tmp_path: Path) -> None:
    path = tmp_path / "new.xml"
    path.write_bytes(dump(page(1, "Talk:Hof", "Text."), page(2, "Hof", "#One [[two]].", 0)))
    assert titles(path, lists="keep")[0] == ["Talk:Hof", "Hof"]


def test_each_piece_has_names_of_its_own(tmp_path: Path) -> None:
    for name, own in (("a.xml", "Datei"), ("b.xml", "Fichier")):
        text = "[[Datei:x.jpg|mini]] [[Fichier:x.jpg|vignette]] end"
        (tmp_path / name).write_text(
            head("xx", n6=own) + page(len(own), own, text) + "</mediawiki>"
        )
    corpus = WikipediaDump("own", str(tmp_path / "*.xml"), clean="tamber")
    assert [article.text.strip() for article, _, _ in corpus.articles()] == [
        "vignette end",
        "mini end",
    ]


@pytest.mark.parametrize("error", [ValueError("two\nlines"), RecursionError(), MemoryError("x")])
def test_what_a_page_raises_is_that_pages(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    def raising(text: str, *_: object) -> str:
        if "bad" in text:
            raise error
        return text

    monkeypatch.setattr(wikipedia_pages, "clean", raising)
    path = tmp_path / "a.xml"
    path.write_bytes(dump(page(1, "A", "good"), page(2, "Bé", "bad"), page(3, "C", "good")))
    with pytest.raises(DataError) as caught:
        titles(path)
    assert f"page 'Bé' cannot be made text ({type(error).__name__}" in str(caught.value)
    assert caught.value.line
    assert "\n" not in str(caught.value)
    with caplog.at_level(logging.WARNING):
        assert titles(path, on_error="skip") == (["A", "C"], {"pages": 3, "broken_pages": 1})
    assert "page 'Bé'" in caplog.text


def test_long_character_references_are_no_error(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(dump(page(1, "A", "word &#" + "1" * 5000 + "; end &#xD800;")))
    [(article, _, _)] = WikipediaDump("own", str(path)).articles()
    assert article.text == "word \ufffd end \ufffd"
