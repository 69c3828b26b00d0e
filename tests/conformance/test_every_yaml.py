"""Every YAML composes, and every part is what its Protocol asks for."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from importlib import metadata
from typing import Any

import pytest
from conf_names import EVERY_PART, GROUPS, NEEDED, RUN_HERE, described, inside, names
from omegaconf import OmegaConf

from qa_bench.cli.main import main
from qa_bench.parts import About, make
from qa_bench.paths import CONF, SAMPLE
from qa_bench.protocols import PARTS, Composite, Fusion, PairScorer, Retriever
from qa_bench.types import Runtime

Compose = Callable[..., Any]
Make = Callable[..., Any]

OTHER = About(
    "another description", "citation", "url", "licence", "note", 12, 3.5, 768, ("BM25",),
    {"k1": 2}, {"BM25": ["nq"]}, {"BM25": "BM25"}, {"BM25": "another"}, True, "never",
)  # fmt: skip

every_part = pytest.mark.parametrize(("group", "name"), EVERY_PART)


def keys(value: Any) -> set[str]:
    """All keys of a nested mapping."""
    if isinstance(value, Mapping):
        return set(value).union(*map(keys, value.values()))
    if isinstance(value, list):
        return set().union(*map(keys, value))
    return set()


def test_groups() -> None:
    assert set(PARTS) <= set(GROUPS)
    assert set(GROUPS) == {
        "chunker", "corpus", "dataset", "expander", "experiment", "fusion", "generator", "lm",
        "metric", "reader", "reranker", "retriever", "runtime", "statistics", "train",
    }  # fmt: skip
    assert set(names("dataset")) >= {"nq", "triviaqa", "webq", "curatedtrec", "squad", "file"}
    assert set(names("fusion")) >= {"rrf", "linear", "dpr", "combsum", "combmnz", "interpolation"}
    assert set(RUN_HERE) >= {
        "bm25", "minilm", "faiss", "faiss_hnsw", "faiss_sq8", "hybrid_linear", "hybrid_rrf",
    }  # fmt: skip
    assert {"dense", "e5_base", "dpr_single", "hybrid"} <= set(names("retriever")) - set(RUN_HERE)
    assert len(EVERY_PART) >= 65


def test_defaults(composed: Compose) -> None:
    config = composed()
    assert (config.retriever.k1, config.retriever.b) == (0.9, 0.4)
    assert config.depth == 100
    assert config.chunker.size == 100
    assert config.paths.sample == str(SAMPLE)
    assert set(config.metrics) == {"answer_recall", "em", "f1", "mrr", "relevance"}


@every_part
def test_part(group: str, name: str, part: Make) -> None:
    made = part(group, name)
    assert isinstance(made, PARTS[group])
    description = made.about.description
    assert 10 < len(description) <= 100
    assert "\n" not in description
    assert made.identity["part"].startswith(f"{group}/")
    assert isinstance(made.identity["_version_"], int)


@every_part
def test_identity(group: str, name: str, part: Make) -> None:
    """No label in it, nothing but JSON in it, and the same every time."""
    made = part(group, name)
    assert "about" not in keys(made.identity)
    assert not made.labels & set(made.identity)
    assert json.loads(json.dumps(made.identity)) == made.identity
    assert part(group, name).identity == made.identity


@every_part
def test_what_is_for_people_changes_no_identity(
    group: str, name: str, part: Make, node: Compose
) -> None:
    """Whatever stands in ``about``, of the part and of those inside of it."""
    relabelled: Any = OmegaConf.to_container(node(group, name), resolve=True)
    other = asdict(OTHER)
    assert all(other[item.name] != getattr(About(), item.name) for item in fields(About))
    for _, described_part in described(relabelled):
        described_part["about"] = other
    changed = make(group, OmegaConf.create(relabelled))
    assert changed.identity == part(group, name).identity
    assert changed.about == OTHER


def test_labels_change_no_identity(part: Make) -> None:
    for name in names("corpus"):
        moved = part("corpus", name, "corpus.path=x", "corpus.name=y")
        assert {"path", "name"} <= set(moved.labels)
        assert moved.identity == part("corpus", name).identity


def test_packages_that_decide_results_are_in_the_identity(part: Make) -> None:
    for name in names("retriever"):
        made = part("retriever", name)
        for package in made.depends:
            assert made.identity[f"_{package}_"] == metadata.version(package)
    assert part("retriever", "bm25").identity["_pyserini_"].startswith("1.")
    inside = part("retriever", "hybrid_linear").identity["parts"]
    assert inside["bm25"] == part("retriever", "bm25").identity
    assert inside["dense"] == part("retriever", "minilm").identity
    assert "sha256" not in inside["dense"]


def test_settings_change_the_identity(part: Make) -> None:
    for group, name, change in (
        ("chunker", "words", "chunker.size=50"),
        ("chunker", "words", "chunker.tail=wrap"),
        ("retriever", "bm25", "retriever.k1=1.2"),
        ("retriever", "bm25_rm3", "retriever.feedback.docs=5"),
        ("retriever", "minilm", "retriever.passage.title=none"),
        ("retriever", "minilm", "retriever.question.prompt=x"),
        ("retriever", "faiss", "retriever.factory=SQ8"),
        ("retriever", "usearch_hnsw", "retriever.dtype=fp16"),
        ("retriever", "bm25s", "retriever.k1=1.2"),
        ("retriever", "faiss", "retriever.parts.base.dtype=fp16"),
        ("retriever", "hybrid_linear", "retriever.fusion.weights.dense=2"),
        ("retriever", "hybrid_linear", "retriever.parts.bm25.k1=1.2"),
        ("retriever", "hybrid_rrf", "retriever@retriever.parts.dense=faiss"),
        ("retriever", "hybrid_rrf", "fusion@retriever.fusion=combsum"),
        ("dataset", "nq", "dataset.split=dev"),
    ):
        assert part(group, name, change).identity != part(group, name).identity


@pytest.mark.parametrize("name", names("runtime"))
def test_runtime(name: str, composed: Compose) -> None:
    runtime = Runtime(**composed(f"runtime={name}").runtime)
    assert runtime.workers >= 1


@pytest.mark.parametrize("name", names("experiment"))
def test_experiment(name: str, composed: Compose) -> None:
    config = composed(f"experiment={name}")
    assert config.name == name
    for group in PARTS:
        if not inside(group) and "_target_" in config[group]:
            assert config[group]._target_.startswith(f"qa_bench.{group}.")


def test_sample_experiment(composed: Compose, part: Make) -> None:
    config = composed("experiment=sample", "dataset=webq")
    assert config.dataset.split == "sample"
    assert config.corpus.path == str(SAMPLE / "articles.jsonl")


@pytest.mark.parametrize("name", ["nq", "triviaqa", "webq", "curatedtrec", "squad"])
def test_dataset_of_the_sample(name: str, part: Make) -> None:
    questions = part("dataset", name, "dataset.split=sample").questions()
    assert (questions.name, questions.split, len(questions)) == (name, "sample", 36)
    assert questions.match == ("regex" if name == "curatedtrec" else "string")
    assert len({question.qid for question in questions}) == 36
    assert all(question.answers for question in questions)
    assert not questions.published


@pytest.mark.parametrize("name", ["nq", "triviaqa", "webq", "curatedtrec", "squad"])
def test_published_sizes(name: str, part: Make, composed: Compose) -> None:
    """Train as published, dev, test (Karpukhin et al. 2020, table 1)."""
    published = {
        "nq": (79168, 8757, 3610),
        "triviaqa": (78785, 8837, 11313),
        "webq": (3417, 361, 2032),
        "curatedtrec": (1353, 133, 694),
        "squad": (78713, 8886, 10570),
    }
    splits = composed(f"dataset={name}").dataset.splits
    assert tuple(splits[split].count for split in ("train", "dev", "test")) == published[name]


@pytest.mark.shared
@pytest.mark.parametrize("name", ["nq", "triviaqa", "webq", "curatedtrec", "squad"])
@pytest.mark.parametrize("split", ["dev", "test"])
def test_real_questions_are_the_published_ones(
    name: str, split: str, part: Make, composed: Compose, shared: Any
) -> None:
    words = (f"dataset.split={split}", f"paths.raw={shared / 'data'}")
    questions = part("dataset", name, *words).questions()
    assert len(questions) == composed(f"dataset={name}").dataset.splits[split].count
    assert questions.published is True


@pytest.mark.parametrize("name", names("retriever"))
def test_a_retriever_tells_what_it_searches_with(name: str, part: Make) -> None:
    """What a search reads and an index does not; a hybrid has no index of its own."""
    made = part("retriever", name)
    if isinstance(made, Composite):
        assert not isinstance(made, Retriever)
        assert len(made.parts) >= 2
        assert isinstance(made.fusion, Fusion)
        if made.fusion.true_scores:
            assert all(isinstance(inner, PairScorer) for inner in made.parts.values())
    else:
        assert made.search_only <= set(made.identity)
        assert isinstance(made, PairScorer)


@pytest.mark.parametrize("name", names("retriever"))
def test_a_retriever_tells_what_it_will_take(name: str, part: Make) -> None:
    if ("retriever", name) in NEEDED:
        pytest.skip("a template: its model's size is not known")
    made = part("retriever", name)
    for one in made.parts.values() if isinstance(made, Composite) else (made,):
        few, many = (one.plan(n, 3610, 100, Runtime(device="cpu")) for n in (1e5, 2.1e7))
        assert len(few) == len(many) >= 1
        for step, longer in zip(few, many, strict=True):
            assert step.name == longer.name
            assert step.memory
            assert 0 <= step.disk <= longer.disk < math.inf
            assert 0 < step.seconds <= longer.seconds < math.inf


def test_making_parts_loads_nothing_heavy() -> None:
    """torch, transformers, faiss, numba and the JVM wait until a part works."""
    script = f"""
