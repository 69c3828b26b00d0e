"""What a plan says of a line, before and after it was run; it builds nothing itself."""

from __future__ import annotations

import json
import re
import shutil
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from lines import SAMPLE, first, line_of
from omegaconf import OmegaConf

from qa_bench import trust
from qa_bench.cli import plan as module
from qa_bench.cli.plan import plan
from qa_bench.engine.context import Context
from qa_bench.errors import UserError
from qa_bench.line.line import Line
from qa_bench.parts import Part
from qa_bench.reader.oracle import Oracle
from qa_bench.types import Answers, Runtime, Step

trust.allow([__name__])

Usage = namedtuple("Usage", "total used free")
NOWHERE = "/no/such/model"  # a plan loads none


class Table(NamedTuple):
    """A plan taken apart: the head, the rows by title, and the sum."""

    head: str
    rows: dict[str, str]
    states: dict[str, str]
    total: str


def told(line: Line) -> Table:
    head, columns, *rows, total, last = plan(line).splitlines()
    assert columns.split() == ["stage", "disk", "time", "memory"]
    assert last.startswith("Rates are those of two cores")
    cells = [re.fullmatch(r"(\S+(?: \S+)*?) {2,}(.*?) {2,}(reuse|build.*)", row) for row in rows]
    assert all(cells), rows
    titles = [match[1] for match in cells if match]
    assert len(set(titles)) == len(titles), "each once"
    return Table(
        head,
        {match[1]: " ".join(match[2].split()) for match in cells if match},
        {match[1]: match[3] for match in cells if match},
        " ".join(total.split()),
    )


@pytest.fixture
def own(tmp_path: Path) -> Callable[..., Line]:
    """``own(bytes, questions, "reader=…")``: a line of a corpus and a set of some size."""

    def made(
        size: int, questions: int, *overrides: str, suffix: str = ".jsonl", **parts: Any
    ) -> Line:
        corpus = tmp_path / f"articles{suffix}"
        with corpus.open("wb") as file:
            file.truncate(size)
        rows = [json.dumps({"question": f"q {n}", "answer": ["x"]}) for n in range(questions)]
        (tmp_path / "questions.jsonl").write_text("\n".join(rows))
        return line_of(
            tmp_path, "corpus=jsonl", f"corpus.path={corpus}", "corpus.name=own", "dataset=file",
            f"dataset.path={tmp_path / 'questions.jsonl'}", *overrides, **parts,
        )  # fmt: skip

    return made


@pytest.fixture
def sample(tmp_path: Path) -> Callable[..., Line]:
    """``sample("reader=oracle", k1=1.2)``: a line over the sample's 269 passages, 36 questions."""
    return lambda *overrides, k1=0.9: line_of(tmp_path, *SAMPLE, *overrides, retriever=first(k1))


def part(kind: type) -> dict[str, str]:
    return {"_target_": f"{__name__}.{kind.__name__}"}


def test_every_stage_has_a_line(own: Callable[..., Line]) -> None:
    table = told(own(64_000_000, 3610))
    assert table.head == "own: about 100,000 passages; file: 3,610 questions; depth 100"
    assert list(table.rows) == ["chunk", "index bm25", "search bm25", "score"]
    assert table.rows["chunk"].startswith("64 MB")
    assert [table.rows[name].endswith("2g heap") for name in ("index bm25", "search bm25")] == [
        True,
        True,
    ]
    assert set(table.states.values()) == {"build"}
    assert table.total.startswith("to build ")


def test_compressed_articles_count_as_what_they_hold(own: Callable[..., Line]) -> None:
    counts = [
        int(told(own(1_000_000, 1, suffix=suffix)).head.split()[2].replace(",", ""))
        for suffix in (".jsonl", ".jsonl.xz")
    ]
    assert counts[1] == pytest.approx(3.8 * counts[0], rel=0.01)


def test_too_little_disk_is_said(own: Callable[..., Line], monkeypatch: pytest.MonkeyPatch) -> None:
    for free, enough in ((1e6, False), (60e6, False), (5e9, True), (1e12, True)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: Usage(0, 0, free))
        total = told(own(64_000_000, 3610)).total
        assert total.endswith("NOT ENOUGH") is not enough
        assert ("free disk: 5.0 GB" in total) is (free == 5e9)


