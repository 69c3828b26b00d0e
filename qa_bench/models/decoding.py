"""A language model that writes: greedy, or drawn with a seed a prompt, on all devices.

Prompts of like length are decoded together, the longest first: what does not fit shows at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from qa_bench.engine.digests import digest
from qa_bench.errors import UserError
from qa_bench.models.loading import language_model
from qa_bench.models.source import Source
from qa_bench.runtime.replicas import Replicas
from qa_bench.types import Runtime

if TYPE_CHECKING:
    import torch

Result = TypeVar("Result")

_CPU_BATCH, _GPU_BATCH = 8, 32


class Writer:
    """A loaded language model. It writes for one caller at a time.

    Attributes:
        tokenizer: the model's.
        config: the model's.
    """

    def __init__(self, source: Source, runtime: Runtime) -> None:
        """Load the model, a copy on every GPU.

        Raises:
            UserError: there is no such model, or it generates no text.
        """
        self.tokenizer, model = language_model(source)
        model.generation_config = _plain(model.generation_config, self.tokenizer)
        self.config = model.config
        self._replicas = Replicas(model, source.model, runtime, whole_cpu=True)
        on_cpu = self._replicas.on_cpu
        self.batch_size = runtime.batch_size or (_CPU_BATCH if on_cpu else _GPU_BATCH)

    def each(
        self, count: int, forward: Callable[[int, Any, torch.device], Result]
    ) -> Iterator[tuple[int, Result]]:
        """(number, what ``forward`` made of it), in order; each device takes one at a time.

        Args:
            count: how many there are.
            forward: takes a number, a copy of the model and its device.

        Raises:
            UserError: a device's memory is too small.
        """

        def one(places: np.ndarray, model: Any, device: torch.device) -> Result:
            return forward(int(places[0]), model, device)

        alone = [np.array([number]) for number in range(count)]
        for places, outputs in self._replicas.run(np.zeros(count, np.int64), one, alone):
            yield int(places[0]), outputs

    def replies(
        self,
        ids: Sequence[Sequence[int]],
        *,
        max_tokens: int,
        stop: Sequence[str],
        temperature: float,
        top_p: float,
        seeds: Sequence[Any],
    ) -> Iterator[tuple[int, list[int]]]:
        """(place of a prompt, the tokens the model wrote, without its end), batch by batch.

        Args:
            ids: token ids of each prompt.
            max_tokens: of a reply.
            stop: strings that end a reply.
            temperature: 0 for greedy decoding.
            top_p: of the draws.
            seeds: one a prompt: anything that JSON can hold.

        Raises:
            UserError: a device's memory is too small, or the model's output is not a number.
        """

        def forward(places: np.ndarray, model: Any, device: torch.device) -> list[list[int]]:
            some = [ids[place] for place in places]
            pad_left = not model.config.is_encoder_decoder
            tokens, mask = padded(some, model.generation_config.pad_token_id or 0, pad_left)
            draw = _Draw(temperature, top_p, [seeds[place] for place in places])
            skip = tokens.shape[1] if pad_left else 1
            return generated(
                model,
                max_tokens,
                skip,
                input_ids=tokens.to(device),
                attention_mask=mask.to(device),
                logits_processor=[draw] if temperature > 0 else [],
                stopping_criteria=[_Stop(self.tokenizer, stop, skip)] if stop else [],
            )

        lengths = np.array([len(one) for one in ids], dtype=np.int64)
        batches = of_like_length(lengths, self.batch_size)
        for places, new in self._replicas.run(lengths, forward, batches):
            yield from zip(places.tolist(), new, strict=True)


@lru_cache(maxsize=1)
def loaded_writer(source: Source, identity: str, runtime: Runtime) -> Writer:
    """``Writer(source, runtime)``; the last one is kept, for the next prompts.

    ``identity`` tells a folder's content from what it held before.
    """
    return Writer(source, runtime)


def of_like_length(lengths: np.ndarray, size: int) -> list[np.ndarray]:
    """Places of items, so many of like length together, the longest first."""
    order = np.argsort(-lengths, kind="stable")
    return [order[first : first + size] for first in range(0, len(order), size)]


def _plain(own: Any, tokenizer: Any) -> Any:
    """What else a model's authors set for generating (sampling, penalties) is ours to say."""
    import transformers

    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else own.eos_token_id
    settings: Any = transformers.GenerationConfig
    return settings(
        bos_token_id=own.bos_token_id,
        eos_token_id=own.eos_token_id,
        pad_token_id=pad[0] if isinstance(pad, list) else pad,
        decoder_start_token_id=own.decoder_start_token_id,
    )


