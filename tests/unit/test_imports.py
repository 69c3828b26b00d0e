"""What import-linter cannot see: where in a file an import stands, and what is taken from the root.

The rooms and who may import whom: ``tool.importlinter`` in pyproject.toml.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(ROOT.glob("qa_bench/**/*.py"))
CORE = {"filelock", "hydra", "numpy", "omegaconf", "pyarrow", "regex", "tqdm", "xxhash", "yaml"}
"""What is always installed, and quick to import."""


def module_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def statements(nodes: Iterable[ast.AST], functions: bool) -> Iterator[ast.Import | ast.ImportFrom]:
    """The imports of a file, or only those that importing it runs."""
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield from statements(node.orelse, functions)
        elif functions or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from statements(ast.iter_child_nodes(node), functions)


def imported(source: str, functions: bool = False) -> set[str]:
    """The modules that a file imports; of ``from a import b`` also a.b, which may be one."""
    found: set[str] = set()
    for node in statements([ast.parse(source)], functions):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        else:
            assert node.level == 0, "no relative imports"
            found.add(node.module or "")
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


@cache
def source_of(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def is_light(module: str) -> bool:
    top = module.partition(".")[0]
    return top in CORE or top in sys.stdlib_module_names or top == "qa_bench"


@pytest.mark.parametrize(
    ("source", "modules"),
    [
        ("import torch.nn", {"torch.nn"}),
        ("from torch import nn", {"torch", "torch.nn"}),
        ("try:\n    import faiss\nexcept ImportError:\n    faiss = None", {"faiss"}),
        ("class A:\n    import faiss", {"faiss"}),
        ("def f():\n    import torch", set()),
        ("class A:\n    async def f(self):\n        from torch import nn", set()),
        ("if TYPE_CHECKING:\n    import torch\nelse:\n    import faiss", {"faiss"}),
    ],
)
def test_what_importing_a_file_imports(source: str, modules: set[str]) -> None:
    assert imported(source) == modules


def test_what_is_heavy_is_imported_inside_functions() -> None:
    """A command that only looks, or says what is wrong, must not wait for torch."""
    for file in FILES:
        heavy = {name for name in imported(source_of(file)) if not is_light(name)}
        assert not heavy, f"{module_of(file)} imports {heavy} outside of functions"


def test_only_the_version_is_taken_from_the_root() -> None:
    """Its other names stand for what is above: rooms import from where things are."""
    for file in FILES:
        for node in statements([ast.parse(source_of(file))], functions=True):
            if isinstance(node, ast.ImportFrom) and node.module == "qa_bench":
                taken = {alias.name for alias in node.names}
                rooms = {path.stem for path in (ROOT / "qa_bench").iterdir()}
                assert taken <= {"__version__"} | rooms, f"{module_of(file)}: {taken}"
        for node in ast.walk(ast.parse(source_of(file))):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "qa_bench":
                assert node.attr == "__version__", f"{module_of(file)}: qa_bench.{node.attr}"
