"""Each variant of BM25 against its formula, written out here for a corpus of five passages."""

from __future__ import annotations

from math import log, log2
from pathlib import Path

import numpy as np
import pytest

from qa_bench.retriever.postings.formulas import VARIANTS, lossy_lengths, weights
from qa_bench.retriever.postings.store import Builder, Postings

COUNTS = [
    {"heron": 3, "sea": 1, "grey": 2},  # of 50 terms
    {"heron": 1, "sea": 2},  # of 45
    {"sea": 9, "grey": 1, "moor": 1},  # of 100
    {"heron": 2, "sea": 1},  # of 20
    {},  # of none: it is no passage to Lucene
]
LENGTHS = [50, 45, 100, 20, 0]
N, MEAN = 4, 215 / 4
K1, B = 0.9, 0.4
DF = {"heron": 3, "sea": 4, "grey": 2, "moor": 1}


@pytest.fixture(scope="module")
def postings(tmp_path_factory: pytest.TempPathFactory) -> Postings:
    folder, words = tmp_path_factory.mktemp("postings"), ["sea", "moor", "heron", "grey"]
    return build(folder, words, COUNTS, LENGTHS)


def build(folder: Path, words: list[str], counts: list[dict[str, int]], lengths: list[int]):
    builder = Builder(folder, len(counts), "uint8")
    for row, some in enumerate(counts):
        terms = np.array([words.index(word) for word in some], dtype=np.int32)
        builder.add(row, np.array([0, len(some)]), terms, np.array(list(some.values()), dtype=int))
    builder.finish(words, np.array(lengths))
    return Postings(folder)


def norm(length: float) -> float:
    return 1 - B + B * length / MEAN


def robertson(word: str, tf: int, length: int) -> float:
    return log((N - DF[word] + 0.5) / (DF[word] + 0.5)) * tf / (tf + K1 * norm(length))


def lucene_accurate(word: str, tf: int, length: int) -> float:
    return log(1 + (N - DF[word] + 0.5) / (DF[word] + 0.5)) * tf / (tf + K1 * norm(length))


def lucene(word: str, tf: int, length: int) -> float:
    return lucene_accurate(word, tf, {50: 50, 45: 44, 100: 96, 20: 20}[length])


def atire(word: str, tf: int, length: int) -> float:
    return log(N / DF[word]) * (K1 + 1) * tf / (tf + K1 * norm(length))


def bm25l(word: str, tf: int, length: int, delta: float = 0.5) -> float:
    c = tf / norm(length)
    return log((N + 1) / (DF[word] + 0.5)) * (K1 + 1) * (c + delta) / (K1 + c + delta)


def bm25_plus(word: str, tf: int, length: int, delta: float = 1.0) -> float:
    scaled = (K1 + 1) * tf / (K1 * norm(length) + tf)
    return log((N + 1) / DF[word]) * (scaled + delta)


def tfldp(word: str, tf: int, length: int, delta: float = 1.0) -> float:
    return log((N + 1) / DF[word]) * (1 + log(1 + log(tf / norm(length) + delta)))


BY_HAND = [robertson, lucene, lucene_accurate, atire, bm25l, bm25_plus, tfldp]


def all_weights(postings: Postings, exact) -> dict[tuple[str, int], float]:
    """(term, row): weight."""
    counts = np.diff(postings.pointers)
    terms = np.repeat(np.arange(postings.terms, dtype=np.int32), counts)
    values = exact(slice(0, len(terms)), terms)
    some = np.random.default_rng(0).permutation(len(terms))
    assert exact(some, terms[some]).tolist() == values[some].tolist()
    names = postings.vocabulary.to_pylist()
    return {
        (names[term], int(row)): float(value)
        for term, row, value in zip(terms, postings.rows, values, strict=True)
    }


@pytest.mark.parametrize("formula", BY_HAND, ids=lambda one: one.__name__)
def test_by_hand(postings: Postings, formula):
    delta = VARIANTS[formula.__name__].delta or 0.0
    found = all_weights(postings, weights(postings, formula.__name__, K1, B, delta))
    told = {
        (word, row): formula(word, tf, LENGTHS[row])
        for row, counts in enumerate(COUNTS)
        for word, tf in counts.items()
    }
    assert found == pytest.approx(told, rel=1e-12)


@pytest.mark.parametrize("formula", [bm25l, bm25_plus, tfldp], ids=lambda one: one.__name__)
def test_delta_matters(postings: Postings, formula):
    found = all_weights(postings, weights(postings, formula.__name__, K1, B, 1.7))
    assert found["grey", 2] == pytest.approx(formula("grey", 1, 100, 1.7), rel=1e-12)


