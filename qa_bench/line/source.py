"""The line that training data is mined with: this one, changed by ``train.source``."""

from __future__ import annotations

from typing import Any

from qa_bench.errors import UserError
from qa_bench.line.names import near

PLACE = "train.source"
_PARTS = ("dataset", "corpus", "chunker", "expander", "retriever", "reranker")
_SETTINGS = ("depth", "mode", "mine")


def source_config(config: Any) -> Any:
    """The configuration of the line that mines.

    What stands under ``train.source`` counts in place of the line's own: a part that is chosen
    there (``+retriever@train.source.retriever=bm25_native``) as a whole, else setting by setting
    (``train.source.dataset.split=train``). It trains nothing, and reads no run.

    Args:
        config: the composed configuration.

    Raises:
        UserError: it names something that makes no difference to training data.
    """
    from omegaconf import OmegaConf

    changes: Any = OmegaConf.to_container(config.train.source, resolve=True)
    for name in changes:
        if name not in (*_PARTS, *_SETTINGS):
            raise UserError(
                f"{PLACE}.{name}: there are only {', '.join((*_PARTS, *_SETTINGS))}"
                f"{near(name, (*_PARTS, *_SETTINGS))}"
            )
    whole: Any = OmegaConf.create(OmegaConf.to_container(config, resolve=True))
    for name, change in changes.items():
        chosen = isinstance(change, dict) and "_target_" in change
        OmegaConf.update(whole, name, change, merge=not chosen, force_add=True)
    whole.train, whole.run, whole.predictions = {"part": None}, None, None
    return whole


def source_choices(choices: dict[str, str]) -> dict[str, str]:
    """The YAML chosen for each place of that line: as ``dataset@train.source.dataset`` says."""
    own = dict(choices)
    for place, choice in choices.items():
        group, _, at = place.partition("@")
        if at.startswith(f"{PLACE}."):
            inner = at.removeprefix(f"{PLACE}.")
            own[group if inner == group else f"{group}@{inner}"] = choice
    return own
