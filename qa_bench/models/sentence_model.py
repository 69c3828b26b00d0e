"""A bi-encoder's model, as sentence-transformers makes it or as a class of transformers."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from qa_bench.errors import UserError
from qa_bench.models.adapters import merge_adapters
from qa_bench.models.checkpoint import checkpoint, torch_dtype
from qa_bench.models.families import of_family
from qa_bench.models.first_state import first_state
from qa_bench.models.positions import check_length, limit_length, positions
from qa_bench.models.routes import check_dimensions, first_modules, sequences
from qa_bench.models.source import Place, Source, Text
from qa_bench.models.tokenizers import check_tokenizer, pad_with_any, padded
from qa_bench.net.hub import cached_file

log = logging.getLogger(__name__)


def sentence_model(source: Source) -> Any:
    """The model on the CPU, in evaluation mode.

    Raises:
        UserError: there is no such model, it needs code of its own, it lacks weights, or it has
            fewer positions than ``max_length``.
    """
    make = _of_class if source.architecture else _of_sentence_transformers
    if source.pooling == "first_state":
        make = first_state
    # What sentence-transformers pools are tokens; BERT's own pooler is often not in the checkpoint.
    unread = "" if source.architecture else "pooler"
    with checkpoint(source, "retriever", unread=unread) as place:
        model = make(source, place)
        merge_adapters(model, source)
    return model.eval()


def _of_sentence_transformers(source: Source, place: Place) -> Any:
    from sentence_transformers import SentenceTransformer

    with of_family(source, place, "dense"):
        model = SentenceTransformer(
            place.name,
            device="cpu",
            revision=place.commit,
            trust_remote_code=source.trust_remote_code,
            model_kwargs={"dtype": torch_dtype(source), **place.file()},
            processor_kwargs=place.file(),
            config_kwargs=place.file(),
        )
    firsts = first_modules(model)
    for first in firsts if source.bidirectional else ():
        first.model.config.is_causal = False
    for first in firsts if source.end_token else ():
        _end(first.tokenizer)
    if source.max_length is not None:
        model.max_seq_length = source.max_length
    limit_length(model, source)
    for first in firsts:
        _suit(source, first.tokenizer, getattr(first, "model", model))
    check_dimensions(source, model)
    if source.pooling is None and not _has_modules(place):
        log.warning(
            "WARNING: model %s does not say how its tokens' vectors are pooled: the mean is taken; "
            "retriever.pooling says otherwise",
            source.model,
        )
    _pool(model, source)
    return model.to(torch_dtype(source))


def _has_modules(place: Place) -> bool:
    """Whether sentence-transformers finds its own files, or makes do with transformers'."""
    if place.commit is None:
        return (Path(place.name) / "modules.json").is_file()
    return cached_file(place.name, "modules.json", place.commit, "model") is not None


def _pool(model: Any, source: Source) -> None:
    """Pool as set, where something is."""
    from sentence_transformers.sentence_transformer.modules import Pooling

    if source.pooling is None and source.pool_prompt is None:
        return
    places = [
        (sequence, place)
        for sequence in sequences(model)
        for place, module in enumerate(sequence)
        if isinstance(module, Pooling)
    ]
    if not places:
        raise UserError(f"model {source.model} pools by itself: leave pooling and pool_prompt out")
    for sequence, place in places:
        own = sequence[place]
        with_prompt = own.include_prompt if source.pool_prompt is None else source.pool_prompt
        mode = source.pooling or own.pooling_mode
        sequence[place] = Pooling(own.embedding_dimension, mode, include_prompt=with_prompt)


def _suit(source: Source, tokenizer: Any, model: Any) -> None:
    """Check the tokenizer; those of static embeddings are none of transformers."""
    if hasattr(tokenizer, "all_special_tokens"):
        check_tokenizer(source, tokenizer, model)
        pad_with_any(tokenizer)


def _end(tokenizer: Any) -> None:
    """Let every text end in exactly one end token.

    transformers 5 takes tokenizer.json as it is, whatever add_eos_token in tokenizer_config.json.
    """
    alone = tokenizer("")["input_ids"]
    if tokenizer.eos_token_id not in alone:
        tokenizer.add_bos_token = tokenizer.bos_token_id in alone
        tokenizer.add_eos_token = True


def _of_class(source: Source, place: Place) -> Any:
    """A class of transformers as it is: its ``pooler_output`` is the vector."""
    import torch
    import transformers

    kind = getattr(transformers, str(source.architecture), None)
    if kind is None:
        raise UserError(f"transformers has no class '{source.architecture}'")
    common = {"revision": place.commit, "trust_remote_code": source.trust_remote_code}
    tokenizer = transformers.AutoTokenizer.from_pretrained(place.name, **common)
    inner = kind.from_pretrained(place.name, dtype=torch_dtype(source), **common)
    _suit(source, tokenizer, inner)
    most = positions(inner)
    check_length(source.length_setting, source.max_length, most)
    limit = source.max_length or min(tokenizer.model_max_length, 512, most or 512)

    class Model(torch.nn.Module):
        """``preprocess`` and ``forward`` as sentence-transformers has them."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = inner

        def preprocess(self, texts: list[Text], prompt: str | None = None) -> dict[str, Any]:
            return padded(tokenizer, texts, prompt, limit)

        def forward(self, features: dict[str, Any]) -> dict[str, Any]:
            return {"sentence_embedding": self.inner(**features).pooler_output}

    return Model()
