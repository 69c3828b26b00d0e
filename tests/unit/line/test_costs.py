"""What a row's costs are made of, from manifests."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from qa_bench.engine.stage import Stage
from qa_bench.line.record import _latency, _peak


def stage(name: str, inputs: dict[str, Stage] | None = None, **manifest: Any) -> Stage:
    return Stage(name, 1, name, manifest, inputs or {}, dict, lambda *_: {}, lambda load: None)


def line(**parts: Any) -> Any:
    context = SimpleNamespace(run=lambda stage: SimpleNamespace(manifest=stage.config))
    return SimpleNamespace(context=context, questions=[None] * 10, answers=None, **parts)


def test_percentiles_of_single_questions() -> None:
    times = [0.1 * n for n in range(1, 22)]
    alone = line(latencies=[stage("latency", counts={"seconds": times})], searches=[])
    assert _latency(alone) == {
        "latency_p50_s": pytest.approx(1.1),
        "latency_p95_s": pytest.approx(2.0),
    }
    assert _latency(line(latencies=[])) == {}


def test_a_hybrids_times_are_the_sums_of_its_parts_and_its_share_of_the_fusion() -> None:
    """(1 + 10, 3 + 10) and a fusion of 5 s for 10 questions: 11.5 and 13.5."""
    parts = [stage("latency", counts={"seconds": s}) for s in ([1.0, 3.0], [10.0, 10.0])]
    searches = [stage(n, counts={"seconds": s}) for n, s in (("search", 99), ("fuse", 5))]
    assert _latency(line(latencies=parts, searches=searches)) == {
        "latency_p50_s": pytest.approx(12.5),
        "latency_p95_s": pytest.approx(13.4),
    }


def test_the_peak_is_the_largest_of_all_stages_in_megabytes() -> None:
    chunk = stage("chunk", peak_rss_mb=200)
    index = stage("index", {"passages": chunk}, peak_rss_mb=1000)
    search = stage("search", {"index": index, "passages": chunk}, peak_rss_mb=300)
    assert _peak(line(ranked=search)) == 1048.6
