"""BGE-M3: one pass through the encoder gives a vector, weights of terms and vectors of tokens.

Chen et al. 2024, M3-Embedding, section 3.2: the vector is [CLS]'s; a term weighs the largest of
relu(w·h) over its tokens; a token's vector is W·h, of length 1, [CLS]'s left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from qa_bench.errors import UserError
from qa_bench.models.checkpoint import checkpoint, torch_dtype
from qa_bench.models.outputs import Ragged, RaggedWindow
from qa_bench.models.sentence_model import sentence_model
from qa_bench.models.source import Place, Source, Text
from qa_bench.models.token_output import batch_of
from qa_bench.net.hub import fetched_file

TERMS, TOKENS = "sparse_linear.pt", "colbert_linear.pt"
"""The files of the two heads."""


class Three(NamedTuple):
    """What the model makes of texts.

    Attributes:
        vectors: float32 (texts, dimension), of length 1.
        tokens: one column: the packed vectors of tokens.
        terms: columns ``terms`` int32, ascending within a text, and ``weights`` float32.
    """

    vectors: np.ndarray
    tokens: Ragged
    terms: Ragged


@dataclass(frozen=True)
class M3Output:
    """The ``Output`` of BGE-M3; a window is a ``Three``.

    Attributes:
        dtype: how vectors of tokens are packed: fp32, fp16 or int8.
    """

    dtype: str = "fp32"

    def model(self, source: Source) -> Any:
        """See ``m3_model``."""
        return m3_model(source)

    def of_batch(self, features: dict[str, Any]) -> tuple[np.ndarray, ...]:
        """Vectors; lengths and packed vectors of tokens; lengths, terms and weights.

        Raises:
            UserError: a number is not finite.
        """
        vectors = features["sentence_embedding"].float().cpu().numpy()
        lengths, tokens = batch_of(list(features["token_vectors"].float().cpu()), 1, self.dtype)
        ids = features["terms"].cpu().numpy()
        weights = features["weights"].float().cpu().numpy()
        return vectors, lengths, tokens, *largest(ids, weights)

    def window(self, rows: int) -> _Window:
        """See ``Output``."""
        return _Window(rows)


class _Window:
    """A window of each of the three."""

    def __init__(self, rows: int) -> None:
        self._vectors = np.zeros((rows, 0), dtype=np.float32)
        self._tokens = RaggedWindow(rows, np.zeros((0, 1), dtype=np.float32))
        empty = np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.float32)
        self._terms = RaggedWindow(rows, *empty)

    def put(self, places: np.ndarray, *arrays: np.ndarray) -> None:
        vectors, lengths, tokens, counts, terms, weights = arrays
        if not self._vectors.shape[1]:
            self._vectors = np.zeros((len(self._vectors), vectors.shape[1]), dtype=np.float32)
        self._vectors[places] = vectors
        self._tokens.put(places, lengths, tokens)
        self._terms.put(places, counts, terms, weights)

    def whole(self) -> Three:
        return Three(self._vectors, self._tokens.whole(), self._terms.whole())


def largest(ids: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The largest weight of each term of each text, where it is above zero.

    Never an array of the vocabulary's size a text: it has 250,002 terms.

    Args:
        ids: term of every token; int64 (texts, tokens).
        weights: float32 (texts, tokens).

    Returns:
        Terms of each text (texts,), the terms, ascending within a text, int32, and their weights.

    Raises:
        UserError: a weight is not finite.
    """
    if not np.isfinite(weights).all():
        raise UserError(
            "weights of terms are not finite: is the model whole, and does its precision suit it "
            "(retriever.precision=fp32)?"
        )
    texts, places = np.nonzero(weights > 0)
    terms, values = ids[texts, places], weights[texts, places]
    order = np.lexsort((terms, texts))
    texts, terms, values = texts[order], terms[order], values[order]
    first = np.ones(len(terms), dtype=bool)
    first[1:] = (terms[1:] != terms[:-1]) | (texts[1:] != texts[:-1])
    begin = np.flatnonzero(first)
    best = np.maximum.reduceat(values, begin) if len(begin) else values
    counts = np.bincount(texts[begin], minlength=len(ids))
    return counts, terms[begin].astype(np.int32), best


def m3_model(source: Source) -> Any:
    """The encoder with its heads on the CPU, in evaluation mode.

    Raises:
        UserError: there is no such model, it lacks weights, or a head's file is missing or holds
            anything but the weights of a linear layer.
    """
    encoder = sentence_model(source)
    hidden = int(encoder[0].model.config.hidden_size)
    with checkpoint(source, None) as place:
        terms = _head(source, place, TERMS, hidden, 1)
        tokens = _head(source, place, TOKENS, hidden, None)
    return with_heads(encoder, terms, tokens).eval().to(torch_dtype(source))


def has_heads(place: Place) -> bool:
    """Whether a checkpoint has a file of either head; one on the hub is taken to have both."""
    folder = Path(place.name)
    return place.commit is not None or any((folder / name).is_file() for name in (TERMS, TOKENS))


def with_heads(encoder: Any, terms: Any, tokens: Any) -> Any:
    """An encoder with a head for weights of terms and one for vectors of tokens, as one module."""
    import torch

    tokenizer = encoder.tokenizer
    names = ("cls_token_id", "eos_token_id", "pad_token_id", "unk_token_id")
    marks = [getattr(tokenizer, name) for name in names]
    unweighed = torch.tensor(sorted({mark for mark in marks if mark is not None}))

    class Model(torch.nn.Module):
        """``preprocess`` and ``forward`` as sentence-transformers has them."""

        unweighed: torch.Tensor

        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.terms, self.tokens = encoder, terms, tokens
            self.register_buffer("unweighed", unweighed)

        def preprocess(self, texts: list[Text], prompt: str | None = None) -> dict[str, Any]:
            return dict(self.encoder.preprocess(texts, prompt=prompt))

        def forward(self, features: dict[str, Any]) -> dict[str, Any]:
            ids = features["input_ids"]
            output = self.encoder(features)
            states = output["token_embeddings"]
            weights = torch.relu(self.terms(states)).squeeze(-1)
            return {
                "sentence_embedding": output["sentence_embedding"],
                "token_vectors": torch.nn.functional.normalize(self.tokens(states[:, 1:]), dim=-1),
                "terms": ids,
                "weights": weights.masked_fill(torch.isin(ids, self.unweighed), 0.0),
            }

    return Model()


def _head(source: Source, place: Place, name: str, hidden: int, width: int | None) -> Any:
    """A linear layer on the encoder's states, from its file: tensors alone are read.

    Raises:
        UserError: it is missing, or no such layer.
    """
    import torch

    if place.commit is None:
        path = Path(place.name) / name
    else:
        path = fetched_file(place.name, name, place.commit, "model")
    if not path.is_file():
        raise UserError(
            f"model {source.model} has no {name}, which BGE-M3 has beside its encoder: "
            "retriever=dense takes any encoder"
        )
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever its reader of pickles raises
        raise UserError(
            f"model {source.model}: {name} is damaged, or holds more than weights, which is not "
            "read"
        ) from error
    named = weights if isinstance(weights, Mapping) else {}
    shapes = {key: tuple(getattr(value, "shape", ())) for key, value in named.items()}
    out = width or (shapes.get("weight") or (0,))[0]
    if shapes != {"weight": (out, hidden), "bias": (out,)}:
        raise UserError(
            f"model {source.model}: {name} is no linear layer of {hidden} inputs with a bias"
            f"{f' and {width} output' if width else ''}"
        )
    layer = torch.nn.Linear(hidden, out)
    layer.load_state_dict(weights)
    return layer
