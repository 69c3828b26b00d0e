"""Lines, composed as the command composes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import open_dict

from qa_bench.line.line import Line
from qa_bench.paths import CONF, register_resolvers

SAMPLE = ("corpus=sample", "dataset=nq", "dataset.split=sample")


def line_of(folder: Path, *overrides: str, system: str = "", **parts: dict[str, Any]) -> Line:
    """The line of these overrides, whose data and results lie in the folder.

    Args:
        folder: where.
        overrides: words of the command line.
        system: its label; the retriever's name without one.
        parts: what stands in a group instead of what was chosen.
    """
    register_resolvers()
    GlobalHydra.instance().clear()
    places = [f"paths.data={folder / 'data'}", f"paths.results={folder / 'results'}"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config: Any = compose("config", [*places, *overrides], return_hydra_config=True)
    with open_dict(config):
        for group, part in parts.items():
            config[group] = part
    choices = {name: str(choice) for name, choice in config.hydra.runtime.choices.items()}
    return Line(config, choices, system or choices["retriever"])
