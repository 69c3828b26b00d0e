"""Articles first: a base that indexes whole articles, and hits that are their passages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qa_bench.errors import DataError, UserError
from qa_bench.parts import Part
from qa_bench.protocols import PairScorer, Planned, Retriever
from qa_bench.retriever.articles import Articles
from qa_bench.store.passages import Passages, describe_passages, write_passages
from qa_bench.types import Passage, Question, QuestionSet, Run, Runtime

RUNTIME = Runtime(threads=1, progress=False)
CORPUS = [
    ("1", "Heron", "grey heron"),
    ("1", "Heron", "heron heron"),
    ("2", "Lamp", "lamp"),
    ("3", "Lamp", "heron lamp lamp"),
    ("3", "Lamp", "a lamp"),
    ("4", "Heron", "heron heron heron"),  # another article of that title
]


class Count(Part):
    """How often an article holds the question's only word."""

    search_only = frozenset({"size"})

    def __init__(self, left_out: int = 0) -> None:
        self.left_out = left_out

    def index(self, passages: Passages, folder: Path, runtime: Runtime) -> int:
        lines = [f"{passage.pid}|{passage.title}|{passage.text}" for passage in passages]
        (folder / "texts").write_text("\0".join(lines))
        return len(passages) - self.left_out

    def _counts(self, folder: Path, question: Question) -> list[int]:
        return [text.count(question.text) for text in (folder / "texts").read_text().split("\0")]

    def search(
        self, folder: Path, passages: Passages, questions: QuestionSet, depth: int, runtime: Runtime
    ) -> Run:
        rows, scores = [], []
        for question in questions:
            counts = np.array(self._counts(folder, question), dtype=np.float32)
            best = np.lexsort((np.arange(len(counts)), -counts))
            best = best[counts[best] > 0][:depth]
            rows.append(best)
            scores.append(counts[best])
        return Run.of_rows([q.qid for q in questions], rows, scores, passages.pids)


class Scoring(Count):
    """The same, which can tell the score of any pair."""

    def score(
        self,
        folder: Path,
        passages: Passages,
        questions: QuestionSet,
        question_rows: np.ndarray,
        rows: np.ndarray,
        runtime: Runtime,
    ) -> np.ndarray:
        counts = np.array([self._counts(folder, question) for question in questions])
        return counts[question_rows, rows].astype(np.float32)


def stored(folder: Path, *, sourced: bool = True, corpus: list[Any] = CORPUS) -> Passages:
    folder.mkdir(exist_ok=True)
    rows = [(f"p{row}", title, text, source) for row, (source, title, text) in enumerate(corpus)]
    path = folder / "passages.arrow"
    write_passages(path, rows if sourced else [row[:3] for row in rows], sourced=sourced)
    describe_passages(folder, [path])
    return Passages(folder)


def ask(*texts: str) -> QuestionSet:
    questions = tuple(Question(f"q{n}", text, ("x",)) for n, text in enumerate(texts))
    return QuestionSet("made", "test", "string", questions, "0" * 64)


def hits(run: Run) -> list[tuple[str, int, float]]:
    return [(hit["qid"], hit["row"], hit["score"]) for hit in run.table.to_pylist()]


def test_what_it_is():
    made = Articles(Count())
    assert isinstance(made, Retriever)
    assert isinstance(made, PairScorer)
    assert isinstance(made, Planned)
    assert [step.seconds for step in made.plan(10, 10, 10, RUNTIME)] == [None, None]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"base": "bm25"}, "retriever.base: a retriever that stands alone, such as tfidf or bm25"),
        ({"base": Count(), "articles": 0}, "retriever.articles: a whole number >= 1, got '0'"),
    ],
)
def test_bad_settings(settings: dict[str, Any], message: str):
    with pytest.raises(UserError) as caught:
        Articles(**settings)
    assert message in str(caught.value)


def test_articles_are_put_together_again(tmp_path: Path):
    passages = stored(tmp_path)
    assert Articles(Count()).index(passages, tmp_path, RUNTIME) == 6
    assert list(Passages(tmp_path / "articles")) == [
        Passage("1", "Heron", "grey heron\nheron heron"),
        Passage("2", "Lamp", "lamp"),
        Passage("3", "Lamp", "heron lamp lamp\na lamp"),
        Passage("4", "Heron", "heron heron heron"),
    ]
    # Again, over what an earlier one left there.
    assert Articles(Count()).index(passages, tmp_path, RUNTIME) == 6


