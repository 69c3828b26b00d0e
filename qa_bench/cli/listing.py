"""`qa-bench list [group]`: what can be chosen, read from the YAML files."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from qa_bench.paths import CONF


def groups() -> list[str]:
    """The groups of the configuration, Hydra's own left out."""
    return sorted(path.name for path in CONF.iterdir() if path.is_dir() and path.name != "hydra")


def choices(group: str) -> list[tuple[str, str]]:
    """(name, description) pairs of a group."""
    files = sorted((CONF / group).glob("[!_]*.yaml"))  # the others are what several have in common
    return [(path.stem, _description(path)) for path in files]


def _description(path: Path) -> str:
    """``about.description``, or the first comment that is not Hydra's."""
    import yaml

    text = path.read_text(encoding="utf-8")
    about = (yaml.safe_load(text) or {}).get("about") or {}
    if "description" in about:
        return str(about["description"])
    comments = (line[1:].strip() for line in text.splitlines() if line.startswith("#"))
    return next((comment for comment in comments if not comment.startswith("@")), "")


def listing(arguments: Sequence[str]) -> int:
    """Print the groups, or the choices of the groups named; the exit status."""
    every = groups()
    for group in arguments or every:
        if group not in every:
            from qa_bench.line.names import near

            message = f"no group '{group}': use one of {', '.join(every)}{near(group, every)}"
            print(f"qa-bench: error: {message}", file=sys.stderr)
            return 2
        print(f"{group}=")
        known_choices = choices(group)
        wide = max((len(name) for name, _ in known_choices), default=0)
        for name, description in known_choices:
            print(f"  {name:{wide}} {description}")
    return 0
