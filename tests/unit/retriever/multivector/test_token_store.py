"""Token vectors on the disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from token_files import corpus, tokens, write

from qa_bench.errors import DataError, UserError
from qa_bench.retriever.multivector.store import Tokens, TokenVectors


def test_they_come_back(tmp_path: Path) -> None:
    some = tokens(np.random.default_rng(0), [3, 1, 7, 2])
    for name, tolerance in (("fp32", 0), ("fp16", 1e-3), ("int8", 5e-3)):
        write(tmp_path / name, 0, some.part(0, 3), name)
        write(tmp_path / name, 1, some.part(3, 4), name)
        vectors = TokenVectors(tmp_path / name)
        assert (len(vectors), vectors.dimension) == (4, 16)
        back = vectors.at(np.array([3, 0, 2]))
        assert back.pointers.tolist() == [0, 2, 5, 12]
        expected = np.concatenate([some.of(3), some.of(0), some.of(2)])
        np.testing.assert_allclose(back.values, expected, atol=tolerance)
        assert vectors.at(np.zeros(0, np.int64)).values.shape == (0, 16)


def test_blocks_hold_whole_passages(tmp_path: Path) -> None:
    vectors = corpus(tmp_path / "t")
    for size in (1, 10, 10_000):
        rows, total = 0, 0
        for first, stored, pointers in vectors.blocks(size):
            assert first == rows
            assert pointers[-1] == len(stored)
            assert len(stored) <= size or len(pointers) == 2
            rows += len(pointers) - 1
            total += len(stored)
        assert (rows, total) == (90, int(vectors.pointers[-1]))


def saved(path: Path, array: np.ndarray) -> None:
    with path.open("wb") as file:
        np.save(file, array, allow_pickle=True)


@pytest.mark.parametrize("damage", ["cut", "zeroed", "foreign", "longer", "lengths", "pickle"])
def test_damaged_files_are_refused(damage: str, tmp_path: Path) -> None:
    corpus(tmp_path / "t", "int8")
    path = tmp_path / "t/tokens-00001.bin"
    whole = path.read_bytes()
    if damage == "cut":
        path.write_bytes(whole[:-40])
    elif damage == "zeroed":
        path.write_bytes(bytes(len(whole)))
    elif damage == "foreign":
        saved(path, np.arange(9.0))
    elif damage == "longer":
        path.write_bytes(whole + b"\0")
    elif damage == "lengths":
        path.write_bytes(whole[:128] + b"\x7f" + whole[129:])
    else:
        saved(path, np.array([{}], dtype=object))
    with pytest.raises(DataError, match=r"tokens-00001.bin.*delete .* to encode again"):
        TokenVectors(tmp_path / "t")


def test_files_of_two_kinds_are_refused(tmp_path: Path) -> None:
    some = tokens(np.random.default_rng(0), [3, 1])
    write(tmp_path / "t", 0, some, "int8")
    write(tmp_path / "t", 1, some, "fp16")
    with pytest.raises(DataError, match="other dimension or type"):
        TokenVectors(tmp_path / "t")


def test_no_files_at_all(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no tokens-"):
        TokenVectors(tmp_path)


def test_vectors_of_others_are_refused(tmp_path: Path) -> None:
    vectors = corpus(tmp_path / "t")
    with pytest.raises(UserError, match="vectors of 90 passages, but there are 91"):
        vectors.check(tmp_path, 91)
    with pytest.raises(UserError, match=r"8 dimensions \(m\), those of passages 16"):
        vectors.check_pair(tokens(np.random.default_rng(0), [1], 8), "m")
    with pytest.raises(UserError, match="question 'why' has no vectors"):
        Tokens.of_questions(np.ones((1, 8)), np.array([0, 1, 1]), ["who", "why"])
