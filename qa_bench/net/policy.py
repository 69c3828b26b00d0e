"""Whether anything may be downloaded now."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

_VARIABLE = "HF_HUB_OFFLINE"
"""The hub's own variable: one word keeps its libraries and ours off the network."""

_forbidden = 0


def offline() -> bool:
    """Is every download forbidden, by ``offline=true``, the environment, or what is being done?"""
    return _forbidden > 0 or _said_offline()


def hub_offline() -> bool:
    """May the hub not even be asked what a name means: by ``offline=true``, or the environment?"""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE) or _said_offline()


def _said_offline() -> bool:
    return os.environ.get(_VARIABLE, "").upper() in ("1", "ON", "YES", "TRUE")


@contextmanager
def no_downloads() -> Iterator[None]:
    """Nothing is downloaded meanwhile: for commands that only look."""
    global _forbidden
    _forbidden += 1
    try:
        yield
    finally:
        _forbidden -= 1


@contextmanager
def network_forbidden() -> Iterator[None]:
    """As ``no_downloads``, and the hub's libraries too, if they are not imported yet."""
    before = os.environ.get(_VARIABLE)
    os.environ[_VARIABLE] = "1"
    try:
        with no_downloads():
            yield
    finally:
        if before is None:
            del os.environ[_VARIABLE]
        else:
            os.environ[_VARIABLE] = before
