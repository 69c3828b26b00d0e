"""Sets of the hub as training data: ``train.data=hub:owner/name``, or a mapping that says more."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qa_bench.engine.context import Context
from qa_bench.errors import UserError
from qa_bench.fetch.hub import HubSplit
from qa_bench.formats.pair_columns import PairColumns
from qa_bench.line.names import near
from qa_bench.stages.pairs import FILE, pairs
from qa_bench.stages.train import Mined

_PREFIX = "hub:"
_SETTINGS = ("hub", "config", "split", "revision", "columns")


def hub_pairs(data: Any, raw: Path, context: Context) -> Mined | None:
    """The stage that makes pairs of a set of the hub; None where a file is named.

    Args:
        data: ``hub:owner/name``; or a mapping with ``hub``, and maybe ``config``, ``split``,
            ``revision`` and ``columns``.
        raw: the folder of what was downloaded, where it is noted what files a split is made of.
        context: where and how.

    Raises:
        UserError: a setting is none, or names no set.
    """
    if isinstance(data, str) and data.startswith(_PREFIX):
        data = {"hub": data.removeprefix(_PREFIX)}
    if not isinstance(data, Mapping):
        return None
    for name in data:
        if name not in _SETTINGS:
            raise UserError(
                f"train.data.{name}: there are only {', '.join(_SETTINGS)}"
                f"{near(str(name), _SETTINGS)}"
            )
    owner, _, name = str(data.get("hub") or "").partition("/")
    if not owner or not name or "/" in name:
        raise UserError("train.data.hub: the name of a set on the hub, such as owner/name")
    for setting in ("config", "split", "revision"):
        if data.get(setting) is not None and not isinstance(data[setting], str):
            raise UserError(f"train.data.{setting}: a text, got '{data[setting]}'")
    split = HubSplit(
        f"{owner}/{name}",
        data.get("config"),
        data.get("split") or "train",
        data.get("revision"),
        raw / "hub",
    )
    return Mined(pairs(split, PairColumns.of(data.get("columns")), context), FILE)