def test_a_published_corpus_can_be_planned_before_it_is_there(tmp_path: Path) -> None:
    table = told(line_of(tmp_path, *SAMPLE, "corpus=psgs_w100"))
    assert table.head.startswith("psgs_w100: about 21,015,324 passages;")
    assert "psgs_w100.tsv" in table.states["chunk"]
    assert table.states["index bm25"] == table.states["score"] == "build"


def test_a_missing_corpus_is_an_error(tmp_path: Path) -> None:
    line = line_of(tmp_path, *SAMPLE, "corpus=jsonl", f"corpus.path={tmp_path / 'none.jsonl'}")
    with pytest.raises(UserError, match="no such file"):
        plan(line)


def test_a_model_that_is_not_here_is_said_once(sample: Callable[..., Line]) -> None:
    """Its content goes into keys, so that nothing made of it can be looked for."""
    sample_run(sample("reader=oracle"))
    table = told(sample("reader=extractive", f"reader.model={NOWHERE}"))
    assert re.fullmatch(r"build \(.*no/such/model.*\)", table.states.pop("read"))
    assert table.states == {
        "chunk": "reuse", "index bm25": "reuse", "search bm25": "reuse", "score": "build",
    }  # fmt: skip
    chunks = told(sample("chunker=tokens_256_32", f"chunker.tokenizer={NOWHERE}"))
    assert "no/such/model" in chunks.states.pop("chunk")
    assert set(chunks.states.values()) == {"build"}


def sample_run(line: Line) -> None:
    line.context.run(line.scores)


def test_what_is_there_is_reused_and_costs_nothing(sample: Callable[..., Line]) -> None:
    before = told(sample())
    assert set(before.states.values()) == {"build"}
    assert before.total.startswith("to build 1 MB 2 min")
    sample_run(sample())
    after = told(sample())
    assert set(after.states.values()) == {"reuse"}
    assert after.total.startswith("to build 0 B 0 s")
    assert before.head.startswith("sample: about 214 passages"), "by the size of the file"
    assert after.head.startswith("sample: about 269 passages"), "counted"
    assert list(after.rows) == list(before.rows)


def test_what_is_built_says_why_and_alone_is_in_the_sum(sample: Callable[..., Line]) -> None:
    sample_run(sample())
    table = told(sample(k1=1.2))
    assert table.states["index bm25"] == table.states["chunk"] == "reuse"
    assert table.states["search bm25"] == "build (retriever.k1 was 0.9, is 1.2)"
    assert re.fullmatch(r"build \(inputs\.run was \w{16}, is \w{16}\)", table.states["score"])
    assert table.rows["index bm25"] == "1 MB 2 min 1.0 GB"
    hits = 36 * 100 * 6 + 36 * 300
    assert table.total.startswith(f"to build {hits / 1000:.0f} kB 20 s"), "no index in it"
    depth = told(sample("depth=50"))
    assert depth.states["search bm25"] == "build (depth was 100, is 50)"


def test_nothing_is_built(
    sample: Callable[..., Line], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Context, "run", lambda *_: pytest.fail("a plan runs nothing"))
    plan(sample("reranker=upr", f"reranker.model={NOWHERE}", "reader=oracle", "ceiling=true"))
    assert not list((tmp_path / "data/cache").glob("*/*/")), "no folder of any stage"


