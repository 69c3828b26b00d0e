from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata
from typing import Any, ClassVar

import pytest
from omegaconf import OmegaConf

from qa_bench import trust
from qa_bench.chunker.words import Words
from qa_bench.errors import UserError
from qa_bench.fusion.rrf import ReciprocalRank
from qa_bench.parts import About, Part, make
from qa_bench.protocols import PARTS
from qa_bench.retriever.bm25.part import Bm25
from qa_bench.retriever.hybrid import Hybrid

trust.allow([__name__])

WORDS = "qa_bench.chunker.words.Words"
BM25 = "qa_bench.retriever.bm25.part"


class Versioned(Part):
    """A part whose code has changed twice and whose results are those of a package."""

    version = 3
    labels = frozenset({"name"})
    depends = ("pyarrow", "no-such-package")

    def __init__(self, weights: list[int], name: str, parts: Any) -> None:
        self.weights, self.name, self.parts = weights, name, parts


def node(**settings: Any) -> Any:
    return OmegaConf.create(settings)


def test_a_part_is_made_with_its_settings():
    part = make(
        "chunker", node(_target_=WORDS, size=3, stride="${.size}", about={"citation": "us"})
    )
    assert isinstance(part, Words)
    assert list(part.windows(list("abcd"))) == [["a", "b", "c"], ["d"]]
    assert part.identity == {"part": "chunker/Words", "size": 3, "stride": 3, "_version_": 1}
    assert part.about == About(citation="us")


def test_labels_stay_out_of_the_identity_and_versions_go_in():
    target = f"{__name__}.Versioned"
    parts = {"one": {"k1": 1, "name": "kept"}, "two": [{"b": 2}, 3]}
    part = make(
        "x", node(_target_=target, weights=[1, 2], name="n", parts=parts, about={"passages": 1})
    )
    assert part.identity == {
        "part": target,
        "weights": [1, 2],
        "parts": {"one": {"k1": 1, "name": "kept"}, "two": [{"b": 2}, 3]},
        "_version_": 3,
        "_pyarrow_": metadata.version("pyarrow"),
        "_no-such-package_": None,
    }
    assert type(part.weights) is list
    assert part.name == "n"
    assert part.about == About(passages=1)


class Older(Part):
    """A part that has not always had its setting ``marks``."""

    later: ClassVar[Mapping[str, Any]] = {"marks": []}

    def __init__(self, size: int, marks: Any) -> None:
        self.size, self.marks = size, marks


def test_a_later_setting_counts_where_it_changes_something():
    made = [
        make("x", node(_target_=f"{__name__}.Older", size=1, marks=marks)).identity
        for marks in ([], ["a"], None)
    ]
    before = {"part": f"{__name__}.Older", "size": 1, "_version_": 1}
    assert made == [before, {**before, "marks": ["a"]}, {**before, "marks": None}]


def test_a_part_inside_a_part_is_identified_as_by_itself():
    target = f"{__name__}.Versioned"
    inner = {
        "_target_": target,
        "weights": [3],
        "name": "left out",
        "parts": {},
        "about": {"url": "a"},
    }
    listed = {"_target_": WORDS, "size": 3, "stride": 3, "about": {"url": "a"}}
    outer = make(
        "x",
        node(
            _target_=target,
            weights=[listed],
            name="n",
            parts={"one": inner},
            about={},
        ),
    )
    assert outer.identity["parts"] == {
        "one": {
            "part": target,
            "weights": [3],
            "parts": {},
            "_version_": 3,
            "_pyarrow_": metadata.version("pyarrow"),
            "_no-such-package_": None,
        }
    }
    assert outer.identity["weights"] == [
        {"part": "chunker/Words", "size": 3, "stride": 3, "_version_": 1},
    ]
    assert isinstance(outer.parts["one"], Versioned)
    assert isinstance(outer.weights[0], Words)
    assert outer.identity["parts"]["one"] == make("x", node(**inner)).identity


