"""Which commit a name means: asked, noted, and remembered for when nobody answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hub import Hub

from qa_bench.errors import UserError
from qa_bench.net.hub import is_commit, known_commit, one_line, safe_name
from qa_bench.net.policy import hub_offline, network_forbidden, no_downloads

COMMIT = "0123456789abcdef0123456789abcdef01234567"

ASK = """
import json, logging, sys
logging.basicConfig(level="WARNING", format="%(message)s")
from qa_bench.errors import UserError
from qa_bench.net.hub import commit_of, known_commit
for kind, name, revision in json.loads(sys.argv[1]):
    try:
        print(json.dumps(commit_of(name, revision, kind)))
    except UserError as error:
        print(json.dumps(str(error)))
    print(json.dumps(known_commit(name, revision, kind)))
"""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    for name in ("models/some/model", "models/some/closed", "datasets/some/model"):
        path = tmp_path / "repositories" / name / "config.json"
        path.parent.mkdir(parents=True)
        path.write_text(f'"{name}"')
    with Hub(tmp_path / "repositories", frozenset({"some/closed"})) as serving:
        yield serving


def asked(hub: Hub, home: Path, *what: tuple[str, str, str | None], **env: str) -> Any:
    """(answers, stderr): for each what it means, and what is known of it afterwards."""
    done = hub.python("-c", ASK, json.dumps(what), home=home, env=env)
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    return list(zip(told[::2], told[1::2], strict=True)), done.stderr


def test_a_commit_is_asked_for_noted_and_remembered(hub: Hub, tmp_path: Path) -> None:
    home = tmp_path / "home"
    both = (("model", "some/model", None), ("dataset", "some/model", "main"))
    commits = [hub.commit("models", "some/model"), hub.commit("datasets", "some/model")]
    assert commits[0] != commits[1]
    found, _ = asked(hub, home, *both)
    assert found == [(commit, commit) for commit in commits]

    requests = len(hub.requests)
    found, said = asked(hub, home, *both, HF_HUB_OFFLINE="1")
    assert found == [(commit, commit) for commit in commits]
    assert (len(hub.requests), said) == (requests, ""), "nobody was asked, and nobody wonders"

    hub._server.shutdown()
    hub._server.server_close()
    found, said = asked(hub, home, both[0], ("model", "some/other", None))
    assert found[0] == (commits[0], commits[0])
    assert "WARNING: model some/model: the hub does not answer" in said
    assert f"taking the commit that was last seen, {commits[0][:12]}" in said
    assert found[1][0].startswith("model some/other: no such folder, and the hub does not give it")
    assert found[1][1] is None
    hub._server.shutdown = lambda: None  # type: ignore[method-assign]


def test_what_there_is_not(hub: Hub, tmp_path: Path) -> None:
    what = (("model", "some/absent", None), ("model", "some/closed", None),
            ("dataset", "some/absent", None), ("model", "some/model", "v2"))  # fmt: skip
    found, _ = asked(hub, tmp_path / "home", *what)
    for (message, known), (kind, name, _) in zip(found, what, strict=True):
        assert message.startswith(f"{'hub set' if kind == 'dataset' else 'model'} {name}: ")
        assert message.endswith("is the name right, and does it need a login (hf auth login)?")
        assert "\n" not in message
        assert known is None


def test_a_commit_means_itself() -> None:
    assert is_commit(COMMIT)
    assert not any(map(is_commit, (None, "main", COMMIT[:39], COMMIT.upper())))
    assert known_commit("some/model", COMMIT, "model") == COMMIT


def test_names_of_files() -> None:
    assert safe_name("20231101.en/train:x") == "20231101.en-train-x"


def test_what_keeps_the_hub_from_being_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """``offline=true`` does, also where the hub's library has been imported before."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    assert not hub_offline()
    with no_downloads():
        assert not hub_offline(), "to ask what a name means is no download"
    with network_forbidden():
        assert hub_offline()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert hub_offline()


def test_reasons_hold_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the login nor what signed addresses hold, wherever the message is cut."""
    monkeypatch.setattr("huggingface_hub.get_token", lambda: "hf_s3cret")
    for size in (0, 280, 295, 300):
        message = f"{'x' * size} hf_s3cret for url https://host/file?X-Sig=s3cret\nnext"
        with pytest.raises(UserError) as caught, one_line("model some/model"):
            raise OSError(message)
        assert "s3" not in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("note", [b"\xff", b"", b"main", b"../../x"])
def test_a_damaged_note_of_a_commit_is_none(
    note: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    path = tmp_path / "models--some--model" / "refs" / "main"
    path.parent.mkdir(parents=True)
    path.write_bytes(note)
    assert known_commit("some/model", None, "model") is None
    path.write_text(COMMIT)
    assert known_commit("some/model", None, "model") == COMMIT


SIZES = """
import json, sys
from qa_bench.net.hub import commit_of, fetched_file, weights_to_download
name = "some/model"
commit = commit_of(name, None, "model")
sizes = [weights_to_download(name, commit), weights_to_download(name, commit, "x.gguf")]
fetched_file(name, "model.safetensors", commit, "model")
print(json.dumps([*sizes, weights_to_download(name, commit), weights_to_download(name, "0" * 40)]))
"""


def test_weights_that_are_not_here_yet(hub: Hub, tmp_path: Path) -> None:
    folder = tmp_path / "repositories/models/some/model"
    files = {"model.safetensors": 500, "pytorch_model.bin": 9000, "x.gguf": 70, "onnx/m.bin": 3}
    for path, size in files.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(bytes(size))
    done = hub.python("-c", SIZES, home=tmp_path / "home")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [500, 70, 0, None]
