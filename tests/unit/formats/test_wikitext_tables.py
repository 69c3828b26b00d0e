"""Tables inside of tables, and that their rows take no longer than their length."""

from __future__ import annotations

import time

import pytest

from qa_bench.formats.wikitext import Cleaning, clean
from qa_bench.formats.wikitext_tables import rows

TABLES = Cleaning(tables=True)


def test_what_follows_an_inner_table_stays() -> None:
    text = "Intro.\n{|\n| a\n|\n{|\n| b\n|}\n| c\n|-\n| d\n|}\nAfter."
    assert clean(text, TABLES).split("\n") == ["Intro.", "a", "b", "c", "d", "After."]


@pytest.mark.parametrize("depth", [1, 2, 5, 400])
def test_every_cell_of_nested_tables_is_there_once(depth: int) -> None:
    opened = "".join(f"{{|\n! h{n} || i{n}\n|-\n| a{n}\n|\n" for n in range(depth))
    closed = "".join(f"|}}\n| x=y{n}\n|-\n| z{n} = 1 || w{n}\nmore{n}\n" for n in range(depth))
    words = clean(f"{{|\n{opened}| inner\n{closed}|}}", TABLES).replace("|", " ").split()
    for n in range(depth):
        for cell in (f"h{n}", f"i{n}", f"a{n}", f"x=y{n}", f"w{n}", f"more{n}"):
            assert words.count(cell) == 1, cell
    assert words.count("inner") == 1


@pytest.mark.parametrize(
    ("wikitext", "lines"),
    [
        ("{|\n| a\n{|\n| b\n|}\n| name = value\n", ["a", "b", "name: value"]),
        ("{|\n| a\n|}\n|}\n| name = value", ["a", "name: value"]),
        ("|}\n{|\n| a\nb\n\nc\n|}", ["a b c"]),
        ("| name = value\n{|\n| a || b\n!c!!d\n", ["name: value", "a | b | c | d"]),
    ],
)
def test_tables_that_are_not_balanced(wikitext: str, lines: list[str]) -> None:
    assert [line for line in rows(wikitext).split("\n") if line] == lines


@pytest.mark.parametrize(
    ("start", "unit"),
    [
        ("{|\n|a\n", "xy\n"),
        ("", "{|\n|a\n"),
        ("", "\n|}"),
        ("{|\n|a", "||"),
        ("{|\n|a\n", "{|\n|\n|}\n"),
        ("{|\n|", "a="),
        ("{|\n|a\n", "\n|-\n"),
        ("{{infobox\n", "|a=b\n"),
    ],
)
def test_time_is_linear(start: str, unit: str) -> None:
    """One long cell took 12 s at 160,000 lines when each line was joined to all before."""
    began = time.process_time()
    clean(start + unit * (900_000 // len(unit)), TABLES)
    assert time.process_time() - began < 8
