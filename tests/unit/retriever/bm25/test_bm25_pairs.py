"""BM25 of given pairs: the scores that the search gives, and those of the formula."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qa_bench.errors import UserError
from qa_bench.protocols import PairScorer
from qa_bench.retriever.bm25.java import start_jvm
from qa_bench.retriever.bm25.part import Bm25
from qa_bench.store.passages import Passages, describe_passages, write_passages
from qa_bench.types import Passage, Question, QuestionSet, Runtime

pytestmark = pytest.mark.java

RUNTIME = Runtime(threads=2, java_heap="1g", progress=False)
WORDS = "red green blue grey heron lighthouse keeper wall bridge town island count seven of the and"
PLAIN: dict[str, Any] = {"stemmer": "none", "keep_stopwords": True}
BLANK = ["", " \t", "\n\n", "\u00a0", "\u3000", "\x1f", "?!", "the of"]


class Built:
    """An index of passages, and both ways to score them."""

    def __init__(self, passages: Sequence[tuple[str, str]], folder: Path, **settings: Any) -> None:
        self.rows = [Passage(f"p{n}", title, text) for n, (title, text) in enumerate(passages)]
        self.folder = folder
        write_passages(folder / "passages.arrow", self.rows)
        describe_passages(folder, [folder / "passages.arrow"])
        self.passages = Passages(folder)
        self.retriever = Bm25(**settings)
        assert self.retriever.index(self.passages, folder, RUNTIME) == len(passages)

    def score(
        self,
        texts: Sequence[str],
        pairs: Sequence[tuple[int, int]],
        runtime: Runtime = RUNTIME,
        **settings: Any,
    ) -> np.ndarray:
        retriever = Bm25(**settings) if settings else self.retriever
        asked, rows = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
        return retriever.score(self.folder, self.passages, ask(texts), asked, rows, runtime)

    def searched(self, texts: Sequence[str], **settings: Any) -> dict[tuple[int, int], float]:
        """What the search finds: the score of each (question, row)."""
        retriever = Bm25(**settings) if settings else self.retriever
        run = retriever.search(self.folder, self.passages, ask(texts), 10_000, RUNTIME)
        return {
            (int(hit["qid"][1:]), int(hit["pid"][1:])): hit["score"]
            for hit in run.table.to_pylist()
        }


Build = Callable[..., Built]


def ask(texts: Sequence[str]) -> QuestionSet:
    questions = tuple(Question(f"q{n}", text, ("x",)) for n, text in enumerate(texts))
    return QuestionSet("made", "test", "string", questions, "0" * 64)


def made_up(count: int, seed: int, longest: int = 35) -> list[tuple[str, str]]:
    dice = random.Random(seed)
    words = WORDS.split()
    lengths = [dice.randint(1, longest) for _ in range(count)]
    return [(dice.choice(words), " ".join(dice.choices(words, k=length))) for length in lengths]


def all_pairs(questions: int, rows: int) -> list[tuple[int, int]]:
    return [(question, row) for question in range(questions) for row in range(rows)]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    def made(passages: Sequence[tuple[str, str]], **settings: Any) -> Built:
        return Built(passages, tmp_path, **settings)

    return made


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """300 passages of few words, so that everything matches something and much ties."""
    return Built(made_up(300, seed=1, longest=200), tmp_path_factory.mktemp("corpus"))


QUESTIONS = [
    "which heron did the lighthouse keeper count",
    "Herons' bridges: counted (seven) OR grey*",
    "blue blue blue town",
    "islands",
    "red, green and blue walls in the town of seven bridges",
]


def test_is_a_pair_scorer():
    assert isinstance(Bm25(), PairScorer)


@pytest.mark.parametrize(
    "settings", [{}, {"k1": 1.2, "b": 0.75}, {"k1": 0, "b": 0}, {"k1": 3.5, "b": 1}], ids=str
)
def test_what_the_search_gives(corpus: Built, settings: dict[str, float]):
    """All pairs of all questions: found ones have their scores, the others none.

    Anserini lowers each score within 1e-4 of the one before it, by 1e-6 more each time.
    """
    pairs = all_pairs(len(QUESTIONS), 300)
    scores = corpus.score(QUESTIONS, pairs, **settings)
    found = corpus.searched(QUESTIONS, **settings)
    assert len(found) > 1000
    assert scores.dtype == np.float32
    wanted = np.array([found.get(pair, 0.0) for pair in pairs])
    assert (scores >= np.float32(wanted)).all()
    np.testing.assert_allclose(scores, wanted, atol=3.5e-4 if settings else 1e-4)
    assert ((scores > 0) == (wanted > 0)).all()
    best = [max(hits) for hits in per_question(found)]
    assert [float(scores[n * 300 : (n + 1) * 300].max()) for n in range(len(best))] == best


def per_question(found: dict[tuple[int, int], float]) -> list[list[float]]:
    return [
        [score for (question, _), score in found.items() if question == number]
        for number in sorted({question for question, _ in found})
    ]


def test_rounded_exactly_as_the_search_does(corpus: Built):
    """Hits that lie apart from the one before, which Anserini does not lower.

    8.36875 as a float is below that, and rounds down.
    """
    dice = random.Random(5)
    texts = [" ".join(dice.choices(WORDS.split(), k=5)) for _ in range(300)]
    hits = corpus.searched(texts)
    scores = corpus.score(texts, list(hits))
    wanted = np.array(list(hits.values()))
    apart = np.abs(np.diff(wanted, prepend=0)) > 2.5e-4
    assert apart.sum() > 10_000
    assert (scores[apart] == np.float32(wanted[apart])).all()


def test_scores_are_rounded_and_ties_stay_ties(build: Build):
    built = build([("", "grey heron"), ("", "blue wall"), *[("", "heron grey")] * 3])
    scores = built.score(["heron"], all_pairs(1, 5))
    assert scores[1] == 0
    assert set(scores[[0, 2, 3, 4]]) == {np.float32(round(float(scores[0]), 4))}


def by_hand(
    question: str, row: int, passages: Sequence[tuple[str, str]], k1: float, b: float
) -> float:
    bags = [Counter(f"{title} {text}".split()) for title, text in passages]
    average = sum(bag.total() for bag in bags) / len(bags)
    total = 0.0
    for word in question.split():
        df = sum(word in bag for bag in bags)
        idf = math.log(1 + (len(bags) - df + 0.5) / (df + 0.5))
        tf = bags[row][word]
        norm = k1 * (1 - b + b * bags[row].total() / average)
        total += idf * tf / (tf + norm) if tf else 0.0
    return total


@pytest.mark.parametrize(("k1", "b"), [(0.9, 0.4), (1.2, 0.75), (0.0, 0.3), (2.0, 1.0)])
def test_the_formula(build: Build, k1: float, b: float):
    """Lengths below 40 are stored as they are; a word asked twice counts twice."""
    passages = made_up(50, seed=2)
    built = build(passages, **PLAIN, k1=k1, b=b)
    questions = ["grey heron", "the keeper of the seven bridge wall", "blue", "unknown red words"]
    pairs = all_pairs(len(questions), len(passages))
    wanted = [by_hand(questions[asked], row, passages, k1, b) for asked, row in pairs]
    np.testing.assert_allclose(built.score(questions, pairs), wanted, atol=6e-5)


def test_no_common_word_is_zero(corpus: Built):
    pairs = all_pairs(5, 3)
    texts = ["xylophone quux", "the of and", "", "?!", " \t\n"]
    assert not corpus.score(texts, pairs).any()


def test_any_order_and_repeats(corpus: Built):
    dice = random.Random(3)
    pairs = [(asked, dice.randrange(300)) for asked in range(5) for _ in range(700)]
    every = corpus.score(QUESTIONS, all_pairs(5, 300)).reshape(5, 300)
    assert len(set(pairs)) < len(pairs)
    assert corpus.score(QUESTIONS, pairs).tolist() == [float(every[pair]) for pair in pairs]


def test_questions_without_pairs(corpus: Built):
    every = corpus.score(QUESTIONS, all_pairs(5, 300)).reshape(5, 300)
    pairs = [(1, 7), (1, 5), (4, 5)]
    assert corpus.score(QUESTIONS, pairs).tolist() == [float(every[pair]) for pair in pairs]


@pytest.mark.parametrize("texts", [QUESTIONS, []], ids=["questions", "none"])
def test_no_pairs(corpus: Built, texts: list[str]):
    scores = corpus.score(texts, [])
    assert (scores.shape, scores.dtype) == ((0,), np.float32)


@pytest.mark.parametrize("kind", [np.int32, np.int64, np.uint32])
def test_kinds_of_integers(corpus: Built, kind: type):
    asked, rows = np.array([[0, 0, 3], [9, 4, 4]], dtype=kind)
    got = corpus.retriever.score(
        corpus.folder, corpus.passages, ask(QUESTIONS), asked, rows, RUNTIME
    )
    assert got.tolist() == corpus.score(QUESTIONS, [(0, 9), (0, 4), (3, 4)]).tolist()


def test_threads_change_nothing(corpus: Built):
    """More questions than are held at once, each with passages of its own."""
    dice = random.Random(4)
    texts = [" ".join(dice.choices(WORDS.split(), k=4)) for _ in range(400)]
    pairs = [(asked, dice.randrange(300)) for asked in range(400) for _ in range(10)]
    one = corpus.score(texts, pairs, Runtime(threads=1, java_heap="1g", progress=False))
    many = corpus.score(texts, pairs, Runtime(threads=5, java_heap="1g", progress=False))
    assert one.tolist() == many.tolist()
    found = corpus.searched(texts)
    np.testing.assert_allclose(one, [found.get(pair, 0.0) for pair in pairs], atol=3.5e-4)


@pytest.mark.parametrize("stemmer", ["porter", "krovetz", "none"])
def test_the_stemmer(build: Build, stemmer: str):
    built = build([("", "counting herons"), ("", "the heron counts")], stemmer=stemmer)
    scores = built.score(["heron count", "the"], all_pairs(2, 2))
    assert (scores > 0).tolist() == [stemmer != "none", True, False, False]


def test_stop_words_that_are_kept(build: Build):
    built = build([("", "the heron"), ("", "a wall")], keep_stopwords=True)
    assert (built.score(["the"], all_pairs(1, 2)) > 0).tolist() == [True, False]


@pytest.mark.parametrize(
    "text",
    [
        "𝔘𝔫𝔦𝔠𝔬𝔡𝔢",
        "日本語",
        "naïve",
        "Ærøskøbing",
        'say "heron',
        "[a TO",
        "heron\\",
        "a\x00heron",
        "{}",
    ],
)
def test_special_characters(build: Build, text: str):
    built = build(
        [
            ("", "heron"),
            ('𝔘𝔫𝔦𝔠𝔬𝔡𝔢 "日本語"', "naïve\tÆrøskøbing \\ heron"),
            ("x\x00", "say a heron"),
        ]
    )
    found = built.searched([text])
    wanted = [found.get((0, row), 0.0) for row in range(3)]
    np.testing.assert_allclose(built.score([text], all_pairs(1, 3)), wanted, atol=1e-5)
    assert any(wanted) == (text not in ("[a TO", "{}"))


def test_passages_that_are_not_indexed(build: Build):
    """Anserini leaves blank ones out; they may be asked for all the same."""
    passages = [(title, text) for title in BLANK for text in BLANK]
    built = build([*passages, ("", "grey heron"), *passages])
    count = 2 * len(passages) + 1
    scores = built.score(["heron", "?!"], all_pairs(2, count))
    assert np.flatnonzero(scores).tolist() == [len(passages)]
    assert not built.score(["heron"], [(0, 0)]).any()


def test_an_index_of_another_corpus(build: Build, corpus: Built):
    built = build([("", "grey heron")])
    with pytest.raises(UserError, match="the index lacks passages"):
        built.retriever.score(
            built.folder, corpus.passages, ask(["a"]), np.array([0]), np.array([1]), RUNTIME
        )


def test_no_index(corpus: Built, tmp_path: Path):
    with pytest.raises(UserError, match="Lucene: "):
        corpus.retriever.score(
            tmp_path, corpus.passages, ask(["a"]), np.array([0]), np.array([1]), RUNTIME
        )


def test_what_java_throws_in_a_thread_is_told(corpus: Built):
    searchers = start_jvm("1g")("org.apache.lucene.search.IndexSearcher")
    most = searchers.getMaxClauseCount()
    searchers.setMaxClauseCount(2)
    try:
        with pytest.raises(UserError, match=r"Lucene: .*maxClauseCount"):
            corpus.score(["red green blue grey"], [(0, 0)])
    finally:
        searchers.setMaxClauseCount(most)


def test_questions_of_thousands_of_terms(build: Build) -> None:
    """More than Lucene takes of itself (1,024), in the search and in pairs."""
    built = build(made_up(30, 3), **PLAIN)
    many = " ".join(f"w{number}" for number in range(5_000))
    texts = [f"{many} heron keeper", "heron keeper", " ".join(f"w{n}" for n in range(1_025))]
    found = built.searched(texts)
    assert {row: score for (question, row), score in found.items() if question == 0} == {
        row: score for (question, row), score in found.items() if question == 1
    }, "what no passage holds adds nothing"
    assert {question for question, _ in found} == {0, 1}
    scores = built.score(texts, all_pairs(3, 30)).reshape(3, 30)
    np.testing.assert_array_equal(scores[0], scores[1])
    assert (scores[1] > 0).any()
    assert not scores[2].any()
