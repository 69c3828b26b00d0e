"""Models loaded on the CPU, in evaluation mode: one function a kind of head.

Bi-encoders: ``sentence_model``. Heads that begin at random, to be trained: ``new_heads``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa_bench.engine.digests import file_digest
from qa_bench.errors import UserError
from qa_bench.models.checkpoint import checkpoint, torch_dtype
from qa_bench.models.positions import check_length, limit_length, positions
from qa_bench.models.source import Source, model_folder
from qa_bench.models.tokenizers import check_tokenizer, pad_with_any

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_SCORING = ("ForSequenceClassification", "ForCausalLM")
_GENERATING = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")
"""How the names of the classes end whose checkpoints have the head that is needed."""


def cross_encoder(source: Source) -> Any:
    """The model as sentence-transformers' CrossEncoder.

    Raises:
        UserError: there is no such model, it needs code of its own, it has no head for pairs, or
            fewer positions than ``max_length``.
    """
    from sentence_transformers import CrossEncoder

    with checkpoint(source, "reranker") as place:
        model = CrossEncoder(
            place.name,
            device="cpu",
            revision=place.commit,
            trust_remote_code=source.trust_remote_code,
            max_length=source.max_length,
            model_kwargs={"dtype": torch_dtype(source)},
        )
        _need_head(source, getattr(model, "config", None), _SCORING, "a cross-encoder")
        limit_length(model, source)
        check_tokenizer(source, model.tokenizer, model)
        pad_with_any(model.tokenizer)
        return model.eval().to(torch_dtype(source))


def language_model(source: Source, group: str | None = None, fast: bool = False) -> tuple[Any, Any]:
    """Tokenizer and model of transformers: a decoder, or encoder and decoder (T5); GGUF too.

    Args:
        source: the model.
        group: where ``trust_remote_code`` is a setting, see ``checkpoint``.
        fast: the tokenizer must be one of the tokenizers library.

    Raises:
        UserError: there is no such model, it needs code of its own, it generates no text, or it
            has fewer positions than ``max_length``.
    """
    import transformers

    with checkpoint(source, group) as place:
        common: dict[str, Any] = {"revision": place.commit, **place.file()}
        if group is not None:
            common["trust_remote_code"] = source.trust_remote_code
        tokenizer = transformers.AutoTokenizer.from_pretrained(place.name, **common)
        config = transformers.AutoConfig.from_pretrained(place.name, **common)
        _need_head(source, config, _GENERATING, "a language model")
        kind: Any = (
            transformers.AutoModelForSeq2SeqLM
            if config.is_encoder_decoder
            else transformers.AutoModelForCausalLM
        )
        model = kind.from_pretrained(place.name, dtype=torch_dtype(source), **common)
    check_length(source.length_setting, source.max_length, positions(model))
    check_tokenizer(source, tokenizer, model)
    if fast and not tokenizer.is_fast:
        raise UserError(f"model {source.model}: its tokenizer is not a fast one: not supported")
    return tokenizer, model.eval()


def question_answering(source: Source) -> Any:
    """A model of transformers with the head that points at answers.

    Raises:
        UserError: there is no such model, or it has no head that points at answers.
    """
    import transformers

    remedy = "name one trained for question answering, or make one with `qa-bench train`"
    with checkpoint(source, None, remedy=remedy) as place:
        config = transformers.AutoConfig.from_pretrained(place.name, revision=place.commit)
        classes = config.architectures or ["AutoModelForQuestionAnswering"]
        named = source.architecture or classes[0]
        kind = getattr(transformers, named, None)
        if kind is None:
            raise UserError(f"model {source.model}: transformers has no class '{named}'")
        model = kind.from_pretrained(place.name, revision=place.commit, dtype=torch_dtype(source))
        if not _points(model.eval()):
            raise UserError(
                f"model {source.model} is a {named}, which has no head for answers: {remedy}"
            )
    return model


def _points(model: Any) -> bool:
    """Whether it gives logits of starts and ends."""
    import torch

    with torch.inference_mode():
        tokens = torch.ones((1, 4), dtype=torch.int64)
        output = model(input_ids=tokens, attention_mask=tokens, return_dict=True)
    return all(getattr(output, name, None) is not None for name in ("start_logits", "end_logits"))


def tokenizer_of(source: Source, model: Any = None) -> Any:
    """A model's tokenizer, as transformers makes it; no model's own code is run.

    Args:
        source: the model.
        model: itself, where it is loaded.

    Raises:
        UserError: there is no such model, it has none, or the two do not fit.
    """
    from transformers import AutoTokenizer

    with checkpoint(source, None) as place:
        common: Any = {"revision": place.commit, **place.file()}
        tokenizer = AutoTokenizer.from_pretrained(place.name, **common)
    check_tokenizer(source, tokenizer, model)
    return tokenizer


def decoder_start(model: Any) -> int:
    """The token that an encoder-decoder's decoder begins with."""
    for config in (model.config, getattr(model, "generation_config", None)):
        start = getattr(config, "decoder_start_token_id", None)
        if start is not None:
            return int(start)
    return int(model.config.pad_token_id)


def _need_head(source: Source, config: Any, endings: Sequence[str], kind: str) -> None:
    """Refuse a class that was trained without the head, which may share its weights with others.

    Of a class that transformers does not know, only its weights tell.
    """
    import transformers

    classes = list(getattr(config, "architectures", None) or [])
    names = [name for name in classes if hasattr(transformers, name)]
    if names and not any(name.endswith(tuple(endings)) for name in classes):
        raise UserError(
            f"model {source.model} is a {names[0]}, which lacks the head that is needed: take "
            f"{kind} (…{', …'.join(endings)})"
        )


# Tokenizers without a model and without transformers, which takes seconds to import


def bare_tokenizer(source: Source, setting: str) -> Tokenizer:
    """A model's ``tokenizer.json`` alone, cutting nothing off and padding nothing.

    Args:
        source: the model.
        setting: what names it, for messages: chunker.tokenizer.

    Raises:
        UserError: there is no such tokenizer, or it cannot be read.
    """
    path = _tokenizer_file(source, setting)
    try:
        from tokenizers import Tokenizer

        if path is not None:
            tokenizer = Tokenizer.from_file(str(path))
        else:
            tokenizer = Tokenizer.from_pretrained(source.model, revision=source.identity())
    except UserError:
        raise
    except ImportError:
        raise UserError(
            f"{setting} needs the package tokenizers: pip install 'qa-bench[dense]'"
        ) from None
    except Exception as error:  # tokenizers raises nothing more special
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{setting}={source.model}: cannot be read ({reason})") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def tokenizer_identity(source: Source, setting: str) -> str:
    """What tells a bare tokenizer from another: a hash of its file, or its commit on the hub.

    Raises:
        UserError: there is no such tokenizer.
    """
    path = _tokenizer_file(source, setting)
    return source.identity() if path is None else file_digest(path)


def _tokenizer_file(source: Source, setting: str) -> Path | None:
    """The tokenizer's file on this machine; None for a name on the hub."""
    folder = model_folder(source.model)
    if folder is None:
        return None
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise UserError(f"{setting}={source.model}: there is no {path}")
    return path
