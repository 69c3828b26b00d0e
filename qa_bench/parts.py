"""Parts: what every one of them is, and how one is made of a node of the configuration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar, Protocol, cast

from qa_bench.errors import UserError
from qa_bench.settings import strings
from qa_bench.trust import check
from qa_bench.types import Article, Heading, Passage, Runtime


@dataclass(frozen=True)
class About:
    """What people should know of a part, as its YAML says it; never part of a key.

    Attributes:
        description: one line.
        citation: the paper.
        url: where it is described.
        licence: of a model or file.
        note: what a reader of a table must know.
        passages: how many a published corpus has.
        parameters: of a model.
        dimension: of a model's vectors.
        published: the systems of ``report/published_systems.csv`` that it repeats, the nearest one
            first.
        published_with: settings, by their places, with which it repeats them; for one that differs
            from set to set, its values by question set.
        published_on: system: the only question sets on which it is this one.
        published_after: of a reader or reranker, system: what the retriever before it must repeat.
        published_unlike: system: why this one is not quite the same.
        remote_code: whether the model runs code of its own.
        tested: how it is tested here.
    """

    description: str = ""
    citation: str = ""
    url: str = ""
    licence: str = ""
    note: str = ""
    passages: int | None = None
    parameters: float | None = None
    dimension: int | None = None
    published: tuple[str, ...] = ()
    published_with: Mapping[str, Any] = field(default_factory=dict)
    published_on: Mapping[str, Any] = field(default_factory=dict)
    published_after: Mapping[str, Any] = field(default_factory=dict)
    published_unlike: Mapping[str, Any] = field(default_factory=dict)
    remote_code: bool = False
    tested: str = ""

    @classmethod
    def of(cls, group: str, entries: Any) -> About:
        """Check what a YAML says.

        Raises:
            UserError: there is no such field, or a number is none.
        """
        if entries is None:
            return cls()
        names = {item.name for item in fields(cls)}
        if not isinstance(entries, Mapping) or not set(entries) <= names:
            strange = (
                ", ".join(map(str, set(entries) - names)) if isinstance(entries, Mapping) else ""
            )
            raise UserError(
                f"{group}.about: {strange or entries}: there are only {', '.join(sorted(names))}"
            )
        values = {name: value for name, value in entries.items() if value is not None}
        try:
            for name, kind in (("passages", int), ("parameters", float), ("dimension", int)):
                if name in values:
                    values[name] = kind(values[name])
        except (TypeError, ValueError):
            raise UserError(
                f"{group}.about.{name}: a number, such as 110e6 or 768, got '{values[name]}'"
            ) from None
        published = strings(f"{group}.about.published", values.get("published"))
        for name in ("published_with", "published_on", "published_after", "published_unlike"):
            if not isinstance(values.get(name, {}), Mapping):
                raise UserError(f"{group}.about.{name}: a mapping, got '{values[name]}'")
        return cls(**{**values, "published": tuple(published)})


class Part(Protocol):
    """What every part is; each group's own Protocol is built on it.

    Derive parts from this class and say in it what differs from what holds here. All settings of a
    part go into the keys of the stages that run it, except ``about``, its ``labels``, and those of
    ``later`` that are as they always were.

    Attributes:
        version: raised when the part's code changes what it yields; folders made by the older code
            are not reused.
        labels: settings that change no result: where files lie, what the part is called.
        later: settings that the part has not always had, with the value that changes nothing: what
            older code made is reused where they have it.
        depends: packages whose versions decide results.
        search_only: settings of a retriever that change how its index is searched, not what is in
            it; of an expander, those that change what becomes of its searches, not the searches.
        reading_only: settings of a part that learns which its training does not look at;
            ``question.model`` is one inside of another.
        approximate: a retriever with one part, whose hits it seeks: tables say how many it found.
        averages: a retriever can search with passages beside a question; an expander puts some
            there.
        costly: a chunker is run in processes of its own.
        sees_answers: a reader looks at the gold answers.
        identity: what decides its results: class, version, packages, settings without labels. Set
            by ``make``, as ``about`` and ``inside`` are.
        inside: its settings, the parts among them as parts; see ``inner_part``.
    """

    version: ClassVar[int] = 1
    labels: ClassVar[frozenset[str]] = frozenset()
    later: ClassVar[Mapping[str, Any]] = {}
    depends: ClassVar[tuple[str, ...]] = ()
    search_only: ClassVar[frozenset[str]] = frozenset()
    reading_only: ClassVar[frozenset[str]] = frozenset()
    approximate: ClassVar[bool] = False
    averages: ClassVar[bool] = False
    costly: ClassVar[bool] = False
    sees_answers: ClassVar[bool] = False
    identity: Mapping[str, Any] = {}
    about: About = About()
    inside: Mapping[str, Any] = {}

    def sources(self) -> dict[str, str]:
        """What it reads beside inputs and settings, such as a model's files: name to hash."""
        return {}

    def search_sources(self) -> dict[str, str]:
        """What only the search of a retriever reads: name to hash."""
        return {}

    def chunk_on(
        self, articles: Iterable[Article], runtime: Runtime
    ) -> Iterator[list[Passage]] | None:
        """Of a chunker that wants devices: ``chunk`` on them; None for any other."""
        return None

    def requirements(self) -> list[Any]:
        """The official files that a dataset or corpus misses, as ``fetch.sources.Requirement``."""
        return []

    def file(self) -> Path | None:
        """The file that a dataset's questions come from; None where it is none.

        Raises:
            UserError: it is missing and cannot be got.
        """
        return None

    def heading(self, column: str) -> Heading:
        """Of a metric: what a table calls one of its columns."""
        return Heading(column.upper())

    def seen(self, questions: Sequence[str]) -> int:
        """How many of the questions its model was trained on, as far as it knows."""
        return 0

    def counts(self) -> dict[str, int]:
        """What a corpus left out, by reason, when its articles are read."""
        return {}


