"""Approximate search with usearch over vectors made here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nearest import COUNT, DEPTH, ONE, QUESTIONS, TWO, Base, Built, by_pair, hits, pids, told

from qa_bench.retriever.usearch import Usearch
from qa_bench.store.passages import Passages

Build = Callable[..., Built]


@pytest.fixture
def passages(make_passages: Callable[..., Passages]) -> Passages:
    return make_passages([(str(n + 1), "", "") for n in range(COUNT)])


@pytest.fixture
def build(tmp_path: Path, passages: Passages) -> Build:
    """``build(connectivity=4, …)``."""
    return lambda place="one", **settings: Built(Usearch, tmp_path / place, passages, **settings)


def share(built: Built, **settings: Any) -> float:
    """Of the exact hits, how many a search with other settings has."""
    made = Usearch(parts={"base": built.base.retriever}, **settings)
    pairs = zip(pids(hits(built.run(made=made))), pids(built.true()), strict=True)
    return sum(len({*ours} & {*true}) for ours, true in pairs) / (30 * DEPTH)


@pytest.mark.parametrize("similarity", ["dot", "cosine", "l2"])
@pytest.mark.parametrize("rescore", [0, 1])
def test_a_wide_search_is_exact(similarity: str, rescore: int, build: Build):
    built = build(similarity=similarity, expansion_search=COUNT, rescore=rescore)
    assert built.count == COUNT
    found, true = hits(built.run()), built.true()
    assert pids(found) == pids(true)
    if rescore:
        assert found == true
    for ours, theirs in zip(found, true, strict=True):
        assert [score for _, score in ours] == pytest.approx([score for _, score in theirs],
                                                             rel=1e-5, abs=1e-5)  # fmt: skip


def test_a_narrow_search_misses_some_and_tells_true_scores(build: Build):
    built = build(connectivity=2, expansion_add=4, expansion_search=1)
    few = share(built, connectivity=2, expansion_search=1)
    more = share(built, connectivity=2, expansion_search=200)
    assert few < more <= 1
    true = by_pair(built.true(COUNT))
    assert all(score == true[pair] for pair, score in by_pair(hits(built.run())).items())


@pytest.mark.parametrize("dtype", ["fp16", "bf16"])
def test_smaller_copies_rescored(dtype: str, build: Build):
    rough, whole = build(dtype, dtype=dtype, rescore=3), build(expansion_search=COUNT)
    assert len(rough.bytes) < len(whole.bytes)
    found, true = by_pair(hits(rough.run())), by_pair(whole.true())
    assert len({*found} & {*true}) > 0.97 * len(true)
    assert all(found[pair] == true[pair] for pair in {*found} & {*true})


def test_every_build_is_the_same(build: Build):
    first, again = build(), build("two", runtime=TWO)
    assert first.bytes == again.bytes
    runs = [first.run(), first.run(runtime=TWO), again.run(runtime=TWO)]
    assert all(run.table.equals(runs[0].table) for run in runs)


def test_depth_beyond_the_corpus(build: Build):
    built = build(connectivity=2, expansion_add=2)
    found = hits(built.run(depth=COUNT + 50))
    assert found == built.true(COUNT)  # all are asked for, also those that no link leads to


def test_scores_of_pairs_are_the_exact_ones(build: Build):
    built = build()
    true = by_pair(built.true(COUNT))
    question_rows, rows = np.array([0, 0, 3]), np.array([5, 2, 399])
    scores = built.part.score(
        built.folder, built.passages, QUESTIONS, question_rows, rows, ONE, base=built.base
    )
    assert scores.tolist() == [true[0, "6"], true[0, "3"], true[3, "400"]]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"parts": {}}, "retriever usearch: needs one part, base, a dense retriever"),
        ({"connectivity": 1}, "retriever.connectivity: a whole number >= 2, got '1'"),
        ({"expansion_add": 0}, "retriever.expansion_add: a whole number >= 1, got '0'"),
        ({"dtype": "f32"}, "retriever.dtype: fp32, bf16, fp16 or int8, got 'f32'"),
        ({"dtype": "int8"}, "retriever.dtype=int8: usearch's whole numbers hold a vector's"),
        ({"expansion_search": 0}, "retriever.expansion_search: a whole number >= 1, got '0'"),
        ({"rescore": -1}, "retriever.rescore: a whole number >= 0, got '-1'"),
    ],
)
def test_a_bad_setting(settings: dict[str, Any], message: str):
    assert message in told(lambda: Usearch(**{"parts": {"base": Base()}, **settings}))


def test_whole_numbers_hold_directions(build: Build):
    assert Usearch(parts={"base": Base("cosine")}, dtype="int8")
    assert "l2 needs" in told(lambda: Usearch(parts={"base": Base("l2")}, dtype="int8"))


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "cut": lambda whole: whole[: len(whole) // 2],
    "zeroed": lambda whole: bytes(len(whole)),
    "foreign": lambda _: b"PK" * 5000,
    "keys": lambda whole: whole[: len(whole) - 10_000] + bytes(10_000),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_spoilt_file_is_told(damage: str, build: Build):
    built = build()
    path = built.folder / "index.usearch"
    path.write_bytes(DAMAGE[damage](built.bytes))
    message = told(built.run)
    assert f"delete {built.folder} to build it again" in message
    assert "index.usearch" in message


def test_an_index_of_other_vectors_is_told(build: Build):
    dot, l2 = build(), build("two", similarity="l2")
    (dot.folder / "index.usearch").write_bytes(l2.bytes)
    assert "no usearch index" in told(dot.run)
