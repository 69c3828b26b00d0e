"""Which passages are asked of."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from qa_bench.store.passages import Passages, describe_passages, write_passages
from qa_bench.synthetic.sampling import sample

LONG = "one two three four five"


def rows_of(sizes: dict[str, int]) -> list[tuple[str, str, str]]:
    titles = [title for title, size in sizes.items() for _ in range(size)]
    return [(str(n), title, LONG) for n, title in enumerate(titles)]


def drawn(make_passages: Any, sizes: dict[str, int], n: int, seed: int = 0) -> list[str]:
    passages = make_passages(rows_of(sizes))
    return list(passages.titles(sample(passages, n, 5, seed).rows))


def test_each_article_has_its_share(make_passages: Any) -> None:
    counts = Counter(drawn(make_passages, {"a": 60, "b": 30, "c": 10}, 20))
    assert (counts["a"], counts["b"], counts["c"]) == (12, 6, 2)


@pytest.mark.parametrize("seed", range(5))
def test_shares_are_rounded_up_or_down(make_passages: Any, seed: int) -> None:
    counts = Counter(drawn(make_passages, {"a": 7, "b": 5, "c": 1, "d": 9}, 11, seed))
    assert counts["a"] in (3, 4)
    assert counts["b"] in (2, 3)
    assert counts["c"] in (0, 1)
    assert counts["d"] in (4, 5)


def test_no_passage_twice_and_in_corpus_order(make_passages: Any) -> None:
    passages = make_passages(rows_of({"a": 7, "b": 5}), rows_of({"b": 3, "c": 4}))
    for n in range(1, 19):
        rows = sample(passages, n, 5, 3).rows.tolist()
        assert len(rows) == n
        assert rows == sorted(set(rows))


def test_the_seed_decides(make_passages: Any) -> None:
    passages = make_passages(rows_of({"a": 40, "b": 40}))
    once = [sample(passages, 8, 5, seed).rows.tolist() for seed in (0, 0, 1, 2)]
    assert once[0] == once[1]
    assert len({tuple(rows) for rows in once}) == 3


def test_all_where_there_are_fewer(make_passages: Any) -> None:
    passages = make_passages(rows_of({"a": 3, "b": 2}))
    taken = sample(passages, 100, 5, 0)
    assert taken.rows.tolist() == [0, 1, 2, 3, 4]
    assert (taken.eligible, taken.short, taken.every) == (5, 0, 2)


def test_short_passages_are_left_out_and_counted(make_passages: Any) -> None:
    texts = [LONG, "one two three four", "  one two   three\nfour five ", ""]
    passages = make_passages([(str(n), "t", text) for n, text in enumerate(texts)])
    taken = sample(passages, 10, 5, 0)
    assert taken.rows.tolist() == [0, 2]
    assert (taken.eligible, taken.short) == (2, 2)
    assert sample(passages, 10, 6, 0).rows.tolist() == []


def test_articles_are_told_apart_by_their_ids(tmp_path: Path) -> None:
    """Two articles of one title are two; a passage with neither id nor title is one of its own."""
    file = tmp_path / "passages-00000.arrow"
    rows = [("1", "t", LONG, "x"), ("2", "t", LONG, "x"), ("3", "t", LONG, "y")]
    write_passages(file, rows, sourced=True)
    describe_passages(tmp_path, [file])
    assert sample(Passages(tmp_path), 3, 5, 0).articles.tolist() == [0, 0, 1]


def test_articles_by_their_titles(make_passages: Any) -> None:
    titles = ["t", "", "u", "", "t"]
    passages = make_passages([(str(n), title, LONG) for n, title in enumerate(titles)])
    taken = sample(passages, 5, 5, 0)
    assert taken.articles.tolist() == [0, 1, 2, 3, 0]
    assert taken.every == 4
