from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from qa_bench.cli import plan as module
from qa_bench.cli.plan import plan
from qa_bench.corpus.jsonl import JsonlArticles
from qa_bench.errors import UserError
from qa_bench.lm.local import Local
from qa_bench.lm.openai_server import OpenAIServer
from qa_bench.reader.extractive.part import Extractive
from qa_bench.reader.fid import FusionInDecoder
from qa_bench.reader.generative import Generative
from qa_bench.reader.oracle import Oracle
from qa_bench.reader.redundancy import Redundancy
from qa_bench.reranker.cross_encoder import CrossEncoder
from qa_bench.reranker.llm import ListwiseReranker
from qa_bench.reranker.upr import UPR
from qa_bench.retriever.bm25.part import Bm25
from qa_bench.runtime.estimates import model_step
from qa_bench.types import Runtime

Usage = namedtuple("Usage", "total used free")
TWO_CORES = Runtime(threads=2, device="cpu")
BASE = {"parameters": "110e6", "dimension": 768}
NOWHERE = "/no/such/model"  # a plan loads none


class Questions(list[int]):
    name = "nq"


def line_of(
    path: Path,
    cache: Path,
    questions: int = 1,
    about: dict[str, Any] | None = None,
    reranker: Any = None,
    reader: Any = None,
    **runtime: Any,
) -> SimpleNamespace:
    """As much of a ``Line`` as a plan looks at."""
    bm25 = SimpleNamespace(part=SimpleNamespace(made=Bm25()), parts={})
    return SimpleNamespace(
        retrieval=bm25,
        corpus=SimpleNamespace(made=JsonlArticles("own", str(path)), about=about or {}),
        questions=Questions(range(questions)),
        depth=100,
        reranker=reranker and SimpleNamespace(made=reranker),
        reader=reader and SimpleNamespace(made=reader),
        context=SimpleNamespace(cache=cache, runtime=Runtime(java_heap="3g", **runtime)),
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


def rows_of(tmp_path: Path, **parts: Any) -> dict[str, str]:
    """The rows of a plan for 1,000 questions on two cores, by their first word."""
    about = {"passages": 1_000_000}
    line = line_of(tmp_path / "none.tsv", tmp_path, 1000, about, **parts, threads=2, device="cpu")
    rows = plan(line).splitlines()[2:-1]
    return {row.split()[0]: " ".join(row.split()[1:]) for row in rows}


def test_reranking_and_reading_look_at_the_hits_that_reach_them(tmp_path: Path):
    class Noted:
        depth, keep = 60, 20

        def plan(self, questions: int, hits: int, runtime: Runtime) -> Any:
            asked.append((questions, hits, runtime.workers))
            return Oracle().plan(questions, hits, runtime)._replace(name="noted")

    asked: list[tuple[int, int, int]] = []
    alone = rows_of(tmp_path, reader=Oracle(depth=500))
    assert list(alone) == ["chunk", "index", "search", "read", "score", "all"]
    assert alone["read"] == "60 kB 10 s 0.3 GB"  # 1,000 × 100 hits at 10,000 a second
    both = rows_of(tmp_path, reranker=Noted(), reader=Noted())
    assert asked == [(1000, 60, 2), (1000, 20, 2)]
    assert both["noted"].startswith("60 kB")
    assert rows_of(tmp_path, reranker=UPR(NOWHERE, keep=30))["rerank"].startswith("390 kB")


@pytest.mark.parametrize("place", ["reranker", "reader"])
def test_what_foretells_nothing_is_not_known(tmp_path: Path, place: str):
    part = SimpleNamespace(depth=10, keep=None)
    rows = rows_of(tmp_path, **{place: part})
    assert rows["rerank" if place == "reranker" else "read"].endswith("kB not known not known")
    assert "> " in rows["all"]
    assert "> " not in rows_of(tmp_path, reader=Redundancy())["all"]


@pytest.mark.parametrize(
    ("part", "seconds", "memory"),
    [
        # (110e6 - 30,522 × 768) weights, twice an operation, 3.4e11 a second on two cores
        (CrossEncoder(NOWHERE, about=BASE), 155 * 5.094e-4, "1.4 GB"),
        (CrossEncoder(NOWHERE, about=BASE, max_length=100), 100 * 5.094e-4, "1.4 GB"),
        (UPR(NOWHERE, about=BASE, before="", after="x" * 40), 165 * 5.094e-4, "1.4 GB"),
        (UPR(NOWHERE, about=BASE, precision="bf16", max_length=50), 50 * 5.094e-4, "1.2 GB"),
        (Extractive(NOWHERE, about=BASE), 155 * 5.094e-4, "1.4 GB"),
        (FusionInDecoder(NOWHERE, about=BASE, max_length=100, max_tokens=5),
         (100 / 2 + 5 * 8 / 10) * 5.094e-4, "1.4 GB"),
        (Redundancy(), 1 / 2200, "0.3 GB"),
        (Oracle(), 1 / 10_000, "0.3 GB"),
    ],
)  # fmt: skip
def test_time_a_hit(part: Any, seconds: float, memory: str):
    step = part.plan(100, 10, TWO_CORES)
    assert step.name in ("rerank", "read")
    assert step.seconds == pytest.approx(1000 * seconds, rel=1e-3)
    assert step.memory == memory


def test_a_template_is_read_too():
    template = {"question": "Q: {}", "passage": "{}", "after": ["y" * 400], "answer": "yes"}
    plain, asked = (CrossEncoder(NOWHERE, about=BASE, template=one) for one in (None, template))
    ratio = asked.plan(9, 9, TWO_CORES).seconds / plain.plan(9, 9, TWO_CORES).seconds
    assert ratio == pytest.approx((155 + 407 / 4) / 155)


@pytest.mark.parametrize(
    "part",
    [CrossEncoder(NOWHERE), UPR(NOWHERE), Extractive(NOWHERE), FusionInDecoder(NOWHERE),
     Generative(Local(NOWHERE), "{question} {passages}")],
)  # fmt: skip
def test_a_model_of_unknown_size(part: Any):
    assert part.plan(3, 2, TWO_CORES)[1:] == (0, None, "set about.parameters")


def test_a_size_that_is_no_number():
    with pytest.raises(UserError, match=r"about\.parameters .* are numbers"):
        model_step("rerank", {"parameters": "large"}, "fp32", 1, TWO_CORES)


def test_requests_to_a_server():
    lm = OpenAIServer("http://127.0.0.1:1/v1", model="m")
    listwise = ListwiseReranker(lm, "{question} {passages}", window=20, step=10)
    for hits, windows in ((0, 0), (1, 0), (2, 1), (20, 1), (21, 2), (100, 9)):
        step = listwise.plan(7, hits, TWO_CORES)
        assert step[1:] == (0, None, f"{7 * windows} requests")
    assert Generative(lm, "{question} {passages}").plan(3610, 5, TWO_CORES).memory == (
        "3,610 requests"
    )


def test_prompts_to_a_local_model():
    lm = Local(NOWHERE, about=BASE, max_tokens=10)

    def tokens(template: str, hits: int, **settings: Any) -> float:
        step = Generative(lm, template, **settings).plan(1, hits, TWO_CORES)
        assert step.name == "read"
        assert step.seconds is not None
        return step.seconds / 5.094e-4 - 10 * 8

    template = "{question} {passages}" + "x" * 79
    assert tokens(template, 5) == pytest.approx(25 + 14 + 5 * 141, rel=1e-3)
    assert tokens(template, 5, words=50) == pytest.approx(25 + 14 + 5 * 70.5, rel=1e-3)
    assert tokens("{question}" + "x" * 90, 0, depth=0) == pytest.approx(25 + 14, rel=0.01)
    listwise = ListwiseReranker(lm, template, window=20, step=10).plan(1, 30, TWO_CORES)
    each = 25 + 14 + 20 * 141 + 10 * 8
    assert listwise.seconds == pytest.approx(2 * each * 5.094e-4, rel=1e-3)
