"""The names of the YAML files, for parametrised tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from qa_bench.cli.needs import JAVA, needs
from qa_bench.paths import CONF
from qa_bench.protocols import PARTS


def names(group: str) -> list[str]:
    found = sorted(path.stem for path in (CONF / group).glob("*.yaml"))
    assert found, f"conf/{group} holds no YAML"
    return found


def inside(name: str) -> bool:
    """Whether a group's parts stand in several places, or inside of others."""
    return name in ("fusion", "lm", "metric")


def described(node: Any, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """The mappings of a configuration that describe a part, with their places in it."""
    if isinstance(node, dict):
        if "_target_" in node:
            yield place, node
        for name, inner in node.items():
            yield from described(inner, f"{place}.{name}" if place else name)


GROUPS = sorted(path.name for path in CONF.iterdir() if path.is_dir() and path.name != "hydra")

NEEDED = {
    ("retriever", "dense"): ("retriever.model=organisation/model",),
    ("retriever", "multivector"): ("retriever.model=organisation/model",),
    ("retriever", "sparse"): ("retriever.model=organisation/model",),
    ("lm", "local"): ("one.model=organisation/model",),
    ("lm", "openai"): ("one.model=organisation/model",),
    ("expander", "gar"): ("expander.lm.model=organisation/model",),
    ("expander", "hyde"): ("expander.lm.model=organisation/model",),
    ("expander", "multi_query"): ("expander.lm.model=organisation/model",),
    ("reranker", "cross_encoder"): ("reranker.model=organisation/model",),
    ("reader", "extractive"): ("reader.model=organisation/model",),
    ("reader", "fid"): ("reader.model=organisation/model",),
    ("reader", "generative"): ("reader.lm.model=name",),
    ("reader", "generative_closed_book"): ("reader.lm.model=name",),
    ("reader", "generative_article"): ("reader.lm.model=name",),
    ("reader", "generative_cited"): ("reader.lm.model=name",),
    ("generator", "prompt"): ("generator.lm.model=name",),
    ("metric", "closed_book"): ("reader=generative", "reader.lm.model=name"),
    ("metric", "lm_judge"): ("one.lm.model=name",),
    ("reranker", "rankgpt"): ("reranker.lm.model=name",),
}
"""What must be set beside the choice of a YAML that is a template."""


def _tree(retriever: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """A retriever's YAML, those it builds on, and those of its parts."""
    told = yaml.safe_load((CONF / "retriever" / f"{retriever}.yaml").read_text(encoding="utf-8"))
    yield retriever, told
    for entry in told.get("defaults", []):
        if isinstance(entry, str) and entry != "_self_":
            yield from _tree(entry)
        elif isinstance(entry, dict):
            for place, name in entry.items():
                if place.startswith("/retriever@"):
                    yield from _tree(name)


def based_on(retriever: str, base: str) -> bool:
    """Whether a retriever's YAML is another one, or begins with it; parts do not count."""
    said = yaml.safe_load((CONF / "retriever" / f"{retriever}.yaml").read_text(encoding="utf-8"))
    begins = [entry for entry in said.get("defaults", []) if isinstance(entry, str)]
    return retriever == base or any(based_on(one, base) for one in begins if one != "_self_")


def models(retriever: str) -> set[str]:
    """The models that a retriever needs."""
    sides = [
        side
        for _, told in _tree(retriever)
        for side in (told, told.get("question") or {}, told.get("passage") or {})
    ]
    return {str(side["model"]) for side in sides if side.get("model")}


def needs_java(retriever: str) -> bool:
    return JAVA in {need.package for need in needs(told for _, told in _tree(retriever))}


def needs_no_network(retriever: str) -> bool:
    if ("retriever", retriever) in NEEDED:
        return False
    return all(model.startswith("wheel:") for model in models(retriever))


EVERY_PART = [(group, name) for group in PARTS for name in names(group) if name != "none"]
"""(group, YAML) of all that describe a part."""

RUN_HERE = [name for name in names("retriever") if needs_no_network(name)]
"""The retrievers that run with nothing but the installed packages."""
