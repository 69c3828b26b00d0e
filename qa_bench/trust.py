"""Whose classes a ``_target_`` may name: this package's, and those of modules that are trusted.

Importing a module runs its code, and a YAML may come from anywhere. So a module is trusted by the
person who types the command (``--trust my_retrievers``), calls the function (``trust=``) or sets
``QA_BENCH_TRUST``, never by a file. The environment is read once, before any file is.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from qa_bench.errors import UserError

VARIABLE = "QA_BENCH_TRUST"
OWN = "qa_bench"


class Trust(NamedTuple):
    """What is trusted, to be taken to other processes.

    Attributes:
        modules: names of top-level modules.
        folder: where they are looked for beside the installed ones; the command's.
    """

    modules: frozenset[str]
    folder: str


def _names(text: str) -> list[str]:
    return [name for name in (piece.strip() for piece in text.split(",")) if name]


def _here() -> str:
    try:
        return str(Path.cwd())
    except OSError:  # the folder is gone
        return ""


_trust = Trust(frozenset(_names(os.environ.get(VARIABLE, ""))), _here())


def current() -> Trust:
    """What is trusted now."""
    return _trust


def become(trust: Trust) -> None:
    """Trust the same as another process does, and nothing else."""
    global _trust
    _trust = trust


def allow(modules: Iterable[str]) -> None:
    """Trust these modules too, wherever they are installed or beside the command.

    Args:
        modules: names of top-level modules, or several in one text, separated by commas.

    Raises:
        UserError: something else is named, such as a file.
    """
    names = [name for text in modules for name in _names(text)]
    for name in names:
        if not name.isidentifier():
            raise UserError(
                f"--trust {name}: name a module as Python imports it, without folder, suffix and "
                f"dots: --trust {Path(name).name.partition('.')[0] or 'my_retrievers'}"
            )
    become(Trust(_trust.modules | set(names), _here()))


def is_trusted(module: str) -> bool:
    """Whether classes of a module, such as ``qa_bench.corpus.jsonl``, may be made."""
    top = module.partition(".")[0]
    if top == OWN:
        return not module.endswith("__main__")  # importing that runs the command
    return top in _trust.modules


def check(place: str, target: str) -> None:
    """Let a class be named in a configuration, and find its module beside the command.

    Args:
        place: of the configuration.
        target: the ``_target_``.

    Raises:
        UserError: its module is not trusted; says how it would be.
    """
    module = target.rpartition(".")[0]
    top = module.partition(".")[0]
    if not is_trusted(module):
        if not top.isidentifier() or top == OWN:
            raise UserError(f"{place}: there is no class {target}")
        raise UserError(
            f"{place}: {target} is code from outside of qa_bench: if you trust it, add "
            f"--trust {top} to the command (or set {VARIABLE}={top})"
        )
    if top != OWN and _trust.folder and _trust.folder not in sys.path:
        sys.path.append(_trust.folder)  # last: nothing there hides an installed module
