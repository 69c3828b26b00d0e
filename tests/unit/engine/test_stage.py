"""What a stage's key is made of, and the graph, before anything is built."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import pytest

from qa_bench.engine.stage import Stage, graph
from qa_bench.errors import UserError
from qa_bench.types import Folder, Runtime

MakeStage = Callable[..., Stage]
RunStage = Callable[..., Folder]


def never(*_: Any) -> NoReturn:
    raise AssertionError("a description builds nothing")


def missing() -> NoReturn:
    raise UserError("no such model")


def test_the_key_is_known_before_anything_is_built(make_stage: MakeStage, run: RunStage) -> None:
    chunk = make_stage(name="chunk", config={"size": 100}, digests={"file0": "f"})
    stage = make_stage(inputs={"passages": chunk}, digests={"questions": "q"})
    keys = {one.name: one.key for one in (chunk, stage)}
    assert make_stage(inputs={"passages": make_stage(
        name="chunk", config={"size": 100}, digests={"file0": "f"}, build=never
    )}, digests={"questions": "q"}, build=never).key == keys["search"]  # fmt: skip
    folder = run(stage)
    assert folder.manifest["key"] == folder.key == keys["search"]
    assert folder.manifest["inputs"] == {"passages": keys["chunk"], "questions": "q"}
    manifest = {name: folder.manifest[name] for name in ("stage", "version", "config", "inputs")}
    assert manifest == stage.identified
    assert run(chunk).key == keys["chunk"]


@pytest.mark.parametrize(
    "change",
    [
        {"name": "index"},
        {"version": 2},
        {"config": {"k1": 1.2}},
        {"config": {}},
        {"digests": {"file0": "abd"}},
        {"digests": {"file1": "abc"}},
        {"digests": {}},
    ],
)
def test_what_changes_the_key(make_stage: MakeStage, change: dict[str, Any]) -> None:
    before, after = make_stage(), make_stage(**change)
    assert before.key != after.key
    whole, changed = (make_stage(name="score", inputs={"run": one}) for one in (before, after))
    assert whole.key != changed.key, "what is made of another is another"


def test_what_something_is_to_a_stage_changes_the_key(make_stage: MakeStage) -> None:
    one, other = make_stage(), make_stage(version=2)
    assert make_stage(inputs={"a": one}).key != make_stage(inputs={"b": one}).key
    assert (
        make_stage(inputs={"a": one, "b": other}).key
        != make_stage(inputs={"a": other, "b": one}).key
    )


@pytest.mark.parametrize("change", [{"slug": "other"}, {"title": "find"}, {"build": never}])
def test_what_does_not_change_the_key(make_stage: MakeStage, change: dict[str, Any]) -> None:
    assert make_stage().key == make_stage(**change).key


def test_runtime_does_not_change_the_key(run: RunStage) -> None:
    first = run(runtime=Runtime(threads=7))
    assert first.manifest["runtime"]["threads"] == 7
    again = run(runtime=Runtime(threads=1, device="cpu"))
    assert (again.key, again.reused) == (first.key, True)


def test_digests_are_asked_for_once_and_not_before_the_key(make_stage: MakeStage) -> None:
    calls: list[int] = []

    def digests() -> dict[str, str]:
        calls.append(1)
        return {"file0": "abc"}

    stage = make_stage(digests=digests)
    lazy = make_stage(inputs={"run": stage})
    assert calls == []
    assert lazy.key == lazy.key
    assert stage.key
    assert calls == [1]


def test_the_graph_has_each_stage_once_and_inputs_first(make_stage: MakeStage) -> None:
    chunk = make_stage(name="chunk", build=never)
    indexes = [make_stage(name="index", config={"n": n}, inputs={"passages": chunk}, build=never)
               for n in range(2)]  # fmt: skip
    runs = [make_stage(inputs={"index": one, "passages": chunk}, build=never) for one in indexes]
    fused = make_stage(
        name="fuse", inputs={"part.a": runs[0], "part.b": runs[1], "passages": chunk}, build=never
    )
    score = make_stage(name="score", inputs={"run": fused, "passages": chunk}, build=never)
    ceiling = make_stage(name="ceiling", inputs={"passages": chunk}, build=never)
    stages = graph(score, ceiling)
    assert stages == [chunk, indexes[0], runs[0], indexes[1], runs[1], fused, score, ceiling]
    assert graph(fused) == stages[:6]
    assert graph() == []


def test_two_descriptions_of_one_stage_are_one(make_stage: MakeStage) -> None:
    first, second = (make_stage(name="index", slug=slug, build=never) for slug in ("a", "b"))
    score = make_stage(name="score", inputs={"one": first, "two": second}, build=never)
    assert graph(score) == [first, score]


def test_the_graph_shows_what_is_missing(make_stage: MakeStage) -> None:
    """A model that is not here yet: no key can be told, and the plan lists the stages anyhow."""
    chunk = make_stage(name="chunk", build=never)

    def index(**changes: Any) -> Stage:
        usual = {"name": "index", "inputs": {"passages": chunk}, "digests": missing, "build": never}
        return make_stage(**{**usual, **changes})

    indexes = [index(), index(), index(config={"k1": 2}), index(inputs={}), index(slug="other")]
    runs = [make_stage(slug=str(n), inputs={"index": one}) for n, one in enumerate(indexes)]
    score = make_stage(name="score", inputs={f"run.{n}": one for n, one in enumerate(runs)})
    assert graph(score) == [
        chunk, indexes[0], runs[0], runs[1], indexes[2], runs[2], indexes[3], runs[3],
        indexes[4], runs[4], score,
    ]  # fmt: skip
    with pytest.raises(UserError, match="no such model"):
        _ = score.key


def test_what_is_missing_is_looked_for_once(make_stage: MakeStage) -> None:
    """To ask a hub that is not there takes long."""
    calls: list[int] = []

    def digests() -> NoReturn:
        calls.append(1)
        raise UserError("no such model")

    index = make_stage(name="index", digests=digests)
    search = make_stage(inputs={"chunk": make_stage(name="chunk"), "index": index})
    score = make_stage(name="score", inputs={"run": search, "index": index})
    graph(score)
    assert str(index.missing) == str(search.missing) == str(score.missing) == "no such model"
    assert calls == [1]
    assert make_stage().missing is None


def test_what_is_wide_is_walked_once(make_stage: MakeStage) -> None:
    """Two inputs a stage, fifty deep: every path would take for ever."""
    stage = make_stage(config={"n": 0})
    for n in range(1, 51):
        stage = make_stage(config={"n": n}, inputs={"a": stage, "b": stage})
    assert [one.config["n"] for one in graph(stage)] == list(range(51))
