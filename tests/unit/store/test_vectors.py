"""Vectors on the disk: what is written is what is read, and broken files are told in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_bench.errors import DataError, UserError
from qa_bench.store.vectors import DTYPES, Vectors, bytes_per_vector, packed, unpacked


def made(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def save(folder: Path, *shards: np.ndarray) -> None:
    for number, shard in enumerate(shards):
        np.save(folder / f"vectors-{number:05d}.npy", shard, allow_pickle=False)


@pytest.mark.parametrize("dtype", DTYPES)
def test_packing(dtype: str):
    vectors = made(1, 50, 33)
    vectors[3] = 0
    stored = packed(vectors, dtype)
    assert stored.itemsize * (1 if stored.dtype.names else 33) == bytes_per_vector(33, dtype)
    back = unpacked(stored)
    assert back.dtype == np.float32
    assert back.flags.c_contiguous
    near = {"fp32": 0, "fp16": 2.0**-11, "int8": 0.5 / 127}[dtype]
    most = np.abs(vectors).max(1, keepdims=True) * near * 1.001
    assert (np.abs(back - vectors) <= most).all()


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1))
def test_int8_codes_never_wrap(values: list[float]):
    """Not even where float32 runs out of small numbers."""
    row = np.array([values], dtype=np.float32)
    back = unpacked(packed(row, "int8"))
    assert ((back == 0) | (np.sign(back) == np.sign(row))).all()


def test_too_large_for_fp16():
    with pytest.raises(UserError, match=r"beyond fp16's largest.*retriever\.dtype=fp32"):
        packed(np.full((1, 2), 1e5, np.float32), "fp16")


@pytest.mark.parametrize("dtype", DTYPES)
def test_reading_several_files(tmp_path: Path, dtype: str):
    whole = packed(made(2, 100, 7), dtype)
    save(tmp_path, whole[:1], whole[1:1], whole[1:64], whole[64:])
    vectors, wanted = Vectors(tmp_path), unpacked(whole)
    assert (len(vectors), vectors.dimension) == (100, 7)
    for size in (1, 9, 1000):
        firsts, blocks = zip(*vectors.blocks(size), strict=True)
        assert max(map(len, blocks)) <= size
        np.testing.assert_array_equal(firsts, np.cumsum([0, *map(len, blocks)])[:-1])
        np.testing.assert_array_equal(np.concatenate(blocks), wanted)
    rows = np.random.default_rng(3).integers(0, 100, 300)
    for some in (rows, np.sort(rows), rows[:0], np.array([99, 0, 63, 64, 1])):
        np.testing.assert_array_equal(vectors.at(some), wanted[some])


def test_no_file(tmp_path: Path):
    with pytest.raises(UserError, match=r"no vectors-\*\.npy") as caught:
        Vectors(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "shape", [(5, 4), (5,), (5, 3, 2), ()], ids=["dimension", "flat", "cube", "number"]
)
def test_files_that_differ(tmp_path: Path, shape: tuple[int, ...]):
    save(tmp_path, made(4, 5, 3), made(5, *shape))
    with pytest.raises(DataError, match=r"vectors-00001\.npy: .*delete .* to encode again"):
        Vectors(tmp_path)


def test_types_that_differ(tmp_path: Path):
    save(tmp_path, made(4, 5, 3), made(5, 5, 3).astype(np.float16))
    with pytest.raises(DataError, match="other dimension or type than the first"):
        Vectors(tmp_path)


@pytest.mark.parametrize("wrong", [made(6, 5), made(6, 5, 3).astype(np.int64), np.array(["a"])])
def test_a_first_file_of_something_else(tmp_path: Path, wrong: np.ndarray):
    save(tmp_path, wrong)
    with pytest.raises(DataError, match=r"vectors-00000\.npy: .*delete .* to encode again"):
        Vectors(tmp_path)


@pytest.mark.parametrize("kept", [0, 5, 100, 128, 400])
def test_a_file_cut_short(tmp_path: Path, kept: int):
    save(tmp_path, made(7, 5, 3), made(8, 50, 3))
    path = tmp_path / "vectors-00001.npy"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(
        DataError, match=r"vectors-00001\.npy: cut short or no numpy file"
    ) as caught:
        Vectors(tmp_path)
    assert "\n" not in str(caught.value)
