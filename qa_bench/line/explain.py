"""What went wrong with overrides, with what exists and the nearest word."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from qa_bench.line.messages import one_line
from qa_bench.paths import CONF

_NO_CHOICE = re.compile(r"(?:In '.*': )?Could not find '(?P<group>.+)/(?P<name>[^/]+)'$")
_NO_SETTING = re.compile(r"Could not (?:override|append to config|delete) '(?P<key>.+?)'")
_LISTED = 30
"""So many names are listed at most."""


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
    return one_line(error)


def near(word: str, names: Iterable[str], asks: str = "did you mean") -> str:
    """``; did you mean …?`` where a name is near, else nothing."""
    by_lower = {name.lower(): name for name in names}
    close = get_close_matches(word.lower(), list(by_lower), n=1, cutoff=0.65)
    return f"; {asks} {by_lower[close[0]]}?" if close else ""


def listed(names: Iterable[str]) -> str:
    """Names in one line; of many the first, and how many more."""
    every = list(names)
    rest = len(every) - _LISTED
    return ", ".join(every[:_LISTED]) + (f" and {rest} more" if rest > 0 else "")


def _no_choice(group: str, name: str, message: str) -> str:
    """Hydra lists what there is, that of the user's own folder too."""
    tail = message.partition("Available options in")[2]
    every = tail.partition("Config search path")[0].split()[1:] if tail else []
    return f"Could not find '{group}/{name}': {group}= is one of {listed(every)}{near(name, every)}"


def _no_setting(key: str, words: Sequence[str], error: Exception) -> str:
    head = f"Could not override '{key}'"
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
    names = _names(error, node) or (
        [*groups, *_top()] if not node else sorted(_settings(group, *choices))
    )
    names = [name for name in names if not name.startswith("_") and name != "hydra"]
    where = f"{node} has" if node else "there are"
    hint = near(last, names)
    if node and not hint:
        hint = f"; where names are yours to choose, a + before it adds one: +{key}=…"
    there = f": {where} {listed(names)}" if names else ""
    return f"{head}. There is no such setting{there}{hint}"


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


def _names(error: Exception, node: str) -> list[str]:
    """The settings beside the one that does not exist, as OmegaConf's complaint knows them."""
    from omegaconf import DictConfig
    from omegaconf.errors import OmegaConfBaseException

    cause: Any = error
    while cause is not None and not isinstance(cause, OmegaConfBaseException):
        cause = cause.__cause__
    parent = getattr(cause, "parent_node", None)
    if not isinstance(parent, DictConfig) or parent._get_full_key(None) != node:
        return []
    return [str(name) for name in parent]


def _top() -> list[str]:
    import yaml

    return list(yaml.safe_load((CONF / "config.yaml").read_text(encoding="utf-8")))


def _places() -> set[str]:
    """Where a group is chosen at another place than its own: ``metric@metrics.mrr``."""
    import yaml

    places = set()
    for path in CONF.rglob("*.yaml"):
        for entry in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("defaults", ()):
            if isinstance(entry, dict):
                for key in entry:
                    group, at, place = str(key).removeprefix("override ").lstrip("/").partition("@")
                    inside = path.parent != CONF and path.parent.name not in ("experiment",)
                    if at:
                        places.add(f"{group}@{path.parent.name + '.' if inside else ''}{place}")
    return places
