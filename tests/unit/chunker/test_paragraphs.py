from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_bench.chunker.article import Whole
from qa_bench.chunker.paragraphs import Paragraphs
from qa_bench.errors import UserError
from qa_bench.types import Article, Passage

lines = st.lists(st.sampled_from(["", " ", "ab", "abc d", "a longer line"]))


def texts(text: str, group: int = 0) -> list[str]:
    (passages,) = Paragraphs(group).chunk([Article("1", "T", text)])
    return [passage.text for passage in passages]


@given(lines)
def test_every_line_that_holds_something_is_a_passage(several: list[str]) -> None:
    assert texts("\n".join(several)) == [line.strip() for line in several if line.strip()]


def drqa(text: str, most: int) -> list[str]:
    """DrQA's rule, told in another way: a group is closed by the line that is too much for it."""
    groups: list[list[str]] = []
    for line in (line.strip() for line in text.split("\n")):
        if line and groups and sum(map(len, groups[-1])) + len(line) <= most:
            groups[-1].append(line)
        elif line:
            groups.append([line])
    return [" ".join(group) for group in groups]


@given(lines, st.integers(0, 30))
def test_lines_are_put_together(several: list[str], most: int) -> None:
    assert texts("\n".join(several), most) == drqa("\n".join(several), most)


def test_examples() -> None:
    assert texts("T\n\nFirst one.\n Second. \n") == ["T", "First one.", "Second."]
    assert texts("ab\ncd\nef", group=4) == ["ab cd", "ef"]


def test_a_group_has_a_size() -> None:
    with pytest.raises(UserError, match=r"chunker\.group: a whole number >= 0, got '-1'"):
        Paragraphs(-1)


def test_an_article_stays_whole() -> None:
    articles = [
        Article("1", "A", " \none\n\ntwo "),
        Article("2", "B", " \n"),
        Article("3", "C", ""),
    ]
    assert list(Whole().chunk(articles)) == [[Passage("", "A", "one\n\ntwo")], [], []]
    assert list(Whole(["^A"]).chunk(articles[:1])) == [[]]
