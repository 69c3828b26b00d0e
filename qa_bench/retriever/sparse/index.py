"""The index of a sparse retriever: encoded passages to postings, and the postings opened."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from qa_bench.errors import DataError
from qa_bench.retriever.postings.search import Weights
from qa_bench.retriever.postings.store import Builder, Postings
from qa_bench.retriever.sparse.weights import DTYPES, Loss, Scale, exact

_NOTE = "weights.json"


def write_postings(
    folder: Path, files: Sequence[Path], passages: int, dtype: str, workers: int
) -> None:
    """Make postings of encoded passages, and note what a unit of their weights is and what is lost.

    Args:
        folder: of the index.
        files: the passages' terms and weights, see ``save``, in corpus order.
        passages: how many there are.
        dtype: a key of ``DTYPES``.
        workers: threads.

    Raises:
        UserError: a weight does not fit the type.
    """
    scale = Scale(dtype, max((_largest(file) for file in files), default=0.0))
    builder, loss, first_row = Builder(folder, passages, DTYPES[dtype], workers), Loss(), 0
    for file in files:
        pointers, terms, weights, whole = loaded(file)
        loss.sum += float(weights.sum(dtype=np.float64))
        loss.whole += float(whole[0])
        stored = scale.stored(weights)
        loss.see(weights.astype(np.float64), scale.exact(stored))
        there = stored != 0
        ends = np.concatenate([[0], np.cumsum(there)])[pointers]
        builder.add(first_row, ends, terms[there], stored[there])
        first_row += len(pointers) - 1
    builder.finish()
    note = {"unit": scale.unit, "counts": loss.counts()}
    (folder / _NOTE).write_text(json.dumps(note), encoding="utf-8")


def save(file: Any, arrays: tuple[np.ndarray, ...]) -> None:
    """Write the pointers, terms and weights of passages, and (1,) the sum before any were cut."""
    np.savez(file, *arrays)


def loaded(file: Path) -> tuple[np.ndarray, ...]:
    """What ``save`` wrote."""
    with np.load(file, allow_pickle=False) as arrays:
        return tuple(arrays[name] for name in arrays.files)


def _largest(file: Path) -> float:
    return float(loaded(file)[2].max(initial=0))


def noted(folder: Path) -> dict[str, Any]:
    """What ``write_postings`` noted: ``unit``, and ``counts`` of what is lost.

    Raises:
        DataError: it is missing or changed.
    """
    path = folder / _NOTE
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
        unit, counts = float(note["unit"]), dict(note["counts"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"missing or changed; delete {folder} to encode again", path) from error
    return {"unit": unit, "counts": counts}


def opened(folder: Path, workers: int) -> tuple[Postings, Weights]:
    """The postings of an index, and their weights.

    Raises:
        DataError: a file is missing, cut short, changed, or of another version.
    """
    postings, unit = Postings(folder, workers), noted(folder)["unit"]
    values = postings.values

    def of_postings(which: np.ndarray | slice, terms: np.ndarray) -> np.ndarray:
        return exact(values[which], unit)

    return postings, Weights(postings, None if unit == 1.0 else of_postings, workers)
