"""The lines that training data is mined with: this one, changed by ``train.source(s)``."""

from __future__ import annotations

from typing import Any

from qa_bench.errors import UserError
from qa_bench.line.names import near

PLACE = "train.source"
SEVERAL = "train.sources"
ONLY = "source"
"""What the line of ``train.source`` is called, where it is the only one."""
_PARTS = ("dataset", "corpus", "chunker", "expander", "retriever", "reranker")
_SETTINGS = ("depth", "mode", "mine")


def source_names(config: Any) -> list[str]:
    """What the lines that mine are called, in their names' order; none where nothing is mined.

    Raises:
        UserError: ``train.sources`` is no mapping, or a name in it means something else.
    """
    several: Any = config.train.get("sources")
    if several is None:
        return [] if config.train.get("source") is None else [ONLY]
    from omegaconf import DictConfig

    if not isinstance(several, DictConfig):
        raise UserError(f"{SEVERAL}: a name and a line each, {{squad: {{…}}, webq: {{…}}}}")
    names = sorted(str(name) for name in several if several[name] is not None)
    if not names:
        raise UserError(f"{SEVERAL}: there is none in it: {{squad: {{…}}, webq: {{…}}}}")
    if "line" in names:
        raise UserError(f"{SEVERAL}.line: train.passages=line means the line itself: another name")
    return names


def source_config(config: Any, name: str = ONLY) -> Any:
    """The configuration of a line that mines.

    What stands under ``train.source`` counts in place of the line's own: a part that is chosen
    there (``+retriever@train.source.retriever=bm25_native``) as a whole, else setting by setting
    (``train.source.dataset.split=train``). Of several, what stands under ``train.sources.<name>``
    counts in place of that. It trains nothing, and reads no run.

    Args:
        config: the composed configuration.
        name: see ``source_names``.

    Raises:
        UserError: it names something that makes no difference to training data.
    """
    from omegaconf import OmegaConf

    whole: Any = OmegaConf.create(OmegaConf.to_container(config, resolve=True))
    _change(whole, config.train.get("source"), PLACE)
    if (several := config.train.get("sources")) is not None:
        _change(whole, several[name], f"{SEVERAL}.{name}")
    whole.train, whole.run, whole.predictions = {"part": None}, None, None
    return whole


def _change(whole: Any, node: Any, place: str) -> None:
    """Put what stands at a place of the configuration into the whole."""
    from omegaconf import DictConfig, OmegaConf

    if node is None:
        return
    if not isinstance(node, DictConfig):
        raise UserError(f"{place}: what the line that mines has of its own, such as {{dataset: …}}")
    changes: Any = OmegaConf.to_container(node, resolve=True)
    for name, change in changes.items():
        if name not in (*_PARTS, *_SETTINGS):
            raise UserError(
                f"{place}.{name}: there are only {', '.join((*_PARTS, *_SETTINGS))}"
                f"{near(name, (*_PARTS, *_SETTINGS))}"
            )
        chosen = isinstance(change, dict) and "_target_" in change
        OmegaConf.update(whole, name, change, merge=not chosen, force_add=True)


def source_choices(choices: dict[str, str], name: str = ONLY) -> dict[str, str]:
    """The YAML chosen for each place of that line: as ``dataset@train.source.dataset`` says."""
    own = dict(choices)
    for prefix in (f"{PLACE}.", f"{SEVERAL}.{name}."):
        for place, choice in choices.items():
            group, _, at = place.partition("@")
            if at.startswith(prefix):
                inner = at.removeprefix(prefix)
                own[group if inner == group else f"{group}@{inner}"] = choice
    return own
