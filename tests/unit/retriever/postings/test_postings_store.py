"""Postings come back from the disk as they went there, whatever the shards, or are refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from qa_bench.errors import DataError
from qa_bench.retriever.postings import shards, store
from qa_bench.retriever.postings.store import DTYPES, Builder, Postings

PASSAGES, TERMS = 900, 60


def matrix(dtype: str, seed: int = 0) -> np.ndarray:
    """(passages, terms): some terms everywhere, some in one passage; zeros are no postings."""
    dice = np.random.default_rng(seed)
    there = dice.random((PASSAGES, TERMS)) < 1 / (1 + np.arange(TERMS)) ** 1.5
    if dtype.startswith("u"):
        values = dice.integers(1, np.iinfo(dtype).max, there.shape, endpoint=True)
        values[:, :3] = 1
        values[:, 3] = np.iinfo(dtype).max  # the largest decides which type is read back
    else:
        values = dice.normal(size=there.shape).astype(dtype)
        values[values == 0] = 1
    return np.where(there, values, 0).astype(dtype)


def blocks(values: np.ndarray, size: int):
    for first in range(0, len(values), size):
        block = values[first : first + size]
        rows, terms = np.nonzero(block)
        ends = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(block)))])
        yield first, ends, terms.astype(np.int32), block[rows, terms]


def build(folder: Path, values: np.ndarray, vocabulary=None, lengths=None, size=100) -> Postings:
    builder = Builder(folder, len(values), values.dtype.name)
    for block in blocks(values, size):
        builder.add(*block)
    builder.finish(vocabulary, lengths)
    return Postings(folder)


def same(postings: Postings, numbers: np.ndarray, values: np.ndarray) -> None:
    for number, column in zip(numbers, values.T, strict=True):
        some = slice(*postings.pointers[number : number + 2])
        assert postings.rows[some].tolist() == np.flatnonzero(column).tolist()
        assert postings.values[some].tolist() == column[np.flatnonzero(column)].tolist()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shard", "chunk"), [(1 << 21, 1 << 20), (70, 50)])
def test_comes_back(tmp_path, monkeypatch, dtype, shard, chunk):
    monkeypatch.setattr(shards, "_SHARD", shard)
    monkeypatch.setattr(store, "_CHUNK", chunk)
    values = matrix(dtype)
    names = [f"w{number}" for number in np.random.default_rng(1).permutation(TERMS)]
    lengths = np.arange(PASSAGES)
    postings = build(tmp_path, values, names, lengths)
    assert postings.vocabulary.to_pylist() == sorted(names)
    assert (postings.passages, postings.terms) == (PASSAGES, TERMS)
    assert postings.lengths.tolist() == lengths.tolist()
    assert postings.rows.dtype == postings.lengths.dtype == np.int32
    assert postings.values.dtype == dtype
    same(postings, postings.find(names), values)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "lengths.npy", "postings.bin", "postings.json", "terms.parquet",
    ]  # fmt: skip


def test_bytes_do_not_depend_on_shards(tmp_path, monkeypatch):
    values, names = matrix("uint8"), [f"w{number}" for number in range(TERMS)]
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    build(tmp_path / "a", values, names)
    monkeypatch.setattr(shards, "_SHARD", 333)
    order = np.random.default_rng(2).permutation(TERMS)  # terms counted in another order
    build(tmp_path / "b", values[:, order], [names[number] for number in order], size=41)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_terms_are_found(tmp_path):
    postings = build(tmp_path, matrix("uint8"), [f"w{number}" for number in range(TERMS)])
    assert postings.find(["w7", "x", "w7", ""]).tolist() == [postings.term("w7"), -1] * 2
    assert postings.term("nothing") == -1
    assert postings.find([]).tolist() == []


@pytest.mark.parametrize("named", [False, True])
def test_numbers_are_terms_too(tmp_path, named):
    values = matrix("float32")
    names = np.arange(TERMS)[::-1].astype(np.int64) * 1000 if named else None
    postings = build(tmp_path, values, names)
    numbers = postings.find(np.arange(TERMS) if names is None else names)
    same(postings, numbers, values)
    assert postings.find(np.array([-1, 999_999])).tolist() == [-1, -1]
    assert len(postings.lengths) == 0


def test_the_smallest_type_is_read_back(tmp_path):
    values = matrix("uint8").astype(np.uint32)
    postings = build(tmp_path, values)
    assert postings.values.dtype == np.uint8
    same(postings, np.arange(TERMS), values)


def test_origin_comes_back(tmp_path):
    builder = Builder(tmp_path, 0, "uint8")
    builder.finish(origin={"stemmer": "porter", "version": 3})
    assert Postings(tmp_path).origin == {"stemmer": "porter", "version": 3}


def test_nothing_at_all(tmp_path):
    builder = Builder(tmp_path, 3, "uint8")
    builder.add(0, np.zeros(4, np.int64), np.zeros(0, np.int32), np.zeros(0, np.uint8))
    builder.finish([], np.zeros(3, np.int64))
    postings = Postings(tmp_path)
    assert (postings.passages, postings.terms, len(postings.rows)) == (3, 0, 0)
    assert postings.term("w") == -1


@pytest.mark.parametrize(
    ("dtype", "values", "message"),
    [
        ("uint8", [256], "no uint8"),
        ("uint8", [-1], "no uint8"),
        ("uint8", [1.5], "no uint8"),
        ("uint16", [70_000], "no uint16"),
        ("float16", [70_000.0], "not finite as float16"),
        ("float32", [np.nan], "not finite as float32"),
    ],
)
def test_values_beyond_their_type_are_refused(tmp_path, dtype, values, message):
    builder = Builder(tmp_path, 1, dtype)
    with pytest.raises(ValueError, match=message):
        builder.add(0, np.array([0, 1]), np.array([0], np.int32), np.array(values))


def test_misuse_is_refused(tmp_path):
    one, value = np.array([0, 1]), np.array([1], np.uint8)
    with pytest.raises(ValueError, match="int64"):
        Builder(tmp_path, 1, "int64")
    builder = Builder(tmp_path, 5, "uint8")
    builder.add(3, one, np.array([2], np.int32), value)
    with pytest.raises(ValueError, match="from 0 on after those to 4"):
        builder.add(0, one, np.array([2], np.int32), value)
    with pytest.raises(ValueError, match="beyond the 5"):
        builder.add(5, one, np.array([2], np.int32), value)
    with pytest.raises(ValueError, match="1 postings, 2 terms"):
        builder.add(4, one, np.array([2, 3], np.int32), value)
    with pytest.raises(ValueError, match="a vocabulary of 2 terms, but one is number 2"):
        builder.finish(["a", "b"])
    with pytest.raises(ValueError, match="4 lengths of 5 passages"):
        builder.finish(["a", "b", "c"], np.zeros(4, np.int64))


def test_a_build_that_fails_leaves_nothing(tmp_path):
    open_files = len(list(Path("/proc/self/fd").iterdir()))
    twice = np.array([1, 1], np.int32), np.array([1, 1], np.uint8)
    with Builder(tmp_path, 1, "uint8") as builder:
        builder.add(0, np.array([0, 2]), *twice)
        with pytest.raises(ValueError, match="twice in a passage"):
            builder.finish()
        assert (tmp_path / "postings.shards").exists()
    assert not (tmp_path / "postings.shards").exists()
    assert len(list(Path("/proc/self/fd").iterdir())) == open_files
    with Builder(tmp_path, 0, "uint8") as builder:
        builder.finish()
    assert Postings(tmp_path).passages == 0


def test_a_term_twice_in_a_passage_is_refused(tmp_path):
    builder = Builder(tmp_path, 1, "uint8")
    builder.add(0, np.array([0, 2]), np.array([1, 1], np.int32), np.array([1, 1], np.uint8))
    with pytest.raises(ValueError, match="twice in a passage"):
        builder.finish()


def test_a_term_twice_in_the_vocabulary_is_refused(tmp_path):
    with pytest.raises(ValueError, match="a term twice"):
        build(tmp_path, matrix("uint8")[:, :2], ["a", "a"])


FILES = ["postings.json", "postings.bin", "terms.parquet", "lengths.npy"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["cut", "zeroed", "flipped", "missing", "foreign"])
def test_damage_is_told(tmp_path, name, damage):
    build(tmp_path, matrix("uint8"), [f"w{n}" for n in range(TERMS)], np.arange(PASSAGES))
    path = tmp_path / name
    content = bytearray(path.read_bytes())
    half = len(content) // 2
    if damage == "missing":
        path.unlink()
    else:
        content[half] ^= 1
        path.write_bytes(
            {"cut": content[:half], "zeroed": bytes(len(content)), "flipped": content}.get(
                damage, b"{}" + bytes(len(content))
            )
        )
    with pytest.raises(DataError, match=r"delete .* to build it again") as caught:
        _ = Postings(tmp_path).rows
    assert name in str(caught.value)


def test_another_format_is_told(tmp_path):
    build(tmp_path, matrix("uint8"))
    path = tmp_path / "postings.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    with pytest.raises(DataError, match=f"format 99, this version reads {store.FORMAT}"):
        Postings(tmp_path)
