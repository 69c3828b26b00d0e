from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from given import given
from identified import identified

from qa_bench.engine.context import Context
from qa_bench.engine.stage import Stage
from qa_bench.errors import UserError
from qa_bench.fusion.linear import Linear
from qa_bench.fusion.rrf import ReciprocalRank
from qa_bench.parts import Part
from qa_bench.protocols import Indexed
from qa_bench.stages.expand import Wording
from qa_bench.stages.fuse import Fusable, PartRun, complete, fuse, open_hits
from qa_bench.store.runs import RUN_FILE, read_run, write_run
from qa_bench.types import Folder, QuestionSet, Run

TRUE = {
    "a": {"q1": [9, 8, 0, 0, 1], "q2": [0, 0, 0, 0, 0], "q3": [1, 2, 3, 4, 5]},
    "b": {"q1": [0.1, 0.2, 0.9, 0.3, 0.4], "q2": [0.5, 0.6, 0.1, 0.2, 0], "q3": [1, 1, 1, 1, 1]},
}
"""Each part's true scores of five passages."""
FOUND = {
    "a": {"q1": [0, 1], "q2": [], "q3": [4, 3]},
    "b": {"q1": [2, 4], "q2": [1, 0], "q3": [0, 1]},
}
"""Which each has found, best first."""


