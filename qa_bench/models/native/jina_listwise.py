"""Jina's rerankers v3 and v3.5, which are refused: what they are, and no class.

They read all passages of a question in one row, and compare the states of marks that stand behind
each of them. A score depends on the passages beside, so that it is no score of a pair.
"""

from __future__ import annotations

from qa_bench.models.native.kind import Classes, Config, Kind


def _suits(config: Config) -> bool:
    return "JinaForRanking" in (config.get("architectures") or ())


def _unlike(_: Config) -> str:
    return (
        "it ranks all passages of a question in one row, by code of its own; rerankers here score "
        "pairs: choose another, such as jina_reranker_v2"
    )


def _classes() -> Classes:
    raise AssertionError("a kind that is refused has no classes")


KIND = Kind(_suits, _unlike, _classes)
