from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from qa_bench import plan as module
from qa_bench.corpus.jsonl import JsonlArticles
from qa_bench.errors import UserError
from qa_bench.plan import plan
from qa_bench.retriever.bm25 import Bm25
from qa_bench.types import Runtime

Usage = namedtuple("Usage", "total used free")


class Questions(list[int]):
    name = "nq"


def line_of(
    path: Path, cache: Path, questions: int = 1, about: dict[str, Any] | None = None
) -> SimpleNamespace:
    """As much of a ``Line`` as a plan looks at."""
    bm25 = SimpleNamespace(part=SimpleNamespace(made=Bm25()), parts={})
    return SimpleNamespace(
        retrieval=bm25,
        corpus=SimpleNamespace(made=JsonlArticles("own", str(path)), about=about or {}),
        questions=Questions(range(questions)),
        depth=100,
        context=SimpleNamespace(cache=cache, runtime=Runtime(java_heap="3g")),
    )


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """``told(corpus bytes, questions, free bytes)``: the plan's lines, each cut into words."""

    def told(size: int, questions: int, free: float, suffix: str = ".jsonl") -> list[list[str]]:
        path = tmp_path / f"articles{suffix}"
        with path.open("wb") as file:
            file.truncate(size)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, free))
        lines = plan(line_of(path, tmp_path / "not" / "yet" / "there", questions)).splitlines()
        return [line.split() for line in lines]

    return told


def test_every_stage_has_a_line(told):
    head, columns, *stages, whole, _ = told(64_000_000, 3610, 5e9)
    assert " ".join(head) == "own: about 100,000 passages; nq: 3,610 questions; depth 100"
    assert columns == ["stage", "disk", "time", "memory"]
    assert [stage[0] for stage in stages] == ["chunk", "index", "search", "score"]
    assert stages[0][1:3] == ["64", "MB"]
    assert [stage[-2:] for stage in stages[1:3]] == [["3g", "heap"], ["3g", "heap"]]
    assert whole[0] == "all"
    assert whole[-4:] == ["free", "disk:", "5.0", "GB"]


def test_compressed_articles_count_as_what_they_hold(told):
    plain = told(1_000_000, 1, 1e12)[0]
    packed = told(1_000_000, 1, 1e12, ".jsonl.xz")[0]
    counts = [int(head[2].replace(",", "")) for head in (plain, packed)]
    assert counts[1] == pytest.approx(3.8 * counts[0], rel=0.01)


def test_too_little_disk_is_said(told):
    assert told(64_000_000, 3610, 1e6)[-2][-2:] == ["NOT", "ENOUGH"]
    assert told(64_000_000, 3610, 60e6)[-2][-2:] == ["NOT", "ENOUGH"]
    assert "NOT" not in told(64_000_000, 3610, 1e12)[-2]


def test_a_published_corpus_can_be_planned_before_it_is_there(tmp_path: Path):
    line = line_of(tmp_path / "none.tsv", tmp_path, about={"passages": 21_015_324})
    assert plan(line).startswith("own: about 21,015,324 passages;")


def test_a_missing_corpus_is_an_error(tmp_path: Path):
    with pytest.raises(UserError, match="no such file"):
        plan(line_of(tmp_path / "none.jsonl", tmp_path))


@pytest.mark.parametrize(
    ("count", "told"),
    [(0, "0 B"), (999, "999 B"), (1500, "2 kB"), (64e6, "64 MB"), (13.4e9, "13.4 GB")],
)
def test_sizes(count: float, told: str):
    assert module._size(count) == told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.01, "1 s"), (59.6, "60 s"), (90, "2 min"), (3600, "60 min"), (5400, "1.5 h")],
)
def test_times(seconds: float, told: str):
    assert module._time(seconds) == told
