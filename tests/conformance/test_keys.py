"""No identity of a part changes unseen: with it, all that was computed would be computed again.

``tests/golden/keys.json`` has a digest of every YAML's identity, the versions of packages left
out. Where a change is meant, say so in CHANGELOG.md and write the file anew:

    QA_BENCH_WRITE_KEYS=1 .venv/bin/pytest tests/conformance/test_keys.py
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conf_names import EVERY_PART

Make = Callable[..., Any]

FILE = Path(__file__).parents[1] / "golden" / "keys.json"
PLACES = ("paths.sample=sample", "paths.raw=raw", "paths.cache=cache")
"""Where files lie on this machine is in no digest."""


def without_versions(identity: Any) -> Any:
    """The identity; of the packages it depends on their names only."""
    if isinstance(identity, dict):
        return {
            name: None if is_package(name) else without_versions(value)
            for name, value in identity.items()
        }
    return [without_versions(one) for one in identity] if isinstance(identity, list) else identity


def is_package(name: str) -> bool:
    return name[0] == name[-1] == "_" and name != "_version_"


def digest(identity: Any) -> str:
    text = json.dumps(without_versions(identity), sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@pytest.fixture(scope="module")
def identities(part: Make) -> dict[str, Any]:
    return {f"{group}/{name}": part(group, name, *PLACES).identity for group, name in EVERY_PART}


def test_the_keys_are_those_of_before(identities: dict[str, Any]) -> None:
    now = {name: digest(identity) for name, identity in sorted(identities.items())}
    if os.environ.get("QA_BENCH_WRITE_KEYS"):
        FILE.write_text(json.dumps(now, indent=1) + "\n", encoding="utf-8")
    before = json.loads(FILE.read_text(encoding="utf-8"))
    changed = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    assert not changed, (
        f"other keys than before: {', '.join(changed)}. If that is meant, CHANGELOG.md says why, "
        "and QA_BENCH_WRITE_KEYS=1 .venv/bin/pytest tests/conformance/test_keys.py writes the "
        f"file anew. The first is now {identities.get(changed[0])}"
    )


def test_every_choice_has_a_key_of_its_own(identities: dict[str, Any]) -> None:
    """But two whose YAMLs differ in labels only: where the file lies, what it is called."""
    names: dict[str, list[str]] = {}
    for name, identity in identities.items():
        names.setdefault(digest(identity), []).append(name)
    same = [several for several in names.values() if len(several) > 1]
    assert same == [["corpus/jsonl", "corpus/sample", "corpus/squad"]]


def test_packages_count_by_their_names(part: Make) -> None:
    identity = part("retriever", "hybrid_linear").identity
    upgraded = json.loads(json.dumps(identity))
    upgraded["parts"]["bm25"]["_pyserini_"] = "99"
    assert digest(upgraded) == digest(identity)
    del upgraded["parts"]["bm25"]["_pyserini_"]
    assert digest(upgraded) != digest(identity)
    upgraded = json.loads(json.dumps(identity))
    upgraded["parts"]["bm25"]["_version_"] += 1
    assert digest(upgraded) != digest(identity)
