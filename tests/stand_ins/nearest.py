"""Indexes over vectors made here, for tests of approximate search: no encoder is needed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qa_bench.errors import UserError
from qa_bench.parts import Part
from qa_bench.protocols import Indexed
from qa_bench.retriever.vectors.exact import exact_search
from qa_bench.retriever.vectors.similarity import similarities
from qa_bench.store.passages import Passages
from qa_bench.store.vectors import Vectors, packed
from qa_bench.types import Question, QuestionSet, Run, Runtime, Step

COUNT, WIDTH, DEPTH = 400, 16, 20
ONE = Runtime(threads=1, device="cpu", progress=False)
TWO = Runtime(threads=2, device="cpu", progress=False)
QUESTIONS = QuestionSet(
    "made", "test", "string", tuple(Question(f"q{n}", "", ("x",)) for n in range(30)), "0" * 64
)


class Base(Part):
    """A dense retriever whose vectors are there already."""

    def index(self, *_: Any) -> int: ...

    def search(self, *_: Any) -> Run: ...

    def plan(self, *_: Any) -> list[Step]: ...

    def __init__(self, similarity: str = "dot") -> None:
        self.similarity = similarity
        self.question_vectors = np.random.default_rng(1).normal(size=(30, WIDTH)).astype(np.float32)

    def opened(self, folder: Path, *_: Any) -> tuple[Vectors, np.ndarray]:
        return Vectors(folder), self.question_vectors

    def score(self, folder: Path, passages: Any, questions: Any, asked: Any, rows: Any, _: Any):
        vectors = Vectors(folder)
        scores = [
            similarities(
                vectors.at(np.array([row])), self.question_vectors[question], self.similarity
            )[0]
            for question, row in zip(asked, rows, strict=True)
        ]
        return np.array(scores, dtype=np.float32)


class Built:
    """An index of a class over ``vectors`` in two files."""

    def __init__(self, kind: Any, place: Path, passages: Passages, **settings: Any) -> None:
        similarity, runtime = settings.pop("similarity", "dot"), settings.pop("runtime", ONE)
        random = np.random.default_rng(0)
        self.vectors = random.normal(size=(COUNT, WIDTH)).astype(np.float32)
        self.folder, self.passages = place / "index", passages
        self.base = Indexed(Base(similarity), place / "base")
        self.base.folder.mkdir(parents=True)
        self.folder.mkdir()
        for number, half in enumerate((self.vectors[:250], self.vectors[250:])):
            np.save(self.base.folder / f"vectors-{number:05d}.npy", packed(half, "fp32"))
        self.part = kind(parts={"base": self.base.retriever}, **settings)
        self.count = self.part.index(passages, self.folder, runtime, base=self.base)

    def run(self, depth: int = DEPTH, runtime: Runtime = ONE, made: Any = None) -> Run:
        maker = made or self.part
        return maker.search(self.folder, self.passages, QUESTIONS, depth, runtime, base=self.base)

    def true(self, depth: int = DEPTH) -> list[list[tuple[str, float]]]:
        """Each question's best by exact search."""
        base = self.base.retriever

        class Bar:
            def update(self) -> None: ...

        rows, scores = exact_search(
            Vectors(self.base.folder), base.question_vectors, depth, base.similarity, ONE, Bar()
        )
        return [
            [(str(row + 1), score) for row, score in zip(found, values.tolist(), strict=True)]
            for found, values in zip(rows, scores, strict=True)
        ]

    @property
    def bytes(self) -> bytes:
        [file] = self.folder.iterdir()
        return file.read_bytes()


def hits(run: Run) -> list[list[tuple[str, float]]]:
    found: dict[str, list[tuple[str, float]]] = {question.qid: [] for question in QUESTIONS}
    for row in run.table.to_pylist():
        found[row["qid"]].append((row["pid"], row["score"]))
        assert row["rank"] == len(found[row["qid"]])
    return list(found.values())


def by_pair(found: list[list[tuple[str, float]]]) -> dict[tuple[int, str], float]:
    return {(n, pid): score for n, ranked in enumerate(found) for pid, score in ranked}


def pids(found: list[list[tuple[str, float]]]) -> list[list[str]]:
    return [[pid for pid, _ in ranked] for ranked in found]


def told(work: Callable[[], Any]) -> str:
    with pytest.raises(UserError) as caught:
        work()
    assert "\n" not in str(caught.value)
    return str(caught.value)
