"""Which stages a retriever is made of, with retrievers made here."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from given import given
from omegaconf import OmegaConf

from qa_bench import trust
from qa_bench.engine.context import Context
from qa_bench.engine.stage import Stage, graph
from qa_bench.errors import UserError
from qa_bench.line.retrieval import Retrieval
from qa_bench.parts import Part
from qa_bench.protocols import Indexed
from qa_bench.stages.expand import Wording
from qa_bench.store.passages import Passages
from qa_bench.store.runs import BYTES_PER_HIT, RUN_FILE, read_run
from qa_bench.types import Folder, Load, QuestionSet, Run, Runtime, Step

trust.allow([__name__])

CALLS: list[str] = []
"""What the retrievers below were asked for, in order."""


class Plain(Part):
    """Finds the passages ``first``, ``first + 1``, … whose scores fall from ``top``."""

    search_only = frozenset({"top"})

    def __init__(self, name: str, first: int = 0, top: float = 10, slow: float = 0) -> None:
        self.name, self.first, self.top, self.slow = name, first, top, slow

    def index(self, passages: Passages, folder: Path, runtime: Runtime, **parts: Indexed) -> int:
        CALLS.append(f"index {self.name}")
        (folder / "index.txt").write_text("x" * 100)
        return len(passages)

    def search(
        self,
        folder: Path,
        passages: Passages,
        questions: QuestionSet,
        depth: int,
        runtime: Runtime,
        **parts: Indexed,
    ) -> Run:
        assert (folder / "index.txt").is_file()
        CALLS.append(f"search {self.name} {depth}")
        time.sleep(self.slow)
        rows = np.arange(self.first, min(len(passages), self.first + depth))
        scores = self.top - np.arange(len(rows))
        count = len(questions)
        qids = [question.qid for question in questions]
        return Run.of_rows(qids, [rows] * count, [scores] * count, passages.pids)

    def score(self, *arguments: Any, **parts: Indexed) -> np.ndarray:
        CALLS.append(f"score {self.name} {len(arguments[4])} {sorted(parts)}")
        return np.zeros(len(arguments[4]), dtype=np.float32)

    def plan(
        self, passages: float, questions: int, depth: int, runtime: Runtime
    ) -> tuple[Step, Step]:
        return Step("index", passages, 1, "1 GB"), Step("search", questions * depth, 2, "2 GB")


class Over(Plain):
    """Built over another retriever: finds every other one of what it would find."""

    approximate = True

    def __init__(self, parts: dict[str, Any], name: str = "over") -> None:
        super().__init__(name)

    def index(self, passages: Passages, folder: Path, runtime: Runtime, **parts: Indexed) -> int:
        (base,) = parts.values()
        assert (base.folder / "index.txt").is_file()
        assert isinstance(base.retriever, Plain)
        return super().index(passages, folder, runtime)

    def search(self, *arguments: Any, **parts: Indexed) -> Run:
        assert list(parts) == ["base"]
        """Every second of the base's hits."""
        table = super().search(*arguments).table[::2]
        ranks = pa.array((table["rank"].to_numpy() + 1) // 2, pa.int32())
        return Run(table.set_column(1, "rank", ranks))


def plain(name: str, **settings: Any) -> dict[str, Any]:
    return {"_target_": f"{__name__}.Plain", "name": name, **settings}


def over(base: dict[str, Any]) -> dict[str, Any]:
    return {"_target_": f"{__name__}.Over", "parts": {"base": base}}


def hybrid(fusion: str = "rrf.ReciprocalRank", depth: int = 6, **parts: Any) -> dict[str, Any]:
    return {
        "_target_": "qa_bench.retriever.hybrid.Hybrid",
        "parts": parts,
        "fusion": {"_target_": f"qa_bench.fusion.{fusion}"},
        "parts_depth": depth,
    }


LINEAR = "linear.Linear"


@pytest.fixture(autouse=True)
def _no_calls() -> Iterator[None]:
    CALLS.clear()
    yield
    CALLS.clear()


class Bench:
    """Makes retrievals, and runs their stages as one process would."""

    def __init__(self, passages: Stage, questions: QuestionSet, cache: Path) -> None:
        self.passages, self.questions, self._cache = passages, questions, cache
        self.context = self._context()

    def _context(self) -> Context:
        return Context(self._cache, Runtime(progress=False))

    def __call__(self, node: dict[str, Any], **choices: str) -> Retrieval:
        """A retrieval of a new process."""
        self.context = self._context()
        return Retrieval(
            OmegaConf.create(node),
            lambda: self.passages,
            lambda: Wording(self.questions),
            self.context,
            lambda place: choices.get(place, place.rpartition(".")[2]),
        )

    def run(self, stage: Stage) -> Folder:
        return self.context.run(stage)

    def pids(self, stage: Stage, qid: str = "q1") -> list[str]:
        table = read_run(self.run(stage).path / RUN_FILE).table.to_pylist()
        return [row["pid"] for row in table if row["qid"] == qid]

    def seconds(self, stage: Stage) -> float:
        seconds: float = self.run(stage).manifest["counts"]["seconds"]
        return seconds


@pytest.fixture
def bench(make_passages: Any, make_questions: Any, tmp_path: Path) -> Bench:
    passages = make_passages([(str(n + 1), "", "") for n in range(8)])
    questions = make_questions({"q1": ["x"], "q2": ["y"]})
    return Bench(given(passages.folder, slug="set"), questions, tmp_path / "cache")


def test_nothing_is_done_before_a_stage_is_run(bench: Bench):
    retrieval = bench(hybrid(LINEAR, one=plain("one"), two=over(plain("two"))))
    stages = graph(retrieval.run(3))
    assert [stage.title or stage.name for stage in stages] == [
        "given", "index one", "search one", "index base", "index two", "search two",
        "complete retriever", "fuse retriever",
    ]  # fmt: skip
    assert all(stage.key for stage in stages)
    assert CALLS == []


def test_one_retriever(bench: Bench):
    retrieval = bench(plain("one"))
    assert bench.pids(retrieval.run(3)) == ["1", "2", "3"]
    assert retrieval.run(3) is retrieval.run(3)
    assert CALLS == ["index one", "search one 3"]
    assert retrieval.indexes() == [retrieval.index]
    assert retrieval.searches(3) == [retrieval.run(3)]
    assert retrieval.kept_of_base(3) == {}
    assert CALLS == ["index one", "search one 3"]


def test_one_built_over_another(bench: Bench):
    retrieval = bench(over(plain("base")))
    assert bench.pids(retrieval.run(4)) == ["1", "3"]
    assert CALLS == ["index base", "index over", "search over 4"]
    assert [index.slug for index in retrieval.indexes()] == ["set-base", "set-retriever"]
    assert retrieval.kept_of_base(4) == {"exact_percent": 50.0}
    assert CALLS[3:] == ["search base 4"]
    assert retrieval.searches(4) == [retrieval.run(4)], "what the base took is not among them"


def test_another_base_is_another_index(bench: Bench):
    first = bench.run(bench(over(plain("base"))).index)
    assert bench(over(plain("base", first=1))).index.key != first.key
    assert bench.run(bench(over(plain("base"))).index).reused
    searched = bench(over(plain("base", top=9)))  # what only the base's search looks at
    assert searched.index.key == first.key
    assert searched.run(3).key != bench(over(plain("base"))).run(3).key


def test_parts_go_to_their_depth_or_deeper(bench: Bench):
    node = hybrid(one=plain("one"), two=plain("two", first=2))
    assert bench.pids(bench(node).run(3)) == ["3", "4", "5"]
    assert [call for call in CALLS if "search" in call] == ["search one 6", "search two 6"]
    CALLS.clear()
    assert len(bench.pids(bench(node).run(8))) == 8
    assert CALLS == ["search one 8", "search two 8"]


def test_parts_used_alone_are_not_made_again(bench: Bench):
    bench.run(bench(plain("one")).run(6))
    CALLS.clear()
    bench.run(bench(hybrid(one=plain("one"), two=plain("two"))).run(6))
    assert CALLS == ["index two", "search two 6"]


def test_true_scores_are_asked_for_only_where_the_fusion_wants_them(bench: Bench):
    parts = {"one": plain("one"), "two": over(plain("two"))}
    bench.run(bench(hybrid(depth=4, **parts)).run(4))
    assert not [call for call in CALLS if call.startswith("score")]
    bench.run(bench(hybrid(LINEAR, depth=4, **parts)).run(4))
    # Of both questions: one has found 1 to 4, over 1 and 3; an approximate part scores all of them.
    assert CALLS[-2:] == ["score one 0 []", "score over 8 ['base']"]


def test_searching_takes_the_parts_and_what_follows(bench: Bench):
    parts = {"one": plain("one", slow=0.05), "two": plain("two", first=1, slow=0.1)}
    rrf = bench(hybrid(**parts))
    searched = [inner.run(6) for inner in rrf.parts.values()]
    assert rrf.searches(3) == [*searched, rrf.run(3)]
    bench.run(rrf.run(3))
    assert bench.seconds(searched[0]) >= 0.05
    assert bench.seconds(searched[1]) >= 0.1
    linear = bench(hybrid(LINEAR, **parts))
    searched = [inner.run(6) for inner in linear.parts.values()]
    assert linear.searches(3) == [*searched, linear.fusable(3)[""], linear.run(3)]
    assert bench.seconds(linear.run(3)) >= 0


def test_every_index_counts_once(bench: Bench):
    node = hybrid(one=plain("one"), two=over(plain("one")), three=plain("three"))
    retrieval = bench(node)
    indexes = graph(*retrieval.indexes())
    assert [stage.slug for stage in indexes] == ["set", "set-one", "set-two", "set-three"]
    bench.run(retrieval.run(3))
    assert len([call for call in CALLS if call.startswith("index")]) == 3


def test_a_hybrid_in_a_hybrid(bench: Bench):
    inner = hybrid(depth=2, one=plain("one"), two=plain("two", first=4))
    retrieval = bench(hybrid(depth=5, inner=inner, three=plain("three", first=6)))
    # inner: 5 (first of two, fifth of one), 1, 2, 6, 3; three: 7, 8
    assert bench.pids(retrieval.run(3)) == ["5", "7", "1"]
    searches = [call for call in CALLS if call.startswith("search")]
    assert searches == ["search one 5", "search two 5", "search three 5"]
    assert len(retrieval.indexes()) == 3
    with pytest.raises(UserError, match=r"retriever\.parts\.inner cannot score passages"):
        bench(hybrid(LINEAR, inner=inner, three=plain("three")))


def test_names_are_those_chosen_for_the_place(bench: Bench):
    chosen = {"retriever": "mix", "retriever.parts.one": "first", "retriever.parts.two": "second"}
    retrieval = bench(hybrid(one=plain("one"), two=plain("two")), **chosen)
    assert retrieval.run(3).slug == "set-test-mix"
    runs = [inner.run(6).slug for inner in retrieval.parts.values()]
    assert runs == ["set-test-first", "set-test-second"]
    assert [inner.run(6).title for inner in retrieval.parts.values()] == [
        "search first", "search second",
    ]  # fmt: skip


def test_what_it_will_take_comes_from_the_retriever(bench: Bench):
    load = Load(1000, 50)
    retrieval = bench(plain("one"))
    assert retrieval.index.plan(load) == Step("index", 1000, 1, "1 GB")
    disk = 50 * 7 * (1 + BYTES_PER_HIT)
    assert retrieval.run(7).plan(load) == Step("search", disk, 2, "2 GB")
    linear = bench(hybrid(LINEAR, one=plain("one"), two=plain("two")))
    completing, fusing = linear.fusable(3)[""].plan(load), linear.run(3).plan(load)
    assert completing.disk == 50 * 6 * 2 * BYTES_PER_HIT
    assert fusing.disk == 50 * 3 * BYTES_PER_HIT
    assert CALLS == []


def test_the_fusion_of_a_retriever_that_has_none(bench: Bench):
    with pytest.raises(UserError, match="retriever one is no hybrid: it has no fusion"):
        _ = bench(plain("one"), retriever="one").fusion


def test_a_weight_of_no_part_is_told(bench: Bench):
    node = hybrid(one=plain("one"), two=plain("two"))
    node["fusion"]["weights"] = {"dense": 2}
    with pytest.raises(UserError, match="names 'dense', the parts are one, two"):
        bench.run(bench(node).run(3))


def test_single_questions_are_timed_once_what_they_need_is_open(bench: Bench):
    retrieval = bench(hybrid(one=plain("one", slow=0.02), two=over(plain("two"))))
    first, second = (bench.run(stage) for stage in retrieval.latencies(3, 9))
    assert [call for call in CALLS if "search" in call] == ["search one 6"] * 3 + [
        "search over 6"
    ] * 3
    assert first.manifest["counts"]["questions"] == 2, "no more than there are"
    assert len(first.manifest["counts"]["seconds"]) == 2
    assert (
        min(first.manifest["counts"]["seconds"]) >= 0.02 > max(second.manifest["counts"]["seconds"])
    )
    assert first.manifest["outputs"] == {}, "times are no result"
    assert bench.run(bench(plain("one", slow=0.02)).latencies(6, 9)[0]).reused
    assert bench(plain("one", slow=0.02)).latencies(6, 1)[0].key != first.key
