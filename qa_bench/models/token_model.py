"""A late-interaction model: a vector for every token, as sentence-transformers makes them.

Given a model without a projection of its own, the library makes one of random numbers, in every
process others, and goes on. That is refused here: ``projection=none`` takes the tokens' vectors as
they are.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from qa_bench.errors import UserError
from qa_bench.models.checkpoint import checkpoint, torch_dtype
from qa_bench.models.families import FITTING, family_of
from qa_bench.models.positions import check_length, positions
from qa_bench.models.source import Place, Source, Text
from qa_bench.models.tokenizers import check_tokenizer, pad_with_any

QUERY, DOCUMENT = "query", "document"
"""The two sides, as the library calls them."""


def token_model(source: Source, task: str, projection: str) -> Any:
    """The model on the CPU, in evaluation mode: ``preprocess`` and ``forward`` of one side.

    What it returns has ``token_embeddings``, (texts, tokens, dimension), and ``attention_mask``,
    which is true for the tokens that count: markers, words and a question's [MASK]s, as the model's
    own files say.

    Args:
        source: the model; its ``max_length`` is this side's.
        task: query or document.
        projection: saved, or none for plain token vectors of length 1.

    Raises:
        UserError: there is no such model, it needs code of its own, it lacks weights, it is of
            another kind, or it has fewer positions than ``max_length``.
    """
    with checkpoint(source, "retriever", unread="pooler") as place:
        make = _saved if projection == "saved" else _plain
        model = make(source, place)
        pad_with_any(model.tokenizer)
        check_tokenizer(source, model.tokenizer, model)
        _limit(model[0], source, task, positions(model))
        return _side_class()(model.to(torch_dtype(source)).eval(), task)


class _NoProjectionError(Exception):
    """The library would make one up."""


def _saved(source: Source, place: Place) -> Any:
    try:
        return _library_class()(
            place.name,
            device="cpu",
            revision=place.commit,
            trust_remote_code=source.trust_remote_code,
            model_kwargs={"dtype": torch_dtype(source)},
        )
    except _NoProjectionError:
        other = family_of(place) or "dense"
        raise UserError(
            f"model {source.model} has no projection of token vectors in its files, since it is "
            f"{FITTING[other]}: retriever={other} takes it; retriever.projection=none searches "
            "with its plain token vectors"
        ) from None


def _plain(source: Source, place: Place) -> Any:
    """The encoder's own vectors, those of its markers too, of length 1."""
    from sentence_transformers import MultiVectorEncoder, SentenceTransformer
    from sentence_transformers.multi_vector_encoder.modules import MultiVectorMask
    from sentence_transformers.sentence_transformer.modules import Normalize

    encoder = SentenceTransformer(
        place.name,
        device="cpu",
        revision=place.commit,
        trust_remote_code=source.trust_remote_code,
        model_kwargs={"dtype": torch_dtype(source)},
    )
    modules = [encoder[0], MultiVectorMask(), Normalize(module_input_name="token_embeddings")]
    return MultiVectorEncoder(modules=modules, device="cpu")


@cache
def _library_class() -> Any:
    """The library's class, which refuses what it would make a random projection for."""
    from sentence_transformers import MultiVectorEncoder
    from sentence_transformers.base.modules import Dense

    library: Any = MultiVectorEncoder

    class Projected(library):  # type: ignore[misc]
        """Only models whose projection is in their files."""

        _has_projection = False

        def _load_config_modules(self, *words: Any, **settings: Any) -> Any:
            modules, kwargs = super()._load_config_modules(*words, **settings)
            dense = any(isinstance(module, Dense) for module in modules.values())
            # Beside it: what a bi-encoder's vectors go through. An older PyLate's files name no
            # kind of model, but have settings that no bi-encoder has.
            self._has_projection = dense and bool(self._legacy.transformer_config)
            return modules, kwargs

        def _build_stanford_projection(self, *words: Any, **settings: Any) -> Any:
            self._has_projection = True
            return library._build_stanford_projection(*words, **settings)

        def _load_default_modules(self, *words: Any, **settings: Any) -> Any:
            modules, kwargs = super()._load_default_modules(*words, **settings)
            if any(isinstance(module, Dense) for module in modules):
                self._check()
            return modules, kwargs

        def _load_converted_modules(self, *words: Any, **settings: Any) -> Any:
            converted = super()._load_converted_modules(*words, **settings)
            self._check()
            return converted

        def _check(self) -> None:
            if not self._has_projection:
                raise _NoProjectionError

    return Projected


def _limit(transformer: Any, source: Source, task: str, most: int | None) -> None:
    """Set how many tokens a side's texts are cut to."""
    check_length(source.length_setting, source.max_length, most)
    if task == DOCUMENT:
        own = transformer.document_length or transformer.max_seq_length
        transformer.document_length = _least(source.max_length or own, most)
        return
    expansion = transformer.query_expansion
    if expansion is None:
        own = transformer.query_length or transformer.max_seq_length
        transformer.query_length = _least(source.max_length or own, most)
    elif source.max_length is not None:
        transformer.query_length = None
        transformer.query_expansion = {**expansion, "length": source.max_length}


def _least(length: int | None, most: int | None) -> int | None:
    return min((n for n in (length, most) if n is not None), default=None)


@cache
def _side_class() -> Any:
    import torch

    class Side(torch.nn.Module):
        """One side of a model; its marks are those of its files, where no prompt is set."""

        def __init__(self, inner: Any, task: str) -> None:
            super().__init__()
            self.inner, self._task = inner, task

        def preprocess(self, texts: list[Text], prompt: str | None = None) -> dict[str, Any]:
            own = self.inner.prompts.get(self._task)
            batch = dict(
                self.inner.preprocess(texts, prompt=prompt or own or None, task=self._task)
            )
            batch.pop("prompt_length", None)
            expansion = batch.pop("query_expansion_positions", None)
            if expansion is not None:
                # [MASK]s count though nothing may attend to them: they are no padding.
                batch["attended"] = batch["attention_mask"]
                batch["attention_mask"] = batch["attended"].bool() | expansion.bool()
            return batch

        def forward(self, features: dict[str, Any]) -> dict[str, Any]:
            attended = features.pop("attended", None)
            if attended is not None:
                features["attention_mask"] = attended
                features["query_expansion_positions"] = attended == 0
            output: dict[str, Any] = self.inner(features, task=self._task)
            return output

    return Side
