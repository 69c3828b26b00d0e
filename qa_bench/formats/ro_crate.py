"""RO-Crate 1.1 with the Process Run Crate profile 0.5: who made which file with what.

Source: https://www.researchobject.org/ro-crate/specification/1.1 and
https://w3id.org/ro/wfrun/process/0.5. One action a stage, and one a certificate.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from qa_bench.formats.statements import Statement

FILE = "ro-crate-metadata.json"

_PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
_BASE = "https://w3id.org/ro/crate/1.1"
_CONTEXT = [f"{_BASE}/context", "https://w3id.org/ro/terms/workflow-run/context"]
_UNDATED = "1970-01-01T00:00:00Z"

Entity = dict[str, Any]


def ro_crate(name: str, statements: Sequence[Statement]) -> dict[str, Any]:
    """The metadata of a folder that holds certificates and their per-question files.

    Args:
        name: of the experiment.
        statements: the certificates, each beside what it certifies.
    """
    graph = _Graph()
    for statement in statements:
        _add(graph, statement)
    published = max((s.finished for s in statements if s.finished), default=_UNDATED)
    head: list[Entity] = [
        {
            "@id": FILE,
            "@type": "CreativeWork",
            "conformsTo": {"@id": _BASE},
            "about": {"@id": "./"},
        },
        {
            "@id": "./",
            "@type": "Dataset",
            "conformsTo": {"@id": _PROFILE},
            "name": name,
            "description": f"Results of the question answering experiment {name}: figures, "
            "values of each question, and how they came about",
            "datePublished": published,
            "hasPart": [_link(one) for one in graph.files],
            "mentions": [_link(one) for one in graph.actions],
        },
        {
            "@id": _PROFILE,
            "@type": "CreativeWork",
            "name": "Process Run Crate",
            "version": "0.5",
        },
    ]
    return {"@context": _CONTEXT, "@graph": [*head, *graph.entities.values()]}


class _Graph:
    """Entities, each once; the first of an id counts."""

    def __init__(self) -> None:
        self.entities: dict[str, Entity] = {}
        self.files: list[str] = []
        self.actions: list[str] = []

    def add(self, entity: Entity) -> str:
        name: str = entity["@id"]
        if name not in self.entities:
            self.entities[name] = entity
            if entity["@type"] == "File":
                self.files.append(name)
            if entity["@type"] == "CreateAction":
                self.actions.append(name)
        return name


def _link(name: str) -> Entity:
    return {"@id": name}


def _add(graph: _Graph, statement: Statement) -> None:
    """The actions of one certificate, and what they took and made."""
    version = str(statement.versions.get("qa_bench", "unknown"))
    tool = graph.add(
        {
            "@id": f"#qa_bench-{quote(version, safe='')}",
            "@type": "SoftwareApplication",
            "name": "qa_bench",
            "softwareVersion": version,
        }
    )
    inputs = [
        graph.add(_thing(part)) for part in statement.dependencies if part.get("name") != "qa_bench"
    ]
    outputs: list[str] = []
    for stage in statement.stages:
        outputs.append(_stage(graph, stage, tool))
    certificate = f"{statement.stem}.json"
    results = [
        graph.add(_file(str(part["name"]), part.get("digest", {}))) for part in _here(statement)
    ]
    results.append(graph.add(_file(certificate, {})))
    results += [graph.add(_value(statement, metric)) for metric in statement.figures]
    action: Entity = {
        "@id": f"#run-{quote(statement.stem, safe='')}",
        "@type": "CreateAction",
        "name": f"{statement.label} on {statement.question_set}",
        "description": statement.command,
        "instrument": _link(tool),
        "object": [_link(one) for one in dict.fromkeys([*inputs, *outputs])],
        "result": [_link(one) for one in results],
    }
    if statement.started:
        action["startTime"] = statement.started
    if statement.finished:
        action["endTime"] = statement.finished
    graph.add(action)


def _here(statement: Statement) -> list[Any]:
    """The subjects that lie beside the certificate: those whose names are a file's."""
    return [part for part in statement.files if str(part["name"]).endswith(".csv")]


def _stage(graph: _Graph, stage: Any, tool: str) -> str:
    """The action of a stage; returns what it made, which is not in the crate."""
    notes = stage.get("annotations") or {}
    digest = stage.get("digest", {})
    key = str(notes.get("key") or digest.get("sha256") or stage["name"])
    title = str(stage["name"]).removeprefix("manifest of ").removeprefix("manifest ")
    output = graph.add(
        {
            "@id": f"urn:qa-bench:stage:{quote(key, safe='')}",
            "@type": "CreativeWork",
            "name": f"output of {title}",
            "identifier": key,
            **({"sha256": digest["sha256"]} if "sha256" in digest else {}),
            **({"alternateName": stage["uri"]} if stage.get("uri") else {}),
        }
    )
    sources = [f"urn:qa-bench:stage:{quote(str(one), safe='')}" for one in _values(notes)]
    graph.add(
        {
            "@id": f"#stage-{quote(key, safe='')}",
            "@type": "CreateAction",
            "name": title,
            "instrument": _link(tool),
            "object": [_link(one) for one in sources if one in graph.entities],
            "result": [_link(output)],
        }
    )
    return output


def _values(notes: Any) -> list[Any]:
    inputs = notes.get("inputs")
    return list(inputs.values()) if isinstance(inputs, dict) else []


def _thing(dependency: Any) -> Entity:
    """An input: it is told by its digest, and is not in the crate."""
    digests = dependency.get("digest", {})
    algorithm, value = next(iter(digests.items()), ("name", str(dependency.get("name", ""))))
    entity: Entity = {
        "@id": f"urn:qa-bench:input:{quote(algorithm, safe='')}:{quote(str(value), safe='')}",
        "@type": "CreativeWork",
        "name": str(dependency.get("uri") or dependency.get("name", "")),
        "description": str(dependency.get("name", "")),
        "identifier": str(value),
    }
    if algorithm == "sha256":
        entity["sha256"] = value
    return entity


def _file(name: str, digests: Any) -> Entity:
    entity: Entity = {
        "@id": quote(name),
        "@type": "File",
        "name": name,
        "encodingFormat": "text/csv" if name.endswith(".csv") else "application/json",
    }
    if "sha256" in digests:
        entity["sha256"] = digests["sha256"]
    return entity


def _value(statement: Statement, metric: str) -> Entity:
    name = f"{statement.stem}/{metric}"
    return {
        "@id": f"#{quote(name, safe='')}",
        "@type": "PropertyValue",
        "name": metric,
        "value": statement.figures[metric]["value"],
    }
