"""passages ─index─► index."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qa_bench.engine.context import Context
from qa_bench.engine.stage import Stage
from qa_bench.errors import UserError
from qa_bench.protocols import Indexed, Lossy, Planned, Retriever
from qa_bench.store.passages import open_passages
from qa_bench.types import Folder, Load, Step

VERSION = 1

Parts = Mapping[str, tuple[Retriever, Stage]]
"""The retrievers that one is built on, with the stages of their indexes."""


def index(
    passages: Stage,
    retriever: Retriever,
    name: str,
    parts: Parts,
    context: Context,
    model: Stage | None = None,
) -> Stage:
    """Index all passages. What only changes the search (``search_only``) is left out of the key.

    ``parts`` may be among it: retrievers that only the search asks.

    ``model`` is the stage that trains the retriever's model, where one does.

    Its build raises ``UserError`` where the index holds another number of passages than the corpus.
    """

    def build(folder: Path, inputs: Mapping[str, Folder]) -> dict[str, Any]:
        collection = open_passages(inputs["passages"].path)
        count = retriever.index(collection, folder, context.runtime, **indexed(parts, inputs))
        if count != len(collection):
            raise UserError(
                f"index {name}: {count} of {len(collection)} passages were indexed; "
                f"delete {folder} and try again"
            )
        lost = retriever.loss(folder) if isinstance(retriever, Lossy) else {}
        return {"passages": count, **lost}

    if "parts" in retriever.search_only:
        parts = {}
    settings = retriever.identity.items()
    left_out = {*retriever.search_only, "parts"}  # parts count by the keys of their indexes
    return Stage(
        "index",
        VERSION,
        f"{passages.slug}-{name}",
        {setting: value for setting, value in settings if setting not in left_out},
        {"passages": passages, **indexes(parts), **({"model": model} if model else {})},
        retriever.sources,
        build,
        lambda load: steps(retriever, load, 1, context)[0],
        f"index {name}",
    )


def indexes(parts: Parts) -> dict[str, Stage]:
    """The indexes of parts, as inputs of a stage."""
    return {f"index.{label}": stage for label, (_, stage) in parts.items()}


def indexed(parts: Parts, inputs: Mapping[str, Folder]) -> dict[str, Indexed]:
    """The parts as a retriever is given them, by the finished folders of ``indexes``."""
    return {
        label: Indexed(part, inputs[f"index.{label}"].path) for label, (part, _) in parts.items()
    }


def steps(retriever: Retriever, load: Load, depth: int, context: Context) -> tuple[Step, Step]:
    """Of indexing and of searching, where the retriever can say; of unknown time elsewhere."""
    if isinstance(retriever, Planned):
        return retriever.plan(load.passages, load.questions, depth, context.runtime)
    return Step("index", 0, None, "not known"), Step("search", 0, None, "not known")
