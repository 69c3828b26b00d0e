"""The best passages of postings are exactly those of a plain sum over everything."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qa_bench.errors import DataError
from qa_bench.retriever.postings import search
from qa_bench.retriever.postings.search import Questions, Weights, pair_scores, top_k
from qa_bench.retriever.postings.store import Builder, Postings

PASSAGES, TERMS = 9000, 200  # more than two windows
DEPTHS = [1, 7, 100, 20_000]


@pytest.fixture(scope="module")
def postings(tmp_path_factory: pytest.TempPathFactory) -> Postings:
    folder = tmp_path_factory.mktemp("postings")
    dice = np.random.default_rng(3)
    chance = np.minimum(0.5, 0.8 / (1 + np.arange(TERMS)))
    chance[-20:] = 3 / PASSAGES
    there = dice.random((PASSAGES, TERMS)) < chance
    there[4000:6000, 150] = True  # one window nearly full of a rare term
    rows, terms = np.nonzero(there)
    builder = Builder(folder, PASSAGES, "uint8")
    ends = np.concatenate([[0], np.cumsum(there.sum(axis=1))])
    builder.add(0, ends, terms.astype(np.int32), dice.geometric(0.7, len(rows)).clip(1, 255))
    builder.finish(None, dice.integers(50, 53, PASSAGES))  # few lengths: many ties
    return Postings(folder)


def by_sum(
    postings: Postings, weights: np.ndarray, questions: Questions
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Of each question, the sums of all passages and whether they share a term."""
    of_each = []
    for first, last in zip(questions.pointers[:-1], questions.pointers[1:], strict=True):
        sums, shares = np.zeros(postings.passages), np.zeros(postings.passages, bool)
        for term, weight in zip(
            questions.terms[first:last], questions.weights[first:last], strict=True
        ):
            if term >= 0:
                some = slice(*postings.pointers[term : term + 2])
                sums[postings.rows[some]] += weight * weights[some]
                shares[postings.rows[some]] = True
        of_each.append((sums, shares))
    return of_each


def ask(terms: list[list[int]], seed: int = 4) -> Questions:
    pointers = np.concatenate([[0], np.cumsum([len(some) for some in terms])])
    flat = np.array([term for some in terms for term in some], dtype=np.int32)
    return Questions(pointers, flat, np.random.default_rng(seed).integers(1, 4, len(flat)) * 1.0)


def several() -> Questions:
    dice = np.random.default_rng(5)
    drawn = [dice.choice(TERMS, dice.integers(1, 9)).tolist() for _ in range(90)]
    known = [[], [-1], [3, -1, 150], [2, 2, 2], [199, 0], [0], list(range(TERMS)), [0, 1, 190, 191]]
    return ask(known + drawn)


KINDS = {
    "as bm25": lambda idf, tf, length: idf * tf / (tf + 0.9 * (0.6 + 0.4 * length / 51)),
    "some zero": lambda idf, tf, length: np.maximum(idf - 2, 0) * tf / (tf + length / 51),
    "some negative": lambda idf, tf, length: (idf - 2) * tf / (tf + length / 51),
    "all the same": lambda idf, tf, length: 0.1 + 0 * tf,
    "tiny": lambda idf, tf, length: 1e-42 * idf * tf,
    "huge": lambda idf, tf, length: 1e37 * idf * tf / (tf + length / 51),
    "nearly the same": lambda idf, tf, length: 1 + 1e-9 * tf,
}


@pytest.mark.parametrize("kind", KINDS)
def test_as_by_a_sum_over_everything(postings: Postings, kind: str):
    idf = np.log(1 + PASSAGES / (1 + np.diff(postings.pointers)))

    def exact(which: np.ndarray | slice, terms: np.ndarray) -> np.ndarray:
        tf = postings.values[which].astype(np.float64)
        return KINDS[kind](idf[terms], tf, postings.lengths[postings.rows[which]])

    weights, questions = Weights(postings, exact, workers=2), several()
    terms = np.repeat(np.arange(TERMS), np.diff(postings.pointers))
    truth = by_sum(postings, exact(slice(None), terms), questions)
    for depth in DEPTHS:
        rows, scores = top_k(postings, weights, questions, depth, workers=2)
        for (sums, shares), hits, values in zip(truth, rows, scores, strict=True):
            there = np.flatnonzero(shares)
            best = there[np.lexsort((there, -sums[there]))][:depth]
            assert hits.tolist() == best.tolist()
            assert values.tolist() == sums[best].tolist()
    dice = np.random.default_rng(6)
    owners, some = dice.integers(0, len(truth), 500), dice.integers(0, PASSAGES, 500)
    pairs = pair_scores(postings, weights, questions, owners, some, workers=2)
    assert pairs.tolist() == [truth[owner][0][row] for owner, row in zip(owners, some, strict=True)]


def test_stored_weights_are_taken_as_they_are(tmp_path: Path):
    builder = Builder(tmp_path, 3, "float16")
    builder.add(
        0, np.array([0, 1, 2, 4]), np.array([0, 0, 0, 1], np.int32), np.array([0.1, 2, 0.1, 5])
    )
    builder.finish()
    postings = Postings(tmp_path)
    questions = Questions(np.array([0, 1, 2]), np.array([0, 1]), np.array([2.0, 0.5]))
    rows, scores = top_k(postings, Weights(postings), questions, 5)
    tenth = 2 * float(np.float16(0.1))
    assert [hits.tolist() for hits in rows] == [[1, 0, 2], [2]]
    assert [values.tolist() for values in scores] == [[4.0, tenth, tenth], [2.5]]


def test_no_question_and_no_passage(postings: Postings, tmp_path: Path):
    none = Questions(np.array([0]), np.zeros(0, np.int32), np.zeros(0))
    weights = Weights(postings)
    assert top_k(postings, weights, none, 5) == ([], [])
    assert pair_scores(postings, weights, none, np.zeros(0, int), np.zeros(0, int)).shape == (0,)
    builder = Builder(tmp_path, 0, "uint8")
    builder.finish([])
    empty = Postings(tmp_path)
    rows, scores = top_k(empty, Weights(empty), ask([[], [-1]]), 5)
    assert [len(hits) for hits in rows + scores] == [0, 0, 0, 0]


def test_progress_is_told(postings: Postings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(search, "_QUESTIONS", 10)
    counts: list[int] = []
    questions = several()
    top_k(postings, Weights(postings), questions, 3, 2, counts.append)
    assert sum(counts) == len(questions.pointers) - 1
    assert max(counts) == 10


def test_weights_that_are_no_numbers_are_refused(postings: Postings):
    def exact(which: np.ndarray | slice, terms: np.ndarray) -> np.ndarray:
        return np.where(terms == 7, np.inf, 1.0)

    with pytest.raises(DataError, match="not finite"):
        Weights(postings, exact)
