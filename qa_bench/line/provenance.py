"""How a line's figures came about, for their certificate: command, settings, inputs, stages."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import qa_bench
from qa_bench.engine.manifest import MANIFEST
from qa_bench.engine.stage import Stage
from qa_bench.errors import UserError
from qa_bench.line.line import Line
from qa_bench.net.secrets import redacted_addresses
from qa_bench.paths import SAMPLE
from qa_bench.report.certificate import Provenance
from qa_bench.types import Folder

_SECRET = re.compile(
    r"(?i)(^|[._@+])(api_?key|key|token|password|passwd|secret|authorization|bearer)$"
)
_FROM_ENVIRONMENT = re.compile(r"\$\{\s*oc\.(env|decode)\b")
_HIDDEN = "…"
_ELSEWHERE = frozenset(
    {"hydra", "runtime", "statistics", "json", "verbose", "yes", "merge", "cell", "a", "b"}
    | {"export", "tune", "train", "mine", "table", "plot", "compare", "report", "reference"}
    | {"fail_if"}
)
"""Of the configuration: where it runs, what other verbs do, and what changes no figure."""
_NO_SETTINGS = frozenset({"about", "splits"})
"""Of a part: what is said of it, and what is known of files that it did not read."""
_ALGORITHMS = {32: "xxh3-128", 40: "gitCommit", 64: "sha256"}
"""What a hash is, by its number of hex digits."""


def provenance(line: Line, started: float) -> Provenance:
    """The provenance of a line that has run.

    Args:
        line: the line.
        started: when the command began with it, in seconds since the epoch.

    Raises:
        UserError: an input file is not what it was when the line began.
    """
    stages = line.stages()
    manifests = [line.context.run(stage) for stage in stages]
    latest = manifests[-1].manifest
    return Provenance(
        command=shlex.join(["qa-bench", "run", *_words(line.overrides)]),
        config=settings(line.config),
        runtime=asdict(line.context.runtime),
        dependencies=[*_files(line, stages), *_contents(stages), *_package(latest)],
        versions=_versions(latest),
        stages=[_byproduct(*pair) for pair in zip(stages, manifests, strict=True)],
        started=_time(started),
        finished=_time(time.time()),
        machine={"cpu": _cpu(), "cores": os.cpu_count(), "ram_gib": _memory()},
    )


def settings(config: Any) -> dict[str, Any]:
    """The configuration as it was resolved, without secrets and the home folder's name.

    What comes from the environment stays an interpolation; what is called a key, a token or a
    password is left out, and so are logins and queries in addresses.
    """
    from omegaconf import OmegaConf

    raw = OmegaConf.to_container(config, resolve=False)
    whole: dict[str, Any] = {}
    left_out = _ELSEWHERE if config.train.get("part") is None else _ELSEWHERE - {"train"}
    for name, value in raw.items():  # type: ignore[union-attr]
        if name not in left_out:
            whole[str(name)] = _resolved(value, config, str(name))
    return whole


def _resolved(value: Any, config: Any, place: str) -> Any:
    if isinstance(value, Mapping):
        return {
            str(name): _resolved(one, config, f"{place}.{name}")
            for name, one in value.items()
            if name not in _NO_SETTINGS
        }
    if isinstance(value, list):
        return [_resolved(one, config, f"{place}[{n}]") for n, one in enumerate(value)]
    if _SECRET.search(place) and isinstance(value, str):
        return _HIDDEN
    if isinstance(value, str) and "${" in value and not _FROM_ENVIRONMENT.search(value):
        value = _interpolated(config, place, value)
    return _shown(value) if isinstance(value, str) else value


def _interpolated(config: Any, place: str, raw: str) -> Any:
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        value = OmegaConf.select(config, place)
    except OmegaConfBaseException:
        return raw
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value


def _shown(text: str) -> str:
    home = str(Path.home())
    text = redacted_addresses(text).replace(str(SAMPLE), "${paths.sample}")
    return re.sub(rf"{re.escape(home)}(?=/|$)", "~", text) if home != "/" else text


def _words(overrides: Sequence[str]) -> Iterator[str]:
    """Those that make figures."""
    for word in overrides:
        if re.split(r"[=.@]", word.lstrip("+~"), maxsplit=1)[0] not in ("json", "verbose", "yes"):
            yield _word(word)


def _word(word: str) -> str:
    """An override without secrets."""
    name, equals, _ = word.partition("=")
    if equals and _SECRET.search(name):
        return f"{name}={_HIDDEN}"
    return _shown(word)


def _files(line: Line, stages: Sequence[Stage]) -> Iterator[dict[str, Any]]:
    """The input files, with their SHA-256, each once."""
    places: dict[Path, str] = {}
    for stage in stages:
        for path in stage.files:
            places.setdefault(path, stage.title or stage.name)
    hashes = line.context.sha256.of(list(places))
    for stage in stages:
        if changed := stage.changed_files():
            raise UserError(
                f"{changed[0]}: changed while the line ran, and no certificate can say what went "
                "in; run the command again when it stays as it is"
            )
    for (path, where), content in zip(places.items(), hashes, strict=True):
        name = {"name": f"file of {where}", "uri": path.name, "digest": {"sha256": content}}
        yield {**name, "annotations": {"bytes": path.stat().st_size}}


def _contents(stages: Sequence[Stage]) -> Iterator[dict[str, Any]]:
    """What else goes into a stage's key: questions, models, by the hash that the key knows."""
    seen: set[tuple[str, str]] = set()
    for stage in stages:
        for name, value in stage.contents.items():
            if (name, value) in seen:
                continue
            seen.add((name, value))
            algorithm = _ALGORITHMS.get(len(value))
            known = algorithm and re.fullmatch("[0-9a-f]+", value)
            content = {algorithm: value} if known else {"qa-bench": value}
            entry: dict[str, Any] = {"name": f"{name} of {stage.title or stage.name}"}
            model = stage.config.get("model") if "model" in name else None
            if isinstance(model, str):
                entry["uri"] = _shown(
                    f"pkg:huggingface/{model}@{value}" if algorithm == "gitCommit" else model
                )
            yield {**entry, "digest": content}


def _package(manifest: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    entry: dict[str, Any] = {"name": "qa_bench", "annotations": {"version": qa_bench.__version__}}
    if commit := manifest.get("git"):
        entry["digest"] = {"gitCommit": commit}
    yield entry


def _versions(manifest: Mapping[str, Any]) -> dict[str, str]:
    return {"qa_bench": qa_bench.__version__, **manifest.get("packages", {})}


def _byproduct(stage: Stage, folder: Folder) -> dict[str, Any]:
    content = (folder.path / MANIFEST).read_bytes()
    return {
        "name": f"manifest of {stage.title or stage.name}",
        "uri": f"{stage.name}/{folder.path.name}/{MANIFEST}",
        "digest": {"sha256": hashlib.sha256(content).hexdigest()},
        "annotations": {"key": stage.key, "inputs": {n: s.key for n, s in stage.inputs.items()}},
    }


def _time(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _cpu() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    names = re.findall(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return names[0] if names else platform.machine()


def _memory() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (ValueError, OSError):
        return None
