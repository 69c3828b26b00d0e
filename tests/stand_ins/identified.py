"""Parts made by hand, identified as ``parts.make`` identifies those of a configuration."""

from __future__ import annotations

from typing import Any


def identified(part: Any, /, **identity: Any) -> Any:
    """The part, with this identity."""
    part.identity = identity
    return part
