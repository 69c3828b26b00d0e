"""Progress bars: a rate and a time to go on a terminal, silence elsewhere."""

from __future__ import annotations

from typing import Any

from qa_bench.types import Runtime


def progress(total: int | None, what: str, unit: str, runtime: Runtime) -> Any:
    """A tqdm bar on stderr, to be used as a context manager and told ``update(n)``."""
    from tqdm import tqdm

    return tqdm(
        total=total,
        desc=what,
        unit=f" {unit}",
        unit_scale=True,
        disable=None if runtime.progress else True,  # None: only where stderr is a terminal
        leave=False,
    )
