"""What went wrong with overrides, with what exists and the nearest word."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qa_bench.line.choices import contents
from qa_bench.line.messages import one_line
from qa_bench.line.names import listed, near
from qa_bench.paths import CONF

_NO_CHOICE = re.compile(r"(?:In '.*': )?Could not find '(?P<group>.+)/(?P<name>[^/]+)'$")
_NO_SETTING = re.compile(r"Could not (?:override|append to config|delete) '(?P<key>.+?)'")
_FREE = frozenset(
    {"weights", "search", "about", "prompts", "extra", "sha256", "arguments", "splits"}
)
"""Settings below which names are free: those of parts, of an index' search, of a request."""
_FREE_PARTS = {"parts": "retriever", "metrics": "metric"}
"""Settings below which parts have free names, and the groups of those."""


def explain(error: Exception, words: Sequence[str]) -> str | None:
    """``messages.one_line``, and what would be right instead of one of the command's words.

    Args:
        error: what was raised.
        words: the overrides of the command.
    """
    from hydra.errors import HydraException

    if isinstance(error, HydraException):
        first = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
        if match := _NO_CHOICE.match(first):
            return _no_choice(match["group"], match["name"], str(error))
        if match := _NO_SETTING.match(first):
            return _no_setting(match["key"], words, error)
        if first.startswith("Ambiguous value for argument"):
            word = first.partition("'")[2].rpartition("'")[0]
            key, _, value = word.partition("=")
            return (
                f"{word}: add -m to run each of them, or take it as one: "
                f"'{key}=[{value}]' is a list, '{key}=\"{value}\"' a text with commas"
            )
        if match := re.match(r"Multiple values for (?P<group>[\w/@.]+)\.", first):
            return f"{match['group']} is chosen twice: write {match['group']}=, without a plus"
    if isinstance(error, ValueError) and str(error).startswith("Config group override must be"):
        return _null(words)
    return one_line(error)


def _null(words: Sequence[str]) -> str:
    """Whose choice is null; Hydra does not say."""
    of_it = [word for word in words if word.partition("=")[2].lower() == "null"]
    groups = [word.partition("=")[0].lstrip("+") for word in of_it]
    group = next((g for g in groups if (CONF / g.partition("@")[0]).is_dir()), "")
    choices = _every_choice(group.partition("@")[0]) if group else []
    none = f"; {group}=none is none" if "none" in choices else ""
    return f"{group or 'a group'}=null: the name of a choice, such as {listed(choices)}{none}"


def _every_choice(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def _no_choice(group: str, name: str, message: str) -> str:
    """Hydra lists what there is, that of the user's own folder too."""
    tail = message.partition("Available options in")[2]
    every = tail.partition("Config search path")[0].split()[1:] if tail else []
    return f"Could not find '{group}/{name}': {group}= is one of {listed(every)}{near(name, every)}"


def _no_setting(key: str, words: Sequence[str], error: Exception) -> str:
    head = f"Could not override '{key}'"
    elsewhere = any(word.startswith(("train=", "experiment=")) for word in words)
    if key.startswith("train.") and not elsewhere:
        return f"{head}: nothing is trained here: train=retriever lets a line train its retriever"
    if key in (groups := [path.name for path in sorted(CONF.iterdir()) if path.is_dir()]):
        places = [place for place in sorted(_places()) if place.startswith(f"{key}@")]
        return f"{head}: no {key} stands by itself: write {listed(f'{p}=' for p in places)}"
    node, _, last = key.rpartition(".")
    group = node.partition(".")[0]
    choices = _choices(group, words) if node else []
    if len(choices) > 1:
        having = [choice for choice in choices if last in _settings(group, choice)]
        if having and node == group:
            without = [choice for choice in choices if choice not in having]
            return (
                f"{head}: {group}={without[0]} has no {last}, {', '.join(having)} has: a command "
                f"of its own for it, {group}={','.join(having)} {key}=…, with the same name=, "
                "makes one table of both"
            )
    if "@" in key:
        places = sorted(place for place in _places() if place != key)
        return f"{head}: what is chosen has no such place{near(key, places)}"
    top = [*contents().settings, *contents().places]
    if node and group not in top:
        return f"{head}. There is no such setting{near(group, top)}"
    names = _names(error, node)
    there = names is not None
    if names is None:  # node is not there either
        inner = key.split(".")[1:2] if node else [key]
        node, last = group if node else "", inner[0]
        names = sorted(_settings(group, *choices)) if node else [*groups, *top]
    names = [name for name in names if not name.startswith("_") and name != "hydra"]
    hint = near(last, names)
    if not hint and there and node.rpartition(".")[2] in _FREE:
        hint = f"; the names are yours to choose here, and a + before it adds one: +{key}=…"
    if not hint and there and (of := _FREE_PARTS.get(node.rpartition(".")[2])):
        hint = f"; a + before it adds one: +{of}@{key}=<one of `qa-bench list {of}`>"
    every = f": {node} has {listed(names)}" if node else f": there are {listed(names)}"
    return f"{head}. There is no such setting{every if names else ''}{hint}"


def _choices(group: str, words: Sequence[str]) -> list[str]:
    """What the command chooses of a group, or its experiment."""
    text = ""
    for word in words:
        key, _, value = word.partition("=")
        if key == group:
            text = value
        elif key == "experiment" and not text:
            text = _swept_by(CONF / "experiment" / f"{value}.yaml", group)
    return [name.strip("\"'[] ") for name in text.split(",") if name]


def _swept_by(experiment: Path, group: str) -> str:
    import yaml

    if not experiment.is_file():
        return ""
    hydra = yaml.safe_load(experiment.read_text(encoding="utf-8")).get("hydra", {})
    return str(hydra.get("sweeper", {}).get("params", {}).get(group, ""))


def _settings(group: str, *choices: str) -> set[str]:
    """The settings of some of a group's YAMLs that ship with the package; of all by default."""
    import yaml

    names: set[str] = set()
    for path in sorted((CONF / group).glob("*.yaml")) if (CONF / group).is_dir() else ():
        if not choices or path.stem in choices:
            content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
            names |= {str(name) for name in content}
            for default in content.get("defaults", ()):
                if isinstance(default, str) and default not in ("_self_", path.stem):
                    names |= _settings(group, Path(default).name)
    return names - {"defaults"}


def _names(error: Exception, node: str) -> list[str] | None:
    """The settings beside the one that does not exist, as OmegaConf's complaint knows them.

    None where the node is not there either.
    """
    from omegaconf import DictConfig
    from omegaconf.errors import OmegaConfBaseException

    cause: Any = error
    while cause is not None and not isinstance(cause, OmegaConfBaseException):
        cause = cause.__cause__
    parent = getattr(cause, "parent_node", None)
    if not isinstance(parent, DictConfig) or parent._get_full_key(None) != node:
        return None
    return [str(name) for name in parent]


def _home(path: Path) -> str:
    """Where the part of a YAML stands, with a dot behind; nothing for the whole configuration."""
    if path.parent == CONF or path.parent.name == "experiment":
        return ""
    return f"metrics.{path.stem}." if path.parent.name == "metric" else f"{path.parent.name}."


def _places() -> set[str]:
    """Where a group is chosen at another place than its own: ``metric@metrics.mrr``."""
    import yaml

    places = set()
    for path in CONF.rglob("*.yaml"):
        for entry in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("defaults", ()):
            if isinstance(entry, dict):
                for key in entry:
                    group, at, place = str(key).removeprefix("override ").lstrip("/").partition("@")
                    if at:
                        places.add(f"{group}@{_home(path)}{place}")
    return places
