"""The model of the extractive reader: loading it with its head, and its logits for sequences.

Sequences of about the same number of tokens are read together, whichever questions they are of.
Each is padded to the next multiple of ``_STEP``, so that a logit does not depend on its neighbours.
On a CPU every core reads batches of its own.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from qa_bench.errors import UserError
from qa_bench.models import Source, checked_name, quiet, revision_of, told_in_one_line, torch_dtype
from qa_bench.reader.extractive_layout import Window
from qa_bench.torch_tools import devices, one_thread_each, quicken, worker_threads
from qa_bench.types import Runtime

CPU_TOKENS, GPU_TOKENS = 2048, 65_536
"""Tokens a batch. On a CPU larger ones leave the caches."""
_STEP = 16
"""Tokens. torch's attention on a CPU takes up to twice the time where a length is no multiple: what
is left over of a vector's width is then taken number by number."""


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


def load_tokenizer(source: Source) -> Any:
    """The model's tokenizer.

    Raises:
        UserError: there is no such model, or it has none.
    """
    from transformers import AutoTokenizer

    with quiet(), told_in_one_line(source, None):
        return AutoTokenizer.from_pretrained(checked_name(source), revision=revision_of(source))


def load_reader(source: Source) -> Any:
    """The model with its trained head, on the CPU, in evaluation mode.

    Raises:
        UserError: there is no such model, or it has no head that points at answers.
    """
    import transformers

    with quiet(), told_in_one_line(source, None):
        name, revision = checked_name(source), revision_of(source)
        config = transformers.AutoConfig.from_pretrained(name, revision=revision)
        told_by_model = config.architectures or ["AutoModelForQuestionAnswering"]
        named = source.architecture or told_by_model[0]
        kind = getattr(transformers, named, None)
        if kind is None:
            raise UserError(f"model {source.model}: transformers has no class '{named}'")
        model, told = kind.from_pretrained(
            name, revision=revision, dtype=torch_dtype(source), output_loading_info=True
        )
        model.eval()
        if told["missing_keys"] or not _points(model):
            lacks = (
                f" ({sorted(told['missing_keys'])[0]} is missing)" if told["missing_keys"] else ""
            )
            raise UserError(
                f"model {source.model} is a {named} without a trained head for answers{lacks}: "
                "name one trained for question answering, or make one with `qa-bench train`"
            )
    return model


def _points(model: Any) -> bool:
    """Whether it gives logits of starts and ends."""
    import torch

    with torch.inference_mode():
        tokens = torch.ones((1, 4), dtype=torch.int64)
        found = model(input_ids=tokens, attention_mask=tokens, return_dict=True)
    return all(getattr(found, name, None) is not None for name in ("start_logits", "end_logits"))


def most_tokens(model: Any) -> int:
    """How many tokens a sequence for the model may have."""
    import torch

    limit = int(getattr(model.config, "max_position_embeddings", -1))
    for name, layer in model.named_modules():
        # RoBERTa's kind counts positions from behind the padding's.
        if name.endswith("position_embeddings") and isinstance(layer, torch.nn.Embedding):
            limit = layer.num_embeddings - (
                0 if layer.padding_idx is None else layer.padding_idx + 1
            )
    return limit if limit > 0 else 1 << 20


def takes_types(model: Any) -> bool:
    """Whether the model takes segment numbers."""
    import inspect

    return "token_type_ids" in inspect.signature(model.forward).parameters


class ReaderModel:
    """A loaded model. It reads for one caller at a time."""

    def __init__(self, source: Source, runtime: Runtime) -> None:
        """Load the model, a copy on every GPU.

        Raises:
            UserError: see ``load_reader``.
        """
        self._name, self._runtime = source.model, runtime
        self._devices = devices(runtime)
        self._on_cpu = self._devices[0].type == "cpu"
        model = load_reader(source)
        self.tokenizer = load_tokenizer(source)
        self.limit, self.types = most_tokens(model), takes_types(model)
        self._padding = self.tokenizer.pad_token_id or 0
        if self._on_cpu:
            quicken(model)
        every = list(dict.fromkeys(self._devices))
        replicas = {device: model if len(every) == 1 else copy.deepcopy(model) for device in every}
        self._replicas = [replicas[device].to(device) for device in self._devices]

    def read(
        self, windows: Sequence[Window], update: Callable[[int], Any] = int
    ) -> Iterator[tuple[int, Logits]]:
        """(its place, its logits) for every window, the longest first.

        Args:
            windows: what is read; memory grows with them.
            update: told how many more are done.

        Raises:
            UserError: a GPU's memory is too small.
        """
        batches = list(self._batches(np.array([len(window.ids) for window in windows])))
        free = list(range(len(self._devices)))

        def run(batch: np.ndarray) -> list[Logits]:
            worker = free.pop()
            try:
                return self._forward([windows[place] for place in batch], worker)
            finally:
                free.append(worker)

        with (
            one_thread_each(self._on_cpu),
            worker_threads(len(self._devices), one_each=self._on_cpu) as pool,
        ):
            for batch, found in zip(batches, pool.map(run, batches), strict=True):
                yield from zip(batch.tolist(), found, strict=True)
                update(len(batch))

    def _batches(self, lengths: np.ndarray) -> Iterator[np.ndarray]:
        """Places of windows of the same padded length, the longest first."""
        padded = self._padded(lengths)
        order = np.argsort(-padded, kind="stable")
        for group in np.split(order, np.flatnonzero(np.diff(padded[order])) + 1):
            if not len(group):
                continue
            tokens = CPU_TOKENS if self._on_cpu else GPU_TOKENS
            size = self._runtime.batch_size or max(1, tokens // int(padded[group[0]]))
            for first in range(0, len(group), size):
                yield group[first : first + size]

    def _padded(self, length: Any) -> Any:
        return np.minimum(-(-length // _STEP) * _STEP, self.limit)

    def _features(self, windows: list[Window]) -> dict[str, np.ndarray]:
        """What the model is given; int64 of shape (windows, tokens)."""
        shape = len(windows), int(self._padded(len(windows[0].ids)))
        given = {
            "input_ids": np.full(shape, self._padding, np.int64),
            "attention_mask": np.zeros(shape, np.int64),
        }
        if windows[0].types is not None:
            given["token_type_ids"] = np.zeros(shape, np.int64)
        for row, window in enumerate(windows):
            given["input_ids"][row, : len(window.ids)] = window.ids
            given["attention_mask"][row, : len(window.ids)] = 1
            if window.types is not None:
                given["token_type_ids"][row, : len(window.ids)] = window.types
        return given

    def _forward(self, windows: list[Window], worker: int) -> list[Logits]:
        import torch

        device = self._devices[worker]
        try:
            given = {
                name: torch.from_numpy(value).to(device)
                for name, value in self._features(windows).items()
            }
            with torch.inference_mode():
                found = self._replicas[worker](**given, return_dict=True)
                starts = found.start_logits.float().cpu().numpy()
                ends = found.end_logits.float().cpu().numpy()
                told = getattr(found, "relevance_logits", None)
                relevance = None if told is None else told.float().cpu().numpy()
        except torch.cuda.OutOfMemoryError as error:
            raise UserError(
                f"model {self._name}: {device} has too little memory for {len(windows)} passages "
                f"of {len(windows[0].ids)} tokens at once: set runtime.batch_size"
            ) from error
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
