"""Models to be trained, whose heads begin at random: the one place where weights may be missing.

Their weights are float32, whatever the checkpoint's are: AdamW's small steps would be rounded away.
"""

from __future__ import annotations

from typing import Any

from qa_bench.errors import UserError
from qa_bench.models.checkpoint import checkpoint
from qa_bench.models.positions import limit_length
from qa_bench.models.source import Source
from qa_bench.models.tokenizers import check_tokenizer, pad_with_any

_HEADS = ("qa_outputs", "qa_classifier", "splinter_qass")
"""The names that heads for answers have in transformers' classes."""
_PAIR_HEADS = (
    *("classifier", "pre_classifier", "classification_head", "score", "head", "pooler"),
    *("bert.pooler", "deberta.pooler"),
)
"""The names that heads for pairs have there, with what only they look at."""


def pointer_to_train(source: Source) -> Any:
    """Any encoder of transformers with a head for answers, which is new where it has none.

    Raises:
        UserError: there is no such model, there is no such class for it, or it lacks other weights.
    """
    import torch
    import transformers

    with checkpoint(source, None, new=_HEADS) as place:
        kind: Any = transformers.AutoModelForQuestionAnswering
        return kind.from_pretrained(place.name, revision=place.commit, dtype=torch.float32)


def pair_scorer_to_train(source: Source) -> Any:
    """A ``CrossEncoder`` of sentence-transformers: a trained one, or a new head on an encoder.

    It gives raw scores also where sentence-transformers loads it: no sigmoid is put on them.

    Raises:
        UserError: there is no such model, it is no encoder, or it lacks other weights.
    """
    import torch
    from sentence_transformers import CrossEncoder

    with checkpoint(source, None, new=_PAIR_HEADS) as place:
        config = _encoder_config(source, place.name, place.commit)
        has_head = str((config.architectures or [""])[0]).endswith("ForSequenceClassification")
        model = CrossEncoder(
            place.name,
            device="cpu",
            revision=place.commit,
            max_length=source.max_length,
            num_labels=None if has_head else 1,
            activation_fn=torch.nn.Identity(),
            model_kwargs={"dtype": torch.float32},
        )
    limit_length(model, source)
    check_tokenizer(source, model.tokenizer, model)
    pad_with_any(model.tokenizer)
    return model


def _encoder_config(source: Source, name: str, commit: str | None) -> Any:
    """The config of an encoder that transformers has a head for pairs for.

    Raises:
        UserError: it is something else.
    """
    import transformers

    auto: Any = transformers.AutoConfig
    config = auto.from_pretrained(name, revision=commit)
    classes = transformers.AutoModelForSequenceClassification._model_mapping
    architecture = str((config.architectures or [""])[0])
    decodes = config.is_encoder_decoder or architecture.endswith(("ForCausalLM", "LMHeadModel"))
    if decodes or type(config) not in classes:
        raise UserError(
            f"train.base: {source.model} is a {architecture or config.model_type}: a cross-encoder "
            "is made of an encoder (such as a BERT), or of another cross-encoder"
        )
    return config


def dpr_reader_to_train(source: Source) -> Any:
    """A ``DPRReader``: a trained one, or one around a BERT.

    The head that selects passages is new around a BERT, and the one that points at answers where
    the BERT has none.

    Raises:
        UserError: there is no such model, it is no BERT, or it lacks other weights.
    """
    import torch
    import transformers

    with checkpoint(source, None, new=_HEADS) as place:
        named: dict[str, Any] = {"revision": place.commit, "dtype": torch.float32}
        auto: Any = transformers.AutoConfig
        config = auto.from_pretrained(place.name, revision=place.commit)
        if "DPRReader" in (config.architectures or []):  # its heads have other names: none is new
            trained: Any = transformers.DPRReader
            return trained.from_pretrained(place.name, **named)
        if config.model_type != "bert":
            raise UserError(
                f"train.objective=dpr makes a DPRReader, which is a BERT; {source.model} is of "
                f"the kind '{config.model_type}': take train.objective=spans"
            )
        kind: Any = transformers.BertForQuestionAnswering
        bert, info = kind.from_pretrained(place.name, output_loading_info=True, **named)
    plain = {
        key: value
        for key, value in config.to_dict().items()
        if key not in ("model_type", "architectures", "_name_or_path")
    }
    reader = transformers.DPRReader(transformers.DPRConfig(**plain, projection_dim=0))
    reader.span_predictor.encoder.bert_model.load_state_dict(bert.bert.state_dict())
    if not any(key.startswith("qa_outputs.") for key in info["missing_keys"]):
        reader.span_predictor.qa_outputs.load_state_dict(bert.qa_outputs.state_dict())
    return reader
