"""Folders made by hand as stages, for what a stage is made of."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qa_bench.engine.digests import digest, file_digest
from qa_bench.engine.stage import Stage
from qa_bench.types import Folder, Step


def given(folder: Path, slug: str = "given", **counts: Any) -> Stage:
    """A stage that is a copy of the folder; another content is another key.

    ``counts`` go into its manifest.
    """

    def build(work: Path, inputs: Mapping[str, Folder]) -> dict[str, Any]:
        shutil.copytree(folder, work, dirs_exist_ok=True)
        return counts

    def digests() -> dict[str, str]:
        files = (path for path in sorted(folder.rglob("*")) if path.is_file())
        contents = [[str(path.relative_to(folder)), file_digest(path)] for path in files]
        return {"content": digest([contents, counts])}

    step = Step("given", 0, 0, "0.0 GB")
    return Stage("given", 1, slug, {}, {}, digests, build, lambda load: step)