def test_what_failed_the_last_time_is_planned_again(
    sample: Callable[..., Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Oracle, ranked: Any, runtime: Runtime) -> Answers:
        return Answers([""] * len(ranked.questions), {0: "no reply", 3: "no reply"})

    with monkeypatch.context() as patch:
        patch.setattr(Oracle, "read", fail)
        sample_run(sample("reader=oracle"))
    states = told(sample("reader=oracle")).states
    assert states["read"] == "build (provisional; 2 failed the last time)"
    assert states["score"] == "build (provisional)"
    assert states["search bm25"] == "reuse"


def test_predictions_need_no_corpus(sample: Callable[..., Line], tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text('{"id": "nq-sample-0", "prediction": "x"}\n')
    table = told(sample(f"predictions={tmp_path / 'p.jsonl'}", "corpus=jsonl"))
    assert table.head == "nq: 36 questions; depth 100"
    assert list(table.rows) == ["score"]


def test_each_search_of_an_expander_counts(sample: Callable[..., Line]) -> None:
    words = ("expander=gar", "expander.lm.model=m")
    table = told(sample(*words))
    searches = [f"search bm25 ({label})" for label in ("answer", "sentence", "title")]
    assert list(table.rows) == [
        "chunk", "index bm25", "expand gar", *searches, "fuse bm25+gar", "score",
    ]  # fmt: skip
    assert "> 3 min" in table.total, "100 s, and three times 20"


def test_an_index_that_two_parts_share_counts_once(tmp_path: Path) -> None:
    """Also where its model is not here, so that no key can tell that it is one."""
    parts = "retriever.parts"
    line = line_of(
        tmp_path, *SAMPLE, "retriever=hybrid_linear", "fusion@retriever.fusion=rrf",
        f"retriever@{parts}.bm25=minilm", f"{parts}.bm25.model={NOWHERE}",
        f"retriever@{parts}.dense=faiss", f"{parts}.dense.parts.base.model={NOWHERE}",
    )  # fmt: skip
    assert OmegaConf.select(line.config, "retriever.parts.dense.parts.base") is not None
    with_slugs = [stage.slug for stage in line.stages() if stage.name == "index"]
    assert len(set(with_slugs)) == len(with_slugs)


@pytest.mark.parametrize(
    ("count", "told"),
    [(0, "0 B"), (999, "999 B"), (1500, "2 kB"), (64e6, "64 MB"), (13.4e9, "13.4 GB")],
)
def test_sizes(count: float, told: str) -> None:
    assert module._size(count) == told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0 s"), (0.01, "1 s"), (59.6, "60 s"), (90, "2 min"), (3600, "60 min"), (5400, "1.5 h")],
)
def test_times(seconds: float, told: str) -> None:
    assert module._time(seconds) == told


class Noted(Part):
    """A reranker and reader that notes what it is told of; one that foretells nothing is below."""

    calls: list[tuple[int, int, int]] = []

    def __init__(self, depth: int = 60, keep: int | None = 20) -> None:
        self.depth, self.keep = depth, keep

    def plan(self, questions: int, hits: int, runtime: Runtime) -> Step:
        self.calls.append((questions, hits, runtime.workers))
        return Step("noted", 0, hits, "1.0 GB")


class Silent(Part):
    def __init__(self, depth: int = 10, keep: int | None = None) -> None:
        self.depth, self.keep = depth, keep


def test_reranking_and_reading_look_at_the_hits_that_reach_them(own: Callable[..., Line]) -> None:
    Noted.calls.clear()
    alone = told(own(1000, 1000, "reader=oracle", "reader.depth=500")).rows
    assert list(alone) == ["chunk", "index bm25", "search bm25", "read", "score"]
    assert alone["read"] == "60 kB 10 s 0.3 GB"  # 1,000 × 100 hits at 10,000 a second
    both = own(1000, 1000, "runtime.threads=2", reranker=part(Noted), reader=part(Noted))
    rows = told(both).rows
    assert Noted.calls == [(1000, 60, 2), (1000, 20, 2)]
    assert rows["rerank"] == "260 kB 60 s 1.0 GB"  # 1,000 × 20 hits stay
    assert rows["read"].startswith("60 kB")
    Noted.calls.clear()
    shallow = own(1000, 1000, "depth=40", "runtime.threads=2", reranker=part(Noted))
    assert told(shallow).rows["rerank"].startswith("260 kB")
    assert Noted.calls == [(1000, 40, 2)], "no more than the run has"
    kept = told(own(1000, 1000, "reranker=upr", f"reranker.model={NOWHERE}", "reranker.keep=30"))
    assert kept.rows["rerank"].startswith("390 kB")


@pytest.mark.parametrize("group", ["reranker", "reader"])
def test_what_foretells_nothing_is_not_known(own: Callable[..., Line], group: str) -> None:
    table = told(own(1000, 1000, **{group: part(Silent)}))
    row = table.rows["rerank" if group == "reranker" else "read"]
    assert row.endswith("B not known not known")
    assert "> " in table.total
    assert "> " not in told(own(1000, 1000, "reader=redundancy")).total
