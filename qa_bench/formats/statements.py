"""What exports take from a certificate: an in-toto Statement with SLSA's provenance predicate."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from qa_bench.errors import DataError

_KIND = "https://in-toto.io/Statement/v1"
_MEASUREMENT = "/measurement/v1"
"""How the name of the field with our figures ends, whatever address it begins with."""


@dataclass(frozen=True)
class Statement:
    """A certificate, and what stands where in it.

    Attributes:
        content: the whole of it.
        stem: the name of its file without the suffix.
    """

    content: Mapping[str, Any]
    stem: str

    @classmethod
    def of(cls, content: Any, path: Path) -> Statement:
        """Check what exports look at.

        Args:
            content: what the file holds.
            path: the file.

        Raises:
            DataError: it is no certificate, such as a record of 0.1.
        """
        statement = cls(content, path.name.removesuffix(".json"))
        try:
            whole = content["_type"] == _KIND and all(
                isinstance(part, Mapping)
                for part in (
                    *(statement.measurement, statement.config, statement.versions),
                    *(statement.machine, statement.costs, statement.figures),
                )
            )
            names = {"system", "dataset", "split", "n"} <= set(statement.measurement)
            whole = whole and names and bool(statement.figures)
            whole = whole and all("value" in figure for figure in statement.figures.values())
            whole = whole and all("digest" in part for part in statement.files)
        except (KeyError, TypeError, AttributeError, StopIteration):
            whole = False
        if not whole:
            raise DataError("no certificate: run the system again", path)
        return statement

    @cached_property
    def measurement(self) -> Mapping[str, Any]:
        """System, set, rules, figures."""
        return next(self.content[name] for name in self.content if name.endswith(_MEASUREMENT))

    @property
    def figures(self) -> Mapping[str, Mapping[str, Any]]:
        """By metric: value, and hits, ci, ci_method where they are known."""
        return self.measurement["values"]  # type: ignore[no-any-return]

    def heading(self, metric: str) -> tuple[str, str]:
        """What tables call a metric, and its unit: "%" for fractions."""
        heading = (self.measurement.get("headings") or {}).get(metric)
        if not isinstance(heading, list | tuple) or len(heading) not in (2, 3):
            return metric, "%"
        return str(heading[0]), str(heading[1])

    def lower(self, metric: str) -> bool:
        """Whether a metric's lower value is the better one."""
        heading = (self.measurement.get("headings") or {}).get(metric)
        return isinstance(heading, list | tuple) and len(heading) == 3 and bool(heading[2])

    @property
    def _build(self) -> Mapping[str, Any]:
        return self.content["predicate"]["buildDefinition"]  # type: ignore[no-any-return]

    @property
    def _details(self) -> Mapping[str, Any]:
        return self.content["predicate"]["runDetails"]  # type: ignore[no-any-return]

    @property
    def command(self) -> str:
        """The command line."""
        return str(self._build["externalParameters"].get("command", ""))

    @property
    def config(self) -> Mapping[str, Any]:
        """The resolved configuration."""
        return self._build["externalParameters"].get("config", {})  # type: ignore[no-any-return]

    @property
    def dependencies(self) -> Sequence[Mapping[str, Any]]:
        """What went in: files, models, the package."""
        return self._build.get("resolvedDependencies", [])  # type: ignore[no-any-return]

    @property
    def versions(self) -> Mapping[str, str]:
        """Of qa_bench, Python and packages."""
        return self._details["builder"].get("version", {})  # type: ignore[no-any-return]

    @property
    def stages(self) -> Sequence[Mapping[str, Any]]:
        """A manifest each."""
        return self._details.get("byproducts", [])  # type: ignore[no-any-return]

    @property
    def started(self) -> str:
        """When, ISO 8601; empty where that is not known."""
        return str(self._details.get("metadata", {}).get("startedOn") or "")

    @property
    def finished(self) -> str:
        """When, ISO 8601; empty where that is not known."""
        return str(self._details.get("metadata", {}).get("finishedOn") or "")

    @property
    def machine(self) -> Mapping[str, Any]:
        """cpu, cores, ram_gib, gpu, where known."""
        return self._details.get("machine") or {}

    @property
    def costs(self) -> Mapping[str, float]:
        """Passages, index_mb, search_s and the like, where known."""
        return self._details.get("costs") or {}

    @property
    def files(self) -> Sequence[Mapping[str, Any]]:
        """The subjects: what the certificate certifies; the per-question file is one."""
        return self.content["subject"]  # type: ignore[no-any-return]

    @property
    def commit(self) -> str:
        """The commit of qa_bench; empty where it ran from no checkout."""
        return next(
            (
                str(part["digest"]["gitCommit"])
                for part in self.dependencies
                if part.get("name") == "qa_bench" and "gitCommit" in part.get("digest", {})
            ),
            "",
        )

    @property
    def label(self) -> str:
        """The system with its corpus."""
        corpus = self.measurement.get("corpus")
        system = str(self.measurement["system"])
        return f"{system} ({corpus})" if isinstance(corpus, str) and corpus else system

    @property
    def question_set(self) -> str:
        """``nq-test``: the set with its split."""
        return f"{self.measurement['dataset']}-{self.measurement['split']}"

    @property
    def digest(self) -> str:
        """SHA-256 of the certificate as canonical JSON."""
        text = json.dumps(self.content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def parameter(metric: str) -> tuple[str, int | float | None]:
    """A metric's name and its k: ``answer_recall@20`` is ("answer_recall", 20)."""
    name, _, rest = metric.partition("@")
    if not re.fullmatch(r"\d+(\.\d+)?", rest):
        return metric, None
    return name, float(rest) if "." in rest else int(rest)
