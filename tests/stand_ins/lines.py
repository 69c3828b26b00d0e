"""Lines, composed as the command composes them, and a retriever that needs nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import open_dict

from qa_bench import trust
from qa_bench.line.line import Line
from qa_bench.parts import Part
from qa_bench.paths import CONF, register_resolvers
from qa_bench.store.passages import Passages
from qa_bench.types import QuestionSet, Run, Runtime, Step

trust.allow([__name__])

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


class First(Part):
    """Finds the first passages of the corpus, whatever is asked."""

    search_only = frozenset({"k1"})

    def __init__(self, k1: float = 0.9) -> None:
        self.k1 = k1

    def index(self, passages: Passages, folder: Path, runtime: Runtime) -> int:
        return len(passages)

    def search(
        self, folder: Path, passages: Passages, questions: QuestionSet, depth: int, runtime: Runtime
    ) -> Run:
        pids = [passages[row].pid for row in range(min(depth, len(passages)))]
        scores = [1.0] * len(pids)
        qids = [question.qid for question in questions]
        return Run.of(qids, [pids] * len(qids), [scores] * len(qids))

    def plan(
        self, passages: float, questions: int, depth: int, runtime: Runtime
    ) -> tuple[Step, Step]:
        return Step("index", 1e6, 100, "1.0 GB"), Step("search", 0, 20, "1.0 GB")


def first(k1: float = 0.9) -> dict[str, Any]:
    """What stands in the configuration for it."""
    return {"_target_": f"{__name__}.First", "k1": k1}