import sys
from hydra import compose, initialize_config_dir
from qa_bench.parts import make
from qa_bench.paths import CONF, register_resolvers
register_resolvers()
needed = {NEEDED!r}
with initialize_config_dir(str(CONF), version_base="1.3"):
    for group, name in {EVERY_PART!r}:
        inner = group in {[group for group in PARTS if inside(group)]!r}
        override = f"+{{group}}@one={{name}}" if inner else f"{{group}}={{name}}"
        config = compose("config", [override, *needed.get((group, name), ())])
        make(group, config["one" if inner else group])
heavy = ("torch", "transformers", "sentence_transformers", "huggingface_hub", "faiss", "numba",
         "scipy", "sklearn", "pandas", "datasets", "jnius", "jnius_config", "pyserini")
print([name for name in heavy if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[]\n"


def listed(group: str) -> list[str]:
    """Those that are no more than what several have in common are not shown."""
    return [name for name in names(group) if not name.startswith("_")]


def test_list_shows_every_yaml(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    shown: dict[str, list[str]] = {}
    for line in capsys.readouterr().out.splitlines():
        if not line.startswith(" "):
            shown[group := line.removesuffix("=")] = []
        else:
            name, description = line.split(maxsplit=1)
            assert len(description) > 10
            shown[group].append(name)
    assert shown == {group: listed(group) for group in GROUPS}


@pytest.mark.parametrize("group", GROUPS)
def test_list_of_one_group(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", group]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{group}="
    assert [line.split()[0] for line in lines[1:]] == listed(group)


def test_no_yaml_lies_elsewhere() -> None:
    known = {CONF / group / f"{name}.yaml" for group in GROUPS for name in names(group)}
    found = {path for path in CONF.rglob("*.yaml") if "hydra" not in path.parts}
    assert found == known | {CONF / "config.yaml"}
