"""Every YAML composes, and every part is what its Protocol asks for."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib import metadata
from typing import Any

import pytest
from conf_names import GROUPS, names

from qa_bench.cli import main
from qa_bench.paths import CONF, SAMPLE
from qa_bench.protocols import PARTS
from qa_bench.types import Runtime

EVERY_PART = [(group, name) for group in PARTS for name in names(group)]
Compose = Callable[..., Any]
Make = Callable[..., Any]

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
        "chunker", "corpus", "dataset", "experiment", "metric", "retriever", "runtime",
    }  # fmt: skip
    assert set(names("dataset")) >= {"nq", "triviaqa", "webq", "curatedtrec", "squad", "file"}
    assert len(EVERY_PART) >= 18


def test_defaults(composed: Compose) -> None:
    config = composed()
    assert (config.retriever.k1, config.retriever.b) == (0.9, 0.4)
    assert config.depth == 100
    assert config.chunker.size == 100
    assert config.paths.sample == str(SAMPLE)
    assert set(config.metrics) == set(names("metric"))


@every_part
def test_part(group: str, name: str, part: Make) -> None:
    made = part(group, name)
    assert isinstance(made.made, PARTS[group])
    description = made.about["description"]
    assert 10 < len(description) <= 100
    assert "\n" not in description
    assert made.config["_target_"].startswith(f"qa_bench.{group}.")
    assert isinstance(made.config["_version_"], int)


@every_part
def test_identity(group: str, name: str, part: Make) -> None:
    """No label in it, nothing but JSON in it, and the same every time."""
    made = part(group, name)
    assert "about" not in keys(made.config)
    assert not set(getattr(made.made, "labels", ())) & set(made.config)
    assert json.loads(json.dumps(made.config)) == made.config
    assert part(group, name).config == made.config


def test_labels_change_no_identity(part: Make) -> None:
    for group, name in EVERY_PART:
        if group == "metric":
            continue
        plain = part(group, name)
        relabelled = part(group, name, f"++{group}.about.description=other")
        assert relabelled.config == plain.config
        assert relabelled.about["description"] == "other"
    for name in names("corpus"):
        moved = part("corpus", name, "corpus.path=x", "corpus.name=y")
        assert {"path", "name"} <= set(moved.made.labels)
        assert moved.config == part("corpus", name).config


def test_packages_that_decide_results_are_in_the_identity(part: Make) -> None:
    for name in names("retriever"):
        made = part("retriever", name)
        for package in getattr(made.made, "depends", ()):
            assert made.config[f"_{package}_"] == metadata.version(package)
    assert part("retriever", "bm25").config["_pyserini_"].startswith("1.")


def test_settings_change_the_identity(part: Make) -> None:
    for group, name, change in (
        ("chunker", "words", "chunker.size=50"),
        ("chunker", "words", "chunker.tail=wrap"),
        ("retriever", "bm25", "retriever.k1=1.2"),
        ("dataset", "nq", "dataset.split=dev"),
    ):
        assert part(group, name, change).config != part(group, name).config


@pytest.mark.parametrize("name", names("runtime"))
def test_runtime(name: str, composed: Compose) -> None:
    runtime = Runtime(**composed(f"runtime={name}").runtime)
    assert runtime.workers >= 1


@pytest.mark.parametrize("name", names("experiment"))
def test_experiment(name: str, composed: Compose) -> None:
    config = composed(f"experiment={name}")
    assert config.name == name
    for group in PARTS:
        if group != "metric":
            assert config[group]._target_.startswith(f"qa_bench.{group}.")


def test_sample_experiment(composed: Compose, part: Make) -> None:
    config = composed("experiment=sample", "dataset=webq")
    assert config.dataset.split == "sample"
    assert config.corpus.path == str(SAMPLE / "articles.jsonl")


@pytest.mark.parametrize("name", ["nq", "triviaqa", "webq", "curatedtrec", "squad"])
def test_dataset_of_the_sample(name: str, part: Make) -> None:
    questions = part("dataset", name, "dataset.split=sample").made.questions()
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
    questions = part("dataset", name, *words).made.questions()
    assert len(questions) == composed(f"dataset={name}").dataset.splits[split].count
    assert questions.published is True


def test_making_parts_loads_nothing_heavy() -> None:
    """torch, transformers, faiss and the JVM wait until a part works."""
    script = f"""
import sys
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from qa_bench.parts import make
from qa_bench.paths import CONF, SAMPLE
OmegaConf.register_new_resolver("qa_bench.sample", lambda: str(SAMPLE))
with initialize_config_dir(str(CONF), version_base="1.3"):
    for group, name in {EVERY_PART!r}:
        override = f"+metric@one={{name}}" if group == "metric" else f"{{group}}={{name}}"
        config = compose("config", [override])
        make(group, config["one" if group == "metric" else group])
heavy = ("torch", "transformers", "faiss", "jnius", "jnius_config", "pyserini")
print([name for name in heavy if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[]\n"


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
    assert shown == {group: names(group) for group in GROUPS}


@pytest.mark.parametrize("group", GROUPS)
def test_list_of_one_group(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", group]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{group}="
    assert [line.split()[0] for line in lines[1:]] == names(group)


def test_no_yaml_lies_elsewhere() -> None:
    known = {CONF / group / f"{name}.yaml" for group in GROUPS for name in names(group)}
    found = {path for path in CONF.rglob("*.yaml") if "hydra" not in path.parts}
    assert found == known | {CONF / "config.yaml"}
