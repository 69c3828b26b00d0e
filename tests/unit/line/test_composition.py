"""The loader composes what Hydra composes, each job once, from files parsed once."""

from __future__ import annotations

import copy
import pickle
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hydra import version
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import ConfigSearchPath, SearchPathQuery
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.utils import setup_globals
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from qa_bench import trust
from qa_bench.line.composition import CheckedLoader, Loader, nothing_twice
from qa_bench.paths import CONF, register_resolvers

SWEEP = "experiment=sample"
NAMES = ("bm25", "hybrid_linear", "minilm")
JOBS = [[SWEEP, f"retriever={name}", "dataset=webq"] for name in NAMES]


@pytest.fixture(autouse=True)
def hydra_ready() -> None:
    """As the command leaves Hydra before it composes."""
    version.setbase("1.3")
    setup_globals()
    register_resolvers()


def places(folder: Path | None = None) -> ConfigSearchPath:
    """Where the command looks, with a folder of the user's own if there is one."""
    found = create_config_search_path(str(CONF))
    if folder is not None:
        found.prepend("command-line", f"file://{folder}", SearchPathQuery(provider="schema"))
    return found


def pair(folder: Path | None = None) -> tuple[ConfigLoaderImpl, Loader]:
    """Hydra's loader, and ours."""
    return ConfigLoaderImpl(places(folder)), Loader(places(folder))


def composed(loader: ConfigLoaderImpl, *overrides: str, mode: RunMode = RunMode.RUN) -> DictConfig:
    return loader.load_configuration("config", list(overrides), mode)


def described(node: Any) -> Any:
    """All there is to a node: types, flags, order of the keys, what is inside, not resolved."""
    data = node._metadata
    flags = {name: value for name, value in (data.flags or {}).items() if value is not None}
    head = [type(node), data.key, data.optional, data.ref_type, data.object_type, flags]
    content = node._value()
    if isinstance(node, DictConfig | ListConfig):
        head += [
            data.element_type,
            {name: set(told) for name, told in OmegaConf.get_cache(node).items()},
        ]
        pairs = content.items() if isinstance(content, dict) else enumerate(content or [])
        if isinstance(content, dict | list):
            return [head, [(name, described(inner)) for name, inner in pairs]]
    return [head, content]


def parents_are_right(node: Any) -> bool:
    """Whether every node knows what it lies in, without which no ``${…}`` resolves."""
    content = node._value()
    if not isinstance(content, dict | list):
        return True
    inner = content.values() if isinstance(content, dict) else content
    return all(part._get_parent() is node and parents_are_right(part) for part in inner)


OVERRIDES: list[tuple[str, ...]] = [
    (),
    *((f"experiment={path.stem}",) for path in sorted((CONF / "experiment").glob("*.yaml"))),
    ("retriever=hybrid_linear", "retriever@retriever.parts.dense=e5_base", "depth=7"),
    ("+retriever@retriever.parts.third=faiss", "retriever=hybrid_rrf", "~retriever.parts.bm25"),
    ("reader=smollm2", "reranker=rankgpt", "reranker.lm.model=x", "lm@reranker.lm=openai"),
    ("hydra/job_logging=disabled", "hydra.sweep.dir=out/${now:%Y}", "hydra.job.name=${name}"),
    ("metric@metrics.mrr=word_recall", "+metric@metrics.more=reading", "name=${depth}"),
]


@pytest.mark.parametrize("overrides", OVERRIDES, ids=" ".join)
def test_it_composes_what_hydra_composes(overrides: tuple[str, ...]) -> None:
    hydras, ours = pair()
    expected = composed(hydras, *overrides)
    for _ in range(2):  # the second from what the first left
        config = composed(ours, *overrides)
        assert described(config) == described(expected)
        assert parents_are_right(config)
    assert OmegaConf.to_yaml(config, resolve=False) == OmegaConf.to_yaml(expected, resolve=False)


def test_a_multirun_composes_what_hydra_composes() -> None:
    hydras, ours = pair()
    expected, master = (composed(one, SWEEP, mode=RunMode.MULTIRUN) for one in (hydras, ours))
    assert described(master) == described(expected)
    for checked in (True, False):
        for job in JOBS:
            told = described(hydras.load_sweep_config(expected, job))
            assert described(ours.load_sweep_config(master, job)) == told, checked


def test_a_job_is_composed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, ...]] = []
    load = ConfigLoaderImpl.load_configuration

    def counted(self: Any, config_name: str, overrides: list[str], *rest: Any, **more: Any) -> Any:
        calls.append(tuple(overrides))
        return load(self, config_name, overrides, *rest, **more)

    monkeypatch.setattr(ConfigLoaderImpl, "load_configuration", counted)
    _, ours = pair()
    master = composed(ours, SWEEP, mode=RunMode.MULTIRUN)
    checked = [ours.load_sweep_config(master, job) for job in JOBS]
    assert len(calls) == 1 + len(JOBS)
    launched = [ours.load_sweep_config(master, job) for job in JOBS]
    assert len(calls) == 1 + len(JOBS)
    assert [config.hydra.overrides.task for config in launched] == JOBS
    assert all(one is not other for one, other in zip(checked, launched, strict=True))
    ours.load_sweep_config(master, JOBS[0])  # no batch of the check's: composed anew
    assert len(calls) == 2 + len(JOBS)


