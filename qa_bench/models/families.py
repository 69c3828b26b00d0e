"""What a model makes of a text, as its files say it: one vector, weights of terms, token vectors.

The libraries load a model of another family too, with layers made up at random or without those it
was trained with, and say so in a log at most: figures would come out all the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from qa_bench.errors import UserError
from qa_bench.models.source import Place, Source
from qa_bench.net.hub import cached_file

FITTING = {
    "dense": "a bi-encoder",
    "sparse": "a sparse encoder",
    "multivector": "a token-vector model",
}
"""The families, by the retriever that takes them."""

_KINDS = {
    "SentenceTransformer": "dense",
    "SparseEncoder": "sparse",
    "MultiVectorEncoder": "multivector",
    "ColBERT": "multivector",
}
"""``model_type`` of config_sentence_transformers.json; PyLate writes ColBERT."""
_MODULES = {
    "SpladePooling": "sparse",
    "SparseStaticEmbedding": "sparse",
    "SparseAutoEncoder": "sparse",
    "MLMTransformer": "sparse",
    "MultiVectorMask": "multivector",
}
"""The modules of sentence-transformers that only one family has."""
_STANFORD = "artifact.metadata"
"""What ColBERT's own code saves beside a model."""


@contextmanager
def of_family(source: Source, place: Place, family: str) -> Iterator[None]:
    """Load in this block; a model whose files say that it is of another family is refused.

    They are looked at when the library has fetched them, and whether it could load them or not.

    Args:
        source: the model, for messages.
        place: where it is loaded from.
        family: dense, sparse or multivector.

    Raises:
        UserError: it is of another, whose retriever is named.
    """
    try:
        yield
    finally:
        other = family_of(place)
        if other not in (None, family):
            raise UserError(
                f"model {source.model} is {FITTING[str(other)]}: retriever={other} takes it, "
                f"retriever={family} wants {FITTING[family]}"
            )


def family_of(place: Place) -> str | None:
    """dense, sparse or multivector; None where its files on this machine do not say."""
    modules = _read(place, "modules.json")
    if modules is None:
        config = _read(place, "config.json")
        classes = str(config.get("architectures")) if isinstance(config, dict) else ""
        colbert = "ColBERT" in classes or _path(place, _STANFORD) is not None
        return "multivector" if colbert else None
    routes = _read(place, "router_config.json")
    inner = routes.get("types", {}).values() if isinstance(routes, dict) else []
    types = [str(one.get("type")) for one in modules if isinstance(one, dict)] + [*map(str, inner)]
    families = {_MODULES.get(kind.rpartition(".")[2]) for kind in types} - {None}
    if any(kind.startswith("pylate.") for kind in types):
        families.add("multivector")
    if len(families) == 1:
        return families.pop()
    config = _read(place, "config_sentence_transformers.json")
    kind = config.get("model_type") if isinstance(config, dict) else None
    return _KINDS.get(str(kind), "dense")


def _path(place: Place, name: str) -> Path | None:
    if place.commit is None:
        path = Path(place.name) / name
        return path if path.is_file() else None
    return cached_file(place.name, name, place.commit, "model")


def _read(place: Place, name: str) -> Any:
    """A JSON file of a model; None where it is not there, or is none."""
    with suppress(OSError, ValueError):
        path = _path(place, name)
        if path is not None:
            return json.loads(path.read_text(encoding="utf-8"))
    return None
