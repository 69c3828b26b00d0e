"""What holds for every chunker, whatever it cuts by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conf_names import names

from qa_bench.types import Article, Passage

Make = Callable[..., Any]
CHUNKERS = names("chunker")


@pytest.fixture(params=CHUNKERS)
def chosen(request: pytest.FixtureRequest, part: Make) -> Any:
    return part("chunker", request.param)


def words(count: int, start: int = 0) -> str:
    """So many different words, in sentences of nine and paragraphs of fifty."""
    made = []
    for number in range(start, start + count):
        word = f"w{number}"
        word += "." if number % 9 == 8 else ""
        made.append(word + ("\n\n" if number % 50 == 49 else " "))
    return "".join(made)


LONG = Article("1", "A long article", words(1234))
ROUND = Article("2", "Round", words(400, 5000))
SHORT = Article("3", "Short", words(7, 7000))
EMPTY = Article("4", "Empty", "")
BLANK = Article("5", "Blank", " \n\n\t ")
ACCENTS = Article("6", "Déjà vu, naïve (日本)", "Ωmega « déjà » 日本 e\u0301 " * 60)
ARTICLES = [LONG, EMPTY, ROUND, SHORT, BLANK, ACCENTS]


def drops_short(chosen: Any) -> bool:
    return chosen.identity.get("short") == "drop"


def test_one_list_an_article(chosen: Any) -> None:
    groups = list(chosen.chunk(iter(ARTICLES)))
    assert len(groups) == len(ARTICLES)
    for article, group in zip(ARTICLES, groups, strict=True):
        assert isinstance(group, list)
        for passage in group:
            assert isinstance(passage, Passage)
            assert passage.pid == ""
            assert passage.title == article.title
            assert passage.text == passage.text.strip() != ""


def test_no_article_no_passage(chosen: Any) -> None:
    assert list(chosen.chunk([])) == []
    assert list(chosen.chunk([EMPTY, BLANK])) == [[], []]


def test_same_passages_every_time(chosen: Any, part: Make, request: Any) -> None:
    once = list(chosen.chunk(ARTICLES))
    assert list(chosen.chunk(iter(ARTICLES))) == once
    name = request.node.callspec.params["chosen"]
    assert list(part("chunker", name).chunk(ARTICLES)) == once


def test_articles_do_not_touch_each_other(chosen: Any) -> None:
    together = list(chosen.chunk(ARTICLES))
    apart = [next(iter(chosen.chunk([article]))) for article in ARTICLES]
    assert together == apart


def test_no_text_is_lost(chosen: Any) -> None:
    kept = [LONG, ROUND, ACCENTS] if drops_short(chosen) else [LONG, ROUND, SHORT, ACCENTS]
    for article, group in zip(kept, chosen.chunk(kept), strict=True):
        found = [word for passage in group for word in passage.text.split()]
        assert set(article.text.split()) <= set(found), article.title
        first_places = [found.index(word) for word in dict.fromkeys(article.text.split())]
        assert first_places == sorted(first_places), "order of the text"
        assert set(found) <= set(article.text.split()) | set(article.title.split())


def test_short_articles(chosen: Any) -> None:
    (group,) = chosen.chunk([SHORT])
    if drops_short(chosen):
        assert group == []
    else:
        assert " ".join(p.text for p in group).split()[-7:] == SHORT.text.split()


def test_passages_are_about_as_long_as_they_should_be(chosen: Any) -> None:
    size = chosen.identity.get("size")
    if size is None:
        pytest.skip("this chunker does not count words")
    for group in chosen.chunk([LONG, ROUND]):
        lengths = [len(passage.text.split()) for passage in group]
        assert set(lengths[:-1]) == {size}
        assert 0 < lengths[-1] <= size
        if chosen.identity["tail"] == "wrap":
            assert lengths[-1] == size


def test_streams(chosen: Any) -> None:
    """Passages come before the articles end: a corpus of any size fits."""
    taken = []

    def endless() -> Iterator[Article]:
        for number in range(10_000):
            taken.append(number)
            yield Article(str(number), f"Article {number}", words(300, number))

    groups = chosen.chunk(endless())
    for number in range(20):
        assert next(groups)
        assert len(taken) <= number + 2


def test_skipped_titles(chosen: Any) -> None:
    skipped = ["Mercury (disambiguation)", "List of rivers", "Index of plants", "Outline of art"]
    articles = [Article(str(n), title, LONG.text) for n, title in enumerate(skipped)]
    groups = list(chosen.chunk(articles))
    assert [bool(group) for group in groups] == [not chosen.identity.get("skip_titles")] * 4
    assert all(chosen.chunk([Article("9", "Listing of rivers", LONG.text)]))
