"""Sets of the hub, from a stand-in on the loopback: pinned, streamed, fetched, offline."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hub import Hub

from qa_bench.store.passages import Passages

pytest.importorskip("datasets")

WIKI = ("corpus=hub", "corpus.path=org/wiki", "corpus.config=20231101.en", "chunker=words")
QA = ("dataset=hub", "dataset.path=org/qa")
README = """---
configs:
- config_name: 20231101.de
  data_files: [{split: train, path: 20231101.de/*}]
- config_name: 20231101.en
  data_files: [{split: train, path: 20231101.en/*}]
---
"""

COMMANDS = """
import contextlib, io, json, sys
from qa_bench.cli.main import main
for line in sys.stdin:
    out, err = io.StringIO(), io.StringIO()
    sys.stderr = err
    with contextlib.redirect_stdout(out):
        status = main(json.loads(line))
    sys.stderr = sys.__stderr__
    print(json.dumps([status, out.getvalue(), err.getvalue()]), flush=True)
"""


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    top = tmp_path / "repositories" / "datasets" / "org"
    for language, pieces in (("en", 2), ("de", 1)):
        for piece in range(pieces):
            name = f"20231101.{language}/train-{piece:05d}-of-{pieces:05d}.parquet"
            rows = [
                {
                    "id": f"{piece}{n}",
                    "url": "…",
                    "title": f"T{piece}{n}",
                    "text": f"{language} {n}",
                }
                for n in range(3)
            ]
            write_parquet(top / "wiki" / name, rows)
    (top / "wiki" / "README.md").write_text(README)
    questions = [{"question": f"q{n}", "answer": ["a", f"b{n}"]} for n in range(3)]
    (top / "qa").mkdir()
    (top / "qa" / "validation.jsonl").write_text("".join(json.dumps(q) + "\n" for q in questions))
    write_parquet(
        top / "nested" / "data" / "test-00000-of-00001.parquet",
        [{"key": "x1", "asked": "who?", "gold": {"text": ["Bo"], "start": [1]}}],
    )
    with Hub(tmp_path / "repositories") as serving:
        yield serving


class Session:
    """Commands one after the other in one guarded process: libraries are imported once."""

    def __init__(self, hub: Hub, folder: Path, **env: str) -> None:
        self.hub, self.folder = hub, folder
        self._env = env

    def run(self, *commands: tuple[str, ...]) -> list[tuple[int, str, str]]:
        """(status, stdout, stderr) of each."""
        script = self.folder / "commands.py"
        script.write_text(COMMANDS.replace("sys.stdin", repr([json.dumps(c) for c in commands])))
        done: subprocess.CompletedProcess[str] = self.hub.python(
            str(script), home=self.folder / "home", cwd=self.folder, env=self._env
        )
        assert done.returncode == 0, done.stderr
        told = [tuple(json.loads(line)) for line in done.stdout.splitlines()]
        assert len(told) == len(commands), done.stdout + done.stderr
        return told


def of_files(hub: Hub) -> list[str]:
    """What was asked for data, not about it."""
    return [path for way, path in hub.requests if way == "GET" and path.endswith((".parquet", "l"))]


def test_a_corpus_is_pinned_streamed_and_found_again(hub: Hub, tmp_path: Path) -> None:
    commit = hub.commit("datasets", "org/wiki")
    chunk = ("chunk", "-v", *WIKI)
    session = Session(hub, tmp_path)
    first, again, pinned = session.run(
        chunk, chunk, (*chunk, f"corpus.revision={commit}", "corpus.name=mine")
    )
    assert first[0] == 0, first[2]
    assert "(6 articles, 0 articles_without_passages, 6 passages)" in first[1]
    assert "streaming 2 files, 2.2 kB, from the hub" in first[2]
    for later in (again, pinned):
        assert later[0] == 0
        assert later[2].startswith("chunk: reusing hub-"), later[2]
    (note,) = (tmp_path / "data/raw/hub").rglob("*.json")
    assert note.name == f"20231101.en-train@{commit}.json"
    told = json.loads(note.read_text())
    assert (told["commit"], told["format"], len(told["files"])) == (commit, "parquet", 2)
    assert all(file["bytes"] > 100 for file in told["files"])
    (folder,) = (tmp_path / "data/cache/chunk").glob("hub-*")
    titles = [passage.title for passage in Passages(folder)]
    assert titles == ["T00", "T01", "T02", "T10", "T11", "T12"]
    assert not list((tmp_path / "home").rglob("*.parquet"))

    # offline, the finished stage is found; another one has nothing to read
    before = len(hub.requests)
    offline = Session(hub, tmp_path, HF_HUB_OFFLINE="1")
    reused, missing = offline.run(chunk, (*chunk, "chunker.size=7"))
    assert reused[0] == 0, reused[2]
    assert missing[0] == 2
    assert "2 of 2 files are not in the hub's cache" in missing[2].splitlines()[-1]
    assert "corpus org/wiki" in missing[2]
    assert hub.requests[before:] == []

    # new content is a new commit, and another corpus
    file = hub.folder / "datasets/org/wiki/20231101.en/train-00000-of-00002.parquet"
    write_parquet(file, [{"id": "9", "url": "…", "title": "New", "text": "new text"}])
    fresh, old = session.run(chunk, (*chunk, f"corpus.revision={commit}"))
    assert "(4 articles" in fresh[1]
    assert old[2].startswith("chunk: reusing")


def test_fetched_sets_need_no_hub(hub: Hub, tmp_path: Path) -> None:
    got, there = Session(hub, tmp_path).run(("fetch", *WIKI[:3], *QA), ("fetch", *WIKI[:3], *QA))
    assert got[0] == 0, got[2]
    assert f"downloading {hub.url}/datasets/org/qa at commit" in got[2]
    assert [line.split()[0] for line in got[1].splitlines()[:2]] == ["missing", "missing"]
    assert got[1].splitlines()[2] == "downloaded 2 of 2 missing; 0 were there"
    assert there[1].splitlines()[2] == "downloaded 0 of 0 missing; 2 were there"
    assert len(of_files(hub)) == 3
    before = len(hub.requests)
    chunk, plan = Session(hub, tmp_path, HF_HUB_OFFLINE="1").run(
        ("chunk", *WIKI), ("plan", "corpus=sample", *QA)
    )
    assert chunk[0] == plan[0] == 0, chunk[2] + plan[2]
    assert "hub: 3 questions" in plan[1]
    assert hub.requests[before:] == []


QUESTIONS = """
import json, sys
from qa_bench.dataset.hub import HubQuestions
from qa_bench.errors import UserError
for settings in json.loads(sys.argv[1]):
    try:
        found = HubQuestions(**settings).questions()
        print(json.dumps([[q.qid, q.text, q.answers] for q in found] + [found.published]))
    except UserError as error:
        print(json.dumps(str(error)))
"""


def test_questions_by_their_columns(hub: Hub, tmp_path: Path) -> None:
    common = {"name": "hub", "match": "string", "split": "test", "folder": str(tmp_path / "notes")}
    nested = {**common, "path": "org/nested"}
    columns = {"id": "key", "question": "asked", "answers": "gold.text"}
    settings: list[dict[str, Any]] = [
        {**common, "path": "org/qa", "split": "validation"},
        {**common, "path": "org/qa", "split": "validation", "limit": 1},
        {**nested, "columns": columns},
        {**nested, "columns": {**columns, "answers": "gold"}},
        {**nested, "columns": {**columns, "answers": "gold.none"}},
        {**nested, "columns": {"query": "asked"}},
        {**nested, "split": "dev"},
        {**common, "path": "org/none"},
        {**common, "path": "org/wiki"},
        common,
    ]
    done = hub.python("-c", QUESTIONS, json.dumps(settings), home=tmp_path / "home")
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert told[0] == [*([f"hub-validation-{n}", f"q{n}", ["a", f"b{n}"]] for n in range(3)), None]
    assert told[1] == [["hub-validation-0", "q0", ["a", "b0"]], False]
    assert told[2] == [["x1", "who?", ["Bo"]], None]
    file = "data/test-00000-of-00001.parquet:1"
    assert told[3].startswith(f"{file}: field 'gold' must be a list of strings, found dict")
    assert told[4] == f"{file}: no column 'gold.none': there are key, asked, gold"
    assert told[5] == "dataset.columns.query is unknown: use id, question, answers and titles"
    assert told[6] == "hub set org/nested (default, dev): no such split: use one of test"
    assert told[7].startswith("hub set org/none: the hub does not give it")
    assert "Config name is missing" in told[8]
    assert told[9] == "dataset hub needs dataset.path=<name of a set on the hub>"
    assert all("\n" not in line for line in told[3:])
