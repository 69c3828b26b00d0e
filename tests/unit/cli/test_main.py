"""The command before any verb: pages at once, trust, streams of other encodings, Python."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import qa_bench
from qa_bench import trust
from qa_bench.cli import app
from qa_bench.cli import main as module
from qa_bench.cli.pages import PAGES
from qa_bench.errors import PYTHONS, UserError, python_problem

ROOT = Path(__file__).parents[3]
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = trust.current()
    yield
    trust.become(before)


def test_every_verb_has_a_page_of_its_own(capsys: Capture) -> None:
    assert {*PAGES} >= {*app.VERBS, "list", "doctor"}
    for verb in (*PAGES, "fetch"):
        assert module.main([verb, "--help"]) == 0
        out = capsys.readouterr().out
        assert out.startswith(f"qa-bench {verb} ")
        assert f"\n  qa-bench {verb} " in out, "an example"
        assert all(len(line) <= 100 for line in out.splitlines()[:-1])
    assert module.main(["help", "score"]) == 0
    assert capsys.readouterr().out.startswith("qa-bench score ")


def test_a_page_imports_nothing_heavy() -> None:
    code = (
        "import sys; from qa_bench.cli.main import main; main(['run', '--help']);"
        "print(*[n for n in ('hydra', 'omegaconf', 'numpy', 'yaml') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.splitlines()[-1] == ""


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_stream_that_lacks_a_sign(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(module, "_main", lambda arguments: print("█ ◀") or 0)
    assert module.main([]) == 0
    stream.flush()
    assert stream.buffer.getvalue() == b"? ?\n"


@pytest.mark.parametrize("words", [["--trust", "a", "--trust=b,c"], ["--trust", "a,b,c"]])
def test_trust_stands_anywhere(words: list[str], capsys: Capture) -> None:
    assert module.main([*words[:-1], "list", words[-1], "fusion"] if len(words) == 3 else [
        "list", *words, "fusion"]) == 0  # fmt: skip
    assert {"a", "b", "c"} <= trust.current().modules
    assert capsys.readouterr().out.startswith("fusion=")


def test_another_python(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    assert python_problem() is None
    message = "qa_bench needs Python 3.11, 3.12 or 3.13, this is 3.14.1"
    assert python_problem((3, 14, 1)) == message
    assert python_problem((3, 10, 0)) is not None
    monkeypatch.setattr(module, "python_problem", lambda: message)
    assert module.main(["run"]) == 2
    assert capsys.readouterr().err == f"qa-bench: error: {message}\n"
    monkeypatch.setattr("qa_bench.errors.python_problem", lambda: message)
    monkeypatch.delitem(vars(qa_bench), "Hit", raising=False)
    with pytest.raises(ImportError, match=r"this is 3\.14\.1"):
        qa_bench.Hit  # noqa: B018


def test_the_makefile_promises_the_same() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert f"{PYTHONS[0]} <= sys.version_info < {(3, PYTHONS[-1][1] + 1)}" in text


def test_who_reads_no_further_is_told_nothing(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def unread(line: object, config: object) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", sys.argv)
    for verb in ("chunk", "run"):
        monkeypatch.setitem(app.VERBS, verb, unread)
        for words in ([], ["-m", "mode=dpr,drqa"]):
            with pytest.raises(BrokenPipeError):
                app.main(verb, [*words, "corpus=sample"])
    assert capfd.readouterr().err == ""


def test_options_that_there_are() -> None:
    app.check_options(["--cfg", "--cfg=job", "-m", "--multi", "--config-dir", "--info"])
    with pytest.raises(UserError, match=r"^no option --jsn; did you mean --json\?$"):
        app.check_options(["--jsn"])


def test_settings_that_stand_twice() -> None:
    words = ["name=p", "depth=5", "name=q", "json=true", "json=true", "~metrics.em"]
    assert app.repeated(words) == ["name stands 2 times: name=q counts"]


def test_ctrl_c_is_one_though_another_error_hides_it(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OmegaConf cleans up after what it was doing, and fails at that."""

    def hidden(arguments: object) -> int:
        try:
            raise KeyboardInterrupt
        finally:
            raise AttributeError("no flags")

    monkeypatch.setattr(module, "_main", hidden)
    assert module.main(["run"]) == 130
    assert capsys.readouterr().err.startswith("qa-bench: interrupted; finished work is kept")


def test_any_other_error_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(arguments: object) -> int:
        try:
            raise ValueError
        except ValueError:
            raise AttributeError("broken") from None

    monkeypatch.setattr(module, "_main", broken)
    with pytest.raises(AttributeError, match="broken"):
        module.main(["run"])
