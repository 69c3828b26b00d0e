"""A record's file: an in-toto Statement with SLSA's provenance predicate, unsigned.

in-toto attestation, spec v1 (Statement) and SLSA Provenance v1. What the standards know stands in
their fields; the figures in a field of their own, which readers of either skip. Times and costs lie
in ``runDetails`` alone: two runs of the same bytes differ there and nowhere else.

It shows what was changed by accident, not what was forged: sign the file to be sure of that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from qa_bench.statistics.interval import interval

TYPE = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"
_OURS = "urn:qa-bench:predicate"
BUILD_TYPE = f"{_OURS}/line/v1"
MEASUREMENT = f"{_OURS}/measurement/v1"


@dataclass(frozen=True)
class Provenance:
    """How figures came about.

    Attributes:
        command: the command line of this one job, without secrets.
        config: the resolved configuration, without secrets and the home folder's name.
        runtime: settings that change no result.
        dependencies: what went in, as SLSA's ResourceDescriptors.
        versions: of qa_bench, Python, and packages.
        stages: a ResourceDescriptor of each stage's manifest, in the order they were needed.
        started: when, in UTC, ISO 8601.
        finished: the same.
        machine: what it ran on.
    """

    command: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    runtime: Mapping[str, Any] = field(default_factory=dict)
    dependencies: Sequence[Mapping[str, Any]] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    stages: Sequence[Mapping[str, Any]] = ()
    started: str = ""
    finished: str = ""
    machine: Mapping[str, Any] = field(default_factory=dict)


UNKNOWN = Provenance()


def statement(
    record: Mapping[str, Any],
    name: str,
    rows: Mapping[str, Sequence[Any]],
    provenance: Provenance,
) -> dict[str, Any]:
    """The certificate of a record.

    Args:
        record: the fields of a ``Record``.
        name: of its per-question file, whose digest the record knows.
        rows: what that file holds.
        provenance: how they came about.
    """
    measured = dict(record)
    costs = measured.pop("costs")
    digest = measured.pop("digest")
    measured.pop("denominators", None)  # a figure tells its own
    measured["headings"] = {
        metric: list(heading) if any(heading[2:]) else list(heading[:2])
        for metric, heading in record["headings"].items()
    }
    groups = _codes(rows["group"]) if "group" in rows else None
    measured["values"] = {
        metric: _figure(value, rows.get(metric), groups)
        for metric, value in record["values"].items()
    }
    return {
        "_type": TYPE,
        "subject": [{"name": name, "digest": {"sha256": digest}}],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "command": provenance.command,
                    "config": dict(provenance.config),
                },
                "internalParameters": {"runtime": dict(provenance.runtime)},
                "resolvedDependencies": list(provenance.dependencies),
            },
            "runDetails": {
                "builder": {"id": f"{_OURS}/local-machine", "version": dict(provenance.versions)},
                "metadata": {
                    "invocationId": record["key"],
                    "startedOn": provenance.started,
                    "finishedOn": provenance.finished,
                },
                "byproducts": list(provenance.stages),
                "machine": dict(provenance.machine),
                "costs": costs,
            },
        },
        MEASUREMENT: measured,
    }


def _codes(names: Sequence[Any]) -> np.ndarray:
    return np.unique(np.asarray(names, dtype=str), return_inverse=True)[1]


def _figure(
    value: float, column: Sequence[Any] | None, groups: np.ndarray | None
) -> dict[str, Any]:
    """A figure with its 95 % interval; of 0/1 values, with their number.

    Where questions have no value, it is one of ``n`` others.
    """
    figure: dict[str, Any] = {"value": value}
    if column is None or not len(column):
        return figure
    values = np.asarray(column, dtype=np.float64)
    if any(entry is None for entry in column):
        there = ~np.isnan(values)
        figure["n"], values = int(there.sum()), values[there]
        groups = None if groups is None else np.unique(groups[there], return_inverse=True)[1]
    if groups is None and bool(np.isin(values, (0.0, 1.0)).all()):
        figure["hits"] = int(values.sum())
    if np.isfinite(values).all() and (groups is None or len(np.unique(groups)) > 1):
        span = interval(values, groups=groups)
        figure["ci"], figure["ci_method"] = [float(span.low), float(span.high)], span.method
    return figure


_NO_FIGURE = frozenset({"name", "system", "paths", "offline"})
"""Settings that say what it is called and where it lies."""


def settings(content: Mapping[str, Any]) -> dict[str, Any]:
    """What makes a certificate's figures, by place: ``retriever.k1``; empty for a record of 0.1."""
    definition = content.get("predicate", {}).get("buildDefinition", {})
    config = definition.get("externalParameters", {}).get("config", {})
    return {
        place: value
        for name, own in config.items()
        if name not in _NO_FIGURE
        for place, value in _flat(str(name), own)
    }


def _flat(place: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for name, one in value.items():
            yield from _flat(f"{place}.{name}", one)
    else:
        yield place, value


def fields(content: Any) -> dict[str, Any]:
    """The fields of a ``Record`` in a certificate, or in a record of 0.1, which is only reported.

    Raises:
        ValueError: it is neither, or of a version that is not known here.
        KeyError: a field is missing.
    """
    if "_type" not in content:
        return {**content, "key": "", "digest": ""}
    if content["_type"] != TYPE or content["predicateType"] != PREDICATE:
        raise ValueError("another kind of statement")
    if MEASUREMENT not in content:
        others = [name for name in content if str(name).startswith(_OURS)]
        raise ValueError(f"of another version: {others[0]}" if others else "no measurement")
    measured = dict(content[MEASUREMENT])
    values = measured.pop("values")
    (subject,) = [one for one in content["subject"] if one["name"].endswith(".csv")]
    return {
        **measured,
        "values": {metric: figure["value"] for metric, figure in values.items()},
        "denominators": {metric: figure["n"] for metric, figure in values.items() if "n" in figure},
        "costs": content["predicate"]["runDetails"]["costs"],
        "digest": subject["digest"]["sha256"],
    }
