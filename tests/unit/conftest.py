"""Fixtures of the unit tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hit_runs import run_of, store
from hypothesis import settings
from reranker_models import save_cross_encoder, save_decoder, save_encoder_decoder

from qa_bench.store.hits import Hits
from qa_bench.store.passages import Passages, describe_passages, write_passages
from qa_bench.types import Passage, Question, QuestionSet

settings.register_profile("unit", deadline=None, max_examples=100, derandomize=True, database=None)
settings.load_profile("unit")

MakePassages = Callable[..., Passages]
MakeQuestions = Callable[..., QuestionSet]
MakeHits = Callable[..., Hits]


@pytest.fixture
def make_passages(tmp_path: Path) -> MakePassages:
    """``make_passages(shard, shard, …)``: a collection with one Arrow file a shard."""

    def make(*shards: Sequence[tuple[str, str, str]]) -> Passages:
        folder = tmp_path / "passages"
        folder.mkdir()
        files = [folder / f"passages-{number:05d}.arrow" for number in range(len(shards))]
        for file, shard in zip(files, shards, strict=True):
            write_passages(file, [Passage(*row) for row in shard])
        describe_passages(folder, files)
        return Passages(folder)

    return make


@pytest.fixture
def make_questions() -> MakeQuestions:
    """``make_questions({"q1": ["answer"]})``: a set whose texts are "text of q1" and so on."""

    def make(answers: dict[str, Sequence[str]], match: str = "string") -> QuestionSet:
        questions = tuple(
            Question(qid, f"text of {qid}", tuple(gold)) for qid, gold in answers.items()
        )
        return QuestionSet("set", "test", match, questions, digest="0" * 64)

    return make


@pytest.fixture(scope="session")
def numbered(tmp_path_factory: pytest.TempPathFactory) -> Passages:
    """Passages "1" to "30"."""
    folder = tmp_path_factory.mktemp("numbered") / "p"
    return store(folder, [str(number) for number in range(1, 31)])


@pytest.fixture(scope="session")
def named(tmp_path_factory: pytest.TempPathFactory) -> Passages:
    """Passages "p30" down to "p1": rows and pids run against each other."""
    folder = tmp_path_factory.mktemp("named") / "p"
    return store(folder, [f"p{number}" for number in range(30, 0, -1)])


@pytest.fixture
def make_hits(numbered: Passages) -> MakeHits:
    """``make_hits(bm25=[("3", 9.0), …], dense=[…])``: the hits of one question."""

    def make(**parts: Sequence[tuple[str, float]]) -> Hits:
        runs = {name: run_of({"q": found}) for name, found in parts.items()}
        return Hits.of(runs, ["q"], numbered)

    return make


# Tiny models with random weights, in folders as the hub has them


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_cross_encoder(tmp_path_factory.mktemp("bert")))


@pytest.fixture(scope="session")
def xlmr(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_cross_encoder(tmp_path_factory.mktemp("xlmr"), kind="xlmr"))


@pytest.fixture(scope="session")
def two_classes(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_cross_encoder(tmp_path_factory.mktemp("two_classes"), labels=2))


@pytest.fixture(scope="session")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_decoder(tmp_path_factory.mktemp("decoder")))


@pytest.fixture(scope="session")
def encoder_decoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_encoder_decoder(tmp_path_factory.mktemp("encoder_decoder")))
