"""The stand-in hub answers as the hub's clients want, and its guard lets nothing else be asked."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub import REFUSED, Hub

FILES = {
    "models/some/model/config.json": b'{"model_type": "bert"}',
    "models/some/model/1_Pooling/config.json": b"{}",
    "models/some/closed/config.json": b"{}",
    "datasets/some/questions/data/test.jsonl": b'{"question": "q1"}\n{"question": "q2"}\n',
}


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    for name, content in FILES.items():
        path = tmp_path / "repositories" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    with Hub(tmp_path / "repositories", frozenset({"some/closed"})) as serving:
        yield serving


def ask(
    hub: Hub, path: str, method: str = "GET", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    request = urllib.request.Request(hub.url + path, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read()


def test_files(hub: Hub) -> None:
    path = "/some/model/resolve/main/config.json"
    content = FILES["models/some/model/config.json"]
    status, headers, body = ask(hub, path)
    assert (status, body) == (200, content)
    assert headers["Content-Length"] == str(len(content))
    assert len(headers["X-Repo-Commit"]) == 40
    assert headers["ETag"] != ask(hub, "/some/model/resolve/main/1_Pooling/config.json")[1]["ETag"]
    status, again, body = ask(hub, path, "HEAD")
    assert (status, body, again["ETag"]) == (200, b"", headers["ETag"])
    assert hub.requests[-1] == ("HEAD", path)


def test_ranges(hub: Hub) -> None:
    path = "/datasets/some/questions/resolve/main/data/test.jsonl"
    content = FILES["datasets/some/questions/data/test.jsonl"]
    for asked, part in (("5-9", content[5:10]), ("30-", content[30:]), ("0-999", content)):
        status, headers, body = ask(hub, path, Range=f"bytes={asked}")
        assert (status, body) == (206, part)
        assert headers["Content-Range"].endswith(f"/{len(content)}")
    assert ask(hub, path, Range="bytes=999-")[0] == 416


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/some/model/resolve/main/missing.json", 404, "EntryNotFound"),
        ("/some/model/resolve/v2/config.json", 404, "RevisionNotFound"),
        ("/some/absent/resolve/main/config.json", 404, "RepoNotFound"),
        ("/api/models/some/absent", 404, "RepoNotFound"),
        ("/api/models/some/model/tree/main/absent", 404, "EntryNotFound"),
        ("/some/closed/resolve/main/config.json", 403, "GatedRepo"),
        ("/api/whoami-v2", 404, "EntryNotFound"),
    ],
)
def test_errors(hub: Hub, path: str, status: int, code: str) -> None:
    found, headers, _ = ask(hub, path)
    assert (found, headers["X-Error-Code"]) == (status, code)


def test_api(hub: Hub) -> None:
    about = json.loads(ask(hub, "/api/models/some/model")[2])
    assert about["id"] == "some/model"
    assert about["sha"] == hub.commit("models", "some/model")
    names = {sibling["rfilename"] for sibling in about["siblings"]}
    assert names == {"config.json", "1_Pooling/config.json"}
    assert json.loads(ask(hub, f"/api/models/some/model/revision/{about['sha']}")[2]) == about
    tree = json.loads(ask(hub, "/api/models/some/model/tree/main?recursive=True")[2])
    assert {(entry["type"], entry["path"]) for entry in tree} == {
        ("directory", "1_Pooling"),
        ("file", "1_Pooling/config.json"),
        ("file", "config.json"),
    }
    flat = json.loads(ask(hub, "/api/datasets/some/questions/tree/main/data")[2])
    assert [(entry["path"], entry["size"]) for entry in flat] == [("data/test.jsonl", 38)]


def test_a_commit_is_its_files(hub: Hub) -> None:
    before = hub.commit("models", "some/model")
    assert before == hub.commit("models", "some/model")
    (hub.folder / "models/some/model/more.txt").write_text("more")
    assert hub.commit("models", "some/model") != before


CLIENT = """
import sys
from huggingface_hub import HfApi, HfFileSystem, hf_hub_download, snapshot_download
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError
assert HfApi().model_info("some/model").sha == sys.argv[1]
print(open(hf_hub_download("some/model", "1_Pooling/config.json")).read())
print(open(snapshot_download("some/model") + "/config.json").read())
files = HfFileSystem()
print(files.glob("datasets/some/questions/**/*.jsonl"))
print(files.read_text("datasets/some/questions/data/test.jsonl"))
for name, error in (("some/absent", RepositoryNotFoundError), ("some/closed", GatedRepoError)):
    try:
        HfApi().model_info(name)
    except error as raised:
        print(type(raised).__name__)
"""


def test_the_hubs_own_client(hub: Hub, tmp_path: Path) -> None:
    commit = hub.commit("models", "some/model")
    done = hub.python("-c", CLIENT, commit, home=tmp_path / "home")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:2] == ["{}", '{"model_type": "bert"}']
    assert lines[2] == "['datasets/some/questions/data/test.jsonl']"
    assert lines[3:5] == ['{"question": "q1"}', '{"question": "q2"}']
    assert lines[-2:] == ["RepositoryNotFoundError", "GatedRepoError"]


@pytest.mark.parametrize(
    "code",
    [
        "import socket; socket.create_connection(('192.0.2.1', 80), timeout=1)",
        "import socket; socket.getaddrinfo('huggingface.co', 443)",
        "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'', ('192.0.2.1', 53))",
        "import socket\ntry: socket.gethostbyname('example.org')\nexcept OSError: pass",
    ],
)
def test_nothing_but_the_loopback(hub: Hub, tmp_path: Path, code: str) -> None:
    done = hub.python("-c", code, home=tmp_path / "home")
    assert done.returncode == REFUSED
    assert "refused:" in done.stderr


def test_how_python_is_run(hub: Hub, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import helper, os, sys; print(helper.x, sys.argv[1:], os.environ['HF_ENDPOINT'])"
    )
    (tmp_path / "helper.py").write_text("x = 1")
    done = hub.python(str(script), "a", "b", home=tmp_path / "home")
    assert done.stdout == f"1 ['a', 'b'] {hub.url}\n", done.stderr
    done = hub.python("-m", "json.tool", "--help", home=tmp_path / "home")
    assert done.returncode == 0
    assert "json.tool" in done.stdout
    assert hub.python("-c", "raise SystemExit(3)", home=tmp_path / "home").returncode == 3
