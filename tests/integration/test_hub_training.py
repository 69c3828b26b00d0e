"""``train.data=hub:…``: a set of a stand-in hub, pinned, made pairs of once, learnt from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub import Hub

pytest.importorskip("datasets")

TRAIN = (
    "train", "retriever=dense", "train.base={layers: 1, hidden: 8, heads: 2}", "train.epochs=1",
    "runtime.device=cpu", "runtime.threads=1", "verbose=true",
)  # fmt: skip
COMMANDS = """
import contextlib, io, json, sys
from qa_bench.cli.main import main
for words in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    sys.stderr = err
    with contextlib.redirect_stdout(out):
        status = main(words)
    sys.stderr = sys.__stderr__
    print(json.dumps([status, out.getvalue(), err.getvalue()]), flush=True)
"""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    folder = tmp_path / "repositories" / "datasets" / "org" / "triplets"
    folder.mkdir(parents=True)
    rows = [{"query": f"q{n}", "positive": f"the {n}", "negative": "a river"} for n in range(6)]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with Hub(tmp_path / "repositories") as serving:
        yield serving


def results(hub: Hub, folder: Path, *commands: tuple[str, ...], **env: str) -> list[list[str]]:
    """(status, stdout, stderr) of each, in one process."""
    script = folder / "commands.py"
    script.write_text(COMMANDS)
    words = json.dumps(commands)
    done = hub.python(str(script), words, home=folder / "home", cwd=folder, env=env)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_set_is_pinned_and_learnt_from(hub: Hub, tmp_path: Path) -> None:
    commit = hub.commit("datasets", "org/triplets")
    data = "train.data=hub:org/triplets"
    wrong = "train.data={hub: org/triplets, columns: {question: asked}}"
    first, second = results(hub, tmp_path, (*TRAIN, data), (*TRAIN, wrong))
    assert first[0] == 0, first[2]
    assert f"at commit {commit[:12]}" in first[2]
    assert second[0] == 2
    assert "no column 'asked': there are query, positive, negative" in second[2]
    (pairs,) = (tmp_path / "data/cache/pairs").glob("triplets-train-*")
    (model,) = (tmp_path / "data/cache/train").glob("triplets-train-contrastive-*")
    assert json.loads((pairs / "manifest.json").read_text())["counts"] == {
        "rows": 6, "without_positive": 0, "negatives": 6,
    }  # fmt: skip
    manifest = json.loads((model / "manifest.json").read_text())
    assert manifest["counts"]["examples"] == 6
    assert manifest["inputs"]["data"] == pairs.name.rpartition("-")[2]

    # Other content is another commit; the one that is named is what was learnt from.
    file = hub.folder / "datasets/org/triplets/train.jsonl"
    file.write_text(json.dumps({"query": "new", "positive": "text"}) + "\n")
    pinned = f"train.data={{hub: org/triplets, revision: {commit}}}"
    words = (*TRAIN, "train.negatives=0")
    old, new = results(hub, tmp_path, (*TRAIN, pinned), (*words, data, "train.batch=2"))
    assert old[0] == 0, old[2]
    assert f"train: reusing {model.name}" in old[2]
    assert "pairs: building" in new[2]
    before = len(hub.requests)
    other = ("train.data={hub: org/triplets, split: test}", "train.data=hub:triplets")
    (missing, nothing) = results(
        hub, tmp_path, *((*TRAIN, one) for one in other), HF_HUB_OFFLINE="1"
    )
    assert (missing[0], nothing[0]) == (2, 2)
    assert "not fetched yet, and downloads are forbidden" in missing[2]
    assert "train.data.hub: the name of a set on the hub, such as owner/name" in nothing[2]
    assert hub.requests[before:] == []
