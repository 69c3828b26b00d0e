"""Hydra makes its own classes, those of its plugins and those that are trusted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from omegaconf import OmegaConf

from qa_bench import trust
from qa_bench.errors import UserError
from qa_bench.line.hydra_targets import check_hydra

ITS_OWN: list[dict[str, Any]] = [
    {"launcher": {"_target_": "hydra._internal.core_plugins.basic_launcher.BasicLauncher"}},
    {
        "launcher": {
            "_target_": "hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher"
        }
    },
    {"sweeper": {"_target_": "hydra_plugins.x.Y", "sampler": {"_target_": "optuna.samplers.TPE"}}},
    {"callbacks": {"tables": {"_target_": "qa_bench.cli.multirun.Expected"}, "none": None}},
    {
        "job_logging": {
            "handlers": {"a": {"class": "logging.FileHandler", "filename": "${nosuch}/x"}}
        }
    },
    {"job_logging": {"formatters": {"a": {"()": "colorlog.ColoredFormatter"}}}},
    {"job": {"env_set": {"OMP_NUM_THREADS": "1"}}},
    {"job_logging": None, "callbacks": {}},
]
OTHERS: list[tuple[dict[str, Any], str]] = [
    ({"callbacks": {"x": {"_target_": "os.system"}}}, r"callbacks\.x\._target_: os\.system"),
    ({"callbacks": {"x": {"y": [{"_target_": "os.system"}]}}}, r"callbacks\.x\.y\.0\._target_"),
    ({"callbacks": "${evil}", "evil": {"x": {"_target_": "os.system"}}}, r"os\.system"),
    ({"callbacks": {"x": "${evil}"}, "evil": {"_target_": "os.system"}}, r"os\.system"),
    ({"callbacks": {"x": "${nosuch}"}}, "not known yet"),
    ({"launcher": {"_target_": "my_launchers.Own"}}, "--trust my_launchers"),
    ({"sweeper": {"_target_": "hydra_plugins.x.Y", "s": {"_target_": "evil.X"}}}, "--trust evil"),
    ({"callbacks": {"x": {"_target_": "qa_bench.cli.main.main"}}}, r"qa_bench\.cli\.main"),
    ({"callbacks": {"x": {"_target_": "hydra.utils.call"}}}, r"hydra\.utils\.call"),
    ({"job_logging": {"handlers": {"x": {"()": "os.system"}}}}, r"job_logging\.handlers\.x\.\(\)"),
    ({"hydra_logging": {"handlers": {"x": {"class": "evil.H"}}}}, "--trust evil"),
    ({"job_logging": {"handlers": {"x": {"stream": "ext://evil.s"}}}}, "--trust evil"),
    ({"job": {"env_set": {"PYTHONPATH": "."}}}, r"hydra\.job\.env_set\.PYTHONPATH"),
    ({"job": {"env_set": {"QA_BENCH_TRUST": "x"}}}, "QA_BENCH_TRUST"),
]


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = trust.current()
    yield
    trust.become(before)


@pytest.mark.parametrize("node", ITS_OWN, ids=str)
def test_its_own(node: dict[str, Any]) -> None:
    check_hydra(OmegaConf.create(node))


@pytest.mark.parametrize(("node", "message"), OTHERS, ids=str)
def test_somebody_elses(node: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        check_hydra(OmegaConf.create(node))


def test_a_module_that_is_trusted() -> None:
    trust.allow(["my_launchers"])
    check_hydra(OmegaConf.create({"launcher": {"_target_": "my_launchers.Own"}}))
