"""Exact search against brute force in float64: the same rows and the same float32 scores."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")

from qa_bench.retriever.vectors import candidates, exact
from qa_bench.retriever.vectors.exact import exact_search
from qa_bench.retriever.vectors.rounding import Bound
from qa_bench.retriever.vectors.similarity import similarities
from qa_bench.store.vectors import Vectors, packed, unpacked
from qa_bench.types import Runtime

SIMILARITIES = ("dot", "cosine", "l2")


class Bar:
    """Counts what it is told."""

    def __init__(self) -> None:
        self.done = 0

    def update(self, count: int = 1) -> None:
        self.done += count


def stored(folder: Path, *shards: np.ndarray, dtype: str = "fp32") -> Vectors:
    folder.mkdir(parents=True, exist_ok=True)
    for number, shard in enumerate(shards):
        np.save(folder / f"vectors-{number:05d}.npy", packed(shard, dtype), allow_pickle=False)
    return Vectors(folder)


def search(vectors: Vectors, questions: np.ndarray, depth: int, similarity: str, **runtime: Any):
    bar = Bar()
    settings = Runtime(**{"threads": 2, "device": "cpu", **runtime})
    rows, scores = exact_search(vectors, questions, depth, similarity, settings, bar)
    assert bar.done == len(questions) or not depth
    assert {row.dtype for row in rows} <= {np.dtype(np.int64)}
    assert {score.dtype for score in scores} <= {np.dtype(np.float32)}
    return rows, scores


def brute(vectors: Vectors, questions: np.ndarray, depth: int, similarity: str):
    """Every score in float64, rounded to float32; ties by row."""
    whole = np.concatenate([block for _, block in vectors.blocks(1000)]).astype(np.float64)
    rows, scores = [], []
    for question in questions.astype(np.float64):
        if similarity == "l2":
            exact_scores = -((whole - question) ** 2).sum(1)
        else:
            exact_scores = (whole * question).sum(1)
        with np.errstate(over="ignore"):
            rounded = exact_scores.astype(np.float32)
        order = np.lexsort((np.arange(len(whole)), -rounded))[:depth]
        rows.append(order)
        scores.append(rounded[order])
    return rows, scores


def check(vectors: Vectors, questions: np.ndarray, depth: int, similarity: str, **runtime: Any):
    rows, scores = search(vectors, questions, depth, similarity, **runtime)
    wanted, values = brute(vectors, questions, depth, similarity)
    for place in range(len(questions)):
        # The brute force sums in another order: once in 10 million its rounding may differ.
        np.testing.assert_array_equal(scores[place], values[place])
        np.testing.assert_array_equal(rows[place], wanted[place])


@pytest.fixture(params=["bfloat16", "float32"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both quick passes, whatever this processor is good at."""
    monkeypatch.setattr(exact, "_native_bfloat16", lambda: request.param == "bfloat16")
    return str(request.param)


@pytest.fixture(params=[{}, {"_BLOCK": 7, "_TILE": 3, "_SAMPLE": 40, "_RANK": 4}])
def sizes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The usual sizes, and such that small data takes every branch."""
    for name, size in request.param.items():
        monkeypatch.setattr(exact, name, size)
    if request.param:
        monkeypatch.setattr(exact, "_CANDIDATES", 200)
        monkeypatch.setattr(exact, "_PART", 2)
        monkeypatch.setattr(candidates, "_SLACK", 1)


@pytest.fixture
def scans(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many questions each second pass had."""
    seen: list[int] = []
    scanned = exact._scanned

    def noted(vectors: Any, questions: np.ndarray, *more: Any) -> Any:
        seen.append(len(questions))
        return scanned(vectors, questions, *more)

    monkeypatch.setattr(exact, "_scanned", noted)
    return seen


