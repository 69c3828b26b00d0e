"""DrQA's retriever: its n-grams, its weights by hand, and its matrices by scipy."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse

from qa_bench.errors import UserError
from qa_bench.protocols import PairScorer, Planned, Retriever
from qa_bench.retriever.tfidf.grams import Grams, left_out
from qa_bench.retriever.tfidf.part import Tfidf, check_counts
from qa_bench.store.passages import Passages, describe_passages, write_passages
from qa_bench.text import dpr_tokens, nfd
from qa_bench.types import Passage, Question, QuestionSet, Run, Runtime

RUNTIME = Runtime(threads=1, progress=False)
BUCKETS = 1 << 24


def murmur(text: str, buckets: int = BUCKETS) -> int:
    """As scikit-learn has it, which DrQA calls."""
    hashed = pytest.importorskip("sklearn.utils").murmurhash3_32
    return int(hashed(text, positive=True)) % buckets


def grams(text: str, longest: int) -> list[str]:
    """The n-grams of a text, in plain Python."""
    words = dpr_tokens(nfd(text))
    several = [
        words[start : start + size]
        for start in range(len(words))
        for size in range(1, longest + 1)
        if start + size <= len(words)
    ]
    return [" ".join(some) for some in several if not any(map(left_out, some))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The grey heron", ["grey", "grey heron", "heron"]),
        # A stop word or punctuation between them parts two words.
        ("herons of Rome, Italy", ["herons", "rome", "italy"]),
        ("don't U.S. $5", ["u", "$", "$ 5", "5"]),
        ("İstanbul’s naïve 日本語", ["i̇stanbul", "naïve", "naïve 日本語", "日本語"]),
        ("the of ... —", []),
        ("", []),
    ],
)
def test_which_n_grams_count(text: str, expected: list[str]):
    expected = [nfd(gram) for gram in expected]
    assert sorted(grams(text, 2)) == sorted(expected)
    counts = Grams(2, BUCKETS)(["other words", text])
    here = slice(*counts.pointers[1:].tolist())
    wanted = sorted(Counter(map(murmur, expected)).items())
    assert list(zip(counts.buckets[here], counts.counts[here], strict=True)) == wanted


@pytest.mark.parametrize("longest", [1, 2, 3])
def test_counts_are_those_of_scikit_learns_hash(longest: int):
    """Of words of every length from 1 to 40 bytes, so that each tail of the hash is met."""
    dice = random.Random(longest)
    letters = "abcxyz019éß日𝔘"
    words = ["".join(dice.choices(letters, k=size)) for size in range(1, 12) for _ in range(9)]
    words += ["the", ",", "$", "a" * 40]
    texts = [" ".join(dice.choices(words, k=60)) for _ in range(30)] + ["", "the"]
    counts = Grams(longest, BUCKETS)(texts)
    assert counts.pointers.tolist()[-3:] == [len(counts.buckets)] * 3
    for number, text in enumerate(texts):
        here = slice(*counts.pointers[number : number + 2].tolist())
        wanted = sorted(Counter(map(murmur, grams(text, longest))).items())
        assert list(zip(counts.buckets[here], counts.counts[here], strict=True)) == wanted


def test_buckets_that_several_share_are_added():
    counts = Grams(1, 2)(["heron lamp keeper bird bird"])
    assert counts.counts.sum() == 5
    assert counts.buckets.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"ngrams": 0}, "retriever.ngrams: a whole number from 1 to 5, got '0'"),
        ({"ngrams": 6}, "got '6'"),
        ({"buckets": 1}, "retriever.buckets: a whole number from 2 to 268435456, got '1'"),
        ({"buckets": 2.0**24}, "got '16777216.0'"),
    ],
)
def test_bad_settings(settings: dict[str, Any], message: str):
    with pytest.raises(UserError) as caught:
        Tfidf(**settings)
    assert message in str(caught.value)


def test_what_it_is():
    made = Tfidf()
    assert isinstance(made, Retriever)
    assert isinstance(made, PairScorer)
    assert isinstance(made, Planned)
    assert not Tfidf.search_only


def stored(folder: Path, texts: Sequence[str], title: str = "") -> Passages:
    folder.mkdir(exist_ok=True)
    rows = [Passage(f"p{row}", title, text) for row, text in enumerate(texts)]
    write_passages(folder / "passages.arrow", rows)
    describe_passages(folder, [folder / "passages.arrow"])
    return Passages(folder)


def ask(texts: Sequence[str]) -> QuestionSet:
    questions = tuple(Question(f"q{n}", text, ("x",)) for n, text in enumerate(texts))
    return QuestionSet("made", "test", "string", questions, "0" * 64)


def hits(run: Run, count: int) -> list[list[tuple[int, float]]]:
    of_each: list[list[tuple[int, float]]] = [[] for _ in range(count)]
    for hit in run.table.to_pylist():
        of_each[int(hit["qid"][1:])].append((hit["row"], hit["score"]))
    return of_each


def test_weights_by_hand(tmp_path: Path):
    """N = 5. heron, grey and their pair are in 2 passages, lamp in 1, bird in 3: its idf is 0."""
    texts = ["grey heron grey heron", "a grey heron, bird", "bird of lamp", "the bird", ""]
    passages = stored(tmp_path, texts)
    questions = ask(["grey heron", "lamp lamp", "bird", "the heron and the lamp", "", "zebra"])
    made = Tfidf()
    assert made.index(passages, tmp_path, RUNTIME) == 5
    found = hits(made.search(tmp_path, passages, questions, 5, RUNTIME), 6)
    two, one = log((5 - 2 + 0.5) / (2 + 0.5)), log((5 - 1 + 0.5) / (1 + 0.5))
    # A word of the question weighs log(1 + 1) · idf; in passage 0 each stands twice.
    grey_heron = [3 * log(2) * two * log(tf + 1) * two for tf in (2, 1)]
    # Passage 0 has "heron grey" too, which the question has not.
    wanted = [
        [(0, grey_heron[0]), (1, grey_heron[1])],
        # "lamp lamp" is a pair that no passage has.
        [(2, log(3) * one * log(2) * one)],
        [],
        [
            (2, log(2) * one * log(2) * one),
            (0, log(2) * two * log(3) * two),
            (1, log(2) * two * log(2) * two),
        ],
        [],
        [],
    ]
    for mine, theirs in zip(found, wanted, strict=True):
        assert [row for row, _ in mine] == [row for row, _ in theirs]
        assert [score for _, score in mine] == pytest.approx([score for _, score in theirs])


class ByScipy:
    """The matrices that DrQA makes: buckets by articles, weighted, and a question's row."""

    buckets = 1 << 10
    """So few that n-grams fall into one."""

    def __init__(self, texts: Sequence[str], longest: int) -> None:
        self._longest = longest
        counts = [Counter(self._hashed(text)) for text in texts]
        buckets = [bucket for one in counts for bucket in one]
        columns = np.repeat(np.arange(len(texts)), [len(one) for one in counts])
        values = [count for one in counts for count in one.values()]
        matrix = scipy.sparse.csr_matrix(
            (values, (buckets, columns)), shape=(self.buckets, len(texts)), dtype=np.int64
        )
        met = np.diff(matrix.indptr)
        self._idf = np.maximum(np.log((len(texts) - met + 0.5) / (met + 0.5)), 0)
        self._weights = scipy.sparse.diags(self._idf) @ matrix.log1p()

    def _hashed(self, text: str) -> list[int]:
        return [murmur(gram, self.buckets) for gram in grams(text, self._longest)]

    def scores(self, question: str) -> np.ndarray:
        buckets, counts = np.unique(
            np.array(self._hashed(question), dtype=np.int64), return_counts=True
        )
        row = scipy.sparse.csr_matrix(
            (np.log1p(counts) * self._idf[buckets], buckets, [0, len(buckets)]),
            shape=(1, self.buckets),
        )
        product: np.ndarray = (row @ self._weights).toarray()[0]
        return product


