"""`qa-bench tune`: the weight of one part of a hybrid, chosen on a dev split."""

from __future__ import annotations

import csv
import io
import logging
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qa_bench import trust
from qa_bench.engine.files import write_whole
from qa_bench.errors import UserError
from qa_bench.line.line import Line
from qa_bench.metric.evidence import Evidence
from qa_bench.parts import make
from qa_bench.report.plots import alpha
from qa_bench.report.plots.sheet import Look, pictures
from qa_bench.stages.fuse import open_hits
from qa_bench.store.passages import open_passages

log = logging.getLogger(__name__)

_COARSE = [0.0] + [step * 10.0**power for power in range(-2, 3) for step in (1, 2, 5)]
"""Weights tried first, whatever the scale of the scores; finer ones around the best follow."""
_BAR = 40


def tune(line: Line, config: Any) -> str:
    """Try weights, write the curve and the chosen system, and return both to print.

    ``results/<name>/tune/`` gets ``<system>.csv`` (and pictures where matplotlib is there);
    ``results/<name>/retriever/<system>_tuned.yaml`` is the system with the best weight, the
    smallest of equals.

    Raises:
        UserError: the split is a test split, the retriever no hybrid, or a name is unknown.
    """
    if config.dataset.get("split") == "test":  # before anything is downloaded for it
        raise UserError("weights are not tuned on a test split: set dataset.split=dev")
    name = line.choice("retriever")
    settings = config.tune
    fusion = line.retrieval.fusion
    parts = list(line.retrieval.parts)
    part = settings.part or parts[-1]
    if part not in parts:
        raise UserError(f"tune.part: '{part}' is none of the parts, {', '.join(parts)}")
    questions = line.questions
    if questions.split == "test":
        raise UserError("weights are not tuned on a test split: set dataset.split=dev")
    measure = _measure(line, config, fusion, part)
    if settings.weights is not None:
        curve = {float(weight): measure(float(weight)) for weight in settings.weights}
    else:
        curve = {weight: measure(weight) for weight in _COARSE}
        curve |= {weight: measure(weight) for weight in _around(_best(curve), sorted(curve))}
    best = _best(curve)
    folder = Path(config.paths.results) / config.name
    title = f"{name} on {questions.name} {questions.split}: {settings.metric} by weight of {part}"
    lines = [title, *_drawn(curve, best)]
    lines.append(f"curve: {_write_curve(folder / 'tune', name, settings.metric, curve)}")
    path = folder / "retriever" / f"{name}_tuned.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, _tuned(config, part, best, f"{questions.name} {questions.split}"))
    lines.append(f"chosen: {part} weighs {best:g}; use it with")
    lines.append(f"  {_command(folder, path.stem, config.dataset)}")
    return "\n".join(lines)


_NOT_REPEATED = ("retriever", "fusion", "tune", "verbose")
"""What the tuned YAML holds itself, or only tuning asks for."""


def _command(folder: Path, name: str, dataset: Any) -> str:
    """The command that runs the tuned system with everything else that this one was given.

    On the set's test split, where it has one: the split that was tuned on says nothing new.
    """
    from hydra.core.hydra_config import HydraConfig

    hydra = HydraConfig.get()
    words = [
        word
        for word in hydra.overrides.task
        if re.split(r"[.@=]", word.lstrip("+~"), maxsplit=1)[0] not in _NOT_REPEATED
    ]
    tuned_on = dataset.get("split") in ("dev", "train") and dataset.get("path") is None
    if tuned_on and "test" in (dataset.get("splits") or {}):
        words = [word for word in words if not word.startswith("dataset.split=")]
    own = [s.path for s in hydra.runtime.config_sources if s.provider == "command-line"]
    hydras = [word for word in hydra.overrides.hydra if not word.startswith("hydra.mode=")]
    if own:
        options = ["--config-dir", own[0], f"hydra.searchpath=[file://{folder.absolute()}]"]
    else:
        options = ["--config-dir", str(folder)]
    trusted = [f"--trust={module}" for module in sorted(trust.current().modules)]
    every = ["qa-bench", "run", *trusted, *options, *words, *hydras, f"retriever={name}"]
    return shlex.join(every)


def _measure(line: Line, config: Any, fusion: Any, part: str) -> Callable[[float], float]:
    """The mean of the metric at a weight; the parts' hits are made once."""
    from omegaconf import OmegaConf

    run, questions = line.context.run, line.questions
    folders = {label: run(stage) for label, stage in line.retrieval.fusable(line.depth).items()}
    passages = open_passages(run(line.passages).path)
    hits = open_hits(folders, run(line.passages), questions)
    qids = [question.qid for question in questions]
    metrics = [make("metric", node) for node in config.metrics.values()]

    def measure(weight: float) -> float:
        node = OmegaConf.merge(fusion, {"weights": {part: weight}})
        fused = hits.ranked(make("fusion", node).fuse(hits), line.depth, qids, passages)
        evidence = Evidence(questions, config.mode, fused, passages, None, line.depth, part)
        values: dict[str, Any] = {}
        for metric in metrics:
            values |= metric.score(evidence)
        if config.tune.metric not in values:
            raise UserError(f"tune.metric: '{config.tune.metric}' is none of {', '.join(values)}")
        mean = float(values[config.tune.metric].mean())
        log.info("weight %g: %s %.4f", weight, config.tune.metric, mean)
        return mean

    return measure


def _best(curve: dict[float, float]) -> float:
    """The weight with the highest value, the smallest of equals."""
    return min(curve, key=lambda weight: (-curve[weight], weight))


def _around(best: float, tried: list[float]) -> list[float]:
    """Weights between the best and its neighbours, three on either side."""
    place = tried.index(best)
    lower = tried[max(place - 1, 0)]
    upper = tried[min(place + 1, len(tried) - 1)]
    steps = [lower + (best - lower) * n / 4 for n in (1, 2, 3)]
    steps += [best + (upper - best) * n / 4 for n in (1, 2, 3)]
    return sorted({float(f"{step:.3g}") for step in steps} - set(tried))


def _drawn(curve: dict[float, float], best: float) -> list[str]:
    """The curve as bars from the lowest value to the highest."""
    low, high = min(curve.values()), max(curve.values())
    lines = []
    for weight in sorted(curve):
        share = (curve[weight] - low) / (high - low) if high > low else 1.0
        mark = " ◀" if weight == best else ""
        lines.append(f"{weight:>8g}  {100 * curve[weight]:6.2f}  {'█' * round(_BAR * share)}{mark}")
    return lines


def _write_curve(folder: Path, name: str, metric: str, curve: dict[float, float]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["weight", metric])
    writer.writerows((f"{weight:g}", f"{curve[weight]:.6f}") for weight in sorted(curve))
    write_whole(folder / f"{name}.csv", file.getvalue())
    points = alpha.curve(name, metric, curve)
    try:
        return pictures(folder / name, points, alpha.draw, Look())[-1]
    except ModuleNotFoundError:
        log.info("no plot: pip install 'qa-bench[plots]' draws one")
        return folder / f"{name}.csv"


def _tuned(config: Any, part: str, weight: float, split: str) -> str:
    """The retriever's whole configuration with the weight, as a YAML of the group."""
    from omegaconf import OmegaConf

    node = OmegaConf.merge(
        config.retriever,
        {
            "fusion": {"weights": {part: weight}},
            "about": {
                "description": f"{part} weighs {weight:g}, by {config.tune.metric} on {split}"
            },
        },
    )
    return OmegaConf.to_yaml(node)
