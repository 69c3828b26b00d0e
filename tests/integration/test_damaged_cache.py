"""A cache that a disk, a copy or a hand has spoilt: one line that names the folder, no figures."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from bench_helpers import (
    CHUNK,
    REPOSITORY,
    SAMPLE_NQ,
    error_line,
    good,
    only,
    python,
    qa,
    stage_folders,
    write_jsonl,
)

SCORE = ("score", *SAMPLE_NQ, "run=hits.trec", "reader=redundancy", "depth=5")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a run was imported, read and scored; copy it."""
    folder = tmp_path_factory.mktemp("finished")
    lines = (
        f"nq-sample-{q} Q0 {1 + q + 3 * k} {k} {9 - k} r\n" for q in range(9) for k in range(5)
    )
    (folder / "hits.trec").write_text("".join(lines))
    good(*SCORE, cwd=folder)
    return folder


def zeros(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] + bytes(len(content) - len(content) // 2))


def shorter(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def longer(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


@pytest.mark.parametrize("spoil", [zeros, shorter, longer, Path.unlink])
@pytest.mark.parametrize(
    "name",
    [
        "chunk/passages-00000.arrow",
        "chunk/state.json",
        "import/run.parquet",
        "read/predictions.jsonl",
        "score/scores.parquet",
    ],
)
def test_a_spoilt_file_is_one_line(
    name: str, spoil: Callable[[Path], None], finished: Path, tmp_path: Path
) -> None:
    place = shutil.copytree(finished, tmp_path / "place")
    stage, file = name.split("/")
    folder = only(stage_folders(place, stage)).relative_to(place)
    spoil(place / folder / file)
    message = error_line(qa(*SCORE, cwd=place))
    assert message.startswith(f"{folder}/{file}: damaged, ")
    assert message.endswith(f"delete {folder} to rebuild it")
    assert message in qa("verify-cache", cwd=place).stderr
    shutil.rmtree(place / folder)
    figures = (place / "results" / "default.csv").read_text()
    good(*SCORE, cwd=place)
    assert (place / "results" / "default.csv").read_text() == figures


def test_a_spoilt_file_too_large_to_be_hashed_is_told_by_who_reads_it(
    finished: Path, tmp_path: Path
) -> None:
    place = shutil.copytree(finished, tmp_path / "place")
    folder = only(stage_folders(place, "chunk"))
    arrow = folder / "passages-00000.arrow"
    arrow.write_bytes(bytes(arrow.stat().st_size))
    shutil.rmtree(only(stage_folders(place, "score")))
    (place / "driver.py").write_text(
        "import sys; from qa_bench.engine import integrity; integrity.HASHED_BYTES = -1\n"
        "from qa_bench.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    message = error_line(python("driver.py", *SCORE, cwd=place))
    assert message.endswith(f"delete {folder.relative_to(place)} to rebuild it")


def test_a_corpus_that_changes_while_it_is_read(tmp_path: Path) -> None:
    """A writer who comes between the hash and the reader, and sets the time back."""
    write_jsonl(tmp_path / "articles.jsonl", [{"id": "1", "title": "t", "text": "alpha " * 130}])
    (tmp_path / "driver.py").write_text(
        "import os, sys; from pathlib import Path\n"
        "from qa_bench.corpus.jsonl import JsonlArticles as Corpus\n"
        "from qa_bench.cli.main import main\n"
        "read, path = Corpus.articles, Path('articles.jsonl')\n"
        "def articles(self):\n"
        "    text, stat = path.read_text(), path.stat()\n"
        "    path.write_text(text.replace('alpha', 'gamma'))\n"
        "    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))\n"
        "    return read(self)\n"
        "Corpus.articles = articles\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    message = error_line(python("driver.py", *CHUNK, cwd=tmp_path))
    assert message.startswith("articles.jsonl: changed while chunk was at work")
    assert stage_folders(tmp_path, "chunk") == []
    assert "chunk: building" in good(*CHUNK, cwd=tmp_path).stderr
    arrow = only(only(stage_folders(tmp_path, "chunk")).glob("*.arrow")).read_bytes()
    assert (b"gamma" in arrow, b"alpha" in arrow) == (True, False)


def test_chaos() -> None:
    """Some seconds of it; CONTRIBUTING.md tells how to run it for longer."""
    words = [sys.executable, REPOSITORY / "tests/chaos.py", "--quick", "--seconds", "4"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"seed 1: \d+ tries, 0 failures", done.stdout)
