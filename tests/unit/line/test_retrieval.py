"""Which stages a retriever asks for, with retrievers made here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from omegaconf import OmegaConf

from qa_bench.engine.context import Context
from qa_bench.errors import UserError
from qa_bench.line.retrieval import Retrieval
from qa_bench.protocols import Indexed
from qa_bench.store.passages import Passages
from qa_bench.store.runs import RUN_FILE, read_run
from qa_bench.types import Folder, QuestionSet, Run, Runtime

CALLS: list[str] = []
"""What the retrievers below were asked for, in order."""


class Plain:
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

    def plan(self, *_: Any) -> list[Any]:
        return []


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


@dataclass
class Line:
    """As much of ``pipeline.Line`` as retrieving wants."""

    passages: Folder
    questions: QuestionSet
    context: Context
    choices: dict[str, str] = field(default_factory=dict)

    def choice(self, place: str) -> str:
        return self.choices.get(place, place.rpartition(".")[2])


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


Retrieve = Callable[..., Retrieval]


@pytest.fixture
def retrieve(make_passages: Any, make_questions: Any, tmp_path: Path) -> Retrieve:
    passages = make_passages([(str(n + 1), "", "") for n in range(8)])
    folder = Folder(passages.folder, "passages", {"slug": "set"})
    questions = make_questions({"q1": ["x"], "q2": ["y"]})
    context = Context(tmp_path / "cache", Runtime(progress=False))

    def make(node: dict[str, Any], **choices: str) -> Retrieval:
        line: Any = Line(folder, questions, context, choices)
        return Retrieval(line, OmegaConf.create(node), "retriever")

    return make


def pids(folder: Folder, qid: str = "q1") -> list[str]:
    table = read_run(folder.path / RUN_FILE).table.to_pylist()
    return [row["pid"] for row in table if row["qid"] == qid]


def test_nothing_is_done_before_it_is_asked_for(retrieve: Retrieve):
    retrieve(hybrid(one=plain("one"), two=over(plain("two"))))
    assert CALLS == []


def test_one_retriever(retrieve: Retrieve):
    retrieval = retrieve(plain("one"))
    assert pids(retrieval.run(3)) == ["1", "2", "3"]
    assert retrieval.run(3) is retrieval.run(3)
    assert CALLS == ["index one", "search one 3"]
    assert retrieval.indexes() == [retrieval.index]
    assert retrieval.kept_of_base(3) == {}
    assert CALLS == ["index one", "search one 3"]


def test_one_built_over_another(retrieve: Retrieve):
    retrieval = retrieve(over(plain("base")))
    assert pids(retrieval.run(4)) == ["1", "3"]
    assert CALLS == ["index base", "index over", "search over 4"]
    assert [index.path.name.rpartition("-")[0] for index in retrieval.indexes()] == [
        "set-base", "set-retriever",
    ]  # fmt: skip
    assert retrieval.kept_of_base(4) == {"exact_percent": 50.0}
    assert CALLS[3:] == ["search base 4"]
    assert retrieval.seconds(4) < 5  # what asking the base took is not among them


def test_another_base_is_another_index(retrieve: Retrieve):
    first = retrieve(over(plain("base"))).index
    assert retrieve(over(plain("base", first=1))).index.key != first.key
    assert retrieve(over(plain("base"))).index.reused
    searched = retrieve(over(plain("base", top=9)))  # what only the base's search looks at
    assert searched.index.key == first.key


def test_parts_go_to_their_depth_or_deeper(retrieve: Retrieve):
    node = hybrid(one=plain("one"), two=plain("two", first=2))
    assert pids(retrieve(node).run(3)) == ["3", "4", "5"]
    assert [call for call in CALLS if "search" in call] == ["search one 6", "search two 6"]
    CALLS.clear()
    assert len(pids(retrieve(node).run(8))) == 8
    assert CALLS == ["search one 8", "search two 8"]


def test_parts_used_alone_are_not_made_again(retrieve: Retrieve):
    retrieve(plain("one")).run(6)
    CALLS.clear()
    retrieve(hybrid(one=plain("one"), two=plain("two"))).run(6)
    assert CALLS == ["index two", "search two 6"]


def test_true_scores_are_asked_for_only_where_the_fusion_wants_them(retrieve: Retrieve):
    parts = {"one": plain("one"), "two": over(plain("two"))}
    retrieve(hybrid(depth=4, **parts)).run(4)
    assert not [call for call in CALLS if call.startswith("score")]
    retrieve(hybrid(LINEAR, depth=4, **parts)).run(4)
    # Of both questions: one has found 1 to 4, over 1 and 3; an approximate part scores all of them.
    assert CALLS[-2:] == ["score one 0 []", "score over 8 ['base']"]


def test_seconds_are_those_of_the_parts_and_what_follows(retrieve: Retrieve):
    parts = {"one": plain("one", slow=0.05), "two": plain("two", first=1, slow=0.1)}
    rrf = retrieve(hybrid(**parts))
    fused = rrf.run(3).manifest["counts"]["seconds"]
    searched = [inner.seconds(6) for inner in rrf.parts.values()]
    assert searched[0] >= 0.05
    assert searched[1] >= 0.1
    assert rrf.seconds(3) == pytest.approx(sum(searched) + fused, abs=1e-3)
    linear = retrieve(hybrid(LINEAR, **parts))
    fused = linear.run(3).manifest["counts"]["seconds"]
    completed = linear.to_fuse(3)[0][""].manifest["counts"]["seconds"]
    assert linear.seconds(3) == pytest.approx(sum(searched) + completed + fused, abs=1e-3)


def test_every_index_counts_once(retrieve: Retrieve):
    node = hybrid(one=plain("one"), two=over(plain("one")), three=plain("three"))
    retrieval = retrieve(node)
    names = [index.path.name.rpartition("-")[0] for index in retrieval.indexes()]
    assert names == ["set-one", "set-two", "set-three"]
    retrieval.run(3)
    assert len([call for call in CALLS if call.startswith("index")]) == 3


def test_a_hybrid_in_a_hybrid(retrieve: Retrieve):
    inner = hybrid(depth=2, one=plain("one"), two=plain("two", first=4))
    retrieval = retrieve(hybrid(depth=5, inner=inner, three=plain("three", first=6)))
    # inner: 5 (first of two, fifth of one), 1, 2, 6, 3; three: 7, 8
    assert pids(retrieval.run(3)) == ["5", "7", "1"]
    searches = [call for call in CALLS if call.startswith("search")]
    assert searches == ["search one 5", "search two 5", "search three 5"]
    assert len(retrieval.indexes()) == 3
    with pytest.raises(UserError, match=r"retriever\.parts\.inner cannot score passages"):
        retrieve(hybrid(LINEAR, inner=inner, three=plain("three")))


def test_names_are_those_chosen_for_the_place(retrieve: Retrieve):
    chosen = {"retriever": "mix", "retriever.parts.one": "first", "retriever.parts.two": "second"}
    retrieval = retrieve(hybrid(one=plain("one"), two=plain("two")), **chosen)
    assert retrieval.run(3).path.name.startswith("set-test-mix-")
    runs = [inner.run(6).path.name for inner in retrieval.parts.values()]
    assert [name.rpartition("-")[0] for name in runs] == ["set-test-first", "set-test-second"]


def test_the_fusion_of_a_retriever_that_has_none(retrieve: Retrieve):
    with pytest.raises(UserError, match="retriever one is no hybrid: it has no fusion"):
        _ = retrieve(plain("one"), retriever="one").fusion


def test_a_weight_of_no_part_is_told(retrieve: Retrieve):
    node = hybrid(one=plain("one"), two=plain("two"))
    node["fusion"]["weights"] = {"dense": 2}
    with pytest.raises(UserError, match="names 'dense', the parts are one, two"):
        retrieve(node).run(3)
