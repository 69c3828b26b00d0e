"""What 21 million passages would take: three measured sizes, and the line through them.

    QA_BENCH_SHARED=<folder> python benchmarks/projection.py [--questions 1000]

Chunks, indexes and searches a quarter, a half and all of the real articles, each in a process of
its own with an empty cache, and reads time, disk and peak memory from the manifests. A line of
least squares tells what psgs_w100 would take; below stands what ``qa-bench plan`` foretells. It
fails where the largest size is more than a third off the line through the two smaller ones: then
the stage is not linear, and the projection worth nothing.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import common
import numpy as np

WHOLE = 21_015_324
"""Passages of DPR's psgs_w100."""
SIZES = (1, 2, 4)
STAGES = ("chunk", "index", "search")
FIGURES = {"s": "wall_s", "MB": "bytes", "peak MB": "peak_rss_mb"}
OFF = 1.33


def measured(data: Path, work: Path, files: int, questions: int) -> dict[str, dict[str, float]]:
    """Seconds, bytes and peak memory of each stage, and the passages, with so many files."""
    cache = work / f"cache-{files}"
    shutil.rmtree(cache, ignore_errors=True)
    articles = [str(path) for path in sorted(data.glob(common.ARTICLES))[:files]]
    for stage in STAGES:  # a process each: a manifest tells the peak memory of its process
        common.qa_bench(
            stage,
            "dataset=nq",
            f"dataset.limit={questions}",
            *common.overrides(data, cache, "corpus.path=[" + ",".join(articles) + "]"),
        )
    found: dict[str, dict[str, float]] = {}
    for stage in STAGES:
        manifest = manifest_of(cache / stage)
        found[stage] = {
            "wall_s": manifest["wall_s"],
            "bytes": sum(output["bytes"] for output in manifest["outputs"].values()) / 1e6,
            "peak_rss_mb": manifest["peak_rss_mb"],
        }
        if stage == "chunk":
            passages = manifest["counts"]["passages"]
        found[stage]["passages"] = passages
    shutil.rmtree(cache)
    return found


def manifest_of(stage: Path) -> Any:
    """The manifest of the one folder of a stage."""
    (path,) = stage.glob("*/manifest.json")
    return json.loads(path.read_text())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--questions", type=int, default=1000)
    arguments = parser.parse_args()
    data = common.shared_data()
    common.need_peer("pyserini")
    verdict = common.Verdict(f"projection to {WHOLE:,} passages from {len(SIZES)} measured sizes")
    work = common.work_folder("projection")
    sizes = [measured(data, work, files, arguments.questions) for files in SIZES]
    for stage in STAGES:
        passages = np.array([size[stage]["passages"] for size in sizes])
        for unit, name in FIGURES.items():
            values = np.array([size[stage][name] for size in sizes])
            slope, base = np.polyfit(passages, values, 1)
            told = ", ".join(
                f"{n:,.0f}: {value:,.1f}" for n, value in zip(passages, values, strict=True)
            )
            print(f"  {stage:7} {unit:8} {told}; at {WHOLE:,}: {base + slope * WHOLE:,.0f}")
            if name == "wall_s":
                rate, start = np.polyfit(passages[:2], values[:2], 1)
                foretold = start + rate * passages[2]
                off = max(values[2] / foretold, foretold / values[2])
                verdict.at_most(f"{stage}: the largest size, off the line", off, OFF, "×")
    limited = f"dataset.limit={arguments.questions}"
    print(common.qa_bench("plan", "dataset=nq", limited, f"paths.raw={data}").stdout)
    verdict.finish()


if __name__ == "__main__":
    main()
