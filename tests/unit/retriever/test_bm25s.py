"""The bm25s retriever: its formulas by hand, its ties in corpus order, its files."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nearest import told

from qa_bench.retriever import bm25s
from qa_bench.retriever.bm25s import Bm25s
from qa_bench.retriever.postings.part import Bm25Native
from qa_bench.store.passages import Passages
from qa_bench.types import Question, QuestionSet, Run, Runtime

K1, B = 0.9, 0.4
ONE = Runtime(threads=1, device="cpu", progress=False)
TEXTS = (
    "alpha beta beta gamma",
    "alpha delta",
    "",
    "beta epsilon epsilon epsilon zeta zeta eta",
    "alpha alpha beta",
    "theta",
    "alpha",
)
WORDS = [text.split() for text in TEXTS]
MakePassages = Callable[..., Passages]


def ask(*texts: str) -> QuestionSet:
    questions = tuple(Question(f"q{n}", text, ("x",)) for n, text in enumerate(texts))
    return QuestionSet("made", "test", "string", questions, "0" * 64)


class Built:
    """An index of texts."""

    def __init__(self, place: Path, passages: Passages, **settings: Any) -> None:
        self.folder, self.passages = place / "index", passages
        self.folder.mkdir(parents=True)
        self.part = Bm25s(**{"stemmer": "none", **settings})
        self.count = self.part.index(passages, self.folder, ONE)

    def run(self, *texts: str, depth: int = 100, runtime: Runtime = ONE) -> Run:
        return self.part.search(self.folder, self.passages, ask(*texts), depth, runtime)

    def hits(self, text: str, depth: int = 100) -> list[tuple[int, float]]:
        rows = self.run(text, depth=depth).table.to_pylist()
        return [(row["row"], row["score"]) for row in rows]

    def scores(self, text: str, rows: list[int]) -> list[float]:
        pairs = np.zeros(len(rows), dtype=np.int64), np.array(rows)
        scores = self.part.score(self.folder, self.passages, ask(text), *pairs, ONE)
        assert scores.dtype == np.float32
        return scores.tolist()


Build = Callable[..., Built]


@pytest.fixture
def build(tmp_path: Path, make_passages: MakePassages) -> Build:
    """``build(texts, method="atire", …)``; without texts: of those before."""
    corpora: list[Passages] = []

    def made(texts: Any = None, **settings: Any) -> Built:
        if not corpora or texts:
            rows = [(f"p{n}", "", text) for n, text in enumerate(texts or TEXTS)]
            corpora.append(make_passages(rows))
        return Built(tmp_path / str(settings), corpora[-1], **settings)

    return made


def by_hand(method: str, question: str) -> list[float]:
    """Each passage's score, from the formulas of bm25s' paper, after Kamphuis et al. 2020."""
    count = len(WORDS)
    average = sum(map(len, WORDS)) / count
    scores = []
    for words in WORDS:
        score = 0.0
        for term in question.split():
            df, tf = sum(term in other for other in WORDS), words.count(term)
            if not df:
                continue
            norm = 1 - B + B * len(words) / average
            if method == "lucene":
                weight = math.log(1 + (count - df + 0.5) / (df + 0.5)) * tf / (tf + K1 * norm)
            elif method == "robertson":
                idf = max(0.0, math.log((count - df + 0.5) / (df + 0.5)))
                weight = idf * tf / (tf + K1 * norm)
            elif method == "atire":
                weight = math.log(count / df) * (K1 + 1) * tf / (tf + K1 * norm)
            elif method == "bm25l":
                c = tf / norm
                idf = math.log((count + 1) / (df + 0.5))
                weight = idf * (K1 + 1) * (c + 0.5) / (K1 + c + 0.5)
            else:
                weight = math.log((count + 1) / df) * ((K1 + 1) * tf / (K1 * norm + tf) + 1)
            score += weight
        scores.append(score)
    return scores


@pytest.mark.parametrize("method", bm25s.METHODS)
@pytest.mark.parametrize("question", ["beta", "epsilon beta quux zeta beta", "theta eta alpha"])
def test_scores_by_hand(method: str, question: str, build: Build):
    built, true = build(method=method), by_hand(method, question)
    assert built.count == len(TEXTS)
    hits = built.hits(question)
    assert [score for _, score in hits] == pytest.approx([true[row] for row, _ in hits], rel=2e-6)
    assert [row for row, _ in hits] == sorted(
        (row for row, words in enumerate(WORDS) if {*words} & {*question.split()} and true[row]),
        key=lambda row: (-round(true[row], 5), row),
    )
    assert built.scores(question, list(range(7))) == pytest.approx(true, rel=2e-6)
    assert built.scores(question, [row for row, _ in hits]) == [score for _, score in hits]


def test_robertsons_idf_ends_at_nothing(build: Build):
    built = build(method="robertson")
    assert built.hits("alpha") == []  # in four of seven passages
    assert built.scores("alpha", [0, 6]) == [0, 0]


@pytest.mark.parametrize("method", ["lucene", "bm25+"])
def test_ties_at_the_cut_are_in_corpus_order(method: str, build: Build):
    texts = [("gamma beta" if n % 3 else "alpha beta") for n in range(1200)]
    built = build(texts, method=method)
    tied = [n for n in range(1200) if n % 3 == 0]
    others = [n for n in range(1200) if n % 3]
    for depth in (1, 7, 399, 400, 401, 900, 1199, 1200, 1500):
        rows = [row for row, _ in built.hits("alpha beta", depth)]
        assert rows == (tied + others)[:depth]
    assert [row for row, _ in built.hits("alpha", 500)] == tied
    both = built.run("alpha", "gamma", "nothing", "beta", depth=3).table
    assert both.column("row").to_pylist() == [0, 3, 6, 1, 2, 4, 0, 1, 2]
    assert {*both.column("qid").to_pylist()} == {"q0", "q1", "q3"}


def test_what_has_no_hits(build: Build):
    run = build().run("quux", "", "the of", "?!")
    assert len(run.table) == 0


def test_a_question_of_many_words(build: Build):
    built = build()
    once, often = built.hits("beta"), built.hits("beta " * 10_000)
    assert [row for row, _ in once] == [row for row, _ in often]
    assert often[0][1] == pytest.approx(10_000 * once[0][1], rel=1e-3)


NATIVE = {"lucene": "lucene_accurate", "atire": "atire", "bm25l": "bm25l", "bm25+": "bm25_plus"}
"""The same formulas in the native engine. Robertson's idf is not: it ends at 0 in bm25s alone."""


