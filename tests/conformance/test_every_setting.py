"""Every setting is checked by its kind, and a YAML says what the constructor says."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, fields
from importlib import import_module
from typing import Any

import pytest
import yaml
from conf_names import EVERY_PART, described
from omegaconf import OmegaConf
from test_every_class import settings

from qa_bench.errors import UserError
from qa_bench.parts import make
from qa_bench.paths import CONF
from qa_bench.reader.extractive.teach import ReaderSettings
from qa_bench.reader.fid.teach import FusionSettings
from qa_bench.reranker.teach import RerankerSettings
from qa_bench.retriever.dense.settings import BiEncoderSettings
from qa_bench.train.loop import FILES, Settings
from qa_bench.types import Runtime

Make = Callable[..., Any]
Compose = Callable[..., Any]

KINDS = {
    "int": (True, "a whole number"),
    "float": (True, "a number"),
    "bool": ("yes", "true or false"),
}
"""By a setting's annotation: a value that it must not take, and what the refusal says."""


def kind_of(target: str) -> Any:
    module, _, name = target.rpartition(".")
    return getattr(import_module(module), name)


def told(place: str, refuse: Callable[[], Any]) -> str:
    try:
        refuse()
    except UserError as error:
        return str(error)
    raise AssertionError(f"{place}: taken")


def scalar(parameter: Any) -> str:
    """The annotation, whether null is allowed too or not."""
    return str(parameter.annotation).removesuffix(" | None")


@pytest.mark.parametrize(("group", "name"), EVERY_PART)
def test_true_is_no_number_and_yes_no_flag(group: str, name: str, node: Compose) -> None:
    whole: Any = OmegaConf.to_container(node(group, name), resolve=True)
    for place, inner in described(whole):
        for setting, parameter in settings(kind_of(inner["_target_"])).items():
            if scalar(parameter) in KINDS and setting in inner:
                wrong, said = KINDS[scalar(parameter)]
                changed = copy.deepcopy(whole)
                dict(described(changed))[place][setting] = wrong
                message = told(
                    f"{group}={name}: {place}.{setting}",
                    lambda changed=changed: make(group, OmegaConf.create(changed)),
                )
                assert f".{setting}: {said}" in message, f"{group}={name}"


def test_the_settings_that_are_checked() -> None:
    """The test above looks at something: an annotation that is written otherwise would hide one."""
    found = {
        (kind.__name__, setting)
        for kind in {kind_of(yaml_of(*one)["_target_"]) for one in BASES}
        for setting, parameter in settings(kind).items()
        if scalar(parameter) in KINDS
    }
    assert len(found) >= 80
    assert found >= {
        ("Words", "size"), ("Words", "stride"), ("Words", "title_line"), ("Semantic", "percentile"),
        ("QuestionFile", "limit"), ("WikipediaDump", "processes"), ("Dense", "truncate_dim"),
        ("Faiss", "rescore"), ("Bm25Feedback", "k1"), ("Hybrid", "parts_depth"),
        ("ReciprocalRank", "k"), ("CrossEncoder", "label"), ("CrossEncoder", "keep"),
        ("ListwiseReranker", "words"), ("Extractive", "depth"), ("Local", "top_p"),
        ("OpenAIServer", "timeout_s"), ("MultiQuery", "count"),
    }  # fmt: skip


@pytest.mark.parametrize("name", [item.name for item in fields(Runtime)])
def test_runtime(name: str) -> None:
    kind = str(Runtime.__annotations__[name])
    if kind in KINDS:
        wrong, said = KINDS[kind]
        assert f"runtime.{name}: {said}" in told(name, lambda: Runtime(**{name: wrong}))
    else:
        assert name in ("java_heap", "device")


@pytest.mark.parametrize("name", [item.name for item in fields(Settings)])
def test_training(name: str) -> None:
    kind = str(Settings.__annotations__[name]).removesuffix(" | None")
    if kind in KINDS:
        wrong, said = KINDS[kind]
        assert f"train.{name}: {said}" in told(name, lambda: Settings(**{name: wrong}))
    else:
        assert name in ("objective", "precision")


def test_depth(cli: Any) -> None:
    done = cli("run", "depth=true", "corpus=sample", "dataset.split=sample")
    assert done.returncode == 2
    assert "depth: a whole number >= 1, got 'true'" in done.stderr