def test_what_an_inner_part_refuses_is_told_as_its_own():
    parts = {"one": {"_target_": f"{BM25}.Bm25", "k1": -1}, "two": {"_target_": f"{BM25}.Bm25"}}
    rrf = {"_target_": "qa_bench.fusion.rrf.ReciprocalRank"}
    hybrid = {"_target_": "qa_bench.retriever.hybrid.Hybrid", "parts": parts, "fusion": rrf}
    with pytest.raises(UserError, match=r"^retriever\.k1: a number >= 0"):
        make("retriever", node(**hybrid))
    hybrid["parts"] = {"one": {"_target_": "qa_bench.retriever.none.None"}, "two": parts["two"]}
    with pytest.raises(UserError) as caught:
        make("retriever", node(**hybrid))
    told = "retriever.parts.one: there is no class qa_bench.retriever.none.None ("
    assert str(caught.value).startswith(told)
    assert "\n" not in str(caught.value)


def test_where_a_corpus_lies_is_no_part_of_its_identity():
    parts = [
        make("corpus", node(_target_="qa_bench.corpus.jsonl.JsonlArticles", name=name, path=path))
        for name, path in (("a", "a.jsonl"), ("b", "b.jsonl"))
    ]
    assert parts[0].identity == parts[1].identity
    assert parts[0].name == "a"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 3}, "chunker: the configuration names no _target_"),
        ({"_target_": WORDS, "size": "???"}, "chunker: Missing mandatory value: size"),
        (
            {"_target_": WORDS, "size": "${nowhere}"},
            "chunker: the setting 'nowhere' is not there: no part",
        ),
        ({"_target_": WORDS, "colour": 1}, f"chunker.colour: no such setting: {WORDS} has size, "),
        ({"_target_": "qa_bench.no.No"}, "chunker: there is no class qa_bench.no.No ("),
        ({"_target_": WORDS, "size": "ten"}, "chunker.size: a whole number >= 1, got 'ten'"),
        ({"_target_": WORDS, "size": 0}, "chunker.size: a whole number >= 1, got '0'"),
    ],
)
def test_what_cannot_be_made_is_told_in_one_line(settings: dict[str, Any], message: str):
    with pytest.raises(UserError) as caught:
        make("chunker", node(**settings))
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


class NoPart:
    """A class that is not derived from ``Part``."""


def test_a_class_that_is_no_part_is_refused():
    with pytest.raises(UserError, match=r"^reader: .*NoPart is no part: derive the class from"):
        make("reader", node(_target_=f"{__name__}.NoPart"))


def test_what_a_part_says_of_itself_is_typed():
    told = About.of("retriever", {"parameters": "22.7e6", "dimension": 384, "published": ["a"]})
    assert told == About(parameters=22.7e6, dimension=384, published=("a",))
    assert About.of("retriever", None) == About()
    assert About.of("retriever", {"licence": None}) == About()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"descripton": "x"}, r"retriever\.about: descripton: there are only .*description"),
        ("x", r"retriever\.about: x: there are only"),
        ({"parameters": "many"}, r"retriever\.about\.parameters: a number, .* got 'many'"),
        ({"published": "BM25"}, r"retriever\.about\.published: a list of texts, got 'BM25'"),
        ({"published_on": "nq"}, r"retriever\.about\.published_on: a mapping, got 'nq'"),
        ({"dimension": [768]}, r"retriever\.about\.dimension: a number"),
    ],
)
def test_what_a_part_cannot_say_of_itself(given: Any, message: str):
    with pytest.raises(UserError, match=message):
        About.of("retriever", given)


def test_every_group_of_parts_has_a_protocol():
    assert list(PARTS) == [
        "dataset", "corpus", "chunker", "expander", "retriever", "fusion", "reranker", "reader",
        "lm", "generator", "metric", "statistics",
    ]  # fmt: skip
    assert isinstance(Words(), PARTS["chunker"])
    assert not isinstance(Words(), PARTS["retriever"])
    assert isinstance(ReciprocalRank(), PARTS["fusion"])
    assert isinstance(Bm25(), PARTS["retriever"])
    hybrid = Hybrid({"one": Bm25(), "two": Bm25()}, ReciprocalRank())
    assert isinstance(hybrid, PARTS["retriever"])


@pytest.mark.parametrize("value", [None, "em", ["em"]])
def test_a_part_needs_settings(value: object) -> None:
    with pytest.raises(UserError, match=r"^metric: the settings of a part, got '"):
        make("metric", value)


def test_a_setting_that_a_part_has_not() -> None:
    with pytest.raises(UserError, match=r"^chunker\.sise: no such setting: .*Words has size, "):
        make("chunker", node(_target_=WORDS, sise=5))
