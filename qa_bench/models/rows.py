"""Rows of tokens through a model: a score a row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from qa_bench.runtime.replicas import Replicas


class Rows(Protocol):
    """What is scored."""

    lengths: np.ndarray
    """Tokens of each row; (rows,) int64."""

    def features(self, places: np.ndarray) -> dict[str, Any]:
        """The model's input for rows of one length: arrays of shape (places, …), and settings."""
        ...


def scored(replicas: Replicas, rows: Rows, update: Callable[[int], Any] = int) -> np.ndarray:
    """The score of every row; float32 (rows,).

    Args:
        replicas: of a model that takes features and returns scores (rows,).
        rows: what is scored.
        update: told how many more are done.

    Raises:
        UserError: a GPU's memory is too small.
    """
    import torch

    def forward(places: np.ndarray, model: Any, device: torch.device) -> np.ndarray:
        there = {
            name: torch.from_numpy(value.astype(np.int64)).to(device)
            if isinstance(value, np.ndarray)
            else value
            for name, value in rows.features(places).items()
        }
        scores: np.ndarray = model(there).float().cpu().numpy()
        return scores

    result = np.empty(len(rows.lengths), dtype=np.float32)
    for places, values in replicas.run(rows.lengths, forward):
        result[places] = values
        update(len(places))
    return result
