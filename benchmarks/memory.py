"""Memory: peaks of chunk, index, search and score at about 50,000 and 500,000 passages.

    QA_BENCH_SHARED=<folder> python benchmarks/memory.py [--allowed 64]

Each stage runs in a fresh process (``qa-bench chunk``, ``index``, ``search``, ``score``: the stages
before it are reused), 3,610 NQ questions at depth 100. ``RssAnon``, memory of the process' own, is
told apart from ``RssFile``, pages of mapped files that the system takes back when it needs them:
the first must not grow with the corpus. The JVM's heap is 1 GB, taken whole at its start, so that
it is the same at both sizes.
"""

from __future__ import annotations

import argparse
import json
import lzma
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import common

STAGES = ("chunk", "index", "search", "score")
SIZES = ("50k", "500k")
CONSTANT_HEAP = "-Xms1g -XX:+AlwaysPreTouch"


def articles(data: Path) -> Iterator[dict[str, str]]:
    """The article corpus."""
    for path in sorted(data.glob(common.ARTICLES)):
        with lzma.open(path, "rt", encoding="utf-8") as file:
            for text in file:
                yield json.loads(text)


def write_corpora(data: Path, folder: Path) -> dict[str, Path]:
    """An eighth of the articles, and all of them with every fourth once more under a new id."""
    files = {size: folder / f"{size}.jsonl" for size in SIZES}
    if all(path.is_file() for path in files.values()):
        return files
    small, large = (path.with_suffix(".tmp").open("w", encoding="utf-8") for path in files.values())
    again = []
    with small, large:
        for number, article in enumerate(articles(data)):
            text = json.dumps(article, ensure_ascii=False) + "\n"
            large.write(text)
            if number % 8 == 0:
                small.write(text)
            if number % 4 == 0:
                again.append({**article, "id": f"again-{article['id']}"})
        large.writelines(json.dumps(article, ensure_ascii=False) + "\n" for article in again)
    for path in files.values():
        path.with_suffix(".tmp").rename(path)
    return files


def peaks(command: list[str]) -> dict[str, float]:
    """Run a command; its peaks in MB, sampled every 10 ms, and the kernel's own peak (VmHWM)."""
    environment = {**os.environ, "JAVA_TOOL_OPTIONS": CONSTANT_HEAP}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )
    status = Path(f"/proc/{process.pid}/status")
    highest = dict.fromkeys(("RssAnon", "RssFile", "VmHWM"), 0.0)
    start = time.perf_counter()
    while process.poll() is None:
        for name, kilobytes in re.findall(r"(RssAnon|RssFile|VmHWM):\s+(\d+)", status.read_text()):
            highest[name] = max(highest[name], int(kilobytes) / 1024)
        time.sleep(0.01)
    highest["seconds"] = time.perf_counter() - start
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{process.stdout.read() if process.stdout else ''}")
    return highest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--allowed", type=float, default=64, help="growth of RssAnon, in MB")
    arguments = parser.parse_args()
    data = common.shared_data()
    common.need_peer("pyserini", "jnius")
    if not Path("/proc/self/status").is_file():
        common.skip("needs Linux's /proc")
    verdict = common.Verdict("memory: peaks by stage, MB (RssAnon / RssFile / peak of both)")
    work = common.work_folder("memory")
    files = write_corpora(data, work)
    measured: dict[str, dict[str, dict[str, float]]] = {}
    passages: dict[str, int] = {}
    for size, path in files.items():
        cache = work / f"cache-{size}"
        shutil.rmtree(cache, ignore_errors=True)
        options = [
            *("corpus=jsonl", f"corpus.path={path}", f"paths.raw={data}", f"paths.cache={cache}"),
            *(f"paths.results={work / 'results'}", "runtime.java_heap=1g", "json=true"),
            "runtime.progress=false",
        ]
        measured[size] = {
            stage: peaks([sys.executable, "-m", "qa_bench", stage, *options]) for stage in STAGES
        }
        manifest = next((cache / "chunk").glob("*/manifest.json"))
        passages[size] = json.loads(manifest.read_text())["counts"]["passages"]
        print(f"{passages[size]} passages:")
        for stage, high in measured[size].items():
            print(
                f"  {stage:6} {high['RssAnon']:6.0f} / {high['RssFile']:5.0f} / "
                f"{high['VmHWM']:6.0f} MB in {high['seconds']:.0f} s",
                flush=True,
            )
    print(f"growth from {passages['50k']} to {passages['500k']} passages:")
    for stage in STAGES:
        low, high = measured["50k"][stage], measured["500k"][stage]
        mapped = high["RssFile"] - low["RssFile"]
        print(f"  {stage}: mapped file pages {mapped:+.0f} MB")
        grown = high["RssAnon"] - low["RssAnon"]
        verdict.at_most(f"{stage}, growth of own memory", grown, arguments.allowed, " MB")
    verdict.finish()


if __name__ == "__main__":
    main()
