"""``dataset.fold`` and ``corpus.fold``: a part of the articles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from qa_bench.corpus.jsonl import JsonlArticles
from qa_bench.dataset.question_file import QuestionFile
from qa_bench.errors import UserError
from qa_bench.formats.folds import Fold

HALF = [0, 0.5]


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def questions_of(tmp_path: Path, **settings: Any) -> QuestionFile:
    rows = [
        {"id": f"q{n}", "question": f"what {n}?", "answers": ["a"], "article": f"Town_{n // 5}"}
        for n in range(100)
    ]
    common = {"name": "set", "match": "string", "split": "test"}
    path = write(tmp_path / "q.jsonl", rows)
    return QuestionFile(**{**common, "path": path, "groups": {"column": "article"}, **settings})


def test_two_folds_part_the_questions_by_article(tmp_path: Path) -> None:
    whole = [q.qid for q in questions_of(tmp_path).questions()]
    halves = [questions_of(tmp_path, fold=fold).questions() for fold in (HALF, [0.5, 1])]
    assert sorted(q.qid for half in halves for q in half) == sorted(whole)
    assert not set(halves[0].groups) & set(halves[1].groups)
    assert f"only {len(halves[0])} of 100, of the articles in fold [0,0.5]" in halves[0].remark
    assert [q.qid for q in halves[0].rest] == [q.qid for q in halves[1]]


def test_the_limit_is_of_the_fold(tmp_path: Path) -> None:
    some = questions_of(tmp_path, fold=HALF, limit=7).questions()
    assert len(some) == 7
    assert all(map(Fold(0, 0.5).holds, some.groups))


def test_questions_without_articles_have_no_fold(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"dataset\.fold: nothing tells which article"):
        questions_of(tmp_path, fold=HALF, groups=None).questions()


def test_an_empty_fold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"dataset\.fold=\[0,1e-09\]: no question"):
        questions_of(tmp_path, fold=[0, 1e-9]).questions()


def test_a_corpus_has_the_same_articles(tmp_path: Path) -> None:
    rows = [{"id": f"{n}", "title": f"Town {n}", "text": "x"} for n in range(20)]
    path = write(tmp_path / "articles.jsonl", rows)
    titles = {article.title for article, *_ in JsonlArticles("c", path, HALF).articles()}
    of_questions = {
        group.replace("_", " ") for group in questions_of(tmp_path, fold=HALF).questions().groups
    }
    assert titles == of_questions
    assert 0 < len(titles) < 20