def generated(model: Any, max_tokens: int, skip: int, **inputs: Any) -> list[list[int]]:
    """What ``model.generate`` writes, row by row, from ``skip`` to the end token, without it.

    Raises:
        UserError: the model's output is not a number.
    """
    own = model.generation_config
    ends = own.eos_token_id if isinstance(own.eos_token_id, list) else [own.eos_token_id]
    inputs["logits_processor"] = [_refuse_nan, *inputs.get("logits_processor", [])]
    out = model.generate(max_new_tokens=max_tokens, do_sample=False, num_beams=1, **inputs)
    return [_cut(row, ends, own.pad_token_id) for row in out[:, skip:].tolist()]


def _refuse_nan(input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
    if scores.isnan().any():
        raise UserError(
            "the language model's output is not a number: are its files whole, and is another "
            "precision than fp32 too coarse for it?"
        )
    return scores


def _cut(row: list[int], ends: list[int], pad: int) -> list[int]:
    end = next((place for place, token in enumerate(row) if token in ends), len(row))
    while end and row[end - 1] == pad:  # after a stop string
        end -= 1
    return row[:end]


def padded(
    rows: Sequence[Sequence[int]], pad: int, pad_left: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and attention mask, int64 of shape (rows, longest row)."""
    import torch

    tokens = torch.full((len(rows), max(map(len, rows))), pad)
    mask = torch.zeros_like(tokens)
    for number, row in enumerate(rows):
        where = slice(tokens.shape[1] - len(row), None) if pad_left else slice(0, len(row))
        tokens[number, where] = torch.tensor(row, dtype=torch.int64)
        mask[number, where] = 1
    return tokens, mask


class _Stop:
    """Tells which rows have one of the strings in what was written.

    transformers' own criterion trips over tokenizers whose vocabulary it cannot take apart.
    """

    def __init__(self, tokenizer: Any, stop: Sequence[str], skip: int) -> None:
        self._tokenizer, self._stop, self._skip = tokenizer, stop, skip

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        """Whether each row is over; bool of shape (rows,)."""
        import torch

        rows = input_ids[:, self._skip :].tolist()
        texts = [self._tokenizer.decode(row, skip_special_tokens=True) for row in rows]
        over = [any(stop in text for stop in self._stop) for text in texts]
        return torch.tensor(over, device=input_ids.device)


class _Draw:
    """Makes the likeliest token a drawn one: argmax(logits / t + Gumbel noise).

    Every row has a generator of its own, on the CPU: batch and device do not change what is drawn.

    Source: Gumbel 1954; Maddison et al. 2014; nucleus (``top_p``): Holtzman et al. 2020.
    """

    def __init__(self, temperature: float, top_p: float, seeds: Sequence[Any]) -> None:
        import torch

        self._temperature, self._top_p = temperature, top_p
        self._generators = [
            torch.Generator().manual_seed(int(digest(seed)[:15], 16)) for seed in seeds
        ]

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """New scores, of the same shape (rows, vocabulary)."""
        import torch

        scores = scores.float() / self._temperature
        if self._top_p < 1:
            ranked, order = scores.sort(descending=True)
            share = ranked.softmax(-1).cumsum(-1)
            beyond = share - ranked.softmax(-1) >= self._top_p
            scores = scores.masked_fill(beyond.scatter(1, order, beyond), -torch.inf)
        width = scores.shape[1]
        uniform = torch.stack([torch.rand(width, generator=one) for one in self._generators])
        noise = -(-uniform.clamp_min(1e-30).log()).log()
        noisy: torch.Tensor = scores + noise.to(scores.device)
        return noisy
