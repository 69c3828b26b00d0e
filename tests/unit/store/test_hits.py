from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hit_runs import ranking, run_of
from hypothesis import given
from hypothesis import strategies as st

from qa_bench.errors import UserError
from qa_bench.store import hits as module
from qa_bench.store.hits import Hits
from qa_bench.store.passages import Passages
from qa_bench.store.runs import RUN_SCHEMA, read_run, write_run
from qa_bench.types import Run

QIDS = ["q1", "q2", "q3"]
BM25 = {"q1": [("7", 9.0), ("2", 5.0)], "q3": [("4", 1.0)]}
DENSE = {"q1": [("2", 0.5), ("30", 0.25), ("1", 0.125)]}


def test_the_union_question_by_question(numbered: Passages):
    hits = Hits.of({"bm25": run_of(BM25), "dense": run_of(DENSE)}, QIDS, numbered)
    assert hits.question_rows.tolist() == [0, 0, 0, 0, 2]
    assert hits.rows.tolist() == [0, 1, 6, 29, 3]
    nan = np.nan
    np.testing.assert_array_equal(hits.scores["bm25"], [nan, 5, 9, nan, 1])
    np.testing.assert_array_equal(hits.scores["dense"], [0.125, 0.5, nan, 0.25, nan])
    assert hits.ranks["bm25"].tolist() == [0, 2, 1, 0, 1]
    assert hits.ranks["dense"].tolist() == [3, 1, 0, 2, 0]
    assert hits.starts.tolist() == [0, 4]
    assert hits.counts.tolist() == [4, 1]
    assert len(hits) == 5
    assert (hits.rows.dtype, hits.ranks["bm25"].dtype) == (np.int64, np.int32)
    assert hits.scores["bm25"].dtype == np.float64


def test_the_ranking(numbered: Passages):
    hits = Hits.of({"bm25": run_of(BM25), "dense": run_of(DENSE)}, QIDS, numbered)
    run = hits.ranked(np.array([1.0, 3.0, -2.0, 3.0, 0.0]), 3, QIDS, numbered)
    assert ranking(run) == {"q1": [("2", 3.0), ("30", 3.0), ("1", 1.0)], "q3": [("4", 0.0)]}
    assert run.table.schema.names == ["qid", "rank", "pid", "score", "row"]
    assert run.table.column("row").to_pylist() == [1, 29, 0, 3]
    plain = run.table.drop_columns("row").cast(RUN_SCHEMA)
    assert plain.equals(run_of(ranking(run)).table)


def test_the_ranking_of_completed_hits(numbered: Passages):
    hits = Hits.of({"bm25": run_of(BM25), "dense": run_of(DENSE)}, QIDS, numbered)
    stored = dataclasses.replace(
        hits, question_rows=hits.question_rows.astype(np.int32)
    )  # as hits.parquet has it
    fused = np.array([1.0, 3.0, -2.0, 3.0, 4.0])
    one, other = (h.ranked(fused, 3, QIDS, numbered) for h in (hits, stored))
    assert one.table.equals(other.table)


@pytest.mark.parametrize("depth", [1, 2, 5, 1000])
def test_equal_scores_in_corpus_order_also_at_the_cut(named: Passages, depth: int):
    found = {"q": [(f"p{n}", 1.0) for n in (3, 17, 28, 1, 30)]}
    hits = Hits.of({"a": run_of(found)}, ["q"], named)
    run = hits.ranked(np.array([0.0, -0.0, 0.0, -0.0, 0.0]), depth, ["q"], named)
    pids = [pid for pid, _ in ranking(run)["q"]]
    assert pids == ["p30", "p28", "p17", "p3", "p1"][:depth]


def test_scores_are_compared_as_the_run_holds_them(numbered: Passages):
    hits = Hits.of({"a": run_of({"q": [("1", 2.0), ("2", 1.0)]})}, ["q"], numbered)
    run = hits.ranked(np.array([0.1 + 0.2, np.nextafter(0.1 + 0.2, 1)]), 2, ["q"], numbered)
    assert [pid for pid, _ in ranking(run)["q"]] == ["1", "2"]


@pytest.mark.parametrize("score", [np.nan, np.inf, -np.inf, 1e39])
def test_a_score_that_is_none(numbered: Passages, score: float):
    hits = Hits.of({"a": run_of({"q": [("1", 2.0)]})}, ["q"], numbered)
    with pytest.raises(UserError, match="infinite or not a number"):
        hits.ranked(np.array([score]), 2, ["q"], numbered)


