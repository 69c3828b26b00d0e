"""Weights as they are stored, and what is told of the loss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qa_bench.errors import DataError, UserError
from qa_bench.retriever.postings.search import Questions, pair_scores, top_k
from qa_bench.retriever.sparse import index as module
from qa_bench.retriever.sparse.weights import Loss, Scale, strongest

POINTERS = np.array([0, 3, 3, 5, 9])
TERMS = np.array([1, 4, 6, 0, 2, 1, 3, 5, 6], dtype=np.int32)
WEIGHTS = np.array([0.5, 2, 1, 3, 3, 1, 1, 0.25, 1], dtype=np.float32)


def test_the_strongest_terms_stay_in_their_order() -> None:
    ends, terms, weights = strongest(POINTERS, TERMS, WEIGHTS, 2)
    assert ends.tolist() == [0, 2, 2, 4, 6]
    assert terms.tolist() == [4, 6, 0, 2, 1, 3]
    assert weights.tolist() == [2, 1, 3, 3, 1, 1]
    assert strongest(POINTERS, TERMS, WEIGHTS, 1)[1].tolist() == [4, 0, 1]
    for most in (None, 4, 9):
        assert strongest(POINTERS, TERMS, WEIGHTS, most)[1] is TERMS


@pytest.mark.parametrize(
    ("dtype", "largest", "too_small"), [("fp32", 0, 0), ("fp16", 100, 1), ("uint8", 100, 1)]
)
def test_the_loss(dtype: str, largest: float, too_small: int) -> None:
    weights = np.array([3, 1, 0.1, 1e-9], dtype=np.float32)
    scale, loss = Scale(dtype, 3.0), Loss(whole=8.2, sum=4.1)
    stored = scale.stored(weights)
    exact = scale.exact(stored)
    assert exact.dtype == np.float64
    loss.see(weights.astype(np.float64), exact)
    counts = loss.counts()
    assert counts["weights"] == 4
    assert counts["weights_too_small"] == too_small
    assert counts["percent_largest_error"] == largest
    assert counts["percent_of_weight_cut"] == 50
    unit = 3 / 255
    by_hand = {
        "fp32": [0, 0, 0, 0],
        "fp16": [0, 0, abs(float(np.float16(0.1)) - float(np.float32(0.1))) / 0.1, 1],
        "uint8": [0, 0, abs(9 * unit - 0.1) / 0.1, 1],
    }
    assert counts["percent_mean_error"] == pytest.approx(100 * np.mean(by_hand[dtype]), abs=1e-4)


def test_a_weight_beyond_its_type_is_refused() -> None:
    with pytest.raises(UserError, match=r"weights=fp16: a weight is 70000, .* 65504; choose fp32"):
        Scale("fp16", 70_000.0)
    assert Scale("uint8", 70_000.0).stored(np.array([70_000.0, 35_000]))[0] == 255
    assert Scale("fp32", 70_000.0).stored(np.array([70_000.0]))[0] == 70_000


def written(folder: Path, dtype: str) -> Path:
    """An index of four passages in two files."""
    files = []
    for number, (first, last) in enumerate([(0, 1), (1, 4)]):
        some = slice(POINTERS[first], POINTERS[last])
        pointers = POINTERS[first : last + 1] - POINTERS[first]
        files.append(folder / f"{number}.npz")
        with files[-1].open("wb") as file:
            whole = WEIGHTS[some].sum(dtype=np.float64, keepdims=True)
            module.save(file, (pointers, TERMS[some], WEIGHTS[some], whole))
    module.write_postings(folder, files, 4, dtype, 2)
    return folder


@pytest.mark.parametrize("dtype", ["fp32", "fp16", "uint8"])
def test_scores_are_those_of_the_stored_weights(dtype: str, tmp_path: Path) -> None:
    with module.warm_index(None, written(tmp_path, dtype), 4, 2) as index:
        pass
    scale = Scale(dtype, 3.0)
    dense = np.zeros((4, 7))
    rows = np.repeat(np.arange(4), np.diff(POINTERS))
    dense[rows, TERMS] = scale.exact(scale.stored(WEIGHTS))
    asked: Any = Questions(
        np.array([0, 3, 3]), np.array([1, 6, -1], np.int32), np.array([2.0, 1, 5])
    )
    expected = dense @ np.array([0, 2, 0, 0, 0, 0, 1.0])
    found_rows, scores = top_k(*index, asked, 9)
    assert found_rows[0].tolist() == [3, 0]
    assert scores[0].tolist() == expected[[3, 0]].tolist()
    assert len(found_rows[1]) == 0
    pairs = pair_scores(*index, asked, np.zeros(4, int), np.arange(4))
    assert pairs.tolist() == expected.tolist()


@pytest.mark.parametrize("content", ["", "{}", '{"unit": "x", "counts": {}}'])
def test_a_damaged_note_is_told(content: str, tmp_path: Path) -> None:
    folder = written(tmp_path, "uint8")
    assert module.noted(folder)["counts"]["weights"] == 9
    (folder / "weights.json").write_text(content)
    with pytest.raises(DataError, match=r"delete .* to encode again"):
        module.warm_index(None, folder, 4, 1).__enter__()
