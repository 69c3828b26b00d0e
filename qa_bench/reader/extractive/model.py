"""The model of the extractive reader: its logits for sequences.

Sequences of about the same number of tokens are read together, whichever questions they are of.
What each is padded to is its own affair, so that a logit does not depend on its neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from qa_bench.models.loading import question_answering, tokenizer_of
from qa_bench.models.positions import positions
from qa_bench.models.source import Source
from qa_bench.reader.extractive.layout import Padding, Window
from qa_bench.runtime.replicas import Replicas
from qa_bench.types import Runtime


class Logits(NamedTuple):
    """What a model says of one window's passage tokens.

    Attributes:
        start: of an answer's first token; float32 of shape (tokens,).
        end: of its last.
        relevance: that the passage holds the answer; None where the model does not tell.
    """

    start: np.ndarray
    end: np.ndarray
    relevance: float | None


def most_tokens(model: Any) -> int:
    """How many tokens a sequence for the model may have."""
    return positions(model) or 1 << 20


def takes_types(model: Any) -> bool:
    """Whether the model takes segment numbers."""
    import inspect

    return "token_type_ids" in inspect.signature(model.forward).parameters


class ReaderModel:
    """A loaded model. It reads for one caller at a time."""

    def __init__(self, source: Source, runtime: Runtime) -> None:
        """Load the model, a copy on every GPU.

        Raises:
            UserError: see ``question_answering``.
        """
        model = question_answering(source)
        self.tokenizer = tokenizer_of(source, model)
        self.limit, self.types = most_tokens(model), takes_types(model)
        self._padding = Padding(self.tokenizer.pad_token_id or 0, self.limit)
        self._replicas = Replicas(model, source.model, runtime)

    def read(self, windows: Sequence[Window]) -> Iterator[tuple[int, Logits]]:
        """(its place, its logits) for every window, the longest first.

        Args:
            windows: what is read; memory grows with them.

        Raises:
            UserError: a GPU's memory is too small.
        """
        lengths = np.array([len(window.ids) for window in windows], dtype=np.int64)

        def forward(places: np.ndarray, model: Any, device: Any) -> list[Logits]:
            return self._logits([windows[place] for place in places], model, device)

        for places, logits in self._replicas.run(self._padding.length(lengths), forward):
            yield from zip(places.tolist(), logits, strict=True)

    def _logits(self, windows: list[Window], model: Any, device: Any) -> list[Logits]:
        import torch

        arrays = self._padding.arrays(windows)
        there = {name: torch.from_numpy(value).to(device) for name, value in arrays.items()}
        output = model(**there, return_dict=True)
        starts = output.start_logits.float().cpu().numpy()
        ends = output.end_logits.float().cpu().numpy()
        relevant = getattr(output, "relevance_logits", None)
        relevance = None if relevant is None else relevant.float().cpu().numpy()
        return [
            Logits(
                starts[row, window.at : window.at + window.size],
                ends[row, window.at : window.at + window.size],
                None if relevance is None else float(relevance[row]),
            )
            for row, window in enumerate(windows)
        ]


@lru_cache(maxsize=2)
def loaded_reader(source: Source, identity: str, runtime: Runtime) -> ReaderModel:
    """``ReaderModel(source, runtime)``; the last two are kept (one for a draft), for the next set.

    ``identity`` tells a folder's content from what it held before.
    """
    return ReaderModel(source, runtime)
