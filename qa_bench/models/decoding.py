"""Batches of prompts through ``generate`` of transformers: greedy, or drawn with a seed each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from qa_bench.engine.digests import digest
from qa_bench.errors import UserError
from qa_bench.runtime.devices import devices
from qa_bench.types import Runtime

if TYPE_CHECKING:
    import torch

_BATCH = {"cpu": 8}
_BATCH_ELSEWHERE = 32


def batches(lengths: Sequence[int], runtime: Runtime, device: torch.device) -> Iterator[list[int]]:
    """Places of items of like length, the longest first: what does not fit shows at once."""
    size = runtime.batch_size or _BATCH.get(device.type, _BATCH_ELSEWHERE)
    order = sorted(range(len(lengths)), key=lambda place: -lengths[place])
    for first in range(0, len(order), size):
        yield order[first : first + size]


def written(
    tokenizer: Any,
    model: Any,
    ids: Sequence[Sequence[int]],
    runtime: Runtime,
    *,
    max_tokens: int,
    stop: Sequence[str],
    temperature: float,
    top_p: float,
    seeds: Sequence[Any],
) -> Iterator[tuple[int, list[int]]]:
    """(place of a prompt, the tokens the model wrote, without its end), batch by batch.

    Args:
        tokenizer: the model's, for ``stop``.
        model: a causal or an encoder-decoder model.
        ids: token ids of each prompt.
        runtime: device, threads and batch size.
        max_tokens: of a reply.
        stop: strings that end a reply.
        temperature: 0 for greedy decoding.
        top_p: of the draws.
        seeds: one a prompt: anything that JSON can hold.
    """
    device = devices(runtime)[0]
    with working(runtime):
        model = model.to(device)
        for places in batches([len(one) for one in ids], runtime, device):
            some = [ids[place] for place in places]
            left = not model.config.is_encoder_decoder
            tokens, mask = padded(some, model.generation_config.pad_token_id or 0, left)
            draw = _Draw(temperature, top_p, [seeds[place] for place in places])
            skip = tokens.shape[1] if left else 1
            new = generated(
                model,
                max_tokens,
                skip,
                input_ids=tokens.to(device),
                attention_mask=mask.to(device),
                logits_processor=[draw] if temperature > 0 else [],
                stopping_criteria=[_Stop(tokenizer, stop, skip)] if stop else [],
            )
            yield from zip(places, new, strict=True)


@contextmanager
def working(runtime: Runtime) -> Iterator[None]:
    """With as many threads as set; a device that is too small is told in one line.

    Raises:
        UserError: the device's memory is full.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(runtime.workers)
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise UserError(
            "the device's memory is full: set a smaller runtime.batch_size, fewer or shorter "
            "passages, or runtime.device=cpu"
        ) from error
    finally:
        torch.set_num_threads(before)


def generated(model: Any, max_tokens: int, skip: int, **inputs: Any) -> list[list[int]]:
    """What ``model.generate`` writes, row by row, from ``skip`` to the end token, without it.

    Raises:
        UserError: the model's output is not a number.
    """
    import torch

    own = model.generation_config
    ends = own.eos_token_id if isinstance(own.eos_token_id, list) else [own.eos_token_id]
    inputs["logits_processor"] = [_refuse_nan, *inputs.get("logits_processor", [])]
    with torch.inference_mode():
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
    rows: Sequence[Sequence[int]], pad: int, left: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and attention mask, int64 of shape (rows, longest row)."""
    import torch

    tokens = torch.full((len(rows), max(map(len, rows))), pad)
    mask = torch.zeros_like(tokens)
    for number, row in enumerate(rows):
        where = slice(tokens.shape[1] - len(row), None) if left else slice(0, len(row))
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
        drawn: torch.Tensor = scores + noise.to(scores.device)
        return drawn
