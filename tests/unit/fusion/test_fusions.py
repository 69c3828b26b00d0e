"""Each fusion by hand, against plain dicts, and what it refuses."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hit_runs import by_pid, ranking, run_of
from hypothesis import given
from hypothesis import strategies as st

from qa_bench.errors import UserError
from qa_bench.fusion.combmnz import CombMnz
from qa_bench.fusion.combsum import CombSum
from qa_bench.fusion.interpolation import Interpolation
from qa_bench.fusion.linear import Linear
from qa_bench.fusion.rrf import ReciprocalRank
from qa_bench.protocols import Fusion
from qa_bench.store.hits import Hits
from qa_bench.store.passages import Passages

MakeHits = Callable[..., Hits]
EVERY = [Linear, Interpolation, ReciprocalRank, CombSum, CombMnz]
SPARSE = [("3", 10.0), ("5", 8.0), ("9", 4.0)]
DENSE = [("5", 2.0), ("4", 1.0)]
UNION = {"3", "4", "5", "9"}


def with_true_scores(hits: Hits, **values: list[float]) -> Hits:
    """The same hits, every part's score known."""
    return Hits(hits.asked, hits.rows, {k: np.array(v) for k, v in values.items()}, hits.ranks)


def test_linear_is_dprs_sum(make_hits: MakeHits):
    hits = with_true_scores(
        make_hits(bm25=SPARSE, dense=DENSE), bm25=[10.0, 0.5, 8.0, 4.0], dense=[-1.0, 1.0, 2.0, 0.0]
    )
    fused = by_pid(hits, Linear(weights={"dense": 1.1}).fuse(hits))
    assert fused == {"3": 10.0 - 1.1, "4": 0.5 + 1.1, "5": 8.0 + 2.2, "9": 4.0}
    assert Linear.true_scores
    plain = by_pid(hits, Linear().fuse(hits))
    assert plain == {"3": 9.0, "4": 1.5, "5": 10.0, "9": 4.0}


def test_linear_normalises_over_all_hits(make_hits: MakeHits):
    hits = with_true_scores(
        make_hits(bm25=SPARSE, dense=DENSE), bm25=[10.0, 0.0, 8.0, 4.0], dense=[0.0, 1.0, 2.0, 0.0]
    )
    fused = by_pid(hits, Linear(normalize="min_max").fuse(hits))
    assert fused == {"3": 1.0, "4": 0.5, "5": 0.8 + 1.0, "9": 0.4}


def test_linear_does_not_guess(make_hits: MakeHits):
    hits = make_hits(bm25=SPARSE, dense=DENSE)
    with pytest.raises(UserError, match="every score: bm25 has none for 1 of 4 hits"):
        Linear().fuse(hits)


def test_interpolation_takes_the_lists_least_score(make_hits: MakeHits):
    hits = make_hits(bm25=SPARSE, dense=DENSE)
    fused = by_pid(hits, Interpolation(weights={"bm25": 0.5}).fuse(hits))
    assert fused == {"3": 5.0 + 1.0, "4": 2.0 + 1.0, "5": 4.0 + 2.0, "9": 2.0 + 1.0}
    assert not Interpolation.true_scores


def test_interpolation_with_zero(make_hits: MakeHits):
    hits = make_hits(bm25=SPARSE, dense=DENSE)
    weights = {"bm25": 0.25, "dense": 0.75}
    fused = by_pid(hits, Interpolation(weights, missing="zero").fuse(hits))
    assert fused == {"3": 2.5, "4": 0.75, "5": 2.0 + 1.5, "9": 1.0}


@pytest.mark.parametrize(
    ("normalize", "stand_in"),
    [("none", 0.0), ("min_max", 0.0), ("z_score", 0.0), ("pyserini", -0.5)],
)
def test_interpolation_with_an_empty_list(make_hits: MakeHits, normalize: str, stand_in: float):
    hits = make_hits(bm25=SPARSE, dense=[])
    alone = make_hits(bm25=SPARSE)
    fusion = Interpolation(normalize=normalize)
    assert fusion.fuse(hits).tolist() == (fusion.fuse(alone) + stand_in).tolist()


def test_interpolation_normalised_as_pyserini(make_hits: MakeHits):
    hits = make_hits(bm25=SPARSE, dense=DENSE)
    fused = by_pid(hits, Interpolation({"bm25": 2}, normalize="pyserini").fuse(hits))
    assert fused == {
        "3": 2 * 0.5 - 0.5,
        "4": 2 * -0.5 - 0.5,
        "5": 2 * (1 / 6) + 0.5,
        "9": 2 * -0.5 - 0.5,
    }


def test_rrf(make_hits: MakeHits):
    hits = make_hits(bm25=SPARSE, dense=DENSE)
    fused = by_pid(hits, ReciprocalRank().fuse(hits))
    assert fused == {"3": 1 / 61, "4": 1 / 62, "5": 1 / 62 + 1 / 61, "9": 1 / 63}
    weighed = by_pid(hits, ReciprocalRank(k=0, weights={"dense": 3}).fuse(hits))
    assert weighed == {"3": 1.0, "4": 1.5, "5": 0.5 + 3.0, "9": 1 / 3}


