from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_bench.chunker.words import Words
from qa_bench.errors import UserError
from qa_bench.protocols import Chunker
from qa_bench.types import Article, Passage


def words(count: int) -> list[str]:
    return [f"w{number}" for number in range(count)]


def windows(count: int, **settings: Any) -> list[list[str]]:
    return list(Words(**settings).windows(words(count)))


def texts(article: Article, **settings: Any) -> list[str]:
    (passages,) = Words(**settings).chunk([article])
    return [passage.text for passage in passages]


counts = st.integers(0, 60)
sizes = st.integers(1, 12)


@st.composite
def sizes_and_strides(draw: st.DrawFn) -> tuple[int, int]:
    size = draw(sizes)
    return size, draw(st.integers(1, size))


@given(counts, sizes)
def test_disjoint_windows_are_the_text_cut_up(count: int, size: int):
    cut = windows(count, size=size)
    assert [word for window in cut for word in window] == words(count)
    assert all(len(window) == size for window in cut[:-1])
    assert len(cut) == -(-count // size)


@given(counts, sizes_and_strides(), st.sampled_from(["keep", "wrap"]))
def test_every_word_is_covered(count: int, settings: tuple[int, int], tail: str):
    size, stride = settings
    cut = windows(count, size=size, stride=stride, tail=tail)
    assert {word for window in cut for word in window} == set(words(count))
    for number, window in enumerate(cut):
        start = number * stride
        assert window[: count - start] == words(count)[start : start + size]
    if len(cut) > 1:
        assert (len(cut) - 2) * stride + size < count <= (len(cut) - 1) * stride + size


@given(counts, sizes_and_strides())
def test_wrapped_windows_are_full_and_end_with_the_first_words(
    count: int, settings: tuple[int, int]
):
    size, stride = settings
    cut = windows(count, size=size, stride=stride, tail="wrap", short="drop")
    assert all(len(window) == size for window in cut)
    assert bool(cut) is (count >= size)
    if cut:
        kept = count - (len(cut) - 1) * stride
        assert cut[-1] == words(count)[-kept:] + words(count)[: size - kept]


@given(counts, sizes_and_strides())
def test_dropped_tails_leave_full_windows(count: int, settings: tuple[int, int]):
    size, stride = settings
    cut = windows(count, size=size, stride=stride, tail="drop", short="drop")
    assert all(len(window) == size for window in cut)
    kept = windows(count, size=size, stride=stride, tail="keep", short="drop")
    assert cut == [window for window in kept if len(window) == size]


@given(counts, sizes)
def test_without_a_stride_windows_are_disjoint(count: int, size: int):
    assert windows(count, size=size) == windows(count, size=size, stride=size)


@pytest.mark.parametrize(
    ("count", "settings", "cut"),
    [
        (6, {"size": 3}, ["0 1 2", "3 4 5"]),
        (6, {"size": 3, "tail": "wrap"}, ["0 1 2", "3 4 5"]),
        (6, {"size": 3, "tail": "drop"}, ["0 1 2", "3 4 5"]),
        (7, {"size": 3}, ["0 1 2", "3 4 5", "6"]),
        (7, {"size": 3, "tail": "wrap"}, ["0 1 2", "3 4 5", "6 0 1"]),
        (7, {"size": 3, "tail": "drop"}, ["0 1 2", "3 4 5"]),
        (6, {"size": 4, "stride": 2}, ["0 1 2 3", "2 3 4 5"]),
        (7, {"size": 4, "stride": 2}, ["0 1 2 3", "2 3 4 5", "4 5 6"]),
        (7, {"size": 4, "stride": 2, "tail": "wrap"}, ["0 1 2 3", "2 3 4 5", "4 5 6 0"]),
        (7, {"size": 4, "stride": 2, "tail": "drop"}, ["0 1 2 3", "2 3 4 5"]),
        (3, {"size": 3, "tail": "wrap", "short": "drop"}, ["0 1 2"]),
        (2, {"size": 3}, ["0 1"]),
        (2, {"size": 3, "tail": "wrap"}, ["0 1"]),
        (2, {"size": 3, "tail": "drop"}, ["0 1"]),
        (2, {"size": 3, "short": "drop"}, []),
        (0, {"size": 3}, []),
        (3, {"size": 1}, ["0", "1", "2"]),
    ],
)
def test_windows(count: int, settings: dict[str, Any], cut: list[str]):
    assert windows(count, **settings) == [[f"w{n}" for n in window.split()] for window in cut]


def test_words_are_split_at_any_white_space():
    article = Article("1", "T", "one\n\ntwo\tthree\u00a0four  five-six,\u2028seven\n")
    assert texts(article, size=3) == ["one two three", "four five-six, seven"]


def test_each_article_gives_one_list_without_pids():
    articles = [Article("1", "A", "a b c"), Article("2", "B", " \n"), Article("3", "C", "d")]
    assert list(Words(size=2).chunk(articles)) == [
        [Passage("", "A", "a b"), Passage("", "A", "c")],
        [],
        [Passage("", "C", "d")],
    ]


def test_articles_are_read_one_by_one():
    def articles():
        yield Article("1", "A", "a")
        raise AssertionError("read ahead")

    assert next(Words().chunk(articles())) == [Passage("", "A", "a")]


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("Aaron\n\nAaron is", "Aaron Aaron is"),
        ("  Aaron \nAaron is", "Aaron Aaron is"),
        ("Aaron is", "Aaron Aaron is"),
        ("Aaron", "Aaron"),
        ("He is Aaron", "Aaron He is Aaron"),
        ("aaron\nis", "Aaron aaron is"),
    ],
)
def test_the_title_line_is_there_once(text: str, begins: str):
    article = Article("1", "Aaron", text)
    assert texts(article, title_line=True) == [begins]
    assert texts(article) == [" ".join(text.split())]


def test_the_title_line_counts_as_words():
    article = Article("1", "Two Words", "a b c")
    cut = texts(article, size=4, tail="wrap", short="drop", title_line=True)
    assert cut == ["Two Words a b", "c Two Words a"]


def test_titles_are_skipped_where_a_pattern_is_found():
    skip = [r"(?i)\(disambiguation\)", r"^(List|Index|Outline) of .+"]
    titles = {
        "Mercury (disambiguation)": 0,
        "Mercury (Disambiguation) x": 0,
        "List of lakes": 0,
        "Index of": 1,
        "A List of lakes": 1,
        "Mercury": 1,
    }
    articles = [Article(title, title, "text") for title in titles]
    cut = Words(skip_titles=skip).chunk(articles)
    assert [len(passages) for passages in cut] == list(titles.values())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 0}, "chunker.size: a whole number >= 1, got '0'"),
        ({"size": -5}, "chunker.size: a whole number >= 1, got '-5'"),
        ({"size": 10, "stride": 0}, "chunker.stride: a whole number from 1 to 10, got '0'"),
        ({"size": 10, "stride": 11}, "chunker.stride: a whole number from 1 to 10, got '11'"),
        ({"tail": "cut"}, "chunker.tail: keep, wrap or drop, got 'cut'"),
        ({"short": "wrap"}, "chunker.short: keep or drop, got 'wrap'"),
        ({"title_line": "no"}, "chunker.title_line: true or false, got 'no'"),
        ({"skip_titles": ["("]}, r"chunker\.skip_titles: "),
        ({"skip_titles": "^List of"}, r"chunker\.skip_titles"),
    ],
)
def test_bad_settings(settings: dict[str, Any], message: str):
    with pytest.raises(UserError, match=message):
        Words(**settings)


def test_it_is_a_chunker():
    assert isinstance(Words(), Chunker)
