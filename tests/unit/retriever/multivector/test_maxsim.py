"""Exact MaxSim against a loop over all pairs, whatever the blocks, tiles and threads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from token_files import Silent, best, corpus, reference, tokens, write  # noqa: E402

from qa_bench.retriever.multivector import candidates, maxsim, scoring  # noqa: E402
from qa_bench.retriever.multivector.store import Tokens, TokenVectors  # noqa: E402
from qa_bench.types import Runtime  # noqa: E402

ONE = Runtime(threads=1, device="cpu", progress=False)
WIDE = 256
TWO = Runtime(threads=2, device="cpu", progress=False)


def asked(count: int = 23) -> Any:
    random = np.random.default_rng(1)
    return tokens(random, [int(random.integers(1, 9)) for _ in range(count)])


def check(vectors: Any, questions: Any, depth: int, runtime: Runtime = ONE) -> None:
    truth = reference(vectors, questions)
    bar = Silent()
    rows, scores = maxsim.exact_maxsim(vectors, questions, depth, runtime, bar)
    assert bar.total == questions.texts
    for row, score, true in zip(rows, scores, truth, strict=True):
        assert row.tolist() == best(true, depth)
        assert score.dtype == np.float32
        np.testing.assert_allclose(score, true[row], rtol=3e-7)


@pytest.mark.parametrize("dtype", ["fp32", "fp16", "int8"])
@pytest.mark.parametrize("depth", [1, 4, 30, 500])
def test_hits_are_those_of_a_loop_over_pairs(dtype: str, depth: int, tmp_path: Path) -> None:
    check(corpus(tmp_path / "t", dtype), asked(), depth)


@pytest.mark.parametrize("block", [1, 7, 64])
@pytest.mark.parametrize("tile", [1, 13, 40])
def test_blocks_and_tiles_change_nothing(
    block: int, tile: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maxsim, "_BLOCK", block)
    monkeypatch.setattr(maxsim, "_TILE", tile)
    check(corpus(tmp_path / "t"), asked(), 4, TWO)


@pytest.mark.parametrize("copies", [0, 9])
def test_candidates_that_find_no_room_are_thinned(
    copies: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With hardly any room, and with passages that tie: they must be scored to be left out."""
    made = candidates.Candidates.__init__
    settled = []
    settle = candidates.Candidates._settle

    def narrow(self: Any, questions: Any, depth: int, mean: bool, _: int, *more: Any) -> None:
        made(self, questions, depth, mean, depth + 1, *more)

    def counted(self: Any, question: int) -> None:
        settled.append(question)
        settle(self, question)

    monkeypatch.setattr(candidates.Candidates, "__init__", narrow)
    monkeypatch.setattr(candidates.Candidates, "_settle", counted)
    monkeypatch.setattr(maxsim, "_BLOCK", 3)
    vectors = corpus(tmp_path / "t", copies=copies)
    monkeypatch.setattr(candidates, "rounding", lambda terms: 0.5)  # nothing is sure
    check(vectors, asked(), 5)
    assert len(settled) > 2 * 23


def test_a_gpu_does_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its operators are torch's, which a CPU has too."""
    monkeypatch.setattr(maxsim, "_Cpu", maxsim._Gpu)
    monkeypatch.setattr(maxsim, "_TILE", 20)
    check(corpus(tmp_path / "t", "int8"), asked(), 4)


def test_several_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maxsim, "_ROOM", 300)
    check(corpus(tmp_path / "t"), asked(), 4)


def test_means_are_ranked_as_they_are_rounded(tmp_path: Path) -> None:
    vectors, questions = corpus(tmp_path / "t"), asked()
    counts = np.diff(questions.pointers)
    rows, scores = maxsim.exact_maxsim(vectors, questions, 6, ONE, Silent(), mean=True)
    truth = reference(vectors, questions) / counts[:, None]
    for row, score, true in zip(rows, scores, truth, strict=True):
        np.testing.assert_allclose(score, true[row], rtol=3e-7)
        np.testing.assert_allclose(score, np.sort(true)[::-1][:6], rtol=3e-7)


def test_pairs_have_the_scores_of_hits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "_GATHERED", 20)
    vectors, questions = corpus(tmp_path / "t", "int8"), asked()
    rows, scores = maxsim.exact_maxsim(vectors, questions, 9, ONE, Silent())
    question_rows = np.repeat(np.arange(23), 9)
    of_pairs = scoring.pair_scores(vectors, questions, question_rows, np.concatenate(rows), TWO)
    assert (of_pairs.astype(np.float32) == np.concatenate(scores)).all()
    none = scoring.pair_scores(vectors, questions, question_rows[:0], rows[0][:0], ONE)
    assert none.shape == (0,)


def test_a_score_is_exact_where_products_nearly_tie(tmp_path: Path) -> None:
    """float32 takes the wrong one of two products; float64 must not."""
    random = np.random.default_rng(3)
    base = random.standard_normal(WIDE).astype(np.float32)
    near = np.stack([base + np.float32(1e-7) * random.standard_normal(WIDE) for _ in range(200)])
    some = Tokens(near.astype(np.float32), np.array([0, 200]))
    write(tmp_path / "t", 0, some, "fp32")
    question = Tokens(random.standard_normal((1, WIDE)).astype(np.float32), np.array([0, 1]))
    exact = (
        near.astype(np.float32).astype(np.float64) @ question.values[0].astype(np.float64)
    ).max()
    zero = np.zeros(1, dtype=np.int64)
    (score,) = scoring.pair_scores(TokenVectors(tmp_path / "t"), question, zero, zero, ONE)
    assert score == pytest.approx(exact, rel=1e-14)
