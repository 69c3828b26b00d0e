"""passages ─index─► index."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qa_bench.engine.context import Context
from qa_bench.engine.stage import run_stage
from qa_bench.errors import UserError
from qa_bench.protocols import Indexed, Retriever
from qa_bench.store.passages import open_passages
from qa_bench.types import Folder

VERSION = 1

Parts = Mapping[str, tuple[Retriever, Folder]]
"""The retrievers that one is built on, with their indexes."""


def index(
    passages: Folder, retriever: Retriever, name: str, context: Context, parts: Parts
) -> Folder:
    """Index all passages. What only changes the search (``search_only``) is left out of the key.

    Raises:
        UserError: the index holds another number of passages than the corpus.
    """

    def build(folder: Path) -> dict[str, Any]:
        collection = open_passages(passages.path)
        count = retriever.index(collection, folder, context.runtime, **indexed(parts))
        if count != len(collection):
            raise UserError(
                f"index {name}: {count} of {len(collection)} passages were indexed; "
                f"delete {folder} and try again"
            )
        return {"passages": count}

    settings = retriever.identity.items()
    left_out = {*retriever.search_only, "parts"}  # parts count by the keys of their indexes
    return run_stage(
        "index",
        version=VERSION,
        slug=f"{passages.manifest['slug']}-{name}",
        config={key: value for key, value in settings if key not in left_out},
        inputs={
            "passages": passages.key,
            **retriever.sources(),
            **{label: folder.key for label, (_, folder) in parts.items()},
        },
        build=build,
        **context.common,
    )


def indexed(parts: Parts) -> dict[str, Indexed]:
    """The parts as a retriever is given them."""
    return {label: Indexed(part, folder.path) for label, (part, folder) in parts.items()}