def normal(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.usefixtures("kind", "sizes")
@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("dtype", ["fp32", "fp16", "int8"])
def test_hits_are_those_of_brute_force(tmp_path: Path, similarity: str, dtype: str):
    passages, questions = unit(normal(1, 1501, 24)), unit(normal(2, 11, 24))
    vectors = stored(tmp_path, passages[:1], passages[1:700], passages[700:], dtype=dtype)
    for depth in (1, 10, 100):
        check(vectors, questions, depth, similarity)


@pytest.mark.usefixtures("kind", "sizes")
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_few_of_everything(tmp_path: Path, similarity: str):
    for passages, questions, depth in itertools.product((1, 2, 30), (0, 1, 9), (0, 1, 30, 1000)):
        vectors = stored(tmp_path / f"{passages}-{questions}-{depth}", normal(3, passages, 5))
        check(vectors, normal(4, questions, 5), depth, similarity)


@pytest.mark.usefixtures("kind", "sizes")
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_identical_passages_come_in_row_order(tmp_path: Path, similarity: str, scans: list[int]):
    passages = unit(normal(5, 1200, 16))
    same = np.random.default_rng(6).permutation(1200)[:500]
    passages[same] = passages[same[0]]
    vectors = stored(tmp_path, passages[:777], passages[777:])
    questions = unit(np.concatenate([passages[same[:1]], normal(7, 3, 16)]))
    check(vectors, questions, 20, similarity)
    assert scans, "500 equal scores are more than the candidates"
    rows, _ = search(vectors, questions[:1], 20, similarity)
    np.testing.assert_array_equal(rows[0], np.sort(same)[:20])


@pytest.mark.usefixtures("kind", "sizes")
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_near_ties(tmp_path: Path, similarity: str, scans: list[int]):
    one = unit(normal(8, 1, 64))
    passages = unit(one + 1e-7 * normal(9, 900, 64))
    check(stored(tmp_path, passages), unit(one + 0.1 * normal(10, 5, 64)), 15, similarity)
    assert sum(scans) >= 5, "no quick score can tell these apart"


@pytest.mark.usefixtures("kind")
@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("spread", [(1.0, 1e-3), (1e-20,), (1e-30, 1e-25), (1e15,), (1e-25, 1e10)])
def test_tiny_and_huge_vectors(tmp_path: Path, similarity: str, spread: tuple[float, ...]):
    scale = np.resize(np.array(spread, dtype=np.float32), (600, 1))
    vectors = stored(tmp_path, normal(11, 600, 12) * scale)
    for length in spread:
        check(vectors, normal(12, 4, 12) * np.float32(length), 10, similarity)
    check(vectors, normal(12, 4, 12), 10, similarity)


@pytest.mark.usefixtures("kind")
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_beyond_float32(tmp_path: Path, similarity: str):
    """Scores that are infinite in float32 are ties; none is lost to NaN."""
    passages = normal(13, 300, 8) * np.float32(1e25)
    check(stored(tmp_path, passages), normal(14, 3, 8) * np.float32(1e25), 10, similarity)
    check(stored(tmp_path, passages), normal(14, 3, 8), 10, similarity)


@pytest.mark.usefixtures("kind")
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_negative_and_equal_scores(tmp_path: Path, similarity: str):
    passages = np.abs(normal(15, 900, 8))
    check(stored(tmp_path / "a", passages), -passages[:4], 30, similarity)
    check(stored(tmp_path / "b", np.rint(passages)), np.rint(normal(16, 4, 8)), 30, similarity)
    check(stored(tmp_path / "c", np.zeros((700, 8), np.float32)), passages[:2], 30, similarity)


@pytest.mark.usefixtures("kind")
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_a_corpus_in_a_bad_order(tmp_path: Path, similarity: str):
    """The best at the end, or where the sample does not look."""
    passages = unit(normal(17, 3000, 16))
    questions = unit(normal(18, 3, 16))
    order = np.argsort(passages @ questions[0])
    check(stored(tmp_path / "rising", passages[order]), questions, 40, similarity)
    clustered = np.concatenate([passages, unit(questions[:1] + 0.05 * normal(19, 900, 16))])
    check(stored(tmp_path / "clustered", clustered), questions, 40, similarity)


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_bars_that_are_too_high_cost_no_hit(
    tmp_path: Path, similarity: str, scans: list[int], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(exact, "_RANK", 1)
    monkeypatch.setattr(exact, "_SAMPLE", 2)
    passages = unit(normal(20, 2000, 8))
    check(stored(tmp_path, passages), passages[[0, 5, 1999]], 100, similarity)
    assert scans, "the best passages of two questions are the sample"


def test_threads_and_blocks_change_no_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    passages = unit(normal(22, 4000, 48))
    passages[2000:2600] = passages[7]
    vectors = stored(tmp_path, passages[:1801], passages[1801:])
    questions = unit(np.concatenate([normal(23, 40, 48), passages[7:8]]))
    found = []
    for threads, block, low in itertools.product((1, 2, 3), (64, 1024), (True, False)):
        monkeypatch.setattr(exact, "_BLOCK", block)
        monkeypatch.setattr(exact, "_native_bfloat16", lambda low=low: low)
        for similarity in ("dot", "l2"):
            rows, scores = search(vectors, questions, 50, similarity, threads=threads)
            found.append(
                (similarity, np.concatenate(rows).tobytes() + np.concatenate(scores).tobytes())
            )
    assert len(set(found)) == 2


def test_well_spread_vectors_need_one_pass(tmp_path: Path, kind: str, scans: list[int]):
    check(stored(tmp_path, unit(normal(24, 20_000, 32))), unit(normal(25, 20, 32)), 100, "dot")
    assert not scans


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_quick_scores_stay_within_their_bound(similarity: str):
    """The bound holds for every pair, and not by so much that it says nothing."""
    import torch

    for low, seed in itertools.product((True, False), range(5)):
        scale = 10.0 ** np.random.default_rng(seed).integers(-3, 4)
        passages = torch.from_numpy(normal(seed, 300, 100) * np.float32(scale))
        questions = torch.from_numpy(normal(seed + 9, 20, 100) + np.float32(seed))
        kind = torch.bfloat16 if low else torch.float32
        bound = Bound(questions, questions.to(kind), similarity == "l2")
        rounded, *lengths = (
            exact._rounded(passages) if low else (passages, exact._longest(passages), 0)
        )
        bound.see(*lengths)
        half = candidates.half_squares(passages, similarity)
        quick = candidates.quick_scores(questions.to(kind), rounded, half).double().numpy()
        true = np.stack([similarities(passages.numpy(), q, similarity) for q in questions.numpy()])
        assert (true <= bound.highest(quick, slice(None))).all()
        lowest = bound.lowest(true.max(1).astype(np.float32).astype(np.float64))
        if not low:
            assert (quick.max(1) >= lowest).all()
        near = np.abs(bound.highest(quick, slice(None)) - true).max() / np.abs(true).max()
        assert near < (0.2 if low else 0.005)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_any_small_numbers(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject):
    """Few distinct values make many exact ties and near ties."""
    width = data.draw(st.integers(1, 9))
    numbers = st.sampled_from(
        [0.0, 1.0, -1.0, 0.5, 1 + 2**-9, 1 - 2**-20, 3.0, -(2**-30), 1e4, 1e-4]
    )
    rows = st.lists(st.lists(numbers, min_size=width, max_size=width), min_size=1, max_size=40)
    passages = np.array(data.draw(rows), dtype=np.float32).repeat(data.draw(st.integers(1, 30)), 0)
    questions = np.array(data.draw(rows), dtype=np.float32)[:5]
    cut = data.draw(st.integers(0, len(passages)))
    vectors = stored(tmp_path_factory.mktemp("any"), passages[:cut], passages[cut:])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact, "_BLOCK", data.draw(st.sampled_from([5, 64, 1024])))
        patch.setattr(exact, "_TILE", data.draw(st.sampled_from([2, 512])))
        patch.setattr(candidates, "_SLACK", data.draw(st.sampled_from([1, 6])))
        patch.setattr(exact, "_SAMPLE", data.draw(st.sampled_from([3, 50, 4096])))
        patch.setattr(exact, "_RANK", data.draw(st.sampled_from([1, 16])))
        low = data.draw(st.booleans())
        patch.setattr(exact, "_native_bfloat16", lambda: low)
        depth, similarity = data.draw(st.integers(1, 60)), data.draw(st.sampled_from(SIMILARITIES))
        check(vectors, questions, depth, similarity)


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_a_score_does_not_depend_on_its_company(similarity: str):
    passages, question = normal(26, 400, 131), normal(27, 1, 131)[0]
    whole = similarities(passages, question, similarity)
    for first, count in itertools.product((0, 1, 5, 200), (1, 2, 3, 4, 7, 100)):
        part = similarities(passages[first : first + count], question, similarity)
        np.testing.assert_array_equal(part, whole[first : first + count])
    assert len(similarities(passages[:0], question, similarity)) == 0


def test_scores_are_those_of_the_stored_vectors(tmp_path: Path):
    passages, questions = normal(28, 60, 10), normal(29, 2, 10)
    for dtype in ("fp32", "fp16", "int8"):
        vectors = stored(tmp_path / dtype, passages, dtype=dtype)
        kept = unpacked(packed(passages, dtype))
        rows, scores = search(vectors, questions, 5, "dot")
        for question, ranked, values in zip(questions, rows, scores, strict=True):
            wanted = similarities(kept[ranked], question, "dot").astype(np.float32)
            np.testing.assert_array_equal(values, wanted)
