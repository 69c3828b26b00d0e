"""A run of articles, and the passages of a corpus ─articles─► what the run's hits stand for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from qa_bench.engine.context import Context
from qa_bench.engine.stage import Stage
from qa_bench.errors import UserError
from qa_bench.store.passages import (
    Passages,
    describe_passages,
    open_passages,
    write_passages,
)
from qa_bench.store.runs import RUN_FILE, read_run
from qa_bench.types import Folder, Load, Step

VERSION = 1
BETWEEN = "\n␟\n"
"""Between an article's passages: the sign is a token of its own, so that no answer string is found
across two of them: an article holds one where one of its passages does. A pattern may match it."""


def articles(run: Stage, passages: Stage, slug: str, source: str, context: Context) -> Stage:
    """The articles that a foreign run names, each as one passage whose pid is the article's id.

    So a run of article ids is scored, reranked and read as one of passages. In corpus order.

    Its build raises ``UserError`` where the corpus has no passage of an article, or does not know
    of which articles its passages are.

    Args:
        run: the imported run.
        passages: the corpus.
        slug: for the folder's name.
        source: what error messages call the run.
        context: where and how.
    """

    def build(folder: Path, inputs: Mapping[str, Folder]) -> dict[str, Any]:
        collection = open_passages(inputs["passages"].path)
        if not collection.has_sources:
            raise UserError(
                "run_ids=articles: the corpus does not tell of which article each passage is; "
                "give it with a column source, or choose a corpus of articles"
            )
        named = pc.unique(read_run(inputs["run"].path / RUN_FILE).table.column("pid"))
        rows, places = collection.of_sources(named)
        if missing := len(named) - len(np.unique(places)):
            absent = np.setdiff1d(np.arange(len(named)), places)
            raise UserError(
                f"{source}: {missing} of {len(named)} articles have no passage in the corpus, "
                f"first '{named[int(absent[0])].as_py()}': is it another corpus? or a chunker "
                "that drops short articles? chunker=words keeps them"
            )
        path = folder / "passages-00000.arrow"
        count = write_passages(path, _whole(collection, named, rows, places))
        describe_passages(folder, [path])
        return {"passages": count}

    def plan(load: Load) -> Step:
        return Step("articles", 0, None, "not known")

    stages = {"run": run, "passages": passages}
    return Stage("articles", VERSION, slug, {}, stages, dict, build, plan)


def _whole(
    collection: Passages, named: pa.Array, rows: np.ndarray, places: np.ndarray
) -> Iterator[tuple[str, str, str]]:
    """(id, title, its passages' texts) of each article, in the order of their first passages."""
    of_article = np.argsort(places, kind="stable")
    starts = np.flatnonzero(np.diff(places[of_article], prepend=-1))
    groups = np.split(rows[of_article], starts[1:])
    for group in sorted(groups, key=lambda group: int(group[0])):
        title = collection[int(group[0])].title
        place = int(places[np.searchsorted(rows, group[0])])
        yield named[place].as_py(), title, BETWEEN.join(collection.texts(group))
