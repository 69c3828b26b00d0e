"""Whose classes a ``_target_`` may name."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from qa_bench import trust
from qa_bench.errors import UserError
from qa_bench.parts import make

PART = "from qa_bench.parts import Part\nclass Mine(Part):\n    pass\n"


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """What a test lets in is let in no longer after it."""
    before, path = trust.current(), [*sys.path]
    yield
    trust.become(before)
    sys.path[:] = path


def test_a_module_is_imported_only_if_it_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_trusted_code.py").write_text(f"open('ran', 'w').close()\n{PART}")
    monkeypatch.chdir(tmp_path)
    node = OmegaConf.create({"_target_": "my_trusted_code.Mine"})
    with pytest.raises(
        UserError, match=r"^reader: my_trusted_code\.Mine .*--trust my_trusted_code"
    ):
        make("reader", node)
    assert not (tmp_path / "ran").exists()
    trust.allow(["my_trusted_code"])
    assert type(make("reader", node)).__name__ == "Mine"  # found beside the command
    assert sys.path[-1] == str(tmp_path), "an installed module must not be hidden"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("os.system", "os.system is code from outside of qa_bench: .*--trust os "),
        ("qa_bench.__main__.Part", "there is no class qa_bench.__main__.Part"),
        ("qa_bench_own.Part", "--trust qa_bench_own "),
        ("Part", "there is no class Part"),
        (".x.Part", "there is no class .x.Part"),
        ("qa_bench.errors.UserError", "is no part"),
        ("qa_bench.parts.importlib.Part", "there is no class"),
    ],
)
def test_what_is_no_part_of_ours(target: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        make("reader", OmegaConf.create({"_target_": target}))


def test_a_part_inside_of_a_part() -> None:
    inner = {"_target_": "elsewhere.Fusion"}
    node = OmegaConf.create({"_target_": "qa_bench.retriever.hybrid.Hybrid", "fusion": inner})
    with pytest.raises(UserError, match=r"^retriever\.fusion: elsewhere\.Fusion"):
        make("retriever", node)


@pytest.mark.parametrize("name", ["mine.py", "./mine", "a.b", "-m", "a b"])
def test_something_else_than_a_module(name: str) -> None:
    with pytest.raises(UserError, match="name a module as Python imports it"):
        trust.allow([name])


def test_several_in_one_word() -> None:
    trust.allow(["one, two"])
    assert trust.is_trusted("one.inner")
    assert trust.is_trusted("two")
    assert not trust.is_trusted("three")


def test_the_environment_is_read_once() -> None:
    """A configuration may set variables of a job: they come too late."""
    code = (
        "import os; from qa_bench import trust; os.environ['QA_BENCH_TRUST'] = 'b';"
        "print(sorted(trust.current().modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"QA_BENCH_TRUST": "a, c", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "['a', 'c']"
