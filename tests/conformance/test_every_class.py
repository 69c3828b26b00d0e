"""What a part's class may say of itself: nothing that no Protocol knows, no name twice."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Protocol, get_args

import pytest
from conf_names import EVERY_PART

from qa_bench import protocols
from qa_bench.parts import Part
from qa_bench.protocols import PARTS

Make = Callable[..., Any]

OWN = {
    # What subclasses fill in.
    "chunker/ArticleByArticle": {"skipped", "texts"},
    "retriever/Bm25": {"bytes_per_passage", "search_effort", "term_vectors", "titles_apart"},
    # What the files beside it or its tests ask for.
    "chunker/Words": {"windows"},
    "chunker/Tokens": {"windows"},
    "corpus/WikipediaDump": {"entries"},
    "retriever/Dense": {"encode_passages", "encode_questions", "scale"},
    "retriever/M3": {"encode_three"},
    "retriever/Sparse": {"encode_questions"},
    "retriever/Rm3": {"docs", "reranker", "switch_on"},
    "retriever/Rocchio": {"docs", "reranker", "switch_on"},
    "statistics/Resampling": {"pairs_of"},
}
"""Public names of a class that no Protocol has.

What is not here is refused: mostly it is a name of ``Part``, misspelt, which nobody would ask for.
"""


def named(kind: Any) -> set[str]:
    """The public names of a Protocol, or of a class, with those it builds on."""
    found: set[str] = set()
    for base in kind.__mro__:
        if base not in (object, Protocol):
            found |= {*vars(base), *inspect.get_annotations(base)}
    return {name for name in found if name[0] != "_"}


def classes(group: str) -> Iterator[Any]:
    """The classes of a group that are parts, or what parts are derived from."""
    package = importlib.import_module(f"qa_bench.{group}")
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        for kind in vars(importlib.import_module(module.name)).values():
            if inspect.isclass(kind) and kind.__module__ == module.name and Part in kind.__mro__:
                yield kind


def label(kind: Any) -> str:
    return f"{kind.__module__.split('.')[1]}/{kind.__name__}"


EVERY_CLASS = [kind for group in PARTS for kind in classes(group)]
every_class = pytest.mark.parametrize("kind", EVERY_CLASS, ids=label)
OF_GROUP = {
    group: named(Part).union(*map(named, get_args(protocol) or (protocol,)))
    for group, protocol in PARTS.items()
}
"""Names by group: those of ``Part`` and of the group's own Protocol."""
CAPABILITIES = [
    kind
    for kind in vars(protocols).values()
    if getattr(kind, "_is_runtime_protocol", False)
    and kind.__module__ == protocols.__name__
    and not any(kind in (get_args(protocol) or (protocol,)) for protocol in PARTS.values())
]
"""Protocols of what only some parts of a group can do."""


def known(kind: Any) -> set[str]:
    group = label(kind).partition("/")[0]
    own = [OWN.get(label(base), set()) for base in kind.__mro__ if base.__module__[:3] == "qa_"]
    return OF_GROUP[group].union(*map(named, CAPABILITIES), *own)


def settings(kind: Any) -> dict[str, inspect.Parameter]:
    """The settings of a class, those it hands on to what it is derived from among them."""
    found: dict[str, inspect.Parameter] = {}
    for base in kind.__mro__:
        if "__init__" not in vars(base) or base in (object, Part):
            continue
        parameters = inspect.signature(base.__init__).parameters.values()
        found = {one.name: one for one in parameters if one.name != "self"} | found
        if all(one.kind is not inspect.Parameter.VAR_KEYWORD for one in parameters):
            break
    return {
        name: one for name, one in found.items() if one.kind is not inspect.Parameter.VAR_KEYWORD
    }


def test_these_are_all() -> None:
    assert len(EVERY_CLASS) >= 39
    assert {kind.__name__ for kind in CAPABILITIES} == {
        "BiEncoder", "Learner", "Lossy", "PairScorer", "Planned", "PlannedHits", "PlannedPrompts",
        "Pointwise",
    }  # fmt: skip
    assert set(OWN) <= set(map(label, EVERY_CLASS))


def test_every_part_of_a_yaml_is_one_of_them(part: Make) -> None:
    for group, name in EVERY_PART:
        assert type(part(group, name)) in EVERY_CLASS


@every_class
def test_public_names_are_known(kind: Any) -> None:
    strange = {name for name in vars(kind) if name[0] != "_"} - known(kind)
    assert not strange, f"{label(kind)}: no Protocol has {sorted(strange)}: see OWN"


@pytest.mark.parametrize(("group", "name"), EVERY_PART)
def test_public_attributes_are_known(group: str, name: str, part: Make) -> None:
    made = part(group, name)
    strange = {attribute for attribute in vars(made) if attribute[0] != "_"} - known(type(made))
    assert not strange, f"{group}={name}: no Protocol has {sorted(strange)}: see OWN"


def test_a_misspelt_name_is_strange() -> None:
    [bm25] = [kind for kind in EVERY_CLASS if label(kind) == "retriever/Bm25"]
    assert {"search_only", "index", "score", "plan", "term_vectors"} <= known(bm25)
    assert not known(bm25) & {"search_olny", "encode_questions", "rerank", "depth"}


def test_the_table_names_nothing_that_is_not_there(part: Make) -> None:
    made = [part(group, name) for group, name in EVERY_PART]
    inner = [one._feedback for one in made if type(one).__name__ == "Bm25Feedback"]
    for kind in EVERY_CLASS:
        there = set(dir(kind)).union(*(vars(one) for one in (*made, *inner) if type(one) is kind))
        assert OWN.get(label(kind), set()) <= there, label(kind)


@every_class
def test_what_it_says_is_of_the_right_kind(kind: Any) -> None:
    """A text in place of a set of names would hold every name that is a piece of it."""
    for name in inspect.get_annotations(Part):
        if name not in ("identity", "about"):
            assert type(getattr(kind, name)) is type(getattr(Part, name)), name
    assert kind.version >= 1
    assert all(type(package) is str for package in kind.depends)


@every_class
def test_what_it_says_of_settings_names_settings(kind: Any) -> None:
    for names in (kind.labels, kind.search_only, kind.reading_only):
        assert {name.partition(".")[0] for name in names} <= set(settings(kind))
    assert "about" not in settings(kind)


def test_no_name_twice() -> None:
    """A class is identified by its group and name: two of one name would share their folders."""
    twice = [name for name, count in Counter(map(label, EVERY_CLASS)).items() if count > 1]
    assert not twice
