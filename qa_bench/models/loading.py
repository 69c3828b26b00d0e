"""Models that score pairs, loaded on the CPU: a cross-encoder, or a language model."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from qa_bench.errors import UserError
from qa_bench.models.source import Source, model_folder, revision_of

_SCORING = ("ForSequenceClassification", "ForCausalLM")
_GENERATING = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")
"""How the names of the classes end whose checkpoints have the head that is needed."""


def cross_encoder(source: Source) -> Any:
    """The model as sentence-transformers' CrossEncoder.

    Raises:
        UserError: there is no such model, it needs code of its own, or it has no head for pairs.
    """
    from sentence_transformers import CrossEncoder

    with _told(source):
        model = CrossEncoder(
            checked_name(source),
            device="cpu",
            revision=revision_of(source),
            trust_remote_code=source.trust_remote_code,
            max_length=source.max_length,
            model_kwargs={"dtype": torch_dtype(source)},
        )
        _need_head(source, getattr(model, "config", None), _SCORING, "a cross-encoder")
        return model.eval().to(torch_dtype(source))


def language_model(source: Source, gguf_file: str | None = None) -> tuple[Any, Any]:
    """Tokenizer and model of transformers: a decoder, or encoder and decoder (T5).

    Args:
        source: the model.
        gguf_file: the file of it to load, where it is in that format.

    Raises:
        UserError: there is no such model, it needs code of its own, or it generates no text.
    """
    import transformers

    with _told(source):
        name = checked_name(source)
        common: dict[str, Any] = {
            "revision": revision_of(source),
            "trust_remote_code": source.trust_remote_code,
        }
        if gguf_file is not None:
            common["gguf_file"] = gguf_file
        tokenizer = transformers.AutoTokenizer.from_pretrained(name, **common)
        config = transformers.AutoConfig.from_pretrained(name, **common)
        _need_head(source, config, _GENERATING, "a language model")
        kind: Any = (
            transformers.AutoModelForSeq2SeqLM
            if config.is_encoder_decoder
            else transformers.AutoModelForCausalLM
        )
        model = kind.from_pretrained(name, dtype=torch_dtype(source), **common)
    if not tokenizer.is_fast:
        raise UserError(f"model {source.model}: its tokenizer is not a fast one: not supported")
    return tokenizer, model.eval()


def decoder_start(model: Any) -> int:
    """The token that an encoder-decoder's decoder begins with."""
    for told in (model.config, getattr(model, "generation_config", None)):
        start = getattr(told, "decoder_start_token_id", None)
        if start is not None:
            return int(start)
    return int(model.config.pad_token_id)


def _need_head(source: Source, config: Any, endings: Sequence[str], wanted: str) -> None:
    """A class that the checkpoint was not made with would start with random weights."""
    classes = getattr(config, "architectures", None) or []
    if classes and not any(name.endswith(tuple(endings)) for name in classes):
        raise UserError(
            f"model {source.model} is a {classes[0]}, which lacks the head that is needed: take "
            f"{wanted} (…{', …'.join(endings)})"
        )


@contextmanager
def _told(source: Source) -> Iterator[None]:
    """Quietly; what goes wrong in one line.

    Weights that a checkpoint lacks are an error: transformers makes them up, and only says so.
    """
    reports = _Reports()
    logger = logging.getLogger("transformers.modeling_utils")
    before = logger.level, logger.propagate
    try:
        with quiet(), told_in_one_line(source, "reranker"):
            logger.addHandler(reports)
            logger.setLevel(logging.WARNING)
            logger.propagate = False
            yield
    finally:
        logger.removeHandler(reports)
        logger.setLevel(before[0])
        logger.propagate = before[1]
    if reports.missing:
        own = "" if source.trust_remote_code else "; does it need reranker.trust_remote_code=true?"
        raise UserError(
            f"model {source.model} lacks weights that its class needs "
            f"({', '.join(reports.missing)[:200]}){own}"
        )


class _Reports(logging.Handler):
    """Keeps the names of weights that transformers reports as missing."""

    def __init__(self) -> None:
        super().__init__()
        self.missing: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        rows = [line.split("|") for line in record.getMessage().splitlines()]
        self.missing += [row[0].strip() for row in rows if len(row) > 1 and "MISSING" in row[1]]


def torch_dtype(source: Source) -> Any:
    """The type of torch that computes with a source's precision."""
    import torch

    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[source.precision]


def checked_name(source: Source) -> str:
    """The name or folder to load from; its files have the hashes they must have."""
    folder = model_folder(source.model)
    for file, wanted in source.sha256:
        if folder is not None:
            path = folder / file
        else:
            from huggingface_hub import hf_hub_download

            path = Path(hf_hub_download(source.model, file, revision=revision_of(source)))
        if not path.is_file():
            raise UserError(f"model {source.model}: {file} is missing")
        with path.open("rb") as opened:
            found = hashlib.file_digest(opened, "sha256").hexdigest()
        if found != wanted:
            raise UserError(f"model {source.model}: sha256 of {file} is {found}, not {wanted}")
    return source.model if folder is None else str(folder)


@contextmanager
def told_in_one_line(source: Source, group: str | None) -> Iterator[None]:
    """Tell what went wrong while loading a model in one line.

    Args:
        source: the model.
        group: where ``trust_remote_code`` is a setting; None where no model's own code is run.
    """
    try:
        yield
    except UserError:
        raise
    except (ImportError, OSError, ValueError, RuntimeError, KeyError, AttributeError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        if "trust_remote_code" in str(error):
            remedy = (
                f"read it on the hub, then set {group}.trust_remote_code=true"
                if group
                else "that is not done here, choose another model"
            )
            raise UserError(f"model {source.model} runs code of its own: {remedy}") from error
        raise UserError(
            f"model {source.model}: {type(error).__name__}: {' '.join(lines)[:300]}"
        ) from error


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries' remarks and loading bars off the terminal; downloads still show."""
    from transformers.utils import logging as transformers_logging

    their_logging: Any = transformers_logging
    bars = their_logging.is_progress_bar_enabled()
    names = ("sentence_transformers", "transformers")
    levels = {name: logging.getLogger(name).level for name in names}
    their_logging.disable_progress_bar()
    for name in names:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        if bars:
            their_logging.enable_progress_bar()