def test_a_file_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: Counter[str] = Counter()
    load = OmegaConf.load

    def counted(file: Any) -> Any:
        parsed[getattr(file, "name", str(file))] += 1
        return load(file)

    monkeypatch.setattr(OmegaConf, "load", counted)
    _, ours = pair()
    master = composed(ours, SWEEP, mode=RunMode.MULTIRUN)
    for job in JOBS:
        ours.load_sweep_config(master, job)
    assert {f"{CONF}/config.yaml", f"{CONF}/retriever/minilm.yaml"} <= set(parsed)
    assert set(parsed.values()) == {1}


def test_who_changes_a_configuration_changes_no_other() -> None:
    _, ours = pair()
    master = composed(ours, SWEEP, mode=RunMode.MULTIRUN)
    before = described(first := ours.load_sweep_config(master, JOBS[1]))
    OmegaConf.set_struct(first, False)
    first.retriever.parts.bm25.k1 = 77
    first.hydra.job.num = 77
    del first["dataset"]
    second = ours.load_sweep_config(master, JOBS[1])
    assert described(second) == before
    second.depth = 77
    assert described(ours.load_sweep_config(master, JOBS[1])) == before


def test_what_the_multirun_has_resolved_is_so_in_its_jobs() -> None:
    """``${now:…}`` is one time in all of them, even if it was looked up after the check."""
    _, ours = pair()
    master = composed(ours, SWEEP, "+at=${now:%f}", mode=RunMode.MULTIRUN)
    job = [*JOBS[0], "+at=${now:%f}"]
    ours.load_sweep_config(master, job)
    at = master["at"]
    assert ours.load_sweep_config(master, job)["at"] == at


def test_a_folder_of_the_search_path(tmp_path: Path) -> None:
    """One name in two places: which file is meant depends on where Hydra looks."""
    for name, size in (("one", 11), ("other", 22)):
        (tmp_path / name / "chunker").mkdir(parents=True)
        (tmp_path / name / "chunker" / "here.yaml").write_text(f"size: {size}\n")
    _, ours = pair()
    for name, size in (("one", 11), ("other", 22), ("one", 11)):
        where = f"hydra.searchpath=[file://{tmp_path / name}]"
        assert composed(ours, where, "chunker=here").chunker.size == size
    with pytest.raises(HydraException, match="here"):
        composed(ours, "chunker=here")


BAD = {
    "experiment/no_number.yaml": "# @package _global_\nhydra: {job: {num: many}}\n",
    "experiment/no_group.yaml": "# @package _global_\ndefaults: [override /nosuch: x, _self_]\n",
    "experiment/no_hydra.yaml": "# @package _global_\nhydra: {sweep: 3}\n",
    "experiment/path.yaml": "# @package _global_\nhydra: {searchpath: [x]}\n",
    "experiment/list.yaml": "# @package _global_\n- k1\n",
}
WRONG = [
    *(path.removesuffix(".yaml").replace("/", "=") for path in BAD),
    *("retriever=nope", "nogroup=x", "nosuch=1", "retriever.nosuch=1", "+depth=1", "~retriever=x"),
    *("depth=1,2", "retriever.k1", "hydra/launcher=nope", "name=${nosuch", "hydra.job.num=x"),
]


def complaint(loader: ConfigLoaderImpl, override: str) -> tuple[type, str, str]:
    """What is raised, and why."""
    raised = (HydraException, OmegaConfBaseException, YAMLError, TypeError, ValueError)
    with pytest.raises(raised) as caught:
        composed(loader, override)
    return caught.type, str(caught.value), str(caught.value.__cause__)


@pytest.mark.parametrize("override", WRONG)
def test_it_complains_as_hydra_does(override: str, tmp_path: Path) -> None:
    for name, text in BAD.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    hydras, ours = pair(tmp_path)
    expected = complaint(hydras, override)
    assert complaint(ours, override) == expected
    assert complaint(ours, override) == expected


def test_a_configuration_that_cannot_be_pickled(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of a class, with a defaults list of its own, which no file of ours is."""

    @dataclass
    class Own:
        defaults: list[Any] = field(default_factory=lambda: [{"/fusion@inner": "rrf"}, "_self_"])
        size: int = 5

    hydras, ours = pair()
    store = ConfigStore.instance()
    monkeypatch.setattr(store, "repo", copy.deepcopy(store.repo))
    store.store(group="chunker", name="own", node=Own)
    expected = described(composed(hydras, "chunker=own"))
    for _ in range(2):
        config = composed(ours, "chunker=own")
        assert described(config) == expected
        assert "defaults" not in config.chunker
        assert config.chunker.inner._target_.startswith("qa_bench.fusion.")


def test_workers_of_a_launcher_get_a_loader_without_memory() -> None:
    _, ours = pair()
    expected = described(composed(ours, *JOBS[1]))
    for sent in (pickle.loads(pickle.dumps(ours)), copy.deepcopy(ours)):
        assert type(sent) is CheckedLoader
        assert described(composed(sent, *JOBS[1])) == expected


def test_workers_of_a_launcher_trust_the_same() -> None:
    before = trust.current()
    trust.allow(["my_retrievers"])
    try:
        _, ours = pair()
        sent = pickle.dumps(ours)
        trust.become(trust.Trust(frozenset(["another"]), ""))
        pickle.loads(sent)
        assert "my_retrievers" in trust.current().modules
        assert "another" not in trust.current().modules
    finally:
        trust.become(before)


def test_hydra_is_as_it_was_before() -> None:
    before = GlobalHydra.instance()
    with nothing_twice():
        assert GlobalHydra.instance() is not before
    assert GlobalHydra.instance() is before