@pytest.mark.parametrize("runs", [{}, {"a": {}}, {"a": {}, "b": {}}])
@pytest.mark.parametrize("qids", [[], QIDS])
def test_nothing_found(numbered: Passages, runs: dict, qids: list[str]):
    hits = Hits.of({name: run_of(found) for name, found in runs.items()}, qids, numbered)
    assert (len(hits), list(hits.scores), list(hits.ranks)) == (0, list(runs), list(runs))
    assert hits.starts.tolist() == hits.counts.tolist() == []
    run = hits.ranked(np.zeros(0), 10, qids, numbered)
    assert len(run) == 0
    assert run.table.column_names == ["qid", "rank", "pid", "score", "row"]


def test_one_part_empty(numbered: Passages):
    hits = Hits.of({"a": run_of({}), "b": run_of(DENSE)}, QIDS, numbered)
    assert hits.ranks["a"].tolist() == [0, 0, 0]
    assert np.isnan(hits.scores["a"]).all()
    assert hits.ranks["b"].tolist() == [3, 1, 2]


def test_a_run_in_another_order_of_questions(numbered: Passages):
    turned = run_of(dict(reversed(BM25.items())))
    one = Hits.of({"a": run_of(BM25)}, QIDS, numbered)
    other = Hits.of({"a": turned}, QIDS, numbered)
    assert other.question_rows.tolist() == one.question_rows.tolist()
    assert other.rows.tolist() == one.rows.tolist()
    assert other.ranks["a"].tolist() == one.ranks["a"].tolist()
    assert other.scores["a"].tolist() == one.scores["a"].tolist()


def test_scores_are_made_once_and_may_be_filled_in(numbered: Passages):
    hits = Hits.of({"bm25": run_of(BM25), "dense": run_of(DENSE)}, QIDS, numbered)
    assert "bm25" in hits.scores
    assert "splade" not in hits.scores
    with pytest.raises(KeyError, match="splade"):
        hits.scores["splade"]
    hits.scores["bm25"][0] = 4.0
    np.testing.assert_array_equal(hits.scores["bm25"], [4, 5, 9, np.nan, 1])


@pytest.mark.parametrize("corpus", ["numbered", "named"])
def test_runs_as_they_are_read(corpus: str, tmp_path: Path, request: pytest.FixtureRequest):
    passages = request.getfixturevalue(corpus)
    prefix = "" if corpus == "numbered" else "p"
    plain = {
        name: run_of({qid: [(prefix + pid, s) for pid, s in hits] for qid, hits in found.items()})
        for name, found in {"bm25": BM25, "dense": DENSE, "none": {}}.items()
    }
    for name, run in plain.items():
        write_run(tmp_path / name, run)
    pq.write_table(plain["bm25"].table, tmp_path / "bm25", row_group_size=1)  # ids in pieces
    read = {name: read_run(tmp_path / name, lean=True) for name in plain}
    one, other = (Hits.of(runs, QIDS, passages) for runs in (plain, read))
    for mine, its in ((one.ranks, other.ranks), (one.scores, other.scores)):
        assert list(mine) == list(its)
        for name in mine:
            np.testing.assert_array_equal(mine[name], its[name])
    np.testing.assert_array_equal(one.rows, other.rows)
    np.testing.assert_array_equal(one.question_rows, other.question_rows)


@pytest.mark.parametrize("pid", ["31", "0", "-1", "07", "0x7", "7.0", " 7", "p7", "", "9" * 30])
def test_a_passage_the_corpus_lacks(numbered: Passages, pid: str):
    with pytest.raises(UserError, match=f"run of a: 1 of 3 hits .* lacks, first '{pid}'"):
        Hits.of({"a": run_of({"q1": [("1", 3), (pid, 2), ("2", 1)]})}, QIDS, numbered)


def test_numbers_that_are_not_rows(named: Passages, tmp_path):
    from hit_runs import store

    shuffled = store(tmp_path / "p", ["3", "1", "2"])
    hits = Hits.of({"a": run_of({"q": [("1", 3), ("2", 2), ("3", 1)]})}, ["q"], shuffled)
    assert hits.rows.tolist() == [0, 1, 2]
    assert hits.ranks["a"].tolist() == [3, 1, 2]


def test_a_question_the_set_lacks(numbered: Passages):
    with pytest.raises(UserError, match="run of a has a question that the set lacks: 'q9'"):
        Hits.of({"a": run_of({"q9": [("1", 3)]})}, QIDS, numbered)


