"""Learned sparse models: texts to weights of terms, by sentence-transformers' SparseEncoder.

SPLADE weighs every term of its vocabulary: max over the text's tokens of log(1 + relu(logit)), the
logits being those of a masked language model (Formal et al. 2021, SPLADE v2). An inference-free
model has a table of weights for questions instead: no network runs at search time. mGTE weighs the
tokens of the text alone, by a head that classifies tokens (``token_head``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from qa_bench.errors import UserError
from qa_bench.models.checkpoint import checkpoint, torch_dtype
from qa_bench.models.families import family_of, of_family
from qa_bench.models.max_pooling import pooled_early
from qa_bench.models.outputs import RaggedWindow
from qa_bench.models.positions import check_length, positions
from qa_bench.models.source import Place, Source, Text
from qa_bench.models.token_head import token_head
from qa_bench.models.tokenizers import check_tokenizer, pad_with_any


@dataclass(frozen=True)
class TermWeights:
    """The ``Output`` of sparse models: columns ``terms`` int32 and ``weights`` float32.

    Terms are numbers of the model's vocabulary, ascending within a text; weights are above zero.

    Attributes:
        task: query or document: which of a model's two routes a text takes, where it has two.
    """

    task: str

    def model(self, source: Source) -> Any:
        """See ``sparse_model``."""
        return sparse_model(source, self.task)

    def of_batch(self, features: dict[str, Any]) -> tuple[np.ndarray, ...]:
        """(lengths, terms, weights) of a batch.

        Raises:
            UserError: a weight is negative or not finite.
        """
        weights = features["sentence_embedding"].float()
        weights = weights.to_dense() if weights.is_sparse else weights
        texts, terms = weights.nonzero(as_tuple=True)
        values = weights[texts, terms].cpu().numpy()
        if not (values > 0).all() or not np.isfinite(values).all():  # NaN is not above zero
            raise UserError(
                "a term's weight is negative or not finite: is the model whole, and does its "
                "precision suit it (retriever.precision=fp32)?"
            )
        lengths = np.bincount(texts.cpu().numpy(), minlength=len(weights))
        return lengths, terms.cpu().numpy().astype(np.int32), values

    def window(self, rows: int) -> RaggedWindow:
        """See ``Output``."""
        return RaggedWindow(rows, np.zeros(0, np.int32), np.zeros(0, np.float32))


def sparse_model(source: Source, task: str) -> Any:
    """The model on the CPU, in evaluation mode: the route of one task alone.

    Args:
        source: a model with sentence-transformers' files, or a masked language model without: it is
            taken for a SPLADE with max pooling. One with an ``architecture``: see ``token_head``.
        task: query or document.

    Raises:
        UserError: there is no such model, it is of another family, it needs code of its own, it
            lacks weights, or it has fewer positions than ``max_length``.
    """
    if source.architecture:
        return token_head(source)
    with checkpoint(source, "retriever") as place:
        whole = _whole(source, place)
    modules = _modules(whole, task)
    model = _route(modules, whole.max_active_dims, whole.similarity_fn_name == "cosine")
    tokenizer = modules[0].tokenizer
    most = positions(model)
    check_length(source.length_setting, source.max_length, most)
    own = tokenizer.model_max_length
    tokenizer.model_max_length = min(source.max_length or own, most or own)
    check_tokenizer(source, tokenizer, modules[0])
    pad_with_any(tokenizer)
    return model.eval().to(torch_dtype(source))


def _whole(source: Source, place: Place) -> Any:
    """The SparseEncoder, of whose weights none was made up."""
    from sentence_transformers import SparseEncoder
    from sentence_transformers.sparse_encoder.modules import SparseAutoEncoder

    with of_family(source, place, "sparse"):
        whole = SparseEncoder(
            place.name,
            device="cpu",
            revision=place.commit,
            trust_remote_code=source.trust_remote_code,
            model_kwargs={"dtype": torch_dtype(source)},
        )
    last: Any = list(whole)[-1]
    if isinstance(last, SparseAutoEncoder) and family_of(place) != "sparse":
        # Its files say nothing of one: the library made it up at random.
        raise UserError(
            f"model {source.model} has no head that weighs terms: name a SPLADE or another model "
            "of sentence-transformers' SparseEncoder; retriever=dense takes any encoder"
        )
    if whole.similarity_fn_name not in ("dot", "cosine"):
        raise UserError(
            f"model {source.model} compares by {whole.similarity_fn_name}: only dot and cosine are "
            "supported"
        )
    return whole


def _modules(whole: Any, task: str) -> list[Any]:
    """The modules that a text of this task goes through."""
    from sentence_transformers.base.modules import Router

    modules: list[Any] = []
    for module in whole:
        routed = isinstance(module, Router)
        modules += module.sub_modules[module._resolve_route(task=task)] if routed else [module]
    return pooled_early(modules)


def _route(modules: list[Any], most: int | None, cosine: bool) -> Any:
    """The modules as one model, as sentence-transformers' own are called.

    Args:
        modules: one after the other.
        most: terms that a text has at most, by the model's own files; None for any number.
        cosine: weights are divided by their length, so that the sum of products is the cosine.
    """
    import torch
    from sentence_transformers.util import select_max_active_dims

    first = modules[0]

    class Route(torch.nn.Module):
        """``preprocess`` of the first, ``forward`` of all."""

        def __init__(self) -> None:
            super().__init__()
            self.steps = torch.nn.ModuleList(modules)

        def preprocess(self, texts: list[Text], prompt: str | None = None) -> dict[str, Any]:
            return dict(first.preprocess(texts, prompt=prompt))

        def forward(self, features: dict[str, Any]) -> dict[str, Any]:
            for step in self.steps:
                features = step(features)
            weights = features["sentence_embedding"]
            if most is not None:
                weights = select_max_active_dims(weights, max_active_dims=most)
            if cosine:
                weights = torch.nn.functional.normalize(weights)
            return {"sentence_embedding": weights}

    return Route()
