"""``qa_bench.load``: a part of the configuration, in a small handle for texts that are at hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from qa_bench.api.jobs import lines
from qa_bench.api.reading import LoadedChunker, LoadedReader, LoadedReranker
from qa_bench.api.retrieving import LoadedRetriever
from qa_bench.errors import UserError
from qa_bench.line.line import Line
from qa_bench.parts import make
from qa_bench.trust import allow


def _retriever(line: Line) -> LoadedRetriever:
    return LoadedRetriever(line.config.retriever, line.choice, line.context.runtime)


def _handle(group: str, kind: Callable[..., Any]) -> Callable[[Line], Any]:
    def handle(line: Line) -> Any:
        node = line.config[group]
        if "_target_" not in node:
            raise UserError(
                f"load: {group}={line.choice(group)}: name one of `qa-bench list {group}`"
            )
        return kind(make(group, node), line.context.runtime)

    return handle


HANDLES: dict[str, Callable[[Line], Any]] = {
    "retriever": _retriever,
    "reranker": _handle("reranker", LoadedReranker),
    "reader": _handle("reader", LoadedReader),
    "chunker": _handle("chunker", LoadedChunker),
}
"""What a group's parts can be loaded as."""


def load(part: str, *overrides: str, trust: Sequence[str] = ()) -> Any:
    """Load one part by its name in ``conf/``, as the command line would.

    Args:
        part: ``"retriever=minilm"``, ``"reranker=msmarco_minilm"``, ``"reader=redundancy"``,
            ``"chunker=dpr_w100"``; any YAML of these groups.
        overrides: settings of it, as ``"retriever.max_length=128"``, and of ``runtime``.
        trust: top-level modules whose classes a ``_target_`` may name, as ``--trust``; from now on.

    Returns:
        A ``LoadedRetriever``, ``LoadedReranker``, ``LoadedReader`` or ``LoadedChunker``.

    Raises:
        UserError: there is no such part, or a setting is wrong.
    """
    group, equals, _ = part.partition("=")
    if group not in HANDLES or not equals:
        raise UserError(f"load: '{part}': name a part, as {'=…, '.join(HANDLES)}=…")
    allow(trust)
    jobs = lines([part, *overrides])
    if len(jobs) != 1:
        raise UserError(f"load: {len(jobs)} parts at once: name one")
    return HANDLES[group](jobs[0])
