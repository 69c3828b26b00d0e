"""Towers as transformers' DPR classes: folders that any code for DPR's checkpoints loads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qa_bench.engine.files import whole_folder
from qa_bench.errors import UserError
from qa_bench.models.checkpoint import quiet

CLASSES = {"question": "DPRQuestionEncoder", "passage": "DPRContextEncoder"}
"""The class of transformers for each side: ``retriever.<side>.architecture``."""


def unlike_dpr(towers: Any, pairs: bool) -> str:
    """Why towers are none of DPR's architecture, in a few words; empty where they are.

    DPR's vector is the state of the first token of a BERT, perhaps through a linear layer.

    Args:
        towers: see ``towers.towers``.
        pairs: whether titles stand in a segment of their own (``retriever.passage.title=pair``):
            DPR has the same ids for both.
    """
    from sentence_transformers.base.modules import Dense, Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling
    from torch.nn import Identity

    for side in CLASSES:
        modules: list[Any] = list(getattr(towers, side))
        words, pooling, after = modules[0], (modules[1:] or [None])[0], modules[2:]
        if not isinstance(words, Transformer) or type(words.model).__name__ != "BertModel":
            return f"the {side}s' tower is no BERT"
        if not isinstance(pooling, Pooling) or pooling.pooling_mode != "cls":
            return f"the {side}s' tower does not pool the first token's state (retriever.pooling)"
        for module in after:
            linear = isinstance(module, Dense) and isinstance(module.activation_function, Identity)
            if not linear or module.use_residual or len(after) > 1:
                return f"the {side}s' tower has a {type(module).__name__} behind its pooling"
        if pairs and "token_type_ids" in words.tokenizer.model_input_names:
            return f"the {side}s' tower tells title from text by segment ids"
    return ""


def save_dpr(towers: Any, folder: Path, pairs: bool) -> dict[str, Path]:
    """Write ``folder/question`` and ``folder/passage``, each with weights and tokenizer.

    Args:
        towers: of DPR's architecture.
        folder: is not there yet; it is whole or not there.
        pairs: see ``unlike_dpr``.

    Returns:
        The folder of each side, for ``retriever.question.model`` and ``retriever.passage.model``.

    Raises:
        UserError: the towers are of another architecture, or the folder is there.
    """
    if reason := unlike_dpr(towers, pairs):
        raise UserError(f"this cannot be written as DPR's encoders: {reason}")
    if folder.exists():
        raise UserError(f"{folder}: is there already: name another folder for the model")
    with whole_folder(folder) as part, quiet():
        for side, name in CLASSES.items():
            words = getattr(towers, side)[0]
            _encoder(name, list(getattr(towers, side))).save_pretrained(part / side)
            words.tokenizer.save_pretrained(part / side)
    return {side: folder / side for side in CLASSES}


def _encoder(name: str, modules: list[Any]) -> Any:
    """A DPR encoder with the weights of a tower; BERT's pooler is left out, which DPR never had."""
    import torch
    import transformers

    bert, rest = modules[0].model, modules[2:]
    plain = {
        key: value
        for key, value in bert.config.to_dict().items()
        if key not in ("model_type", "architectures", "_name_or_path")
    }
    size = rest[0].out_features if rest else 0
    made = getattr(transformers, name)(transformers.DPRConfig(**plain, projection_dim=size))
    encoder = getattr(made, made.base_model_prefix)
    weights = {
        key: value for key, value in bert.state_dict().items() if not key.startswith("pooler.")
    }
    encoder.bert_model.load_state_dict(weights)
    if rest:
        linear = rest[0].linear
        with torch.no_grad():
            encoder.encode_proj.weight.copy_(linear.weight)
            encoder.encode_proj.bias.zero_()
            if linear.bias is not None:
                encoder.encode_proj.bias.copy_(linear.bias)
    return made.eval()