def test_combsum(make_hits: MakeHits):
    hits = make_hits(bm25=SPARSE, dense=DENSE)
    fused = by_pid(hits, CombSum().fuse(hits))
    assert fused == {"3": 1.0, "4": 0.0, "5": 4 / 6 + 1.0, "9": 0.0}
    raw = by_pid(hits, CombSum(weights={"dense": 2}, normalize="none").fuse(hits))
    assert raw == {"3": 10.0, "4": 2.0, "5": 8.0 + 4.0, "9": 4.0}


def test_combmnz(make_hits: MakeHits):
    hits = make_hits(bm25=SPARSE, dense=DENSE)
    fused = by_pid(hits, CombMnz().fuse(hits))
    assert fused == {"3": 1.0, "4": 0.0, "5": 2 * (4 / 6 + 1.0), "9": 0.0}
    raw = by_pid(hits, CombMnz(weights={"dense": 2}, normalize="none").fuse(hits))
    assert raw == {"3": 10.0, "4": 2.0, "5": 2 * 12.0, "9": 4.0}


def test_combmnz_counts_a_hit_whose_score_is_zero(make_hits: MakeHits):
    hits = make_hits(a=[("1", 3.0), ("2", 1.0)], b=[("2", 5.0), ("3", 4.0)])
    assert by_pid(hits, CombMnz().fuse(hits)) == {"1": 1.0, "2": 2 * (0.0 + 1.0), "3": 0.0}


def test_duplicate_scores_in_corpus_order(numbered: Passages):
    runs = {"b": {"q": [("9", 1.0), ("2", 1.0)]}, "a": {"q": [("4", 1.0), ("7", 1.0)]}}
    hits = Hits.of({name: run_of(found) for name, found in runs.items()}, ["q"], numbered)
    for fusion in (Interpolation(), CombSum(), CombMnz()):
        run = hits.ranked(fusion.fuse(hits), 10, ["q"], numbered)
        assert [pid for pid, _ in ranking(run)["q"]] == ["2", "4", "7", "9"]


@pytest.mark.parametrize("make", EVERY)
def test_no_hits(make: Callable[..., Any], numbered: Passages):
    hits = Hits.of({"a": run_of({}), "b": run_of({})}, ["q"], numbered)
    fused = make().fuse(hits)
    assert (fused.dtype, fused.shape) == (np.float64, (0,))


@pytest.mark.parametrize("make", EVERY)
def test_the_protocol(make: Callable[..., Any]):
    assert isinstance(make(), Fusion)


# Settings


@pytest.mark.parametrize("make", EVERY)
@pytest.mark.parametrize("weight", [math.nan, math.inf, "1", None, True, [1]])
def test_weights_must_be_numbers(make: Callable[..., Any], weight: object):
    with pytest.raises(UserError, match=r"fusion\.weights\.a: a number, got"):
        make(weights={"a": weight})


@pytest.mark.parametrize("make", EVERY)
def test_weights_must_be_a_mapping(make: Callable[..., Any]):
    with pytest.raises(UserError, match=r"fusion\.weights: a mapping"):
        make(weights=[1.0, 2.0])


@pytest.mark.parametrize("make", EVERY)
def test_a_weight_that_names_no_part(make: Callable[..., Any], make_hits: MakeHits):
    hits = make_hits(e5=[("1", 1.0)], bm25=[("1", 1.0)])
    with pytest.raises(UserError) as told:
        make(weights={"bm25": 2, "dense": 1}).fuse(hits)
    assert str(told.value) == "fusion.weights names 'dense', the parts are bm25, e5"


@pytest.mark.parametrize("make", [Linear, Interpolation, CombSum, CombMnz])
@pytest.mark.parametrize("name", ["max", None, ["none"]])
def test_an_unknown_normaliser(make: Callable[..., Any], name: object):
    with pytest.raises(UserError, match=r"fusion\.normalize: none, min_max, z_score or pyserini"):
        make(normalize=name)


@pytest.mark.parametrize("k", [-1, math.nan, math.inf, "60", True, None])
def test_k(k: object):
    with pytest.raises(UserError, match=r"fusion\.k: a number >= 0"):
        ReciprocalRank(k=k)


def test_missing():
    with pytest.raises(UserError, match=r"fusion\.missing: minimum or zero, got 'mean'"):
        Interpolation(missing="mean")


# Against plain dicts

List = dict[int, float]
"""A part's hits of a question: score by passage."""


def scaled(scores: List, how: str) -> List:
    if not scores or how == "none":
        return scores
    values = list(scores.values())
    low, high = min(values), max(values)
    if low == high:
        return dict.fromkeys(scores, 1.0 if how == "min_max" else 0.0)
    if how == "min_max":
        return {pid: (score - low) / (high - low) for pid, score in scores.items()}
    if how == "pyserini":
        return {pid: (score - (low + high) / 2) / (high - low) for pid, score in scores.items()}
    mean, deviation = statistics.fmean(values), statistics.pstdev(values)
    return {pid: (score - mean) / deviation for pid, score in scores.items()}


