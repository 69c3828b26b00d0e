"""What a late-interaction model makes of texts: the vectors of their tokens, ready to be stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from qa_bench.errors import UserError
from qa_bench.models.outputs import RaggedWindow
from qa_bench.models.source import Source
from qa_bench.models.token_model import DOCUMENT, token_model
from qa_bench.store.vectors import packed


@dataclass(frozen=True)
class TokenOutput:
    """The ``Output`` of one side: a window is ragged, its one column the packed vectors.

    Attributes:
        task: query or document.
        projection: see ``token_model``.
        pool_factor: one vector is kept for so many tokens of a passage, see ``pooled``.
        dtype: how vectors are packed: fp32, fp16 or int8.
    """

    task: str
    projection: str = "saved"
    pool_factor: int = 1
    dtype: str = "fp32"

    def model(self, source: Source) -> Any:
        """See ``token_model``."""
        return token_model(source, self.task, self.projection)

    def of_batch(self, features: dict[str, Any]) -> tuple[np.ndarray, ...]:
        """(vectors of each text (texts,), their packed vectors, one after the other).

        Raises:
            UserError: a vector is not finite, or too large for ``dtype``.
        """
        vectors = features["token_embeddings"].float().cpu()
        masks = features["attention_mask"].bool().cpu()
        texts = [one[mask] for one, mask in zip(vectors, masks, strict=True)]
        return batch_of(texts, self.pool_factor if self.task == DOCUMENT else 1, self.dtype)

    def window(self, rows: int) -> RaggedWindow:
        """See ``Output``."""
        return RaggedWindow(rows, packed(np.zeros((0, 1), dtype=np.float32), self.dtype))


def batch_of(texts: Sequence[Any], pool_factor: int, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """The vectors of several texts, pooled and packed.

    Args:
        texts: float32 tensors of shape (tokens, dimension).
        pool_factor: see ``pooled``.
        dtype: fp32, fp16 or int8.

    Returns:
        How many vectors each text has, int64 (texts,), and the packed vectors of all of them.

    Raises:
        UserError: a vector is not finite, or too large for ``dtype``.
    """
    import torch

    texts = pooled(texts, pool_factor)
    lengths = np.array([len(one) for one in texts], dtype=np.int64)
    values = torch.cat(list(texts)).numpy()
    if not np.isfinite(values).all():
        raise UserError(
            "vectors of tokens are not finite: is the model whole, and does its precision suit it "
            "(retriever.precision=fp32)?"
        )
    return lengths, packed(values, dtype)


def pooled(texts: Sequence[Any], factor: int) -> Sequence[Any]:
    """Fewer vectors: those of the first token, and the means of clusters of the others.

    A text of n + 1 tokens has n // ``factor`` clusters, by Ward's linkage on 1 − cosine; means have
    length 1 again.

    Source: Clavié et al. 2024, Reducing the Footprint of Multi-Vector Retrieval with Minimal
    Performance Impact via Token Pooling; sentence-transformers' ``HierarchicalTokenPooling``.
    """
    if factor == 1:
        return texts
    pooling = _pooling(factor)
    return [pooling.pool_one(one) for one in texts]


@lru_cache(maxsize=4)
def _pooling(factor: int) -> Any:
    from sentence_transformers.multi_vector_encoder.modules import HierarchicalTokenPooling

    return HierarchicalTokenPooling(pool_factor=factor)
