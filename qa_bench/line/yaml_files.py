"""Limits of a YAML of the user's: one that is too deep, or too large written out, is refused.

YAML's references let a few lines stand for billions, and its parser calls itself for each level.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qa_bench.errors import DataError

MOST_LEVELS = 50
MOST_NODES = 100_000
MOST_BYTES = 5_000_000


def check_yaml(path: Path) -> None:
    """Count levels and nodes, those that references stand for too; nothing is made of them.

    Raises:
        DataError: too many of one, no UTF-8, or no YAML.
    """
    import yaml

    if path.stat().st_size > MOST_BYTES:
        raise DataError(f"more than {MOST_BYTES:,} bytes: is this a configuration?", path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"not UTF-8 ({error.reason} at byte {error.start})", path) from None
    open_nodes: list[list[int | str | None]] = []  # anchor, nodes
    sizes: dict[str, int] = {}
    total = 0
    try:
        for event in yaml.parse(text):
            mark: Any = event.start_mark
            size = 0
            if isinstance(event, yaml.AliasEvent):
                size = sizes.get(str(event.anchor), 1)
            elif isinstance(event, yaml.ScalarEvent):
                size = 1
                if not open_nodes and event.value:
                    raise DataError("no YAML of settings: write name: value", path, mark.line + 1)
                if event.anchor:
                    sizes[event.anchor] = 1
            elif isinstance(event, yaml.CollectionStartEvent):
                open_nodes.append([event.anchor, total])
                size = 1
            elif isinstance(event, yaml.CollectionEndEvent):
                anchor, before = open_nodes.pop()
                if anchor:
                    sizes[str(anchor)] = total - int(before or 0)
            total += size
            if len(open_nodes) > MOST_LEVELS:
                raise DataError(f"more than {MOST_LEVELS} levels deep", path, mark.line + 1)
            if total > MOST_NODES:
                raise DataError(f"more than {MOST_NODES:,} values in all", path, mark.line + 1)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        hint = "; indent with spaces, not tabs" if "'\\t'" in str(error.problem) else ""
        where = None if mark is None else mark.line + 1
        raise DataError(f"no YAML: {error.problem or error.context}{hint}", path, where) from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(f"no YAML: {reason}", path) from None