# Defaults


def yaml_of(group: str, name: str) -> dict[str, Any]:
    said: dict[str, Any] = yaml.safe_load((CONF / group / f"{name}.yaml").read_text("utf-8"))
    return said


BASES = [one for one in EVERY_PART if "_target_" in yaml_of(*one)]
"""The YAMLs that name a class; others are built on them, in order to differ."""

OFFICIAL = ("curatedtrec", "nq", "nq_open", "squad", "triviaqa", "webq")
DIFFERENT: dict[tuple[str, str], set[str]] = {
    # A published way to cut, of a class that is there for others too.
    ("chunker", "dpr_w100"): {"tail", "short", "title_line", "skip_titles"},
    ("chunker", "words_100_50"): {"stride"},
    ("chunker", "sentences_6_3"): {"stride"},
    ("chunker", "sentences_8_4"): {"sentences", "stride"},
    ("chunker", "paragraphs"): {"skip_titles"},
    ("chunker", "wordpieces"): {"skip_titles"},
    # An official file, of a class that reads any.
    **{("dataset", name): {"splits", "dpr_apostrophes"} for name in OFFICIAL},
    ("dataset", "squad"): {"splits", "dpr_apostrophes", "groups"},
    ("corpus", "psgs_w100"): {"source"},
    ("corpus", "squad"): {"source"},
    # The paper's model and reading, of a class that takes any.
    ("reranker", "upr"): {"model", "precision", "end_token"},
    ("retriever", "hybrid"): {"parts_depth"},
    # The default, spelt out for those who change a piece of it.
    ("dataset", "hub"): {"columns"},
    ("dataset", "file"): {"columns", "groups"},
    ("corpus", "hub"): {"columns"},
    ("corpus", "table"): {"columns"},
    ("retriever", "dense"): {"question", "passage"},
    ("retriever", "bm25_fields"): {"fields"},
    ("retriever", "sparse"): {"question", "passage"},
    ("retriever", "multivector"): {"question", "passage"},
    ("retriever", "m3"): {"model", "question", "passage"},
}
"""Settings in which a YAML differs from the constructor on purpose."""


def plain(value: Any) -> Any:
    """Tuples as lists; what is empty as null: both mean that there is none."""
    if isinstance(value, list | tuple | Mapping) and not value:
        return None
    return list(value) if isinstance(value, tuple) else value


def repeated(group: str, name: str) -> Iterator[tuple[str, Any, Any]]:
    """(setting, as the YAML has it, as the constructor has it), of those with a default."""
    for _, said in described(yaml_of(group, name)):
        for setting, parameter in settings(kind_of(said["_target_"])).items():
            value = said.get(setting, "${not there}")
            composed = isinstance(value, str) and value.startswith("${")
            if parameter.default is not parameter.empty and not composed:
                yield setting, plain(value), plain(parameter.default)


@pytest.mark.parametrize(("group", "name"), BASES)
def test_a_yaml_has_the_defaults_of_its_class(group: str, name: str) -> None:
    differing = {
        setting
        for setting, said, default in repeated(group, name)
        if said != default or isinstance(said, bool) != isinstance(default, bool)
    }
    assert differing == DIFFERENT.get((group, name), set())


def test_most_settings_repeat_a_default() -> None:
    count = sum(1 for one in BASES for _ in repeated(*one))
    assert count >= 200


def test_the_other_defaults(composed: Compose) -> None:
    assert dict(composed().runtime) == asdict(Runtime())


@pytest.mark.parametrize(
    ("name", "kind", "others"),
    [("reader", ReaderSettings, set()), ("reader", FusionSettings, {"negatives"}),
     ("retriever", BiEncoderSettings, set()), ("reranker", RerankerSettings, set())],
)  # fmt: skip
def test_the_defaults_of_training(
    name: str, kind: type[Settings], others: set[str], composed: Compose
) -> None:
    """Null is the default of the part, where readers have different ones."""
    train = dict(composed(f"train={name}").train)
    for setting, value in asdict(kind()).items():
        assert train[setting] in (value, None), setting
    assert all(train[setting] is None for setting in others)
    assert set(train) - set(asdict(kind())) == {"part", *FILES, *others}