@pytest.mark.parametrize("longest", [1, 2])
def test_hits_and_scores_are_those_of_scipys_matrices(tmp_path: Path, longest: int):
    dice = random.Random(5)
    words = [f"w{number}" for number in range(200)] + ["the", ","]
    weights = [1 / (number + 1) for number in range(202)]
    texts = [" ".join(dice.choices(words, weights, k=dice.randint(0, 50))) for _ in range(300)]
    texts[7] = texts[150] = texts[40]
    asked = [" ".join(dice.choices(words, weights, k=6)) for _ in range(60)] + [texts[40], ""]
    passages = stored(tmp_path, texts, "W3 Heron")
    made = Tfidf(ngrams=longest, buckets=ByScipy.buckets)
    # Several processes and one make the same index.
    assert made.index(passages, tmp_path, Runtime(threads=2, progress=False)) == 300
    theirs = ByScipy([f"W3 Heron\n{text}" for text in texts], longest)
    scores = np.array([theirs.scores(text) for text in asked])
    found = hits(made.search(tmp_path, passages, ask(asked), 20, RUNTIME), len(asked))
    single = scores.astype(np.float32)
    for number, ranked in enumerate(found):
        order = np.lexsort((np.arange(300), -single[number]))[:20]
        wanted = [(row, single[number, row]) for row in order if scores[number, row] > 0]
        assert ranked == wanted
    pairs = np.divmod(np.arange(single.size), 300)
    mine = made.score(tmp_path, passages, ask(asked), *pairs, RUNTIME)
    assert (mine.reshape(single.shape) == single).all()
    assert (single > 0).sum() > 1000


def test_an_index_of_another_corpus_is_refused(tmp_path: Path):
    made = Tfidf()
    made.index(stored(tmp_path, ["heron", "lamp"]), tmp_path, RUNTIME)
    other = stored(tmp_path / "other", ["heron"])
    with pytest.raises(UserError, match="postings of 2 passages, but there are 1; delete"):
        made.search(tmp_path, other, ask(["heron"]), 5, RUNTIME)


def test_what_cannot_be_stored_is_refused(tmp_path: Path):
    passages = stored(tmp_path, ["a lamp", "the lamp", "heron " * 65_536])
    counts = Grams(2, BUCKETS)([passages[1].text, passages[2].text])
    with pytest.raises(UserError, match="passage 'p2' holds an n-gram 65,536 times, 65,535 can"):
        check_counts(counts, 1, passages)
    check_counts(Grams(2, BUCKETS)(["heron " * 65_535]), 0, passages)
