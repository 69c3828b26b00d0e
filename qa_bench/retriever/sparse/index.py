"""The index of a sparse retriever: encoded passages to postings, and the postings opened."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from qa_bench.errors import DataError, UserError
from qa_bench.retriever.postings.hits import Index, postings_of
from qa_bench.retriever.postings.search import Weights
from qa_bench.retriever.postings.store import Builder
from qa_bench.retriever.sparse.weights import DTYPES, Loss, Scale, exact
from qa_bench.runtime.warm import opened

_NOTE = "weights.json"


def write_postings(
    folder: Path, files: Sequence[Path], passages: int, dtype: str, workers: int
) -> int:
    """Make postings of encoded passages, and note what a unit of their weights is and what is lost.

    Args:
        folder: of the index.
        files: the passages' terms and weights, see ``save``, in corpus order.
        passages: how many the corpus has.
        dtype: a key of ``DTYPES``.
        workers: threads.

    Returns:
        How many passages the files hold, which is as many.

    Raises:
        DataError: a file is damaged.
        UserError: the files are of other passages, or a weight does not fit the type.
    """
    sizes = [_size(file) for file in files]
    count = sum(size for size, _ in sizes)
    if count != passages:
        where = files[0].parent if files else folder
        raise UserError(
            f"{where}: weights of {count} passages, but there are {passages}; delete the folder to "
            "encode again"
        )
    scale, loss = Scale(dtype, max((largest for _, largest in sizes), default=0.0)), Loss()
    with Builder(folder, passages, DTYPES[dtype], workers) as builder:
        first_row = 0
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
    return count


def save(file: Any, arrays: tuple[np.ndarray, ...]) -> None:
    """Write the pointers, terms and weights of passages, and (1,) the sum before any were cut."""
    np.savez(file, *arrays)


def loaded(file: Path) -> tuple[np.ndarray, ...]:
    """What ``save`` wrote.

    Raises:
        DataError: the file is missing, cut short or changed.
    """
    try:
        with file.open("rb") as content, np.load(content, allow_pickle=False) as arrays:
            return tuple(arrays[f"arr_{number}"] for number in range(4))
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise DataError(
            f"missing, cut short or changed; delete {file.parent} to encode again", file
        ) from error


def _size(file: Path) -> tuple[int, float]:
    """How many passages a file holds, and their largest weight."""
    pointers, _, weights, _ = loaded(file)
    return len(pointers) - 1, float(weights.max(initial=0))


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


def warm_index(
    key: object, folder: Path, passages: int, workers: int
) -> AbstractContextManager[Index]:
    """An index while it is searched: it stays open between searches of a warm process.

    Args:
        key: who searches it.
        folder: of the index.
        passages: how many the corpus has.
        workers: threads.

    Raises:
        DataError: a file is missing, cut short, changed, or of another version.
        UserError: it is the index of another corpus.
    """
    return opened((id(key), folder), partial(_opening, folder, passages, workers))


@contextmanager
def _opening(folder: Path, passages: int, workers: int) -> Iterator[Index]:
    postings, unit = postings_of(folder, passages, workers), noted(folder)["unit"]
    values = postings.values

    def of_postings(which: np.ndarray | slice, terms: np.ndarray) -> np.ndarray:
        return exact(values[which], unit)

    yield Index(postings, Weights(postings, None if unit == 1.0 else of_postings, workers))
