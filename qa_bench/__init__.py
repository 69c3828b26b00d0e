"""qa_bench: an open-domain question answering benchmark harness in the DrQA / DPR line.

The names below are imported on first use, so that importing the package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qa_bench.api.load import load
    from qa_bench.api.reading import LoadedChunker, LoadedReader, LoadedReranker
    from qa_bench.api.results import Results, StageFolder
    from qa_bench.api.retrieving import Index, LoadedRetriever
    from qa_bench.api.run import run
    from qa_bench.errors import UserError
    from qa_bench.metric.answer_spans import answer_spans
    from qa_bench.metric.matching import exact_match, f1_score, has_answer
    from qa_bench.metric.score import score_run
    from qa_bench.types import Hit, Passage, Run

__version__ = "0.1.0"

_PLACES = {
    "Hit": "types",
    "Index": "api.retrieving",
    "LoadedChunker": "api.reading",
    "LoadedReader": "api.reading",
    "LoadedReranker": "api.reading",
    "LoadedRetriever": "api.retrieving",
    "Passage": "types",
    "Results": "api.results",
    "Run": "types",
    "StageFolder": "api.results",
    "UserError": "errors",
    "answer_spans": "metric.answer_spans",
    "exact_match": "metric.matching",
    "f1_score": "metric.matching",
    "has_answer": "metric.matching",
    "load": "api.load",
    "run": "api.run",
    "score_run": "metric.score",
}

__all__ = [
    "Hit",
    "Index",
    "LoadedChunker",
    "LoadedReader",
    "LoadedReranker",
    "LoadedRetriever",
    "Passage",
    "Results",
    "Run",
    "StageFolder",
    "UserError",
    "__version__",
    "answer_spans",
    "exact_match",
    "f1_score",
    "has_answer",
    "load",
    "run",
    "score_run",
]


def __getattr__(name: str) -> Any:
    """A public name, imported now.

    Raises:
        AttributeError: there is none of that name.
        ImportError: Python is too old or too new.
    """
    if name not in _PLACES:
        raise AttributeError(f"module 'qa_bench' has no attribute '{name}'")
    from importlib import import_module

    if (problem := import_module("qa_bench.errors").python_problem()) is not None:
        raise ImportError(problem)
    value = getattr(import_module(f"qa_bench.{_PLACES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, for tab completion."""
    return __all__