@pytest.mark.parametrize("ranks", [[1, 2, 4], [0, 1, 2], [2, 3, 4], [1, 3, 2], [1, 2, 2]])
def test_ranks_that_leave_one_out(numbered: Passages, ranks: list[int]):
    table = run_of({"q1": [("1", 3.0), ("2", 2.0), ("3", 1.0)]}).table
    odd = Run(table.set_column(1, "rank", pa.array(ranks, pa.int32())))
    with pytest.raises(UserError, match=r"run of a: ranks of 'q1' must be 1, 2, 3, …"):
        Hits.of({"a": odd}, QIDS, numbered)


def test_a_passage_twice(numbered: Passages):
    with pytest.raises(UserError, match="run of b names a passage twice"):
        Hits.of({"a": run_of(BM25), "b": run_of({"q1": [("1", 3), ("1", 2)]})}, QIDS, numbered)


single = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(
    fused=st.lists(st.one_of(single, st.sampled_from([0.0, -0.0, 1.0])), min_size=1, max_size=30),
    depth=st.integers(1, 40),
)
def test_any_scores_are_ranked(named: Passages, fused: list[float], depth: int):
    hits = Hits.of(
        {"a": run_of({"q": [(f"p{n + 1}", 0.0) for n in range(len(fused))]})}, ["q"], named
    )
    run = hits.ranked(np.array(fused), depth, ["q"], named)
    rows = hits.rows.tolist()
    best = sorted(zip(fused, rows, strict=True), key=lambda hit: (-hit[0], hit[1]))[:depth]
    assert ranking(run)["q"] == [(f"p{30 - row}", score) for score, row in best]
    assert not np.signbit(run.table.column("score").to_numpy()[[s == 0 for s, _ in best]]).any()


@given(
    sizes=st.lists(st.integers(0, 9), max_size=30),
    cells=st.integers(1, 12),
    most=st.integers(1, 5),
)
def test_blocks_hold_every_hit_once(sizes: list[int], cells: int, most: int):
    ends = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_AT_ONCE", cells)
        blocks = list(module._blocks(ends, most))
    inside = [place for first, last in blocks for place in range(first, last)]
    assert inside == sorted(set(inside))
    assert all(place in inside for place, size in enumerate(sizes) if size)
    for first, last in blocks:
        assert 1 <= last - first <= most
        assert last - first == 1 or ends[last] - ends[first] <= cells


pids = st.lists(st.integers(1, 30), unique=True, max_size=12)
scores = st.sampled_from([-2.5, -1.0, 0.0, 0.5, 3.0])
found = st.dictionaries(st.sampled_from(["q1", "q2", "q3", "q4", "q5"]), pids)


@given(parts=st.lists(found, min_size=1, max_size=3), cells=st.integers(1, 40), data=st.data())
def test_as_dicts_have_it(
    named: Passages, parts: list[dict[str, list[int]]], cells: int, data: st.DataObject
):
    qids = [f"q{number}" for number in range(1, 6)]
    runs: dict[str, Run] = {}
    want: dict[str, dict[tuple[int, int], tuple[float, int]]] = {}
    for number, part in enumerate(parts):
        ordered = {
            qid: [
                (f"p{pid}", score)
                for pid, score in zip(
                    part[qid],
                    sorted((data.draw(scores) for _ in part[qid]), reverse=True),
                    strict=True,
                )
            ]
            for qid in qids
            if qid in part
        }
        runs[f"part{number}"] = run_of(ordered)
        want[f"part{number}"] = {
            (qids.index(qid), 30 - int(pid[1:])): (score, rank)
            for qid, ranked in ordered.items()
            for rank, (pid, score) in enumerate(ranked, 1)
        }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_AT_ONCE", cells)
        hits = Hits.of(runs, qids, named)
        union = sorted(set().union(*want.values()))
        assert list(zip(hits.question_rows.tolist(), hits.rows.tolist(), strict=True)) == union
        for name, pairs in want.items():
            values = [pairs.get(pair, (np.nan, 0)) for pair in union]
            np.testing.assert_array_equal(hits.scores[name], [score for score, _ in values])
            assert hits.ranks[name].tolist() == [rank for _, rank in values]
        fused = np.array([data.draw(scores) for _ in union])
        depth = data.draw(st.integers(1, 20))
        got = ranking(hits.ranked(fused, depth, qids, named))
    best: dict[str, list[tuple[str, float]]] = {}
    for place, row, score in sorted(
        ((place, row, score) for (place, row), score in zip(union, fused.tolist(), strict=True)),
        key=lambda hit: (hit[0], -hit[2], hit[1]),
    ):
        ranked = best.setdefault(qids[place], [])
        if len(ranked) < depth:
            ranked.append((f"p{30 - row}", score))
    assert got == best
