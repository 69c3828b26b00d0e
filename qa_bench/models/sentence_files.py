"""The files by which sentence-transformers knows how a model of transformers pools its tokens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from qa_bench.settings import one_of

POOLINGS = ("mean", "cls")
"""What a folder written here may say."""
_MODES = {"cls": "cls_token", "mean": "mean_tokens", "max": "max_tokens"}
"""Poolings by the names that every version of the library reads."""


def write_sentence_files(folder: Path, pooling: str, dimension: int, max_length: int) -> None:
    """Make a folder of transformers one of sentence-transformers too; its own files stay.

    Args:
        folder: with ``config.json``, weights and tokenizer.
        pooling: mean or cls.
        dimension: of the vectors.
        max_length: tokens a text is cut to.

    Raises:
        UserError: there is no such pooling.
    """
    one_of("pooling", pooling, POOLINGS)
    kinds = {"": "Transformer", "1_Pooling": "Pooling"}
    modules = [
        {
            "idx": place,
            "name": str(place),
            "path": path,
            "type": f"sentence_transformers.models.{kind}",
        }
        for place, (path, kind) in enumerate(kinds.items())
    ]
    _write(folder / "modules.json", modules)
    lengths = {"max_seq_length": max_length, "do_lower_case": False}
    _write(folder / "sentence_bert_config.json", lengths)
    (folder / "1_Pooling").mkdir(exist_ok=True)
    modes = {f"pooling_mode_{name}": mode == pooling for mode, name in _MODES.items()}
    _write(folder / "1_Pooling/config.json", {"word_embedding_dimension": dimension, **modes})


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