@pytest.mark.parametrize("method", NATIVE)
def test_the_native_engine_scores_the_same(method: str, build: Build, tmp_path: Path):
    """But for words that a passage lacks: bm25l and bm25+ weigh them in bm25s alone."""
    random = np.random.default_rng(1)
    texts = [" ".join(f"w{n}" for n in random.zipf(1.5, 20) if n < 60) for _ in range(200)]
    words = 5 if method in ("lucene", "atire") else 1
    questions = ask(*(" ".join(f"w{n}" for n in random.integers(1, 60, words)) for _ in range(20)))
    built, native = build(texts, method=method), Bm25Native(NATIVE[method], stemmer="none")
    (tmp_path / "native").mkdir()
    native.index(built.passages, tmp_path / "native", ONE)
    pairs = np.repeat(np.arange(20), 200), np.tile(np.arange(200), 20)
    ours = built.part.score(built.folder, built.passages, questions, *pairs, ONE)
    theirs = native.score(tmp_path / "native", built.passages, questions, *pairs, ONE)
    shared = theirs > 0
    np.testing.assert_allclose(ours[shared], theirs[shared], rtol=2e-6)
    assert len(np.unique(ours[shared])) > 50


def test_delta_of_bm25_plus_changes_no_ranking(build: Build):
    """Nor does the library's own: an absent word gets it as well as one that is there."""
    question = "alpha beta epsilon"
    least, most = (build(method="bm25+", delta=delta).hits(question) for delta in (0, 5))
    assert [row for row, _ in least] == [row for row, _ in most]
    assert {round(b - a, 4) for (_, a), (_, b) in zip(least, most, strict=True)} == {
        round(5 * (math.log(8 / 4) + math.log(8 / 3) + math.log(8 / 1)), 4)
    }


def test_compiled_and_plain_searches_agree(build: Build, monkeypatch: pytest.MonkeyPatch):
    random = np.random.default_rng(0)
    texts = [" ".join(f"w{n}" for n in random.zipf(1.5, 12) if n < 50) for _ in range(300)]
    questions = [" ".join(f"w{n}" for n in random.integers(1, 50, 4)) for _ in range(40)]
    built = build(texts, method="bm25l")
    plain = built.run(*questions, depth=9)
    monkeypatch.setattr(bm25s, "_COMPILED_FROM", 0)
    monkeypatch.setattr(bm25s, "_QUESTIONS_AT_ONCE", 7)
    two = Runtime(threads=2, device="cpu", progress=False)
    assert built.run(*questions, depth=9, runtime=two).table.equals(plain.table)


def test_stop_words_and_stems_are_the_projects(build: Build):
    built = build(["the herons", "a heron", "the"], stemmer="porter")
    assert [row for row, _ in built.hits("heron's")] == [0, 1]
    whole = build(keep_stopwords=True)
    assert [row for row, _ in whole.hits("the")] == [2, 0]


def test_nothing_to_index(build: Build):
    assert "no passage holds a term" in told(lambda: build(["", "the of"]))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "bm25"}, "retriever.method: lucene, robertson, atire, bm25l or bm25+"),
        ({"k1": -1}, "retriever.k1: a number >= 0"),
        ({"b": 1.5}, "retriever.b: a number"),
        ({"delta": 1}, "retriever.delta=1: method lucene has no delta; bm25l and bm25+ have"),
        ({"method": "bm25l", "delta": -1}, "retriever.delta: a number >= 0"),
        ({"stemmer": "snowball"}, "retriever.stemmer: porter, krovetz or none"),
        ({"keep_stopwords": "no"}, "retriever.keep_stopwords: true or false"),
    ],
)
def test_a_bad_setting(settings: dict[str, Any], message: str):
    assert message in told(lambda: Bm25s(**settings))


def test_delta(build: Build):
    plus = build(method="bm25+"), build(method="bm25+", delta=0)
    (_, one), (_, none) = plus[0].hits("theta")[0], plus[1].hits("theta")[0]
    assert one - none == pytest.approx(math.log(8 / 1), rel=1e-5)


@pytest.mark.parametrize("name", ["data", "indices", "indptr", "params", "vocab"])
@pytest.mark.parametrize("damage", ["cut", "zeroed", "missing"])
def test_a_spoilt_file_is_told(name: str, damage: str, build: Build):
    built = build()
    [path] = built.folder.glob(f"{name}.*")
    whole = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(whole[:-4] if damage == "cut" else bytes(len(whole)))
    assert f"delete {built.folder} to build it again" in told(lambda: built.run("beta"))


def test_rows_beyond_the_corpus_are_told(build: Build):
    built = build()
    path = built.folder / "indices.csc.index.npy"
    rows = np.load(path)
    rows[0] = 7_000_000
    np.save(path, rows)
    assert "cut short, or of another corpus" in told(lambda: built.run("beta"))
