"""``also``: rows beside a sweep's product."""

from __future__ import annotations

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from qa_bench.errors import UserError
from qa_bench.line.further import jobs_of, settings_of


def jobs(*words: str) -> list[list[str]]:
    return jobs_of(OverridesParser.create().parse_overrides(list(words)))


def test_a_product_alone() -> None:
    assert jobs("a=1,2", "b=3") == [["a=1", "b=3"], ["a=2", "b=3"]]


def test_rows_beside_it_come_first() -> None:
    made = jobs("a=1,2", "also={b: [4,5]},{a: 9, b: null}")
    assert made == [["a=1", "b=[4,5]"], ["a=2", "b=[4,5]"], ["a=9", "b=null"], ["a=1"], ["a=2"]]


def test_what_is_said_of_a_part_does_not_count_where_a_row_chooses_another() -> None:
    words = ("train.seed=0,1", "+retriever@train.source.retriever=x", "trainer=y", "dataset=a,b")
    made = jobs(*words, "also={train: none}")
    assert made[:2] == [["trainer=y", f"dataset={name}", "train=none"] for name in "ab"]
    assert len(made) == 2 + 4


def test_the_last_one_counts() -> None:
    assert jobs("a=1,2", "also={a: 3}", "also={a: 4}")[0] == ["a=4"]
    assert jobs("a=1,2", "also={a: 3}", "also=null") == [["a=1"], ["a=2"]]


def test_settings_of_a_row_are_among_those_that_differ() -> None:
    parsed = OverridesParser.create().parse_overrides(["a=1,2", "c=3", "also={b: 1}"])
    assert settings_of(parsed) == {"a", "b"}


@pytest.mark.parametrize("value", ["3", "[a,b]", "{}", "{a: 1},3"])
def test_other_values_are_refused(value: str) -> None:
    with pytest.raises(UserError, match="also: rows beside the sweep"):
        jobs("a=1,2", f"also={value}")