def test_robertsons_idf_is_negative_for_more_than_half_of_the_passages(postings: Postings):
    found = all_weights(postings, weights(postings, "robertson", K1, B, 0))
    assert found["heron", 0] < 0 < found["moor", 2]
    assert found["grey", 0] == 0


def test_every_variant_is_computed_by_hand():
    assert {one.__name__ for one in BY_HAND} | {"bm25_adpt"} == set(VARIANTS)


# BM25-adpt


def squares(k: float, ratios: list[float]) -> float:
    return sum((ratio - (k + 1) * r / (k + r)) ** 2 for r, ratio in enumerate(ratios, 1))


def test_adaptive_by_hand(tmp_path: Path):
    """Lengths are all the same, so that c = tf: df_r is simply how many have at least r."""
    times = [1] * 40 + [2] * 15 + [3] * 12 + [4] * 11
    counts = [{"often": count} for count in times] + [{"once": 1}] * 922
    postings = build(tmp_path, ["often", "once"], counts, [50] * 1000)
    df = [1000, 78, 38, 23, 11, 0, 0]

    def gain(r: int, of: list[int]) -> float:
        return log2((of[r + 1] + 0.5) / (of[r] + 1)) - log2((of[1] + 0.5) / (of[0] + 1))

    gains = [gain(r, df) for r in range(1, 5)]
    assert gains[0] < gains[1]
    assert gains[1] > gains[2]  # so T is 2
    ratios = [1.0, gains[1] / gains[0]]
    found = all_weights(postings, weights(postings, "bm25_adpt", K1, B, 0))
    fit = np.exp(np.linspace(np.log(1e-3), np.log(1e3), 200_001))
    k = fit[np.argmin([squares(one, ratios) for one in fit])]
    for row in (0, 40, 55, 77):
        tf = times[row]
        assert found["often", row] == pytest.approx(gains[0] * (k + 1) * tf / (k + tf), rel=1e-4)
    # Never twice in a passage: no k is better than another, and k1 is taken.
    once = gain(1, [1000, 922, 0])
    assert found["once", 99] == pytest.approx(once, rel=1e-12)
    again = all_weights(postings, weights(postings, "bm25_adpt", 3.0, B, 0))
    assert again["once", 99] == pytest.approx(once, rel=1e-12)
    assert again["often", 77] == found["often", 77]


def test_adaptive_counts_by_normalised_frequency(postings: Postings):
    """Of "sea", c is at least 1.5 in two passages, at least 2.5 in one, 8.5 in none."""
    cs = [tf / norm(length) for tf, length in ((1, 50), (2, 45), (9, 100), (1, 20))]
    df = [N, 4, *(sum(c >= r - 0.5 for c in cs) for r in range(2, 9))]
    assert df[2:] == [2, 1, 1, 1, 1, 1, 0]
    first = log2((df[2] + 0.5) / (df[1] + 1)) - log2((4 + 0.5) / (N + 1))
    found = all_weights(postings, weights(postings, "bm25_adpt", K1, B, 0))
    assert first < 0  # in so small a corpus: k1 is taken
    assert found["sea", 1] == pytest.approx(first * (K1 + 1) * cs[1] / (K1 + cs[1]), rel=1e-12)


# Lengths


@pytest.mark.parametrize(
    ("length", "remembered"),
    [(0, 0), (23, 23), (39, 39), (40, 40), (41, 40), (42, 42), (45, 44), (57, 56), (120, 120),
     (121, 120), (1000, 984), (65_536, 61_464), (2**31 - 1, 2_013_265_944)],
)  # fmt: skip
def test_lengths_as_one_byte_tells_them(length: int, remembered: int):
    assert lossy_lengths(np.array([length])).tolist() == [remembered]


def test_lengths_have_as_many_values_as_a_byte():
    lengths = np.unique(np.concatenate([np.arange(100_000), 2 ** np.arange(31), [2**31 - 1]]))
    remembered = lossy_lengths(lengths)
    assert (remembered <= lengths).all()
    assert (np.diff(remembered) >= 0).all()
    assert lossy_lengths(remembered).tolist() == remembered.tolist()


@pytest.mark.java
def test_lengths_as_lucene_remembers_them():
    from qa_bench.retriever.bm25.java import start_jvm

    small = start_jvm("1g")("org.apache.lucene.util.SmallFloat")
    lengths = [*range(200), 1023, 1024, 1025, 12_345, 10**6, 2**31 - 1]
    theirs = [small.byte4ToInt(small.intToByte4(length)) for length in lengths]
    assert lossy_lengths(np.array(lengths)).tolist() == theirs
