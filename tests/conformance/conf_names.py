"""The names of the YAML files, for parametrised tests."""

from __future__ import annotations

from qa_bench.paths import CONF


def names(group: str) -> list[str]:
    found = sorted(path.stem for path in (CONF / group).glob("*.yaml"))
    assert found, f"conf/{group} holds no YAML"
    return found


GROUPS = sorted(path.name for path in CONF.iterdir() if path.is_dir() and path.name != "hydra")
