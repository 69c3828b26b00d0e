"""Texts to vectors: a sentence-transformers or transformers encoder, its cores or GPUs kept busy.

Texts of the same number of tokens are encoded together, so that nothing is padded and a vector does
not depend on its neighbours. On a CPU every core runs batches of its own; another thread tokenises
what comes next meanwhile.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from qa_bench.errors import UserError
from qa_bench.models import Source, Text
from qa_bench.retriever.sentence_model import loaded_model
from qa_bench.torch_tools import (
    CPU_TOKENS,
    GPU_TOKENS,
    devices,
    one_thread_each,
    quicken,
    worker_threads,
)
from qa_bench.types import Runtime

if TYPE_CHECKING:
    pass

_TOKENISED_AT_ONCE = 256


class _Tokenised(NamedTuple):
    """Some texts, padding taken off.

    A window of 32,768 passages is kept so: each text's own tensors would take four times as much.

    Attributes:
        names: the features that every token has, beside ``attention_mask``.
        rows: those of each text; int32 of shape (names, tokens).
        others: the features that are not of a token, the same for all texts.
    """

    names: list[str]
    rows: list[np.ndarray]
    others: dict[str, Any]


class Encoder:
    """A loaded model. It encodes for one caller at a time."""

    def __init__(self, source: Source, runtime: Runtime) -> None:
        """Load the model, a copy on every GPU.

        Raises:
            UserError: there is no such model, it needs code of its own, or a hash is wrong.
        """
        self._runtime = runtime
        self._model = source.model
        self._devices = devices(runtime)
        self._on_cpu = self._devices[0].type == "cpu"
        model = loaded_model(source)
        if self._on_cpu:
            quicken(model)
        self._preprocess: Callable[..., dict[str, Any]] = model.preprocess
        every = list(dict.fromkeys(self._devices))
        replicas = {device: model if len(every) == 1 else copy.deepcopy(model) for device in every}
        self._replicas = [replicas[device].to(device) for device in self._devices]

    def encode(
        self,
        windows: Iterable[Sequence[Text]],
        prompt: str = "",
        update: Callable[[int], Any] = int,
    ) -> Iterator[np.ndarray]:
        """The vectors of each window of texts; float32 of shape (texts, dimension).

        A text of no tokens has a vector of zeros.

        Args:
            windows: what is tokenised ahead and sorted by length together.
            prompt: put before each text (the first segment of a pair).
            update: told how many more texts are done.

        Raises:
            UserError: a GPU's memory is too small, or the model takes no padded batches.
        """
        with (
            one_thread_each(self._on_cpu),
            worker_threads(1) as ahead,
            worker_threads(len(self._devices), one_each=self._on_cpu) as pool,
        ):

            def begun(window: Sequence[Text]) -> Iterator[_Tokenised]:
                firsts = range(0, len(window), _TOKENISED_AT_ONCE)
                pieces = [window[first : first + _TOKENISED_AT_ONCE] for first in firsts]
                return ahead.map(partial(self._tokenised, prompt=prompt), pieces)

            for pieces in _one_ahead(map(begun, windows)):
                yield self._window(list(pieces), pool, update)

    def _tokenised(self, texts: Sequence[Text], prompt: str) -> _Tokenised:
        import torch

        batch = dict(self._preprocess(list(texts), prompt=prompt or None))  # not its big original
        if "attention_mask" not in batch:
            raise UserError(f"model {self._model} takes no padded batches of tokens: not supported")
        if "prompt_length" in batch and prompt != prompt.rstrip():
            # A space at the end of the prompt is one token with the word after it.
            alone = self._preprocess(list(texts[:1]), prompt=prompt.rstrip())
            batch["prompt_length"] = alone["prompt_length"]
        there = batch.pop("attention_mask").bool()
        names = [name for name, value in batch.items() if _shape(value) == there.shape]
        stacked = torch.stack([batch.pop(name).to(torch.int32) for name in names], 1).numpy()
        kept = zip(stacked, there.numpy(), strict=True)
        return _Tokenised(names, [one[:, here] for one, here in kept], batch)

    def _window(
        self,
        pieces: list[_Tokenised],
        pool: ThreadPoolExecutor,
        update: Callable[[int], Any],
    ) -> np.ndarray:
        rows = [row for piece in pieces for row in piece.rows]
        batches = list(self._batches(np.array([row.shape[1] for row in rows], dtype=np.int64)))
        free = list(range(len(self._devices)))

        def run(batch: np.ndarray) -> np.ndarray:
            worker = free.pop()
            try:
                return self._forward(pieces[0], [rows[place] for place in batch], worker)
            finally:
                free.append(worker)

        vectors = None
        for batch, found in zip(batches, pool.map(run, batches), strict=True):
            if vectors is None:
                vectors = np.zeros((len(rows), found.shape[1]), dtype=np.float32)
            vectors[batch] = found
            update(len(batch))
        return np.zeros((len(rows), 0), np.float32) if vectors is None else vectors

    def _batches(self, lengths: np.ndarray) -> Iterator[np.ndarray]:
        """Places of texts of the same length, the longest first."""
        order = np.argsort(-lengths, kind="stable")
        for group in np.split(order, np.flatnonzero(np.diff(lengths[order])) + 1):
            length = int(lengths[group[0]]) if len(group) else 0
            if not length:
                continue
            tokens = CPU_TOKENS if self._on_cpu else GPU_TOKENS
            size = self._runtime.batch_size or max(1, tokens // length)
            for first in range(0, len(group), size):
                yield group[first : first + size]

    def _forward(self, like: _Tokenised, rows: list[np.ndarray], worker: int) -> np.ndarray:
        import torch

        device = self._devices[worker]
        try:
            tokens = torch.from_numpy(np.stack(rows, 1)).to(device, torch.int64)
            features = {**like.others, **dict(zip(like.names, tokens, strict=True))}
            features["attention_mask"] = torch.ones_like(features["input_ids"])
            with torch.inference_mode():
                vectors = self._replicas[worker](features)["sentence_embedding"]
            result: np.ndarray = vectors.float().cpu().numpy()
        except torch.cuda.OutOfMemoryError as error:
            raise UserError(
                f"model {self._model}: {device} has too little memory for {len(rows)} texts of "
                f"{rows[0].shape[1]} tokens at once: set runtime.batch_size"
            ) from error
        return result


@lru_cache(maxsize=2)
def loaded_encoder(source: Source, runtime: Runtime) -> Encoder:
    """``Encoder(source, runtime)``; the last two are kept, for the next set of questions."""
    return Encoder(source, runtime)


def _shape(value: Any) -> Any:
    return getattr(value, "shape", None)


def _one_ahead(begun: Iterable[Any]) -> Iterator[Any]:
    """The same, one later: the next has begun when one is handed on."""
    last = None
    for one in begun:
        if last is not None:
            yield last
        last = one
    if last is not None:
        yield last
