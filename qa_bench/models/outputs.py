"""What an encoder makes of texts: a vector each, or rows of different lengths."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np

from qa_bench.models.source import Source


class Window(Protocol):
    """The texts of one window, batch after batch, in whatever order they come."""

    def put(self, places: np.ndarray, *arrays: np.ndarray) -> None:
        """What a batch gave for the texts at ``places``."""

    def whole(self) -> Any:
        """All of it in the order of the texts; those that no batch held are empty."""


class Output(Protocol):
    """A kind of model: how it is loaded, and what it makes of a batch.

    One that is the same is equal: ``loaded_encoder`` keeps models by source and output.
    """

    def model(self, source: Source) -> Any:
        """The loaded model, with ``preprocess`` and ``forward`` as sentence-transformers has them.

        Raises:
            UserError: there is no such model, or it is of another kind.
        """

    def of_batch(self, features: dict[str, Any]) -> tuple[np.ndarray, ...]:
        """The arrays of a batch, from what the model returned; on the CPU.

        Each can be put behind those of other batches along its first axis: ``Unfinished`` does.
        """

    def window(self, rows: int) -> Window:
        """An empty window of so many texts."""


class Ragged(NamedTuple):
    """Rows of different lengths: the entries of row r are ``pointers[r]:pointers[r + 1]``.

    Attributes:
        pointers: int64 (rows + 1,).
        columns: arrays of shape (entries, …): the terms and weights of a sparse model, or the
            vectors of tokens.
    """

    pointers: np.ndarray
    columns: tuple[np.ndarray, ...]


class RaggedWindow:
    """A window of an ``Output`` whose batches give (lengths, column, …).

    ``lengths`` are the entries of each text (texts,), and the columns (entries, …) hold those of
    all texts of the batch, one after the other::

        class Tokens:
            def of_batch(self, features):
                vectors = features["token_embeddings"]        # (texts, tokens, dimension)
                lengths = np.full(len(vectors), vectors.shape[1])
                return lengths, vectors.flatten(0, 1).float().cpu().numpy()

            def window(self, rows):
                return RaggedWindow(rows, np.zeros((0, 128), np.float32))
    """

    def __init__(self, rows: int, *empty: np.ndarray) -> None:
        """For so many texts; ``empty`` are columns of no entries, for a window of empty texts."""
        self._lengths = np.zeros(rows, dtype=np.int64)
        self._empty = empty
        self._pieces: list[tuple[np.ndarray, ...]] = []

    def put(self, places: np.ndarray, *arrays: np.ndarray) -> None:
        """See ``Window``; ``arrays`` begin with the lengths."""
        lengths, *columns = arrays
        self._lengths[places] = lengths
        self._pieces.append((places, *columns))

    def whole(self) -> Ragged:
        """See ``Window``; the pieces are given up as they are copied."""
        pointers = np.concatenate([[0], np.cumsum(self._lengths)])
        columns = [
            np.empty((pointers[-1], *one.shape[1:]), one.dtype)
            for one in (self._pieces[0][1:] if self._pieces else self._empty)
        ]
        while self._pieces:
            places, *some = self._pieces.pop()
            lengths = self._lengths[places]
            ends = np.cumsum(lengths)
            shifts = np.repeat(pointers[places] - (ends - lengths), lengths)
            targets = shifts + np.arange(len(shifts))
            for column, values in zip(columns, some, strict=True):
                column[targets] = values
        return Ragged(pointers, tuple(columns))
