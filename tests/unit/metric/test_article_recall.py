"""DrQA's P@5: articles in the order of their first hits, each as a whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from qa_bench.metric.article_recall import ArticleRecall
from qa_bench.metric.evidence import Evidence
from qa_bench.store.passages import Passages, describe_passages, write_passages
from qa_bench.types import Heading, Run

PASSAGES = [
    # pid, title, text, article
    ("r1", "Rome", "nothing here", "rome"),
    ("p1", "Paris", "filler", "paris"),
    ("r2", "Rome", "the answer, not retrieved", "rome"),
    ("x1", "", "filler", "x"),
    ("x2", "", "the answer", "y"),
]
HITS = {
    "in the rest of the first": ["r1", "p1"],
    "in the second": ["p1", "p1b", "r1"],
    "nowhere": ["p1", "x1"],
    "no hits": [],
}


def collection(folder: Path, *, sourced: bool) -> Passages:
    folder.mkdir()
    rows = [*PASSAGES, ("p1b", "Paris", "more filler", "paris")]
    file = folder / "passages-00000.arrow"
    write_passages(file, [row if sourced else row[:3] for row in rows], sourced=sourced)
    describe_passages(folder, [file])
    return Passages(folder)


@pytest.fixture(params=[True, False], ids=["by source", "by title"])
def evidence(request, tmp_path: Path, make_questions) -> Evidence:
    passages = collection(tmp_path / "p", sourced=request.param)
    scores = [[9.0 - place for place in range(len(pids))] for pids in HITS.values()]
    run = Run.of(list(HITS), list(HITS.values()), scores)
    return Evidence(make_questions(dict.fromkeys(HITS, ("answer",))), run=run, passages=passages)


def test_the_whole_article_counts(evidence: Evidence):
    values = ArticleRecall(k=[1, 2]).score(evidence)
    assert {name: column.tolist() for name, column in values.items()} == {
        "article_recall@1": [1, 0, 0, 0],
        "article_recall@2": [1, 1, 0, 0],
    }
    assert ArticleRecall().heading("article_recall@5") == Heading("article P@5", "%")


def test_a_passage_without_a_title_is_an_article_of_its_own(tmp_path: Path, make_questions):
    run = Run.of(["q"], [["x1", "x2"]], [[2.0, 1.0]])
    passages = collection(tmp_path / "untitled", sourced=False)
    evidence = Evidence(make_questions({"q": ["answer"]}), run=run, passages=passages)
    values = ArticleRecall(k=[1, 2]).score(evidence)
    assert [column.tolist() for column in values.values()] == [[0], [1]]


def test_nothing_is_said_of_what_a_deeper_search_might_find(evidence: Evidence):
    """ "nowhere" has hits of two articles and is as deep as was asked."""
    assert list(ArticleRecall(k=[2, 3]).score(replace(evidence, searched=2))) == [
        "article_recall@2"
    ]
    assert list(ArticleRecall(k=[2, 3]).score(replace(evidence, searched=9))) == [
        "article_recall@2",
        "article_recall@3",
    ]


def test_a_run_of_articles_is_taken_as_it_is(tmp_path: Path, make_questions):
    """Two articles of one title stay two."""
    folder = tmp_path / "articles"
    folder.mkdir()
    file = folder / "passages-00000.arrow"
    write_passages(file, [("a", "Rome", "nothing"), ("b", "Rome", "the answer")])
    describe_passages(folder, [file])
    run = Run.of(["q"], [["a", "b"]], [[2.0, 1.0]])
    evidence = Evidence(
        make_questions({"q": ["answer"]}), run=run, passages=Passages(folder), collection="articles"
    )
    values = ArticleRecall(k=[1, 2]).score(evidence)
    assert [column.tolist() for column in values.values()] == [[0], [1]]


def test_of_hits_alone_the_rest_of_the_articles_is_not_known(evidence: Evidence):
    assert ArticleRecall().score(replace(evidence, collection="hits")) == {}
    judged = replace(evidence.questions, qrels={})
    assert ArticleRecall().score(replace(evidence, questions=judged)) == {}
