"""The retriever of token vectors: its settings, its candidates, its index; encoders are made up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from token_files import best, reference, tokens  # noqa: E402

from qa_bench.errors import UserError  # noqa: E402
from qa_bench.models.outputs import Ragged  # noqa: E402
from qa_bench.parts import Part  # noqa: E402
from qa_bench.protocols import Indexed  # noqa: E402
from qa_bench.retriever.multivector import part as module  # noqa: E402
from qa_bench.retriever.multivector.part import MultiVector  # noqa: E402
from qa_bench.retriever.multivector.store import Tokens, TokenVectors  # noqa: E402
from qa_bench.store.passages import Passages  # noqa: E402
from qa_bench.store.vectors import packed  # noqa: E402
from qa_bench.types import Question, QuestionSet, Run, Runtime  # noqa: E402

RUNTIME = Runtime(threads=1, device="cpu", progress=False)
ASKED = QuestionSet(
    "made", "test", "string", tuple(Question(f"q{n}", f"q {n}", ("x",)) for n in range(4)), "0" * 64
)


class Lengths:
    """An encoder that gives a text as many vectors as it has words, always the same ones."""

    empty = False

    def __init__(self, source: Any, runtime: Runtime, output: Any) -> None:
        self.output = output

    def encode(self, windows: Any, update: Any = int, memory: Any = None, **_: Any) -> Any:
        for texts in windows:
            counts = [0 if self.empty else len(str(text).split()) for text in texts]
            some = tokens(np.random.default_rng(len(texts)), counts)
            yield Ragged(some.pointers, (packed(some.values, self.output.dtype),))


class Base(Part):
    """Finds every second passage, the last first; nothing for the last question."""

    parts: dict[str, Any] = {}

    def index(self, *_: Any) -> int: ...

    def search(self, folder: Path, passages: Passages, questions: Any, depth: int, _: Any) -> Run:
        rows = np.arange(0, len(passages), 2)[::-1][:depth]
        scores = np.arange(len(rows), 0, -1, dtype=np.float32)
        qids = [question.qid for question in questions][:-1]
        return Run.of_rows(qids, [rows] * len(qids), [scores] * len(qids), passages.pids)

    def search_sources(self) -> dict[str, str]:
        return {"question_model": "abc"}


@pytest.fixture(autouse=True)
def _no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "loaded_encoder", Lengths)


@pytest.fixture
def passages(make_passages: Callable[..., Passages]) -> Passages:
    rows = [(f"p{n}", f"T{n}", "word " * (1 + n % 5)) for n in range(20)]
    return make_passages(rows[:12], rows[12:])


def truth(folder: Path) -> np.ndarray:
    some = tokens(np.random.default_rng(4), [2] * 4)
    return reference(TokenVectors(folder), Tokens(some.values, some.pointers))


def test_index_and_search(passages: Passages, tmp_path: Path) -> None:
    part = MultiVector(model="m", dtype="fp32")
    folder = tmp_path / "index"
    folder.mkdir()
    assert part.index(passages, folder, RUNTIME) == 20
    run = part.search(folder, passages, ASKED, 5, RUNTIME)
    scores = truth(folder)
    for place in range(4):
        assert [hit.row for hit in run.hits(f"q{place}")] == best(scores[place], 5)
    question_rows, rows = np.repeat(np.arange(4), 20), np.tile(np.arange(20), 4)
    pairs = part.score(folder, passages, ASKED, question_rows, rows, RUNTIME)
    np.testing.assert_allclose(pairs.reshape(4, 20), scores, rtol=3e-7)


def test_an_index_goes_on(
    passages: Passages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SHARD_PASSAGES", 8)
    part, whole, broken = MultiVector(model="m"), tmp_path / "whole", tmp_path / "broken"
    for folder in (whole, broken):
        folder.mkdir()
        assert part.index(passages, folder, RUNTIME) == 20
    (broken / "tokens-00001.bin").write_bytes(b"spoilt")
    assert part.index(passages, broken, RUNTIME) == 20
    for path in whole.iterdir():
        assert (broken / path.name).read_bytes() == path.read_bytes()


def test_candidates_of_another(passages: Passages, tmp_path: Path) -> None:
    base = Base()
    part = MultiVector(model="m", dtype="fp32", candidates=4, parts={"base": base})
    part.index(passages, tmp_path, RUNTIME)
    given = Indexed(base, tmp_path)
    run = part.search(tmp_path, passages, ASKED, 3, RUNTIME, base=given)
    scores, there = truth(tmp_path), np.array([12, 14, 16, 18])
    for place in range(3):
        order = there[best(scores[place][there], 3)]
        assert [hit.row for hit in run.hits(f"q{place}")] == order.tolist()
        assert [hit.score for hit in run.hits(f"q{place}")] == pytest.approx(scores[place][order])
    assert run.hits("q3") == []
    nobody = part.search(
        tmp_path, passages, QuestionSet("x", "test", "string", ASKED.questions[3:], "0" * 64), 3,
        RUNTIME, base=given,
    )  # fmt: skip
    assert len(nobody) == 0


def test_what_the_search_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qa_bench.models.sides.Side.identity", lambda side: "def")
    part = MultiVector(model="m", candidates=4, parts={"base": Base()})
    assert part.sources() == {"passage_model": "def"}
    assert part.search_sources() == {"question_model": "def", "base.question_model": "abc"}


def test_a_passage_without_vectors(
    passages: Passages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Lengths, "empty", True)
    with pytest.raises(UserError, match="passage p0 has no vectors"):
        MultiVector(model="m").index(passages, tmp_path, RUNTIME)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"pool_factor": 5}, r"retriever.pool_factor: a whole number from 1 to 4, got '5'"),
        ({"pool_factor": True}, "retriever.pool_factor: a whole number"),
        ({"dtype": "uint8"}, "retriever.dtype: fp32, fp16 or int8, got 'uint8'"),
        ({"projection": "random"}, "retriever.projection: saved or none, got 'random'"),
        ({"score": "max"}, "retriever.score: sum or mean, got 'max'"),
        ({"candidates": "many"}, "retriever.candidates: all, or a whole number >= 1, got 'many'"),
        ({"candidates": 10}, r"candidates=10 .* parts.base, which is none: add \+retriever@"),
        ({"candidates": 10, "parts": {"base": object()}}, "which is one that is made of others"),
        ({"candidates": 10, "parts": {"base": Base(), "x": Base()}}, "parts: base alone"),
        ({"parts": {"base": Base()}}, "candidates=all .* leave parts.base out"),
        ({"passage": {"title": "pair"}}, "token vectors are of one segment"),
        ({"passage": {"max_length": 1}}, "retriever.passage.max_length: a whole number >= 3"),
        ({"question": {"lenght": 32}}, r"retriever.question.lenght: no such setting"),
        ({"model": None}, "retriever.model: name a model"),
    ],
)
def test_settings_that_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        MultiVector(**{"model": "m", **settings})
