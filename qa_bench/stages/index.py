"""passages ─index─► index."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qa_bench.errors import UserError
from qa_bench.parts import Part
from qa_bench.protocols import Retriever
from qa_bench.stage import run_stage
from qa_bench.stages.context import Context
from qa_bench.store import open_passages
from qa_bench.types import Folder

VERSION = 1


def index(passages: Folder, retriever: Part[Retriever], name: str, context: Context) -> Folder:
    """Index all passages. What only changes the search (``search_only``) is left out of the key.

    Raises:
        UserError: the index holds another number of passages than the corpus.
    """

    def build(folder: Path) -> dict[str, Any]:
        collection = open_passages(passages.path)
        count = retriever.made.index(collection, folder, context.runtime)
        if count != len(collection):
            raise UserError(
                f"index {name}: {count} of {len(collection)} passages were indexed; "
                f"delete {folder} and try again"
            )
        return {"passages": count}

    settings = retriever.config.items()
    return run_stage(
        "index",
        version=VERSION,
        slug=f"{passages.manifest['slug']}-{name}",
        config={key: value for key, value in settings if key not in retriever.made.search_only},
        inputs={"passages": passages.key},
        build=build,
        **context.common,
    )