def test_without_ids_an_article_is_what_has_one_title(tmp_path: Path):
    corpus = [*CORPUS, ("", "", "alone"), ("", "", "alone too")]
    Articles(Count()).index(stored(tmp_path, sourced=False, corpus=corpus), tmp_path, RUNTIME)
    assert list(Passages(tmp_path / "articles")) == [
        Passage("p0", "Heron", "grey heron\nheron heron\nheron heron heron"),
        Passage("p2", "Lamp", "lamp\nheron lamp lamp\na lamp"),
        Passage("p6", "", "alone"),
        Passage("p7", "", "alone too"),
    ]


def test_an_article_whose_passages_lie_all_over_is_one(tmp_path: Path):
    corpus = [("a", "A", "lamp"), ("", "", "heron"), ("b", "B", "heron"), ("a", "A", "heron lamp")]
    passages = stored(tmp_path, corpus=[*corpus, ("", "", "lamp"), ("b", "B", "lamp")])
    made = Articles(Scoring(), articles=2)
    assert made.index(passages, tmp_path, RUNTIME) == 6
    assert [one.text for one in Passages(tmp_path / "articles")] == [
        "lamp\nheron lamp", "heron", "heron\nlamp", "lamp",
    ]  # fmt: skip
    run = made.search(tmp_path, passages, ask("lamp"), 100, RUNTIME)
    assert hits(run) == [("q0", 0, 2.0), ("q0", 3, 2.0), ("q0", 2, 1.0), ("q0", 5, 1.0)]
    scores = made.score(tmp_path, passages, ask("lamp"), np.zeros(6, int), np.arange(6), RUNTIME)
    assert scores.tolist() == [2, 0, 1, 2, 1, 1]


def test_hits_are_all_passages_of_the_best_articles(tmp_path: Path):
    passages = stored(tmp_path)
    Articles(Count()).index(passages, tmp_path, RUNTIME)
    questions = ask("heron", "lamp", "zebra")
    two = Articles(Count(), articles=2).search(tmp_path, passages, questions, 100, RUNTIME)
    assert hits(two) == [
        # Two articles of the same score, in corpus order.
        *(("q0", 0, 3.0), ("q0", 1, 3.0), ("q0", 5, 3.0)),
        *(("q1", 3, 3.0), ("q1", 4, 3.0), ("q1", 2, 1.0)),
    ]
    one = Articles(Count(), articles=1).search(tmp_path, passages, questions, 100, RUNTIME)
    assert [row for _, row, _ in hits(one)] == [0, 1, 3, 4]
    cut = Articles(Count(), articles=2).search(tmp_path, passages, questions, 2, RUNTIME)
    assert [row for _, row, _ in hits(cut)] == [0, 1, 3, 4]


def test_a_pair_has_its_articles_score(tmp_path: Path):
    passages = stored(tmp_path)
    made = Articles(Scoring())
    made.index(passages, tmp_path, RUNTIME)
    pairs = np.divmod(np.arange(12), 6)
    scores = made.score(tmp_path, passages, ask("heron", "lamp"), *pairs, RUNTIME)
    assert scores.tolist() == [3, 3, 0, 1, 1, 3, 0, 0, 1, 3, 3, 0]
    with pytest.raises(UserError, match=r"retriever.base: Count cannot tell the score"):
        Articles(Count()).score(tmp_path, passages, ask("heron"), *pairs, RUNTIME)


def test_a_base_that_loses_articles_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match=r"retriever\.base: 3 of 4 articles were indexed"):
        Articles(Count(left_out=1)).index(stored(tmp_path), tmp_path, RUNTIME)


def test_a_damaged_index_or_another_corpus_is_refused(tmp_path: Path):
    passages, made = stored(tmp_path), Articles(Count())
    made.index(passages, tmp_path, RUNTIME)
    other = stored(tmp_path / "other", corpus=CORPUS[:-1])
    with pytest.raises(DataError, match="an index of other passages than the corpus'"):
        made.search(tmp_path, other, ask("heron"), 5, RUNTIME)
    for name in ("rows.npy", "starts.npy"):
        path = tmp_path / name
        path.write_bytes(path.read_bytes()[:20])
        with pytest.raises(DataError, match=rf"{name}: missing or cut short; delete"):
            made.search(tmp_path, passages, ask("heron"), 5, RUNTIME)
