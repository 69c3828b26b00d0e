"""BM25 over two fields: what each way of matching scores, computed by hand, and by Anserini."""

from __future__ import annotations

from collections.abc import Callable
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qa_bench.errors import UserError
from qa_bench.protocols import PairScorer, Planned, Retriever
from qa_bench.retriever.bm25.fields import Bm25Fields
from qa_bench.retriever.bm25.java import start_jvm
from qa_bench.store.passages import Passages, describe_passages, write_passages
from qa_bench.types import Passage, Question, QuestionSet, Run, Runtime

RUNTIME = Runtime(threads=2, java_heap="1g", progress=False)
CORPUS = [
    ("grey heron", "wade bird grey"),
    ("lamp", "keeper saw grey bird heron"),
    ("heron", ""),  # a blank text: its title is found all the same
    ("", "grey heron grey heron"),
    ("", ""),  # in no index
    ("bird", "heron grey"),
    ("bird", "heron grey"),
]
QUESTIONS = ["grey heron", "heron", "bird heron heron", "the of", "", "xylophone"]
K1, B = 0.9, 0.4


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"match": "cross_fields"}, "retriever.match: most, best, cross or phrase, got 'cross_f"),
        ({"tie": 1.5}, "retriever.tie: a number from 0 to 1, got '1.5'"),
        ({"slop": -1}, "retriever.slop: a whole number >= 0, got '-1'"),
        ({"fields": {"titel": 1}}, "retriever.fields: the weights of title and text, such as"),
        ({"fields": "title"}, "got 'title'"),
        ({"fields": {"title": -1}}, "retriever.fields.title: a number >= 0, got '-1'"),
        ({"fields": {"title": "2"}}, "retriever.fields.title: a number >= 0, got '2'"),
        ({"fields": {"title": 0, "text": 0}}, "no field has a weight above 0"),
        ({"fields": {}}, "no field has a weight above 0"),
        ({"fields": {"title": 0.5, "text": 1}}, "retriever.fields.title: Lucene combines fields"),
        ({"k1": -1}, "retriever.k1"),
    ],
)
def test_bad_settings(settings: dict[str, Any], message: str):
    with pytest.raises(UserError) as caught:
        Bm25Fields(**settings)
    assert message in str(caught.value)


def test_what_it_is():
    made = Bm25Fields(match="most", fields={"title": 0.5, "text": 1})
    assert isinstance(made, Retriever)
    assert isinstance(made, PairScorer)
    assert isinstance(made, Planned)
    assert Bm25Fields.search_only == {"k1", "b", "match", "fields", "tie", "slop"}


class Built:
    """The small corpus in an index of two fields."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        rows = [Passage(f"p{row}", *fields) for row, fields in enumerate(CORPUS)]
        write_passages(folder / "passages.arrow", rows)
        describe_passages(folder, [folder / "passages.arrow"])
        self.passages = Passages(folder)
        assert Bm25Fields(stemmer="none").index(self.passages, folder, RUNTIME) == len(CORPUS)

    def search(self, depth: int = 100, **settings: Any) -> list[list[tuple[int, float]]]:
        made = Bm25Fields(stemmer="none", **settings)
        return hits(made.search(self.folder, self.passages, ask(), depth, RUNTIME))

    def score(self, **settings: Any) -> np.ndarray:
        asked, rows = np.divmod(np.arange(len(QUESTIONS) * len(CORPUS)), len(CORPUS))
        made = Bm25Fields(stemmer="none", **settings)
        scores = made.score(self.folder, self.passages, ask(), asked, rows, RUNTIME)
        assert scores.dtype == np.float32
        return scores.reshape(len(QUESTIONS), len(CORPUS))


def ask() -> QuestionSet:
    questions = tuple(Question(f"q{n}", text, ("x",)) for n, text in enumerate(QUESTIONS))
    return QuestionSet("made", "test", "string", questions, "0" * 64)


def hits(run: Run) -> list[list[tuple[int, float]]]:
    of_each: list[list[tuple[int, float]]] = [[] for _ in QUESTIONS]
    for hit in run.table.to_pylist():
        of_each[int(hit["qid"][1:])].append((hit["row"], hit["score"]))
        assert hit["rank"] == len(of_each[int(hit["qid"][1:])])
    return of_each


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return Built(tmp_path_factory.mktemp("built"))


def words(text: str) -> list[str]:
    return [word for word in text.split() if word not in ("the", "of")]


TITLES = [words(title) for title, _ in CORPUS]
TEXTS = [words(text) for _, text in CORPUS]


def weight(tf: float, df: int, count: int, length: float, average: float) -> float:
    """Lucene's BM25 of a term: lengths below 40 are stored as they are."""
    idf = log(1 + (count - df + 0.5) / (df + 0.5))
    return idf * tf / (tf + K1 * (1 - B + B * length / average)) if tf else 0.0


