"""Token vectors made here, and the scores that a loop over pairs gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from qa_bench.retriever.multivector.store import Tokens, TokenVectors, save_tokens
from qa_bench.store.vectors import packed

WIDTH = 16


class Silent:
    """A progress bar that shows nothing."""

    total = 0

    def update(self, count: int = 1) -> None:
        self.total += count


def unit(random: Any, count: int, width: int = WIDTH) -> np.ndarray:
    values = random.standard_normal((count, width)).astype(np.float32)
    lengths: np.ndarray = values / np.linalg.norm(values, axis=1, keepdims=True)
    return lengths


def tokens(random: Any, counts: list[int], width: int = WIDTH) -> Tokens:
    pointers = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Tokens(unit(random, int(pointers[-1]), width), pointers)


def write(folder: Path, number: int, some: Tokens, dtype: str) -> None:
    folder.mkdir(exist_ok=True)
    with (folder / f"tokens-{number:05d}.bin").open("wb") as file:
        save_tokens(file, (np.diff(some.pointers), packed(some.values, dtype)))


def corpus(folder: Path, dtype: str = "fp32", passages: int = 90, copies: int = 9) -> TokenVectors:
    """Passages in two files; every tenth is the same, so that scores tie."""
    random = np.random.default_rng(0)
    same = unit(random, 5)
    counts = [5 if n % 10 == 3 and copies else int(random.integers(1, 12)) for n in range(passages)]
    some = tokens(random, counts)
    for row in range(3, passages, 10)[:copies]:
        some.values[some.pointers[row] : some.pointers[row + 1]] = same
    cut = passages * 2 // 3
    write(folder, 0, some.part(0, cut), dtype)
    write(folder, 1, some.part(cut, passages), dtype)
    return TokenVectors(folder)


def reference(vectors: TokenVectors, questions: Tokens) -> np.ndarray:
    """float64 MaxSim of all pairs, rounded to float32; (questions, passages)."""
    every = [vectors.at(np.array([row])).values.astype(np.float64) for row in range(len(vectors))]
    scores = [
        [
            sum((passage @ token).max() for token in questions.of(n).astype(np.float64))
            for passage in every
        ]
        for n in range(questions.texts)
    ]
    return np.array(scores).astype(np.float32)


def best(scores: np.ndarray, depth: int) -> list[int]:
    order: list[int] = np.lexsort((np.arange(len(scores)), -scores))[:depth].tolist()
    return order
