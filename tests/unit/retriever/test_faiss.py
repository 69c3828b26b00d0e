"""Approximate search with faiss over vectors made here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nearest import COUNT, DEPTH, ONE, QUESTIONS, TWO, Base, Built, by_pair, hits, pids, told

from qa_bench.retriever.bm25.part import Bm25
from qa_bench.retriever.faiss import Faiss
from qa_bench.store.passages import Passages

MakePassages = Callable[..., Passages]


@pytest.fixture
def passages(make_passages: MakePassages) -> Passages:
    return make_passages([(str(n + 1), "", "") for n in range(COUNT)])


@pytest.fixture
def build(tmp_path: Path, passages: Passages) -> Callable[..., Built]:
    """``build(factory="SQ8", …)``."""
    return lambda place="one", **settings: Built(Faiss, tmp_path / place, passages, **settings)


Build = Callable[..., Built]


@pytest.mark.parametrize("similarity", ["dot", "cosine", "l2"])
def test_flat_is_exact(similarity: str, build: Build):
    built = build(similarity=similarity)
    assert built.count == COUNT
    found, true = hits(built.run()), built.true()
    assert pids(found) == pids(true)
    for ours, theirs in zip(found, true, strict=True):
        assert [score for _, score in ours] == pytest.approx([score for _, score in theirs],
                                                             rel=1e-5, abs=1e-5)  # fmt: skip
        assert [score for _, score in ours] == sorted((s for _, s in ours), reverse=True)


def test_depth_beyond_the_corpus(build: Build):
    for factory in ("Flat", "HNSW8", "SQ8"):
        built = build(factory, factory=factory, rescore=2 if factory == "SQ8" else 0)
        found = pids(hits(built.run(depth=COUNT + 50)))
        assert all(len(set(ranked)) == len(ranked) <= COUNT for ranked in found)
        if factory != "HNSW8":  # a graph may not reach all
            assert {len(ranked) for ranked in found} == {COUNT}


@pytest.mark.parametrize("factory", ["HNSW16", "SQ8", "IVF8,Flat", "PQ4x4", "Flat"])
def test_every_build_is_the_same(factory: str, build: Build):
    first = build(factory=factory)
    again = build("two", factory=factory, runtime=TWO)
    assert first.bytes == again.bytes
    runs = [first.run(), first.run(runtime=TWO), again.run(runtime=TWO)]
    assert all(run.table.equals(runs[0].table) for run in runs)


def test_the_sample_to_train_on_follows_the_seed(build: Build):
    builds = [build(str(seed), factory="IVF8,Flat", train=320, seed=seed).bytes for seed in (0, 1)]
    assert builds[0] != builds[1]
    assert build("again", factory="IVF8,Flat", train=320, seed=1).bytes == builds[1]


def test_search_parameters_find_more(build: Build):
    built = build(factory="IVF10,Flat")

    def found(**search: float) -> int:
        made = Faiss(parts={"base": built.base.retriever}, factory="IVF10,Flat", search=search)
        pairs = zip(pids(hits(built.run(made=made))), pids(built.true()), strict=True)
        return sum(len({*ours} & {*true}) for ours, true in pairs)

    few, some, every = found(), found(nprobe=4), found(nprobe=10)
    assert few < some < every == 30 * DEPTH


@pytest.mark.parametrize("similarity", ["dot", "l2"])
def test_rescoring_makes_scores_exact(similarity: str, build: Build):
    built = build(factory="SQ8", similarity=similarity)
    rough, true = hits(built.run()), built.true()
    scores = {
        (n, pid): score for n, ranked in enumerate(built.true(COUNT)) for pid, score in ranked
    }
    assert any(score != scores[n, pid] for n, ranked in enumerate(rough) for pid, score in ranked)
    made = Faiss(parts={"base": built.base.retriever}, factory="SQ8", rescore=4)
    assert hits(built.run(made=made)) == true


def test_a_coarser_index_rescored_finds_less_but_tells_true_scores(build: Build):
    built = build(factory="PQ4x4", rescore=2)
    scores = {
        (n, pid): score for n, ranked in enumerate(built.true(COUNT)) for pid, score in ranked
    }
    found = hits(built.run())
    assert pids(found) != pids(built.true())
    assert all(score == scores[n, pid] for n, ranked in enumerate(found) for pid, score in ranked)
    assert {len(ranked) for ranked in found} == {DEPTH}


@pytest.mark.parametrize("factory", ["Flat", "PQ4x4"])
def test_scores_of_pairs_are_the_exact_ones(factory: str, build: Build):
    built = build(factory=factory)
    true = by_pair(built.true(COUNT))
    asked, rows = np.array([0, 0, 3]), np.array([5, 2, 399])
    scores = built.part.score(
        built.folder, built.passages, QUESTIONS, asked, rows, ONE, base=built.base
    )
    assert scores.tolist() == [true[0, "6"], true[0, "3"], true[3, "400"]]


@pytest.mark.parametrize("factory", ["Quux", "", "IVF,Flat", "Flat,Flat"])
def test_a_factory_string_that_faiss_does_not_know(factory: str, build: Build):
    assert told(lambda: build(factory=factory)) == (
        f"retriever.factory={factory}: faiss knows no such index"
    )


@pytest.mark.parametrize("factory", ["IVF1024,Flat", "PQ4x10"])
def test_too_few_passages_to_train_on(factory: str, build: Build):
    message = told(lambda: build(factory=factory))
    assert message.startswith(f"retriever.factory={factory}: cannot be trained on 400 passages")


def test_a_sample_smaller_than_the_lists(build: Build):
    message = told(lambda: build(factory="IVF64,Flat", train=20))
    assert "cannot be trained on 20 passages" in message


@pytest.mark.parametrize(
    ("factory", "search"), [("Flat", {"nprobe": 3}), ("HNSW8", {"nosuch": 1}), ("SQ8", {"ht": 1})]
)
def test_a_search_parameter_that_the_index_does_not_have(
    factory: str, search: dict[str, float], build: Build
):
    built = build(factory=factory, search=search)
    (name,) = search
    assert told(built.run) == f"retriever.search.{name}: {factory} has no such parameter"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"parts": {}}, "needs one part, base, a dense retriever"),
        ({"parts": {"base": Bm25()}}, "needs one part, base, a dense retriever"),
        ({"parts": {"base": Base(), "more": Base()}}, "needs one part, base, a dense retriever"),
        ({"parts": {"dense": Base()}}, "needs one part, base, a dense retriever"),
        ({"rescore": -1}, "retriever.rescore: a whole number >= 0, got '-1'"),
        ({"rescore": 1.5}, "retriever.rescore: a whole number >= 0, got '1.5'"),
        ({"rescore": True}, "retriever.rescore: a whole number >= 0, got 'true'"),
        ({"train": 0}, "retriever.train: a whole number >= 1, got '0'"),
        ({"train": "all"}, "retriever.train: a whole number >= 1, got 'all'"),
        ({"seed": -1}, "retriever.seed: a whole number >= 0, got '-1'"),
        ({"search": {"nprobe": "many"}}, "retriever.search.nprobe: a number, got 'many'"),
    ],
)
def test_a_bad_setting(settings: dict[str, Any], message: str):
    assert message in told(lambda: Faiss(**{"parts": {"base": Base()}, **settings}))


def test_an_index_that_is_cut_short_is_told(build: Build):
    built = build()
    (built.folder / "index.faiss").write_bytes(built.bytes[:100])
    assert "index.faiss" in told(built.run)
