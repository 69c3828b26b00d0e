"""Texts to vectors, or whatever an ``Output`` makes of them: a model, its cores or GPUs kept busy.

Texts of the same number of tokens are encoded together, so that nothing is padded. Another thread
tokenises what comes next meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, NamedTuple, Protocol

import numpy as np

from qa_bench.errors import UserError
from qa_bench.models.outputs import Output, Window
from qa_bench.models.routes import tasks
from qa_bench.models.sentence_model import sentence_model
from qa_bench.models.source import Source, Text
from qa_bench.runtime.devices import worker_threads
from qa_bench.runtime.replicas import Replicas
from qa_bench.types import Runtime

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


class Memory(Protocol):
    """What keeps what is done of a window, for the case that it is never finished."""

    def restore(self) -> Iterator[tuple[np.ndarray, ...]]:
        """(places, arrays) of the window at hand that an earlier process made."""

    def add(self, *piece: np.ndarray) -> None:
        """Some more of them."""

    def save(self) -> None:
        """Keep now what was added."""


@dataclass(frozen=True)
class SentenceVectors:
    """The ``Output`` of bi-encoders: a window is float32 of shape (texts, dimension).

    A text of no tokens has a vector of zeros.
    """

    def model(self, source: Source) -> Any:
        """See ``sentence_model``."""
        return sentence_model(source)

    def of_batch(self, features: dict[str, Any]) -> tuple[np.ndarray]:
        """The vectors alone; float32 (texts, dimension)."""
        return (features["sentence_embedding"].float().cpu().numpy(),)

    def window(self, rows: int) -> Window:
        """See ``Output``."""
        return _Vectors(rows)


class _Vectors:
    """A window of vectors; it has its memory as soon as their dimension is known."""

    def __init__(self, rows: int) -> None:
        self._vectors = np.zeros((rows, 0), dtype=np.float32)

    def put(self, places: np.ndarray, *arrays: np.ndarray) -> None:
        (vectors,) = arrays
        if not self._vectors.shape[1]:
            self._vectors = np.zeros((len(self._vectors), vectors.shape[1]), dtype=np.float32)
        self._vectors[places] = vectors

    def whole(self) -> np.ndarray:
        return self._vectors


VECTORS = SentenceVectors()


class Encoder:
    """A loaded model. It encodes for one caller at a time."""

    def __init__(self, source: Source, runtime: Runtime, output: Output = VECTORS) -> None:
        """Load the model, a copy on every GPU.

        Args:
            source: the model.
            runtime: devices, threads and batch size.
            output: what it makes of texts.

        Raises:
            UserError: there is no such model, it needs code of its own, or a hash is wrong.
        """
        self._model, self._output = source.model, output
        model = output.model(source)
        self._preprocess: Callable[..., dict[str, Any]] = model.preprocess
        self._tokenizer = getattr(model, "tokenizer", None)
        own = getattr(model, "get_model_kwargs", None)
        self._options: frozenset[str] = frozenset(own() if own else ())
        self._tasks = tasks(model)
        self._replicas = Replicas(model, source.model, runtime)

    def encode(
        self,
        windows: Iterable[Sequence[Text]],
        prompt: str = "",
        update: Callable[[int], Any] = int,
        memory: Memory | None = None,
        marks: Sequence[str] = (),
        encode_kwargs: Mapping[str, Any] | None = None,
        task: str = "",
    ) -> Iterator[Any]:
        """What the ``Output`` makes of each window: of vectors float32 (texts, dimension).

        Args:
            windows: what is tokenised ahead and sorted by length together.
            prompt: put before each text (the first segment of a pair).
            update: told how many more texts are done.
            memory: keeps what is done of a window. The batches are those that there are without:
                what is kept changes nothing.
            marks: none, or two: texts whose tokens stand before and behind those of each text,
                and in no token with them. They come on top of the model's ``max_length``.
            encode_kwargs: what the model's own modules take, such as a task.
            task: query or document: the route of the texts, where the model has one for each.

        Raises:
            UserError: a GPU's memory is too small, the model takes no padded batches, or none of
                its modules takes one of ``encode_kwargs``.
        """
        options = dict(encode_kwargs or {})
        for name in sorted(set(options) - self._options):
            takes = ", ".join(sorted(self._options)) or "none"
            raise UserError(
                f"model {self._model}: encode_kwargs.{name}: none of its modules takes it; they "
                f"take: {takes}"
            )
        if task in self._tasks:
            options.setdefault("task", task)
        around = [self._tokens(mark) for mark in marks]
        tokenised = partial(self._tokenised, around=around, options=options)
        with worker_threads(1) as ahead:

            def begun(window: Sequence[Text]) -> Iterator[_Tokenised]:
                firsts = range(0, len(window), _TOKENISED_AT_ONCE)
                pieces = [window[first : first + _TOKENISED_AT_ONCE] for first in firsts]
                return ahead.map(partial(tokenised, prompt=prompt), pieces)

            for pieces in _one_ahead(map(begun, windows)):
                yield self._window(list(pieces), update, memory, options)

    def _tokens(self, mark: str) -> np.ndarray:
        """The tokens of a text alone; int32 of shape (tokens,)."""
        if not callable(self._tokenizer):
            raise UserError(f"model {self._model}: marks want a tokenizer of transformers")
        ids = self._tokenizer(mark, add_special_tokens=False)["input_ids"]
        return np.array(ids, dtype=np.int32)

    def _tokenised(
        self,
        texts: Sequence[Text],
        prompt: str,
        around: Sequence[np.ndarray] = (),
        options: Mapping[str, Any] | None = None,
    ) -> _Tokenised:
        import torch

        preprocess = partial(self._preprocess, **(options or {}))
        batch = dict(preprocess(list(texts), prompt=prompt or None))  # not its big original
        if "attention_mask" not in batch:
            raise UserError(f"model {self._model} takes no padded batches of tokens: not supported")
        if "prompt_length" in batch and prompt != prompt.rstrip():
            # A space at the end of the prompt is one token with the word after it.
            alone = preprocess(list(texts[:1]), prompt=prompt.rstrip())
            batch["prompt_length"] = alone["prompt_length"]
        there = batch.pop("attention_mask").bool()
        names = [name for name, value in batch.items() if _shape(value) == there.shape]
        stacked = torch.stack([batch.pop(name).to(torch.int32) for name in names], 1).numpy()
        pairs = zip(stacked, there.numpy(), strict=True)
        rows = [one[:, here] for one, here in pairs]
        if around:
            rows = [_marked(row, names, *around) for row in rows]
        return _Tokenised(names, rows, batch)

    def _window(
        self,
        pieces: list[_Tokenised],
        update: Callable[[int], Any],
        memory: Memory | None,
        options: Mapping[str, Any],
    ) -> Any:
        import torch

        rows = [row for piece in pieces for row in piece.rows]

        def forward(places: np.ndarray, model: Any, device: torch.device) -> tuple[Any, ...]:
            stacked = np.stack([rows[place] for place in places], 1)
            tokens = torch.from_numpy(stacked).to(device, torch.int64)
            features = {**pieces[0].others, **dict(zip(pieces[0].names, tokens, strict=True))}
            features["attention_mask"] = torch.ones_like(features["input_ids"])
            return self._output.of_batch(model(features, **options))

        window = self._output.window(len(rows))
        done = np.zeros(len(rows), dtype=bool)

        def put(places: np.ndarray, *arrays: np.ndarray) -> None:
            window.put(places, *arrays)
            done[places] = True
            update(len(places))

        for piece in memory.restore() if memory else ():
            put(*piece)
        lengths = np.array([row.shape[1] for row in rows], dtype=np.int64)
        batches = [batch for batch in self._replicas.batches(lengths) if not done[batch].all()]
        try:
            for places, arrays in self._replicas.run(lengths, forward, batches):
                put(places, *arrays)
                if memory:
                    memory.add(places, *arrays)
        except KeyboardInterrupt:
            if memory:
                memory.save()
            raise
        return window.whole()


@lru_cache(maxsize=2)
def loaded_encoder(source: Source, runtime: Runtime, output: Output = VECTORS) -> Encoder:
    """``Encoder(…)`` of the same; the last two are kept, for the next set of questions."""
    return Encoder(source, runtime, output)


def _marked(
    row: np.ndarray, names: Sequence[str], before: np.ndarray, behind: np.ndarray
) -> np.ndarray:
    """A text's features with more tokens at both ends; other features than ids are zero there."""
    ends = []
    for ids in (before, behind):
        end = np.zeros((len(names), len(ids)), dtype=row.dtype)
        end[names.index("input_ids")] = ids
        ends.append(end)
    return np.concatenate([ends[0], row, ends[1]], axis=1)


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
