from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from given import given
from identified import identified

from qa_bench.engine.context import Context
from qa_bench.engine.stage import Stage
from qa_bench.errors import UserError
from qa_bench.parts import Part
from qa_bench.stages.rerank import BESIDE_FILE, rerank
from qa_bench.store.passages import Passages
from qa_bench.store.ranked import Ranked
from qa_bench.store.runs import RUN_FILE, read_run, write_run
from qa_bench.types import Folder, QuestionSet, Run, Runtime

PASSAGES = [("p1", "one", "text 1"), ("p2", "two", "text 2"), ("p3", "", "text 3")]
HITS = {"q1": ["p3", "p1", "p2"], "q2": [], "q3": ["p2", "p3"]}


class Given(Part):
    """Gives the scores it was made with; notes the hits it was shown."""

    def __init__(
        self, scores: dict[str, Sequence[float]], depth: int = 100, keep: int | None = None
    ) -> None:
        self.scores, self.depth, self.keep = scores, depth, keep
        self.seen: list[tuple[str, str, str]] = []

    def rerank(self, ranked: Ranked, runtime: Runtime) -> np.ndarray:
        questions = ranked.questions.questions
        self.seen = [
            (questions[one].qid, title, text)
            for one, title, text in zip(
                ranked.question_rows, ranked.titles, ranked.texts, strict=True
            )
        ]
        given = [self.scores[questions[place].qid][: hits.stop - hits.start]
                 for place, hits in ranked.groups() if hits.stop > hits.start]  # fmt: skip
        return np.concatenate([np.zeros(0), *given]).astype(np.float32)


class WithModel(Given):
    """One whose model has a digest."""

    content = "1"

    def sources(self) -> dict[str, str]:
        return {"reranker_model": self.content}


@pytest.fixture
def reranked(
    tmp_path: Path,
    context: Context,
    run: Callable[[Stage], Folder],
    make_passages: Any,
    make_questions: Any,
) -> Any:
    """``reranked(reranker, depth=…)``: the folder of the stage, run on ``HITS``."""
    passages: Passages = make_passages(PASSAGES)
    questions: QuestionSet = make_questions({qid: ["x"] for qid in HITS})
    folder = tmp_path / "run"
    folder.mkdir()
    scores = [[float(9 - n) for n in range(len(pids))] for pids in HITS.values()]
    write_run(folder / RUN_FILE, Run.of(list(HITS), list(HITS.values()), scores))

    def reranked(reranker: Given, depth: int = 100, **config: Any) -> Folder:
        return run(
            rerank(
                given(folder),
                given(passages.folder),
                questions,
                identified(reranker, **{"part": "tests.Given", **config}),
                "bm25+given",
                depth,
                100,
                context,
            )
        )

    return reranked


def rows(folder: Folder) -> list[tuple[str, int, str, float]]:
    table = read_run(folder.path / RUN_FILE).table
    columns = (table.column(name).to_pylist() for name in ("qid", "rank", "pid", "score"))
    return list(zip(*columns, strict=True))


def beside(folder: Folder) -> list[tuple[int, float]]:
    table = pq.read_table(folder.path / BESIDE_FILE)
    return list(
        zip(table.column("rank").to_pylist(), table.column("score").to_pylist(), strict=True)
    )


def test_the_run_has_the_new_order(reranked: Any) -> None:
    given = Given({"q1": [0.5, 2, -1], "q3": [1, 3]})
    folder = reranked(given)
    assert rows(folder) == [
        ("q1", 1, "p1", 2.0),
        ("q1", 2, "p3", 0.5),
        ("q1", 3, "p2", -1.0),
        ("q3", 1, "p3", 3.0),
        ("q3", 2, "p2", 1.0),
    ]
    assert given.seen[0] == ("q1", "", "text 3")
    assert given.seen[1] == ("q1", "one", "text 1")


def test_what_the_retriever_said_stands_beside(reranked: Any) -> None:
    folder = reranked(Given({"q1": [0.5, 2, -1], "q3": [1, 3]}))
    assert beside(folder) == [(2, 8.0), (1, 9.0), (3, 7.0), (2, 8.0), (1, 9.0)]


def test_ties_are_in_corpus_order(reranked: Any) -> None:
    folder = reranked(Given({"q1": [1, 1, 1], "q3": [0, 0]}))
    assert [pid for _, _, pid, _ in rows(folder)] == ["p1", "p2", "p3", "p2", "p3"]


def test_minus_infinity_drops_a_hit(reranked: Any) -> None:
    none = -np.inf
    folder = reranked(Given({"q1": [none, 2, 3], "q3": [none, none]}))
    assert rows(folder) == [("q1", 1, "p2", 3.0), ("q1", 2, "p1", 2.0)]
    assert beside(folder) == [(3, 7.0), (2, 8.0)]
    counts = folder.manifest["counts"]
    assert (counts["reranked"], counts["hits"]) == (5, 2)
    assert counts["seconds"] >= 0


def test_depth_in_and_depth_out(reranked: Any) -> None:
    given = Given({"q1": [1, 2, 3], "q3": [1, 2]}, depth=2)
    folder = reranked(given, depth=1)
    assert [qid for qid, _, _ in given.seen] == ["q1", "q1", "q3", "q3"]
    assert rows(folder) == [("q1", 1, "p1", 2.0), ("q3", 1, "p3", 2.0)]


def test_no_number_is_an_error(reranked: Any) -> None:
    with pytest.raises(UserError, match="passage of question 'q3' no number"):
        reranked(Given({"q1": [1, 2, 3], "q3": [1, float("nan")]}))


def test_a_run_without_hits(tmp_path: Path, reranked: Any) -> None:
    write_run(tmp_path / "run" / RUN_FILE, Run.of(["q1"], [[]], [[]]))
    folder = reranked(Given({}))
    assert rows(folder) == beside(folder) == []


def test_what_is_in_the_key(reranked: Any) -> None:
    given = {"q1": [1.0, 2, 3], "q3": [1.0, 2]}
    first = reranked(Given(given))
    assert reranked(Given(given)).reused
    assert reranked(Given(given), depth=2).key != first.key
    assert reranked(Given(given), threshold=1).key != first.key
    model = WithModel(given)
    second = reranked(model)
    assert second.key != first.key
    model.content = "2"
    assert reranked(model).key not in (first.key, second.key)


def test_scores_for_some_hits_only(reranked: Any) -> None:
    with pytest.raises(UserError, match=r"scores of the shape \(4,\), not one for each of the 5"):
        reranked(Given({"q1": [1, 2], "q3": [1, 2]}))


def test_an_infinite_score_is_an_error(reranked: Any) -> None:
    with pytest.raises(UserError, match="passage of question 'q1' no number"):
        reranked(Given({"q1": [1, np.inf, 3], "q3": [1, 2]}))
