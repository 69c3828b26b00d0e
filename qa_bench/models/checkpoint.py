"""What every loader of a model goes through.

The model's files have the hashes that they must have, the libraries keep quiet, what goes wrong is
told in one line, and a weight that the class needs and the checkpoint lacks is an error:
transformers makes it up, in every process differently, and only says so.
"""

from __future__ import annotations

import hashlib
import importlib
import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from qa_bench.errors import UserError
from qa_bench.models.native.registry import native_classes
from qa_bench.models.positions import config_of
from qa_bench.models.source import Place, Source
from qa_bench.net.consent import consent
from qa_bench.net.hub import fetched_file, weights_to_download
from qa_bench.net.web import told_size

log = logging.getLogger(__name__)

_ONE_AT_A_TIME = threading.RLock()
"""What follows changes settings of the libraries while a model is loaded."""
_SHOWN = 3
"""Names of missing weights in a message."""


@contextmanager
def checkpoint(
    source: Source,
    group: str | None,
    *,
    remedy: str = "",
    unread: str = "",
    new: Sequence[str] = (),
) -> Iterator[Place]:
    """Load in this block what lies at the place it yields.

    Args:
        source: the model.
        group: where ``trust_remote_code`` is a setting; None where no model's own code is run.
        remedy: what to do about missing weights.
        unread: a module whose output nobody reads: where its weights are missing it is taken out.
        new: modules whose weights may begin at random: for training, and for nothing else.

    Raises:
        UserError: there is no such model, a hash is wrong, it needs code of its own, it lacks
            weights, or the libraries refuse it.
    """
    with (
        _ONE_AT_A_TIME,
        one_line(source, group),
        quiet(),
        _weights(source, _remedy(source, group, remedy), unread, new),
    ):
        place = source.place()
        if place.commit is not None:
            size = weights_to_download(place.name, place.commit, place.gguf_file)
            consent(f"model {source.model}", size)
            if size:
                log.warning("model %s: %s to download", source.model, told_size(size))
        _check_hashes(source, place)
        config = config_of(source) if place.gguf_file is None else {}
        with native_classes(config, source.model):
            yield place


@contextmanager
def one_line(source: Source, group: str | None) -> Iterator[None]:
    """Tell what goes wrong while loading a model in one line; see ``checkpoint``."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # the libraries raise whatever their many readers of files raise
        if "trust_remote_code" in str(error):
            what = (
                f"read it on the hub, then set {group}.trust_remote_code=true"
                if group
                else "that is not done here, choose another model"
            )
            raise UserError(f"model {source.model} runs code of its own: {what}") from error
        said = " ".join(str(error).split())[:300]
        raise UserError(f"model {source.model}: {type(error).__name__}: {said}") from error


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
        with _no_gguf_bar():
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        if bars:
            their_logging.enable_progress_bar()


@contextmanager
def _no_gguf_bar() -> Iterator[None]:
    """The bar of GGUF files listens to no setting."""
    module: Any = None
    with suppress(ImportError):
        module = importlib.import_module("transformers.modeling_gguf_pytorch_utils")
    bar = getattr(module, "tqdm", None)
    if bar is not None:
        module.tqdm = lambda rows, *_, **__: rows
    try:
        yield
    finally:
        if bar is not None:
            module.tqdm = bar


def torch_dtype(source: Source) -> Any:
    """The type of torch that computes with a source's precision."""
    import torch

    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[source.precision]


def _check_hashes(source: Source, place: Place) -> None:
    for file, expectation in source.sha256:
        if place.commit is None:
            path = Path(place.name) / file
        else:
            path = fetched_file(place.name, file, place.commit, "model")
        if not path.is_file():
            raise UserError(f"model {source.model}: {file} is missing")
        with path.open("rb") as opened:
            actual = hashlib.file_digest(opened, "sha256").hexdigest()
        if actual != expectation:
            raise UserError(
                f"model {source.model}: sha256 of {file} is {actual}, not {expectation}"
            )


def _remedy(source: Source, group: str | None, remedy: str) -> str:
    if remedy or group is None or source.trust_remote_code:
        return remedy or "is it of the kind that is wanted, and are its files whole?"
    return f"does it need {group}.trust_remote_code=true?"


class _Loaded(NamedTuple):
    """A model of transformers and the weights that its checkpoint lacks."""

    model: Any
    missing: Sequence[str]


@contextmanager
def _weights(source: Source, remedy: str, unread: str, new: Sequence[str]) -> Iterator[None]:
    """Refuse models without all weights, whichever library has transformers load them."""
    from transformers import PreTrainedModel

    kind: Any = PreTrainedModel
    plain = kind.__dict__["from_pretrained"]
    loaded: list[_Loaded] = []

    def from_pretrained(
        cls: type[Any], /, *words: Any, output_loading_info: bool = False, **settings: Any
    ) -> Any:
        model, info = plain.__func__(cls, *words, output_loading_info=True, **settings)
        loaded.append(_Loaded(model, sorted(info["missing_keys"])))
        return (model, info) if output_loading_info else model

    kind.from_pretrained = classmethod(from_pretrained)
    try:
        yield
    finally:
        kind.from_pretrained = plain
    for one in loaded:
        missing = [name for name in one.missing if not name.startswith(tuple(f"{n}." for n in new))]
        if unread and any(name.startswith(f"{unread}.") for name in missing):
            setattr(one.model, unread, None)
            missing = [name for name in missing if not name.startswith(f"{unread}.")]
        if missing:
            more = f", … {len(missing)} in all" if len(missing) > _SHOWN else ""
            raise UserError(
                f"model {source.model} lacks weights that its class {type(one.model).__name__} "
                f"needs ({', '.join(missing[:_SHOWN])}{more}): {remedy}"
            )