def make(group: str, node: Any) -> Any:
    """Make the part that ``node`` describes, and the parts inside of it.

    Raises:
        UserError: the node is no mapping, has no target, the target is no part, of a module that is
            not trusted (``qa_bench.trust``), or refuses a setting, or a value is missing.
    """
    from omegaconf import DictConfig, OmegaConf
    from omegaconf.errors import InterpolationKeyError, OmegaConfBaseException

    if not isinstance(node, Mapping | DictConfig):
        raise UserError(
            f"{group}: the settings of a part, got '{'null' if node is None else node}'"
        )
    try:
        settings = cast(
            dict[str, Any], OmegaConf.to_container(node, resolve=True, throw_on_missing=True)
        )
    except InterpolationKeyError as error:
        key = str(error).splitlines()[0].replace("Interpolation key", "the setting")
        key = key.replace("not found", "is not there")
        raise UserError(f"{group}: {key}: no part is chosen that has it") from error
    except OmegaConfBaseException as error:
        raise UserError(f"{group}: {str(error).splitlines()[0]}") from error
    if "_target_" not in settings:
        raise UserError(
            f"{group}: the configuration names no _target_: a YAML of your own names a class "
            "there, or begins with the one that it changes, as 'defaults: [bm25]'"
        )
    return _made(group, settings)


def _made(group: str, settings: Mapping[str, Any]) -> Any:
    target = str(settings["_target_"])
    kind = _kind(group, target)
    arguments = {
        name: _inner(f"{group}.{name}", value)
        for name, value in settings.items()
        if name not in ("_target_", "about")
    }
    try:
        part = kind(**arguments)
    except UserError:
        raise
    except Exception as error:
        names = _settings_of(kind)
        if names and (strangers := [name for name in arguments if name not in names]):
            raise UserError(
                f"{group}.{strangers[0]}: no such setting: {target} has {', '.join(names)}"
            ) from None
        reason = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
        plain = ", ".join(
            f"{name}={value}"
            for name, value in arguments.items()
            if isinstance(value, str | int | float)
        )
        raise UserError(f"{group} ({target}): {reason}; given {plain}") from error
    part.identity = _identity(kind, settings)
    part.about = About.of(group, settings.get("about"))
    part.inside = arguments
    return part


def inner_part(part: Any, place: str) -> Any:
    """The part at a place inside of another, such as ``parts.base``; itself for an empty place."""
    for name in place.split(".") if place else ():
        part = (part if isinstance(part, Mapping) else part.inside)[name]
    return part


def class_of(group: str, settings: Mapping[str, Any]) -> Any:
    """The class of a part that is described.

    Raises:
        UserError: there is none, it is no part, or its module is not trusted.
    """
    return _kind(group, str(settings["_target_"]))


def _settings_of(kind: Any) -> list[str]:
    """The settings that a class takes; empty where it takes any, or does not tell."""
    import inspect

    try:
        parameters = inspect.signature(kind).parameters
    except (TypeError, ValueError):
        return []
    free = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
    return [] if free else list(parameters)


def _inner(place: str, value: Any) -> Any:
    """A setting; where it describes a part itself, that part."""
    if isinstance(value, dict):
        if "_target_" in value:
            return _made(place, value)
        return {name: _inner(f"{place}.{name}", inner) for name, inner in value.items()}
    return [_inner(place, inner) for inner in value] if isinstance(value, list) else value


def _kind(group: str, target: str) -> Any:
    """The class of this name.

    Raises:
        UserError: there is none, it is not derived from ``Part``, or its module is not trusted.
    """
    import importlib

    module, _, name = target.rpartition(".")
    check(group, target)
    try:
        kind = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        if isinstance(error, ModuleNotFoundError) and error.name not in (module, target):
            missing = error.name or ""
            if not module.startswith(missing):
                raise  # a package that the part needs
        raise UserError(f"{group}: there is no class {target} ({error})") from None
    if Part not in getattr(kind, "__mro__", ()):
        raise UserError(f"{group}: {target} is no part: derive the class from qa_bench.parts.Part")
    return kind


def _identity(kind: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What decides the part's results.

    A class of the package is named by its group and name alone, so that code may move about.
    """
    module: list[str] = kind.__module__.split(".")
    name = f"{module[1]}/{kind.__name__}" if module[0] == "qa_bench" else settings["_target_"]
    return {
        "part": name,
        **{
            setting: _inner_identity(value)
            for setting, value in settings.items()
            if setting not in kind.labels
            and setting not in ("_target_", "about")
            and not (setting in kind.later and value == kind.later[setting])
        },
        "_version_": kind.version,
        **{f"_{package}_": _installed(package) for package in kind.depends},
    }


def _inner_identity(value: Any) -> Any:
    """A setting; where it describes a part itself, that part's identity."""
    if isinstance(value, dict):
        if "_target_" in value:
            return _identity(_kind("", value["_target_"]), value)
        return {name: _inner_identity(inner) for name, inner in value.items()}
    return [_inner_identity(inner) for inner in value] if isinstance(value, list) else value


@cache
def _installed(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
