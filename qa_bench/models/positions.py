"""How many tokens a model has positions for.

A table with a row a position has an end, beyond which torch raises whatever it raises, and only
when the first text comes that is so long. Relative, rotary and ALiBi positions have none: such
models take any length, well or not, and nothing is said of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from qa_bench.errors import UserError
from qa_bench.models.source import Source, model_path
from qa_bench.net.hub import fetched_file

_TABLES = {
    **dict.fromkeys(
        (
            *("albert", "bert", "big_bird", "convbert", "distilbert", "dpr", "electra", "ernie"),
            *("layoutlm", "megatron-bert", "mobilebert", "rembert", "roformer", "splinter", "xlm"),
            *("bart", "gpt_neo", "opt", "pegasus"),
        ),
        "max_position_embeddings",
    ),
    **dict.fromkeys(("gpt2", "gpt_bigcode", "openai-gpt", "gptj", "codegen"), "n_positions"),
}
"""Kinds of models with such a table, and where config.json says its length."""
_BEHIND_PADDING = frozenset(
    {
        *("roberta", "xlm-roberta", "xlm-roberta-xl", "xmod", "camembert", "mpnet", "longformer"),
        *("roberta-prelayernorm", "data2vec-text", "ibert", "luke", "mluke"),
    }
)
"""Kinds whose first token has the position behind the padding's."""
_NAMES = frozenset({"position_embeddings", "wpe", "embed_positions", "positions_embed"})
"""What transformers calls the table in the model."""


def check_length(setting: str, length: int | None, positions: int | None) -> None:
    """Refuse texts of more tokens than the model has positions for.

    Args:
        setting: what says how many tokens.
        length: so many; None for the model's own.
        positions: of the model; None where it has no end.

    Raises:
        UserError: there are too few positions.
    """
    if length is not None and positions is not None and length > positions:
        raise UserError(f"{setting}={length}, but the model has {positions} positions")


def check_announced(source: Source, setting: str, length: int | None) -> None:
    """The same before anything is loaded, where the model's config.json tells.

    Raises:
        UserError: there are too few positions.
    """
    if length is not None:
        check_length(setting, length, announced(config_of(source)))


def announced(config: Mapping[str, Any]) -> int | None:
    """The positions that a model's config.json tells of; None where it tells of no end."""
    kind = str(config.get("model_type"))
    if config.get("position_embedding_type") not in (None, "absolute"):
        return None
    padding = config.get("pad_token_id", 1) if kind in _BEHIND_PADDING else -1
    field = "max_position_embeddings" if kind in _BEHIND_PADDING else _TABLES.get(kind, "")
    rows = config.get(field)
    if isinstance(rows, int) and isinstance(padding, int) and rows > padding + 1:
        return rows - padding - 1
    return None


def positions(model: Any) -> int | None:
    """The positions of a loaded model: the rows of its smallest table; None where it has none."""
    import torch

    counts = []
    for name, layer in model.named_modules():
        if name.rpartition(".")[2] in _NAMES and isinstance(layer, torch.nn.Embedding):
            # RoBERTa's kind counts from behind the padding's; BART's has two rows that nobody uses.
            padding = -1 if layer.padding_idx is None else layer.padding_idx
            counts.append(layer.num_embeddings - int(getattr(layer, "offset", padding + 1)))
    for name, table in model.named_buffers():  # GPT-J
        if name.rpartition(".")[2] == "embed_positions" and table.ndim == 2:
            counts.append(table.shape[0])
    return min(counts, default=None)


def limit_length(model: Any, source: Source) -> None:
    """Cut texts to the positions of a model of sentence-transformers, where its files let more in.

    Raises:
        UserError: its source wants more than there are.
    """
    most = positions(model)
    check_length(source.length_setting, source.max_length, most)
    if most is not None and (model.max_seq_length or most + 1) > most:
        model.max_seq_length = most


def config_of(source: Source) -> Mapping[str, Any]:
    """A model's config.json; empty where it cannot be had: loading tells what is wrong."""
    with suppress(Exception):
        path = model_path(source.model)
        if path is None:
            name, commit, _ = source.place()
            file = fetched_file(name, "config.json", str(commit), "model")
        else:
            file = Path(path) / "config.json"
        config = json.loads(file.read_text(encoding="utf-8"))
        return config if isinstance(config, dict) else {}
    return {}