class Scorer(Part):
    """Knows its true scores; notes what it was asked for."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.question_rows: list[list[tuple[int, int]]] = []
        self.given: dict[str, Indexed] = {}

    def score(
        self,
        folder: Path,
        passages: Any,
        questions: QuestionSet,
        asked: np.ndarray,
        rows: np.ndarray,
        runtime: Any,
        **parts: Indexed,
    ) -> np.ndarray:
        assert (folder / "index.txt").read_text() == self.label
        assert (np.diff(asked) >= 0).all()
        self.question_rows.append(list(zip(asked.tolist(), rows.tolist(), strict=True)))
        self.given.update(parts)
        qids = [question.qid for question in questions]
        return np.array(
            [
                TRUE[self.label][qids[question]][row]
                for question, row in zip(asked, rows, strict=True)
            ],
            dtype=np.float32,
        )


class World:
    """Two parts with their runs."""

    def __init__(
        self,
        place: Path,
        passages: Stage,
        questions: QuestionSet,
        context: Context,
        run: Callable[[Stage], Folder],
    ) -> None:
        self.place, self.passages, self.questions = place, passages, questions
        self.context, self.run = context, run
        self.scorers = {label: Scorer(label) for label in TRUE}
        self.below = self.file("below", "below")

    def file(self, name: str, text: str) -> Stage:
        folder = self.place / name
        folder.mkdir(exist_ok=True)
        (folder / "index.txt").write_text(text)
        return given(folder, slug=name)

    def part_run(self, label: str, hits: Mapping[str, Sequence[int]], of: str = "") -> Stage:
        folder = self.place / f"run-of-{label}{of}"
        folder.mkdir(exist_ok=True)
        scores = [[TRUE[label][qid][row] for row in rows] for qid, rows in hits.items()]
        pids = [[str(row + 1) for row in rows] for rows in hits.values()]
        write_run(folder / RUN_FILE, Run.of(list(hits), pids, scores))
        return given(folder, of=of)

    def part(self, label: str, of: str = "", **settings: Any) -> PartRun:
        index = self.file(f"index-of-{label}", label)
        part = identified(copy(self.scorers[label]), **{"part": label, **settings})
        base = {"base": (identified(Scorer("base")), self.below)}
        run = self.part_run(label, FOUND[label], of)
        return PartRun(run, index, part, base, Wording(self.questions))

    def complete(self, wording: Wording | None = None, **changed: PartRun) -> Stage:
        parts = {label: self.part(label) for label in TRUE} | changed
        wording = wording or Wording(self.questions)
        return complete(parts, self.passages, wording, "hybrid", 5, self.context)

    def fuse(self, fusable: Fusable, fusion: Any, depth: int = 10) -> Stage:
        common = (self.passages, self.questions, fusion, "hybrid", depth, 10, self.context)
        return fuse(fusable, *common)


@pytest.fixture
def world(
    make_passages: Any,
    make_questions: Any,
    context: Context,
    tmp_path: Path,
    run: Callable[[Stage], Folder],
) -> World:
    passages = make_passages([(str(n + 1), "", "") for n in range(5)])
    questions = make_questions({qid: ["x"] for qid in ("q1", "q2", "q3")})
    return World(tmp_path, given(passages.folder), questions, context, run)


def linear(**weights: float) -> Any:
    return identified(Linear(weights), _target_="linear", weights=weights)


RRF: Any = identified(ReciprocalRank(), _target_="rrf")


def ranked(folder: Folder) -> dict[str, list[tuple[str, float]]]:
    hits: dict[str, list[tuple[str, float]]] = {}
    for row in read_run(folder.path / RUN_FILE).table.to_pylist():
        hits.setdefault(row["qid"], []).append((row["pid"], row["score"]))
    return hits


def test_only_what_a_part_did_not_find_is_scored(world: World):
    folder = world.run(world.complete())
    assert world.scorers["a"].question_rows == [[(0, 2), (0, 4), (1, 0), (1, 1), (2, 0), (2, 1)]]
    assert world.scorers["b"].question_rows == [[(0, 0), (0, 1), (2, 3), (2, 4)]]
    base = world.part("a").parts["base"][0]
    given_to_it = world.scorers["a"].given["base"]
    assert type(given_to_it.retriever) is type(base)
    assert given_to_it.folder == world.run(world.below).path
    counts = folder.manifest["counts"]
    assert (counts["hits"], counts["scored"]) == (10, 10)
    assert counts["seconds"] >= 0
    assert folder.path.name.startswith("set-test-hybrid-")


def test_completed_hits_hold_every_true_score_and_the_ranks(world: World):
    completed, passages = world.run(world.complete()), world.run(world.passages)
    hits = open_hits({"": completed}, passages, world.questions)
    qids = ["q1", "q2", "q3"]
    pairs = list(zip(hits.question_rows.tolist(), hits.rows.tolist(), strict=True))
    assert pairs == [(0, 0), (0, 1), (0, 2), (0, 4), (1, 0), (1, 1), (2, 0), (2, 1), (2, 3), (2, 4)]
    for label in TRUE:
        true = [TRUE[label][qids[question]][row] for question, row in pairs]
        assert hits.scores[label].dtype == np.float64
        assert hits.scores[label].tolist() == pytest.approx(true, rel=1e-7)
        ranks = [
            FOUND[label][qids[question]].index(row) + 1
            if row in FOUND[label][qids[question]]
            else 0
            for question, row in pairs
        ]
        assert hits.ranks[label].tolist() == ranks


def test_a_linear_fusion_of_true_scores(world: World):
    completed = {"": world.complete()}
    found = ranked(world.run(world.fuse(completed, linear(b=10))))
    assert found == {
        "q1": [
            ("1", pytest.approx(10)),
            ("2", pytest.approx(10)),
            ("3", pytest.approx(9)),
            ("5", pytest.approx(5)),
        ],
        "q2": [("2", pytest.approx(6)), ("1", pytest.approx(5))],
        "q3": [(str(n), 10 + n) for n in (5, 4, 2, 1)],
    }
    cut = ranked(world.run(world.fuse(completed, linear(b=10), depth=1)))
    assert cut == {qid: hits[:1] for qid, hits in found.items()}


def test_a_fusion_of_runs_needs_no_completing(world: World):
    runs = {label: world.part_run(label, FOUND[label]) for label in TRUE}
    folder = world.run(world.fuse(runs, RRF))
    first, second = (pytest.approx(1 / (60 + rank)) for rank in (1, 2))
    assert ranked(folder) == {
        "q1": [("1", first), ("3", first), ("2", second), ("5", second)],
        "q2": [("2", first), ("1", second)],
        "q3": [("1", first), ("5", first), ("2", second), ("4", second)],
    }
    assert world.scorers["a"].question_rows == []
    counts = folder.manifest["counts"]
    assert (counts["questions"], counts["hits"]) == (3, 10)


def test_another_weight_fuses_again_and_completes_nothing(world: World):
    once = world.run(world.fuse({"": world.complete()}, linear(b=10)))
    again = world.complete()
    assert world.run(again).reused
    assert world.run(world.fuse({"": again}, linear(b=10))).reused
    other = world.run(world.fuse({"": again}, linear(b=2)))
    assert not other.reused
    assert other.key != once.key
    assert len(world.scorers["a"].question_rows) == 1
    assert ranked(other) != ranked(once)


def test_what_completes_again(world: World):
    first = world.run(world.complete())
    for changed in (
        {"a": world.part("a", of=" changed")},
        {"b": world.part("b", of=" changed")},
        {"a": world.part("a", k1=1.2)},
        {"a": replace(world.part("a"), index=world.file("another", "another"))},
        {"a": replace(world.part("a"), parts={})},
    ):
        assert world.complete(**changed).key != first.key, changed
    other = tuple(question._replace(text="other") for question in world.questions)
    assert world.complete(Wording(replace(world.questions, questions=other))).key != first.key
    assert world.run(world.complete()).reused


def test_what_fuses_again(world: World):
    runs = {label: world.part_run(label, FOUND[label]) for label in TRUE}
    first = world.run(world.fuse(runs, RRF))
    assert world.run(world.fuse(runs, RRF)).reused
    other_k: Any = identified(ReciprocalRank(k=1), _target_="rrf", k=1)
    assert world.fuse(runs, other_k).key != first.key
    assert world.fuse(runs, RRF, depth=3).key != first.key
    renamed = {"a": runs["a"], "c": runs["b"]}  # weights go by name
    assert world.fuse(renamed, RRF).key != first.key
    swapped = {"a": runs["b"], "b": runs["a"]}
    assert world.fuse(swapped, RRF).key != first.key


def test_nothing_found_at_all(world: World):
    none = {qid: [] for qid in ("q1", "q2", "q3")}
    parts = {
        label: replace(world.part(label), run=world.part_run(label, none, "-empty"))
        for label in TRUE
    }
    completed = world.complete(**parts)
    assert world.run(completed).manifest["counts"]["hits"] == 0
    assert ranked(world.run(world.fuse({"": completed}, linear()))) == {}


def test_a_run_of_another_corpus_is_told(world: World):
    runs = {label: world.part_run(label, FOUND[label]) for label in TRUE}
    alien = Run.of(["q1"], [["99"]], [[1.0]])
    write_run(world.place / "run-of-b" / RUN_FILE, alien)
    with pytest.raises(UserError, match="the run of b: 1 of 1 hits name passages that the corpus"):
        world.run(world.fuse(runs, RRF))
