"""What every stage is given beside its inputs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from qa_bench.engine.digests import FileDigests
from qa_bench.types import Runtime


@dataclass(frozen=True)
class Context:
    """Where folders go and how to work.

    Attributes:
        cache: root of the stages' folders.
        runtime: settings that change no result.
    """

    cache: Path
    runtime: Runtime

    @property
    def common(self) -> dict[str, Any]:
        """The arguments of ``run_stage`` that are the same for every stage."""
        return {"cache": self.cache, "runtime": asdict(self.runtime)}

    @property
    def digests(self) -> FileDigests:
        """Digests of input files, remembered in the cache."""
        return FileDigests(self.cache / "file-digests.json")