def plain(
    kind: str, parts: Mapping[str, List], weights: Mapping[str, float], how: str
) -> dict[int, float]:
    union = {pid for scores in parts.values() for pid in scores}
    fused = dict.fromkeys(union, 0.0)
    for name in sorted(parts):
        scores, weight = scaled(parts[name], how), weights.get(name, 1.0)
        ranks = {pid: rank for rank, pid in enumerate(parts[name], 1)}
        empty = -0.5 if how == "pyserini" else 0.0
        least = min(scores.values(), default=empty) if kind == "minimum" else 0.0
        for pid in union:
            if kind == "rrf":
                fused[pid] += weight / (60 + ranks[pid]) if pid in ranks else 0.0
            else:
                fused[pid] += weight * scores.get(pid, least)
    if kind == "combmnz":
        return {pid: s * sum(pid in found for found in parts.values()) for pid, s in fused.items()}
    return fused


FUSIONS: dict[str, Callable[..., Any]] = {
    "minimum": lambda weights, how: Interpolation(weights, "minimum", how),
    "zero": lambda weights, how: Interpolation(weights, "zero", how),
    "rrf": lambda weights, how: ReciprocalRank(weights=weights),
    "combsum": lambda weights, how: CombSum(weights, how),
    "combmnz": lambda weights, how: CombMnz(weights, how),
}

value = st.one_of(
    st.sampled_from([0.0, 1.0, 1.5, 80.25]), st.floats(-100, 100, width=32, allow_subnormal=False)
)
one_list = st.dictionaries(st.integers(1, 30), value, max_size=15).map(
    lambda scores: dict(sorted(scores.items(), key=lambda hit: (-hit[1], hit[0])))
)
QIDS = ["q1", "q2", "q3"]
run = st.fixed_dictionaries(dict.fromkeys(QIDS, one_list))
some_parts = st.dictionaries(st.sampled_from(["bm25", "e5", "dpr"]), run, min_size=1)
normalizers = st.sampled_from(["none", "min_max", "z_score", "pyserini"])


def hits_of(parts: Mapping[str, Mapping[str, List]], passages: Passages) -> Hits:
    return Hits.of(
        {
            name: run_of({q: [(str(pid), s) for pid, s in hits.items()] for q, hits in run.items()})
            for name, run in parts.items()
        },
        QIDS,
        passages,
    )


@pytest.mark.parametrize("kind", FUSIONS)
@given(parts=some_parts, how=normalizers, weight=st.sampled_from([1.0, 0.3, 0.0, -2.0]))
def test_as_dicts_have_it(
    numbered: Passages,
    kind: str,
    parts: dict[str, dict[str, List]],
    how: str,
    weight: float,
):
    weights = {min(parts): weight}
    hits = hits_of(parts, numbered)
    fused = FUSIONS[kind](weights, how).fuse(hits)
    want = {
        (place, pid - 1): score
        for place, qid in enumerate(QIDS)
        for pid, score in plain(
            kind, {n: run[qid] for n, run in parts.items()}, weights, how
        ).items()
    }
    pairs = list(zip(hits.asked.tolist(), hits.rows.tolist(), strict=True))
    assert pairs == sorted(want)
    assert fused.tolist() == pytest.approx([want[pair] for pair in pairs], rel=1e-6, abs=1e-6)
    assert np.isfinite(fused).all()
    if how != "z_score":  # its sums are rounded in another order
        assert fused.tolist() == [want[pair] for pair in pairs]


@pytest.mark.parametrize("kind", FUSIONS)
@given(parts=some_parts, how=normalizers, data=st.data())
def test_the_order_of_parts_and_weights_is_nothing(
    numbered: Passages,
    kind: str,
    parts: dict[str, dict[str, List]],
    how: str,
    data: st.DataObject,
):
    weights = {name: 0.1 * number for number, name in enumerate(sorted(parts), 1)}
    order = data.draw(st.permutations(list(parts)))
    hits = hits_of(parts, numbered)
    turned = hits_of({name: parts[name] for name in order}, numbered)
    one = FUSIONS[kind](weights, how).fuse(hits)
    other = FUSIONS[kind]({name: weights[name] for name in order}, how).fuse(turned)
    assert one.tobytes() == other.tobytes()
    ranked = hits.ranked(one, 10, QIDS, numbered), turned.ranked(other, 10, QIDS, numbered)
    assert ranked[0].table.equals(ranked[1].table)


@given(parts=some_parts, how=normalizers)
def test_a_parts_scale_does_not_depend_on_the_others(
    numbered: Passages, parts: dict[str, dict[str, List]], how: str
):
    name = min(parts)
    alone = hits_of({name: parts[name]}, numbered)
    beside = hits_of(parts, numbered)
    weights = dict.fromkeys(parts, 0.0) | {name: 1.0}
    one = CombSum({name: 1.0}, how).fuse(alone)
    other = CombSum(weights, how).fuse(beside)
    assert one.tolist() == other[beside.ranks[name] > 0].tolist()
