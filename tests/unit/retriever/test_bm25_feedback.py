"""Feedback's settings, and that it finds, scores and cuts as Anserini's searcher does."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qa_bench.errors import UserError
from qa_bench.protocols import PairScorer, Planned, Retriever
from qa_bench.retriever.bm25.java import start_jvm
from qa_bench.retriever.bm25.part import Bm25
from qa_bench.retriever.bm25_feedback import Bm25Feedback, Rm3, Rocchio
from qa_bench.store.passages import Passages, describe_passages, write_passages
from qa_bench.types import Passage, Question, QuestionSet, Run, Runtime

RUNTIME = Runtime(threads=2, java_heap="1g", progress=False)
QUESTIONS = [
    "which heron did the lighthouse keeper count",
    "w17 w250",
    "w3 w3 w401",
    "日本語",
    "xylophone quux",
    "the of and",
    "",
]
FEEDBACK: list[Any] = [
    Rm3(),
    Rm3(terms=3, docs=2, original_query_weight=0.1),
    Rm3(terms=40, docs=50, original_query_weight=0),
    Rocchio(),
    Rocchio(terms=3, docs=2, alpha=0.5, beta=2),
    Rocchio(terms=40, docs=70, alpha=0),
]
each_feedback = pytest.mark.parametrize(
    "feedback", FEEDBACK, ids=lambda one: f"{type(one).__name__}-{one.docs}"
)


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (Rm3, {"terms": 0}, "retriever.feedback.terms: a whole number from 1 to 1000, got '0'"),
        (Rm3, {"terms": 1001}, "got '1001'"),
        (Rm3, {"terms": "ten"}, "got 'ten'"),
        (Rm3, {"docs": 0}, "retriever.feedback.docs: a whole number from 1 to 50, got '0'"),
        (Rm3, {"docs": 51}, "from 1 to 50, got '51'"),
        (Rm3, {"docs": True}, "got 'true'"),
        (Rm3, {"docs": 2.5}, "got '2.5'"),
        (
            Rm3,
            {"original_query_weight": 1.1},
            "query_weight: a number from 0 to 1, got '1.1'",
        ),
        (Rm3, {"original_query_weight": -0.1}, "got '-0.1'"),
        (Rocchio, {"terms": 0}, "retriever.feedback.terms: a whole number from 1 to 1000"),
        (Rocchio, {"docs": 0}, "retriever.feedback.docs: a whole number >= 1, got '0'"),
        (Rocchio, {"alpha": -1}, "retriever.feedback.alpha: a number >= 0, got '-1'"),
        (Rocchio, {"beta": -0.5}, "retriever.feedback.beta: a number >= 0, got '-0.5'"),
        (Rocchio, {"alpha": 0, "beta": 0}, "alpha and beta are both 0"),
    ],
)
def test_bad_settings(kind: Any, settings: dict[str, Any], message: str):
    with pytest.raises(UserError) as caught:
        kind(**settings)
    assert message in str(caught.value)


@pytest.mark.parametrize("settings", [{"k1": -1}, {"b": 2}, {"stemmer": "Porter"}])
def test_bm25s_settings_are_checked_too(settings: dict[str, Any]):
    with pytest.raises(UserError):
        Bm25Feedback(Rm3(), **settings)


def test_what_it_is():
    made = Bm25Feedback(Rm3(), k1=1.2)
    assert isinstance(made, Retriever)
    assert isinstance(made, PairScorer)
    assert isinstance(made, Planned)
    assert Bm25Feedback.search_only == {"k1", "b", "feedback"}


def test_the_plan_is_larger_and_slower_than_bm25s():
    mine, plain = (made.plan(1e6, 100, 100, RUNTIME) for made in (Bm25Feedback(Rm3()), Bm25()))
    assert [step.name for step in mine] == [step.name for step in plain]
    assert mine[0].disk > 2 * plain[0].disk
    assert mine[1].seconds > plain[1].seconds


class Built:
    """An index of 400 passages whose words are as rare as real ones."""

    def __init__(self, folder: Path) -> None:
        dice = random.Random(7)
        words = [f"w{number}" for number in range(500)]
        weights = [1 / (number + 1) for number in range(500)]
        texts = [" ".join(dice.choices(words, weights, k=dice.randint(5, 60))) for _ in range(400)]
        texts[10] = "the keeper of the lighthouse counted seven grey herons"
        texts[11] = "grey herons nest on the island"
        texts[12] = "日本語 naïve Ærøskøbing"
        texts[13] = texts[14] = texts[11]
        texts[15] = ""
        self.folder = folder
        rows = [Passage(f"p{row}", "", text) for row, text in enumerate(texts)]
        write_passages(folder / "passages.arrow", rows)
        describe_passages(folder, [folder / "passages.arrow"])
        self.passages = Passages(folder)
        made = Bm25Feedback(Rm3())
        assert made.index(self.passages, folder, RUNTIME) == 400

    def search(self, feedback: Any, depth: int, **settings: Any) -> Run:
        made = Bm25Feedback(feedback, **settings)
        return made.search(self.folder, self.passages, ask(QUESTIONS), depth, RUNTIME)


def ask(texts: list[str]) -> QuestionSet:
    questions = tuple(Question(f"q{n}", text, ("x",)) for n, text in enumerate(texts))
    return QuestionSet("made", "test", "string", questions, "0" * 64)


def hits(run: Run) -> list[list[tuple[int, float]]]:
    found: list[list[tuple[int, float]]] = [[] for _ in QUESTIONS]
    for hit in run.table.to_pylist():
        found[int(hit["qid"][1:])].append((hit["row"], hit["score"]))
        assert hit["rank"] == len(found[int(hit["qid"][1:])])
    return found


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return Built(tmp_path_factory.mktemp("built"))


@pytest.mark.java
@each_feedback
def test_finds_what_anserinis_searcher_finds(built: Built, feedback: Any):
    """One question at a time, as ``LuceneSearcher.search`` does."""
    searcher = start_jvm("1g")("io.anserini.search.SimpleSearcher")(str(built.folder / "lucene"))
    searcher.set_bm25(1.2, 0.75)
    if isinstance(feedback, Rm3):
        searcher.set_rm3(None, feedback._terms, feedback.docs, feedback._original, False, True)
    else:
        top, weights = (feedback._terms, feedback.docs), feedback._weights
        searcher.set_rocchio(None, *top, 10, 10, *weights, 0.0, False, False)
    found = hits(built.search(feedback, 100, k1=1.2, b=0.75))
    for text, mine in zip(QUESTIONS, found, strict=True):
        theirs = [(int(hit.docid), hit.score) for hit in searcher.search(text, 100)]
        assert mine == theirs
    searcher.close()
    assert [len(ranked) > 0 for ranked in found] == [True] * 4 + [False] * 3


@pytest.mark.java
def test_feedback_changes_what_is_found(built: Built):
    plain = Bm25().search(built.folder, built.passages, ask(QUESTIONS), 1000, RUNTIME)
    runs = [hits(plain), *(hits(built.search(one, 1000)) for one in FEEDBACK)]
    for n, one in enumerate(runs):
        assert one not in runs[:n]
    # The second query also finds passages that hold neither word of the question.
    assert len(hits(built.search(Rm3(), 1000))[1]) > len(hits(plain)[1])


@pytest.mark.java
@each_feedback
def test_a_depth_below_the_feedbacks_cuts_and_nothing_else(built: Built, feedback: Any):
    deep = hits(built.search(feedback, 100))
    for depth in (1, 3):
        assert hits(built.search(feedback, depth)) == [ranked[:depth] for ranked in deep]


@pytest.mark.java
@each_feedback
def test_pairs_score_as_in_the_search(built: Built, feedback: Any):
    """Of all passages: what the search does not find has 0."""
    count = len(built.passages)
    wanted = np.zeros((len(QUESTIONS), count), dtype=np.float32)
    for question, ranked in enumerate(hits(built.search(feedback, count))):
        for row, score in ranked:
            wanted[question, row] = score
    asked, rows = np.divmod(np.arange(wanted.size), count)
    scores = Bm25Feedback(feedback).score(
        built.folder, built.passages, ask(QUESTIONS), asked, rows, RUNTIME
    )
    assert scores.dtype == np.float32
    assert (wanted > 0).sum() > 300
    # The search lowers each of equal scores by 1e-6 more than the one before.
    np.testing.assert_allclose(scores.reshape(wanted.shape), wanted, atol=1e-4)
    best = wanted.argmax(axis=1)
    numbers = np.arange(len(QUESTIONS))
    assert (scores.reshape(wanted.shape)[numbers, best] == wanted[numbers, best]).all()


@pytest.mark.java
def test_an_index_without_terms_is_refused(built: Built, tmp_path: Path):
    Bm25().index(built.passages, tmp_path, RUNTIME)
    with pytest.raises(UserError, match=r"^Lucene: "):
        Bm25Feedback(Rm3()).search(tmp_path, built.passages, ask(QUESTIONS), 10, RUNTIME)


@pytest.mark.java
@pytest.mark.parametrize("feedback", [Rm3(), Rocchio()], ids=["rm3", "rocchio"])
def test_questions_of_thousands_of_terms(built: Built, feedback: Any):
    """More than Lucene takes of itself (1,024), in the search and in pairs."""
    made = Bm25Feedback(feedback)
    texts = ["w17 " + " ".join(f"x{number}" for number in range(3_000)), "w17"]
    questions = ask(texts)
    run = made.search(built.folder, built.passages, questions, 5, RUNTIME).table.to_pylist()
    assert {hit["qid"] for hit in run} == {"q0", "q1"}
    pairs = np.array([(int(hit["qid"][1:]), hit["row"]) for hit in run])
    scores = made.score(built.folder, built.passages, questions, *pairs.T, RUNTIME)
    np.testing.assert_allclose(scores, [hit["score"] for hit in run], atol=2e-4)
