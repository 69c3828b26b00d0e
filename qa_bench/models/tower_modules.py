"""The modules of a tower, in the order texts pass them, and the parts that towers may share.

A tower is a list of sentence-transformers' modules: a transformer, pooling, then perhaps a
projection and a division by the vector's length.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from typing import Any

from qa_bench.errors import UserError
from qa_bench.models.checkpoint import quiet
from qa_bench.models.loading import tokenizer_of
from qa_bench.models.routes import TASKS, route, tasks
from qa_bench.models.sentence_model import sentence_model
from qa_bench.models.source import Source


def base_modules(source: Source) -> dict[str, list[Any]]:
    """The modules of a base by side, float32, in evaluation mode.

    A base with one tower has the same objects for both sides, as has one with two for what they
    share.

    Args:
        source: an encoder, a model of sentence-transformers, or one of DPR's two.

    Raises:
        UserError: there is no such model, or it is none that modules can be made of.
    """
    from sentence_transformers import SentenceTransformer

    model = sentence_model(replace(source, precision="fp32"))
    if isinstance(model, SentenceTransformer):
        there = tasks(model)
        return {
            side: route(model, task) if task in there else list(model)
            for side, task in TASKS.items()
        }
    inner = getattr(model, "inner", None)
    encoder = getattr(inner, str(getattr(inner, "base_model_prefix", "")), None)
    if getattr(encoder, "bert_model", None) is None:
        raise UserError(
            f"model {source.model}: retriever.architecture={source.architecture} and "
            "pooling=first_state cannot be trained: take a model of sentence-transformers, any "
            "encoder with a pooling, or DPR's DPRQuestionEncoder and DPRContextEncoder"
        )
    return dict.fromkeys(TASKS, _of_dpr(source, encoder))


def _of_dpr(source: Source, encoder: Any) -> list[Any]:
    """A BERT whose first state is the vector, and DPR's projection where it has one."""
    import transformers
    from sentence_transformers.sentence_transformer.modules import Dense, Pooling, Transformer

    bert = encoder.bert_model
    plain = {
        key: value
        for key, value in bert.config.to_dict().items()
        if key not in ("model_type", "architectures", "_name_or_path", "projection_dim")
    }
    kind: Any = transformers.BertModel
    twin = kind(transformers.BertConfig(**plain), add_pooling_layer=False)
    twin.load_state_dict(bert.state_dict())
    tokenizer = tokenizer_of(source)
    with tempfile.TemporaryDirectory() as folder, quiet():
        twin.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        words = Transformer(folder)
    words.model.pooler = None
    limit = source.max_length or min(tokenizer.model_max_length, 512)
    words.max_seq_length = min(limit, bert.config.max_position_embeddings)
    one_segment(words.tokenizer)
    modules: list[Any] = [words, Pooling(bert.config.hidden_size, "cls")]
    if encoder.projection_dim > 0:
        own = encoder.encode_proj
        layer = Dense(own.in_features, own.out_features, activation_function=None)
        layer.linear.load_state_dict(own.state_dict())
        modules.append(layer)
    return [module.eval() for module in modules]


def with_projection(source: Source, modules: list[Any], size: int, layer: Any = None) -> list[Any]:
    """The modules with a linear layer behind pooling, without bias, as GTR and ST5 have one.

    Args:
        source: the base, for messages.
        modules: of a tower without a projection.
        size: dimension of the new vectors.
        layer: what is put there, where it fits; None, or one of another size, for new weights.

    Raises:
        UserError: the base has a projection already, or nothing is pooled.
    """
    from sentence_transformers.sentence_transformer.modules import Dense, Pooling

    if projections(modules):
        raise UserError(
            f"train.projection: {source.model} has a projection already, to "
            f"{projections(modules)[-1].out_features} dimensions: leave it out"
        )
    places = [place for place, module in enumerate(modules) if isinstance(module, Pooling)]
    if not places:
        raise UserError(f"train.projection: {source.model} pools by itself: leave it out")
    width = modules[places[-1]].get_embedding_dimension()
    if layer is None or layer.in_features != width:
        layer = Dense(width, size, bias=False, activation_function=None)
    place = places[-1] + 1
    return [*modules[:place], layer, *modules[place:]]


def without_length(modules: list[Any]) -> list[Any]:
    """The modules without the division by the vector's length: for dot products and distances."""
    from sentence_transformers.sentence_transformer.modules import Normalize

    return [module for module in modules if not isinstance(module, Normalize)]


def projections(modules: list[Any]) -> list[Any]:
    """The linear layers behind pooling."""
    from sentence_transformers.sentence_transformer.modules import Dense

    return [module for module in modules if isinstance(module, Dense)]


def token_embeddings(source: Source, modules: list[Any]) -> Any:
    """The table of token embeddings, positions and types left out.

    Raises:
        UserError: there is none to be had.
    """
    model: Any = getattr(modules[0], "model", None)
    table = model.get_input_embeddings() if hasattr(model, "get_input_embeddings") else None
    if table is None:
        raise UserError(
            f"model {source.model} has no table of token embeddings to share or freeze: choose "
            "train.sharing=sde or ade"
        )
    return table


def one_segment(tokenizer: Any) -> None:
    """Let title and text of a pair be one segment, as DPR has them: no segment ids are made.

    The tokenizer's own files say so from then on: whoever loads the folder encodes alike. That they
    are all zero cannot be said there: BERT's tokenizer forgets it when it is loaded.

    Source: DPR's BertTensorizer, whose segment ids are all zero.
    """
    names = [name for name in tokenizer.model_input_names if name != "token_type_ids"]
    tokenizer.model_input_names = names
    tokenizer.init_kwargs["model_input_names"] = names


def freeze_unread(modules: list[Any]) -> None:
    """Freeze BERT's own pooler where nobody reads it: it would count as trained, and is not."""
    model = getattr(modules[0], "model", None)
    pooler = getattr(model, "pooler", None)
    outputs = getattr(modules[0], "modality_config", {}).get("text", {})
    if pooler is not None and "last_hidden_state" in str(outputs.get("method_output_name")):
        for weight in pooler.parameters():
            weight.requires_grad_(False)
