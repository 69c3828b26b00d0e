"""The floor plan: few files in the root, no long file, tests where their modules stand."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
import times

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "qa_bench"
UNIT = ROOT / "tests/unit"
LISTED = sorted(times.listed())


def test_the_root_holds_the_ground_alone() -> None:
    files = sorted(path.name for path in PACKAGE.iterdir() if path.is_file())
    assert len(files) <= 11, files  # one is py.typed


@pytest.mark.parametrize("folder", ["qa_bench", "tests"])
def test_no_file_is_long(folder: str) -> None:
    lines = {
        file.relative_to(ROOT).as_posix(): file.read_text(encoding="utf-8").count("\n")
        for file in (ROOT / folder).rglob("*.py")
    }
    assert not {file: count for file, count in lines.items() if count > 400}


def test_unit_tests_mirror_the_package() -> None:
    folders = {path.parent.relative_to(UNIT) for path in UNIT.rglob("test_*.py")}
    missing = {folder for folder in folders if not (PACKAGE / folder).is_dir()}
    assert not missing, "no such folder in the package"


# The quick tests


def functions(file: Path) -> set[str]:
    """The test functions of a file, by the names that pytest has for them."""

    def named(nodes: list[ast.stmt], before: str) -> Iterator[str]:
        for node in nodes:
            if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
                yield from named(node.body, f"{before}::{node.name}")
            elif isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield f"{before}::{node.name}"

    tree = ast.parse(file.read_text(encoding="utf-8"))
    return set(named(tree.body, file.relative_to(ROOT).as_posix()))


def test_what_is_listed_as_slow_exists() -> None:
    there = {name for file in ROOT.glob("tests/**/test_*.py") for name in functions(file)}
    there |= {name.partition("::")[0] for name in there}
    assert not [name for name in LISTED if name not in there], "write tests/slow.txt anew"


def test_slow_names_stand_once() -> None:
    files = {name for name in LISTED if "::" not in name}
    assert not [name for name in LISTED if "::" in name and name.partition("::")[0] in files]


def test_every_room_has_quick_tests() -> None:
    slow = set(LISTED)
    quick = {
        file.relative_to(UNIT).parts[0]
        for file in UNIT.rglob("test_*.py")
        if file.relative_to(ROOT).as_posix() not in slow and functions(file) - slow
    }
    folders = {path.name for path in UNIT.iterdir() if list(path.rglob("test_*.py"))}
    assert folders <= quick, sorted(folders - quick)


# Which are slow


def test_a_function_pays_for_all_its_cases_and_its_dear_fixtures() -> None:
    run = ("tests::run", (9.0, 6.0))
    tests = {
        "a.py::one[1]": {"cost": (10.0, 6.5), "shared": [run], "fixtures": ["run"]},
        "a.py::one[2]": {"cost": (1.0, 0.25), "shared": [], "fixtures": ["run"]},
        "a.py::two": {"cost": (0.5, 0.5), "shared": [], "fixtures": ["run"]},
        "b.py::three": {"cost": (0.5, 0.25), "shared": [], "fixtures": ["tmp_path"]},
    }
    tests = {f"tests/{name}": test for name, test in tests.items()}
    assert times.costs(tests) == {
        "tests/a.py::one": (11.0, 6.75),
        "tests/a.py::two": (9.5, 6.5),
        "tests/b.py::three": (0.5, 0.25),
    }


def test_the_nearest_fixture_of_a_name_counts() -> None:
    tests = {
        "tests/a/x.py::one": {
            "cost": (3.0, 3.0), "shared": [("tests/a", (2.0, 2.0))], "fixtures": ["run"],
        },
    }  # fmt: skip
    far, near = ("tests::run", (5.0, 5.0)), ("tests/a/x.py::run", (1.0, 1.0))
    tests["tests/a/x.py::one"]["shared"] = [near]
    tests["tests/y.py::two"] = {"cost": (6.0, 6.0), "shared": [far], "fixtures": ["run"]}
    assert times.costs(tests) == {"tests/a/x.py::one": (3.0, 3.0), "tests/y.py::two": (6.0, 6.0)}


def test_files_whose_functions_are_all_slow_are_named_whole() -> None:
    cheap, dear, waits = (0.1, 0.1), (1.0, times.CPU + 0.1), (times.WALL + 0.1, 0.1)
    found = {"a.py::one": dear, "a.py::two": waits, "b.py::three": dear, "b.py::four": cheap}
    assert times.slow(found) == ["a.py", "b.py::three"]


def test_the_smallest_time_counts() -> None:
    runs = [{"a.py::one": (5.0, 0.1)}, {"a.py::one": (1.0, 0.2), "a.py::two": (2.0, 2.0)}]
    assert times.smallest(runs) == {"a.py::one": (1.0, 0.1), "a.py::two": (2.0, 2.0)}


PARTICIPLES = frozenset({"asked", "found", "given", "kept", "told", "wanted"})


def test_names_are_nouns() -> None:
    """A variable called ``found`` says nothing of what it holds."""
    several: dict[str, set[str]] = {}
    for file in PACKAGE.rglob("*.py"):
        names = set()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Name):
                names.add(node.id)
            elif isinstance(node, ast.arg):
                names.add(node.arg)
            elif isinstance(node, ast.FunctionDef | ast.ClassDef):
                names.add(node.name)
        if bad := {name for name in names if name.strip("_").lower() in PARTICIPLES}:
            several[file.relative_to(ROOT).as_posix()] = bad
    assert not several
