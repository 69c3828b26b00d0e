"""The YAML chosen in each group, and the label of a system."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

_AROUND = ("expander", "reranker", "reader")
"""The groups of parts that a retriever may have around it."""

_NAMED_CHANGES = (
    *("retriever.", "retriever@", "fusion@", "expander.", "reranker.", "reader.", "lm@"),
    *("depth=", "mode=", "dataset.limit="),
)
"""How the overrides begin that make another row of the table."""


def labels(config: Any, hydra: Any) -> tuple[dict[str, str], str]:
    """The YAML chosen in each group, and the system's label: what it is and what was changed.

    Args:
        config: the composed configuration.
        hydra: Hydra's own part of it, with the choices and the overrides.
    """
    choices = {name: str(choice) for name, choice in hydra.runtime.choices.items()}
    if config.system is not None:
        return choices, str(config.system)
    given = config.run if config.run is not None else config.predictions
    base = choices["retriever"] if given is None else Path(given).name.split(".")[0]
    base = "+".join([base, *(choices[group] for group in _AROUND if "_target_" in config[group])])
    changes = [
        re.sub(r"^[\w/]+@", "", override).removeprefix("retriever.")
        for override in (word.lstrip("+~") for word in hydra.overrides.task)
        if override.startswith(_NAMED_CHANGES)
    ]
    return choices, base + (f"[{','.join(changes)}]" if changes else "")