def of_field(field: list[list[str]], row: int, question: list[str]) -> float:
    count = sum(map(bool, field))
    average = sum(map(len, field)) / count
    return sum(
        weight(
            field[row].count(word),
            sum(word in one for one in field),
            count,
            len(field[row]),
            average,
        )
        for word in question
    )


def most(row: int, question: list[str], title: float, text: float, tie: float) -> float:
    return title * of_field(TITLES, row, question) + text * of_field(TEXTS, row, question)


def best(row: int, question: list[str], title: float, text: float, tie: float) -> float:
    several = title * of_field(TITLES, row, question), text * of_field(TEXTS, row, question)
    return max(several) + tie * min(several)


def cross(row: int, question: list[str], title: float, text: float, tie: float) -> float:
    """One field in which a title stands so many times; df and the count are the larger field's."""
    fields = [(field, times) for field, times in ((TITLES, title), (TEXTS, text)) if times]
    count = max(sum(map(bool, field)) for field, _ in fields)
    average = sum(times * sum(map(len, field)) for field, times in fields) / count
    total = 0.0
    for word in question:
        df = max(sum(word in one for one in field) for field, _ in fields)
        tf = sum(times * field[row].count(word) for field, times in fields)
        total += weight(
            tf, df, count, sum(times * len(field[row]) for field, times in fields), average
        )
    return total


@pytest.mark.java
@pytest.mark.parametrize(
    ("expected", "title", "text", "tie"),
    [
        (most, 1.0, 1.0, 0.0),
        (most, 0.5, 2.0, 0.0),
        (most, 0.0, 1.0, 0.0),
        (best, 1.0, 1.0, 0.0),
        (best, 2.0, 1.0, 0.3),
        (cross, 1.0, 1.0, 0.0),
        (cross, 3.0, 1.0, 0.0),
        (cross, 1.0, 0.0, 0.0),
    ],
    ids=lambda one: one.__name__ if callable(one) else str(one),
)
def test_scores_are_those_of_the_formulas(
    built: Built, expected: Callable[..., float], title: float, text: float, tie: float
):
    settings = {"match": expected.__name__, "fields": {"title": title, "text": text}, "tie": tie}
    wanted = np.array(
        [
            [expected(row, words(question), title, text, tie) for row in range(len(CORPUS))]
            for question in QUESTIONS
        ]
    )
    assert (wanted > 0).sum() >= 8
    np.testing.assert_allclose(built.score(**settings), wanted, atol=6e-5)
    for number, ranked in enumerate(built.search(**settings)):
        rows = [row for row, _ in ranked]
        assert sorted(rows) == np.flatnonzero(wanted[number]).tolist()
        # Equal scores are lowered by 1e-6 one after the other.
        np.testing.assert_allclose([score for _, score in ranked], wanted[number][rows], atol=1e-4)
        assert rows == sorted(rows, key=lambda row: (-round(wanted[number][row], 6), row))


@pytest.mark.java
def test_a_phrase_is_in_one_field_and_in_order(built: Built):
    ranked = built.search(match="phrase")
    assert {row for row, _ in ranked[0]} == {0, 3}, "text 0 has the words, but not in a row"
    assert {row for row, _ in built.search(match="phrase", slop=1)[0]} == {0, 1, 3}
    assert {row for row, _ in built.search(match="phrase", slop=2)[0]} == {0, 1, 3, 5, 6}
    assert ranked[3:] == [[], [], []]
    # Of one word it is `best`; in row 0 a phrase of two scores with the idf of both.
    assert ranked[1] == built.search(match="best")[1]
    idf = sum(log(1 + (5 - df + 0.5) / (df + 0.5)) for df in (1, 2))
    norm = K1 * (1 - B + B * 2 / (6 / 5))
    assert dict(ranked[0])[0] == pytest.approx(idf / (1 + norm), abs=6e-5)


@pytest.mark.java
def test_the_ways_differ(built: Built):
    kinds = ("most", "best", "cross", "phrase")
    runs = [built.search(match=kind) for kind in kinds]
    assert all(one != other for n, one in enumerate(runs) for other in runs[:n])


@pytest.mark.java
@pytest.mark.parametrize("depth", [2, 100])
def test_most_is_what_anserini_finds_in_its_fields(built: Built, depth: int):
    """Hits, order and scores, to the bit."""
    autoclass = start_jvm("1g")
    analyzers = autoclass("io.anserini.analysis.DefaultEnglishAnalyzer")
    searcher = autoclass("io.anserini.search.SimpleSearcher")(
        str(built.folder / "lucene"), analyzers.fromArguments("none", False, None)
    )
    searcher.set_bm25(K1, B)
    weights = autoclass("java.util.HashMap")()
    for field, times in (("title", 2.0), ("contents", 1.0)):
        weights.put(field, autoclass("java.lang.Float")(times))
    theirs = [
        [(int(hit.docid), hit.score) for hit in searcher.search_fields(text, weights, depth)]
        for text in QUESTIONS
    ]
    searcher.close()
    assert built.search(depth, match="most", fields={"title": 2.0, "text": 1.0}) == theirs
    assert len(theirs[0]) == min(depth, 6)
