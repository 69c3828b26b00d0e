"""Which questions a model was trained on: a figure on those tells nothing of others."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import xxhash

from qa_bench.models.source import model_path
from qa_bench.text import straight_apostrophes

SEEN_FILE = "training_questions.npy"
"""Lies in a trained model's folder: hashes of the questions, ascending; uint64."""


def write_seen(folder: Path, questions: Iterable[str]) -> None:
    """Say in a model's folder which questions it was trained on."""
    hashes = np.unique(np.array([_hash(text) for text in questions], dtype=np.uint64))
    np.save(folder / SEEN_FILE, hashes, allow_pickle=False)


def pass_on_seen(base: Path, trained: Path) -> None:
    """Let models say too which questions the model was trained on that they began as.

    Args:
        base: the folder of that model.
        trained: the folder in which they lie, each in one of its own; a retriever may lie there
            twice. One that does not tell of questions yet, such as one of passages, is ``model``.
    """
    if not (base / SEEN_FILE).is_file():
        return
    earlier = np.load(base / SEEN_FILE, allow_pickle=False)
    for folder in sorted({trained / base.name, *(p.parent for p in trained.rglob(SEEN_FILE))}):
        path = folder / SEEN_FILE
        own = np.load(path, allow_pickle=False) if path.is_file() else earlier
        np.save(path, np.union1d(own, earlier), allow_pickle=False)


def seen(folder: Path, questions: Iterable[str]) -> int:
    """How many of the questions a model was trained on; 0 where its folder does not tell."""
    path = folder / SEEN_FILE
    if not path.is_file():
        return 0
    hashes = np.load(path, allow_pickle=False)
    return int(np.isin(np.array([_hash(text) for text in questions], np.uint64), hashes).sum())


def seen_by(model: str, questions: Iterable[str]) -> int:
    """The same of a model that is named as ``Source.model`` is; 0 for one of the hub."""
    path = model_path(model)
    return 0 if path is None else seen(path, questions)


def _hash(text: str) -> int:
    """Of a question; case, spaces and a question mark at the end make no other one."""
    words = straight_apostrophes(text).casefold().rstrip(" ?\n\t").split()
    return xxhash.xxh3_64_intdigest(" ".join(words).encode("utf-8", "surrogatepass"))
