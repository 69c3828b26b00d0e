"""What has to be chosen, and what chosen names may be."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from functools import cache
from typing import Any, NamedTuple

from qa_bench.errors import UserError
from qa_bench.line.names import listed, near
from qa_bench.paths import CONF
from qa_bench.settings import file_name
from qa_bench.types import Runtime

NO_CORPUS = "none"
"""The YAML of the corpus where none is chosen."""

_NAMES = ("name", "system", "dataset.name", "corpus.name")


def check_names(config: Any) -> None:
    """Let no name lead out of the results' folder.

    Raises:
        UserError: one would, or no file can be called so.
    """
    for place in _NAMES:
        node, _, last = place.rpartition(".")
        settings = config[node] if node else config
        if last in settings and (settings[last] is not None or place == "name"):
            file_name(place, settings[last])


def no_corpus(otherwise: str = "") -> UserError:
    """That a corpus must be chosen, and which there are.

    Args:
        otherwise: what else would do.
    """
    corpora = sorted(path.stem for path in (CONF / "corpus").glob("*.yaml"))
    named = ", ".join(name for name in corpora if name != NO_CORPUS)
    return UserError(
        f"no corpus is chosen: corpus=<one of {named}> (psgs_w100 has 21 million passages, sample "
        f"269), or corpus.path=<a file of psgs_w100's format>{otherwise}"
    )


_MAYBE_NONE = ("expander", "reranker", "reader")
"""The groups that have a choice without any part."""


class Contents(NamedTuple):
    """What ``conf/config.yaml`` has.

    Attributes:
        settings: its own, by name; mappings are sections.
        places: where the parts that it chooses stand.
    """

    settings: Mapping[str, Any]
    places: frozenset[str]


@cache
def contents() -> Contents:
    """The table of contents, read once."""
    import yaml

    text = (CONF / "config.yaml").read_text(encoding="utf-8")
    settings = yaml.safe_load(text)
    choices = [next(iter(entry)) for entry in settings.pop("defaults") if entry != "_self_"]
    places = {place.rpartition("@")[2].partition(".")[0] for place in choices if " " not in place}
    return Contents(settings, frozenset(places - {"experiment"}))  # what that sets stands elsewhere


def check_settings(config: Any) -> None:
    """Let no setting be there that nobody looks at, such as one with a slip of the pen.

    Parts refuse what they do not know themselves. A setting at the top whose value another one
    takes (``${its_name}``) may be there.

    Raises:
        UserError: nothing is called so, no part is chosen that could look at it, or a section or
            a metric is none.
    """
    if config.get("also") is not None:
        raise UserError("also= adds rows to a multirun: -m")
    settings, places = contents()
    _check_names_in("", config, [*settings, *sorted(places)])
    sections = {name: list(own) for name, own in settings.items() if isinstance(own, Mapping)}
    sections["runtime"] = [field.name for field in fields(Runtime)]
    for name in (*sections, *sorted(places)):
        if name in config and name != "hydra":
            _check_section(name, config[name])
            if name in sections:
                _check_names_in(name, config[name], sections[name])
    for name, metric in config.metrics.items():
        if not _is_section(metric):
            raise UserError(
                f"metrics.{name}: the settings of a metric, got '{_plain(metric)}': take it away "
                f"with ~metrics.{name}, put another in its place with metric@metrics.{name}=…"
            )
    for group in _MAYBE_NONE:
        extras = [str(name) for name in config[group] if name != "about"]
        if extras and "_target_" not in config[group]:
            raise UserError(f"{group}.{extras[0]}: no {group} is chosen: {group}=…")


def check_predictions(config: Any) -> None:
    """Let predictions be scored as they are.

    Raises:
        UserError: something is chosen that would run before.
    """
    if config.predictions is None:
        return
    if config.run is not None:
        raise UserError("predictions= and run=: one of them is scored at a time")
    if (config.get("train") or {}).get("part") is not None:
        raise UserError("predictions= are scored as they are: train=none, or no predictions=")
    for group in _MAYBE_NONE:
        if "_target_" in config[group]:
            raise UserError(
                f"predictions= are scored as they are, without a {group}: {group}=none, or no "
                "predictions="
            )


def check_run(config: Any, overrides: Sequence[str] = ()) -> None:
    """Let a run file be what was found.

    Raises:
        UserError: a retriever was chosen beside it, or an expander, which would change what is
            searched with.
    """
    if config.run is None:
        return
    if (config.get("train") or {}).get("part") is not None:
        raise UserError(
            "run= has been searched already, and train= trains what searches: leave one"
        )
    if any(word.startswith("retriever=") for word in overrides):
        raise UserError("run= and retriever=: a run has been searched already; leave one away")
    if "_target_" in config.expander:
        raise UserError(
            "run= has been searched already, without an expander: expander=none, or no run="
        )


def _check_section(name: str, node: Any) -> None:
    if _is_section(node):
        return
    if name == "metrics":
        raise UserError(
            f"metrics: a name and a metric each, got '{_plain(node)}': take one away with "
            "~metrics.em, change one with 'metrics.answer_recall.k=[1,5]', add one with "
            "+metric@metrics.contains=contains"
        )
    raise UserError(f"{name}: settings of its own ({name}.…), got '{_plain(node)}'")


def _is_section(node: Any) -> bool:
    from omegaconf import DictConfig

    return isinstance(node, Mapping | DictConfig)


def _plain(node: Any) -> str:
    return "null" if node is None else str(node)


def _check_names_in(section: str, node: Any, names: Collection[str]) -> None:
    strangers = [str(name) for name in node if name not in names]
    if not strangers:
        return
    values = _texts(node)
    for name in strangers:
        if section or f"${{{name}" not in values:
            raise _no_such(section, name, names)


def _texts(config: Any) -> str:
    """All values as they are written, one after the other."""
    from omegaconf import OmegaConf

    return str(OmegaConf.to_container(config, resolve=False))


def _no_such(section: str, name: str, names: Iterable[str]) -> UserError:
    if not section and name == "experiment":
        return UserError(
            "experiment: its YAML begins with '# @package _global_', else it changes nothing"
        )
    there = [one for one in names if one != "hydra"]
    place, where = (f"{section}.{name}", f"{section} has") if section else (name, "there are")
    return UserError(f"{place}: no such setting: {where} {listed(there)}{near(name, there)}")
