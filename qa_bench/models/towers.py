"""The two towers of a bi-encoder as one module: trained, saved and loaded together.

What they share is one object while they are trained. A folder of sentence-transformers keeps only
whole modules shared: token embeddings are written twice and load as two tables, which training
would move apart. So the folder says what is shared (``sharing.json``), and ``load`` ties it again.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

from qa_bench.engine.files import whole_folder
from qa_bench.errors import DataError, UserError
from qa_bench.models.checkpoint import quiet
from qa_bench.models.routes import TASKS, dimension
from qa_bench.models.sharing import PROJECTION, SCHEMES, TOKENS
from qa_bench.models.source import Source, Text
from qa_bench.models.tower_modules import (
    base_modules,
    freeze_unread,
    one_segment,
    projections,
    token_embeddings,
    with_projection,
    without_length,
)
from qa_bench.models.trainable import set_attention
from qa_bench.settings import one_of, whole_number

SHARING_FILE = "sharing.json"
SIMILARITIES = {"cosine": "cosine", "dot": "dot", "l2": "euclidean"}
"""How vectors are compared, and what sentence-transformers calls it."""


def towers(
    question: Source,
    passage: Source,
    sharing: str = "sde",
    projection: int | None = None,
    similarity: str = "cosine",
    one_segment_pairs: bool = False,
) -> Any:
    """Towers to be trained, float32 on the CPU; see ``_kind`` for what they can do.

    Both begin with the same weights where they begin with the same base, a new projection too,
    which is drawn from torch's generator.

    Args:
        question: the base of the questions' tower; of a base with two towers, its own.
        passage: that of the passages'.
        sharing: one of ``SCHEMES``.
        projection: dimension that a new linear layer behind pooling projects to; None for none.
        similarity: cosine, dot or l2. A base that divides vectors by their length does so no more
            where they are compared by dot or l2: their length is learnt.
        one_segment_pairs: title and text of a pair are one segment, as DPR has them.

    Returns:
        A ``torch.nn.Module``, in evaluation mode.

    Raises:
        UserError: a base does not suit the scheme, or the towers' dimensions differ.
    """
    scheme = SCHEMES[one_of("train.sharing", sharing, SCHEMES)]
    whole_number("train.projection", projection, optional=True)
    one_of("train.similarity", similarity, SIMILARITIES)
    if scheme.siamese and (unlike := _unlike(question, passage)):
        raise UserError(
            f"train.sharing={sharing} has one tower, and the bases of both sides differ in "
            f"{', '.join(unlike)}: set it once, or choose train.sharing=ade"
        )
    bases = base_modules(question)
    first = bases["question"]
    second = (bases if question == passage else base_modules(passage))["passage"]
    if scheme.siamese and not _alike(first, second):
        raise UserError(
            f"train.sharing={sharing} has one tower, and {question.model} has two that differ: "
            "choose train.sharing=ade"
        )
    # Never the base's own objects: what a base has in common is not what the scheme shares.
    second = first if scheme.siamese else copy.deepcopy(second)
    if projection is not None:
        first, second = _projected((question, passage), first, second, projection)
    if similarity != "cosine":
        first, second = without_length(first), without_length(second)
    if scheme.siamese:
        second = first
    _check(question, passage, sharing, first, second)
    for modules in (first, second):
        if one_segment_pairs:
            one_segment(modules[0].tokenizer)
        freeze_unread(modules)
    _share(question, sharing, first, second)
    return _kind()(first, second, sharing, similarity).eval()


def load(folder: Path) -> Any:
    """The towers that ``save`` wrote into a folder, what they shared shared again.

    Raises:
        UserError: it is no such folder, or not whole.
        DataError: what it says of sharing is no scheme, or the weights to be shared differ.
    """
    path = Path(folder) / SHARING_FILE
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
        scheme, similarity = SCHEMES[note["sharing"]], str(note["similarity"])
        SIMILARITIES[similarity]
    except OSError as error:
        raise UserError(
            f"{folder}: no {SHARING_FILE}, so it was not trained here, or not written to its end"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        schemes = ", ".join(SCHEMES)
        raise DataError(f"not one of {schemes} with a similarity: train it again", path) from error
    source = Source(str(folder))
    bases = base_modules(source)
    first = bases["question"]
    second = first if scheme.siamese else copy.deepcopy(bases["passage"])
    _check(source, source, note["sharing"], first, second)
    for modules in (first, second):
        freeze_unread(modules)
    _share(source, note["sharing"], first, second)
    made = _kind()(first, second, note["sharing"], similarity).eval()
    count = sum(weight.numel() for weight in made.parameters())
    if count != note.get("parameters"):
        raise DataError(f"{note.get('parameters')} parameters, but {count} were loaded", path)
    return made


def _projected(
    sources: tuple[Source, Source], first: list[Any], second: list[Any], size: int
) -> tuple[list[Any], list[Any]]:
    """Both with a new projection; the second has a copy of the first's, where it fits."""
    first_source, second_source = sources
    ours = with_projection(first_source, first, size)
    twin = copy.deepcopy(projections(ours)[-1])
    return ours, with_projection(second_source, second, size, twin)


def _unlike(question: Source, passage: Source) -> list[str]:
    """The settings in which two sources differ."""
    names = [field.name for field in fields(Source) if field.compare]
    return [name for name in names if getattr(question, name) != getattr(passage, name)]


def _alike(first: Sequence[Any], second: Sequence[Any]) -> bool:
    """Whether two towers have the same modules with the same weights."""
    if len(first) != len(second):
        return False
    for one, other in zip(first, second, strict=True):
        if one is other:
            continue
        states = one.state_dict(), other.state_dict()
        if type(one) is not type(other) or states[0].keys() != states[1].keys():
            return False
        if not all(_equal(states[0][name], states[1][name]) for name in states[0]):
            return False
    return True


def _equal(one: Any, other: Any) -> bool:
    import torch

    return one is other or bool(torch.equal(one, other))


def _check(
    question: Source, passage: Source, sharing: str, first: list[Any], second: list[Any]
) -> None:
    """Refuse towers that cannot be compared, and a scheme that would mean nothing."""
    scheme = SCHEMES[sharing]
    if scheme.projects and not (projections(first) and projections(second)):
        verb = "shares" if scheme.shared else "freezes"
        raise UserError(
            f"train.sharing={sharing} {verb} the projection, and {question.model} has none: set "
            "train.projection to a dimension"
        )
    sizes = dimension(first), dimension(second)
    if sizes[0] != sizes[1]:
        raise UserError(
            f"the questions' tower ({question.model}) makes vectors of {sizes[0]} dimensions, the "
            f"passages' ({passage.model}) of {sizes[1]}: set train.projection to one dimension for "
            "both"
        )


def _share(source: Source, sharing: str, first: list[Any], second: list[Any]) -> None:
    """Share and freeze as the scheme says; ``second`` is changed in place."""
    scheme = SCHEMES[sharing]
    if scheme.shared is not None:
        _PARTS[scheme.shared](source, first, second)
    if scheme.frozen is not None:
        for part in _parts(source, scheme.frozen, [*first, *second]):
            for weight in part.parameters():
                weight.requires_grad_(False)


def _parts(source: Source, name: str, modules: list[Any]) -> list[Any]:
    """The modules of both towers that a part's name means."""
    if name == PROJECTION:
        return projections(modules)
    words = [module for module in modules if hasattr(module, "tokenizer")]
    return [token_embeddings(source, [module]) for module in words]


def _share_tokens(source: Source, first: list[Any], second: list[Any]) -> None:
    table, other = token_embeddings(source, first), token_embeddings(source, second)
    if not _equal(table.weight, other.weight):
        raise UserError(
            f"model {source.model}: the token embeddings of both towers are to be one table, and "
            "they differ: name one base for both, or choose train.sharing=ade"
        )
    second[0].model.set_input_embeddings(table)


def _share_projection(source: Source, first: list[Any], second: list[Any]) -> None:
    ours, theirs = projections(first), projections(second)
    if not _alike(ours, theirs):
        raise UserError(
            f"model {source.model}: the projections of both towers are to be one, and they differ: "
            "name one base for both, or choose train.sharing=ade"
        )
    for own, other in zip(ours, theirs, strict=True):
        second[second.index(other)] = own


_PARTS = {TOKENS: _share_tokens, PROJECTION: _share_projection}


@cache
def _kind() -> Any:
    import torch

    class Towers(torch.nn.Module):
        """Two towers, or one for both sides.

        Attributes:
            question: the modules of questions; ``passage``: those of passages. Where a scheme
                shares, the same objects.
            sharing: a name of ``SCHEMES``.
            similarity: cosine, dot or l2: what they are trained for.
        """

        def __init__(
            self, first: list[Any], second: list[Any], sharing: str, similarity: str
        ) -> None:
            super().__init__()
            self.question = torch.nn.ModuleList(first)
            self.passage = self.question if first is second else torch.nn.ModuleList(second)
            self.sharing, self.similarity = sharing, similarity

        @property
        def dimension(self) -> int | None:
            """Of the vectors."""
            return dimension(list(self.question))

        def preprocess(
            self, side: str, texts: Sequence[Text], prompt: str | None = None
        ) -> dict[str, Any]:
            """Tokens of texts, padded; tensors of shape (texts, tokens), and a few words.

            Args:
                side: question or passage.
                texts: of that side, see ``Side.questions`` and ``Side.passages``.
                prompt: what stands before each.
            """
            words = self._tower(side)[0]
            return dict(words.preprocess(list(texts), prompt=prompt or None))

        def encode(self, side: str, features: Mapping[str, Any]) -> torch.Tensor:
            """Vectors of what ``preprocess`` made of texts; float32 (texts, dimension)."""
            passed = dict(features)  # modules write into it
            for module in self._tower(side):
                passed = module(passed)
            vectors: torch.Tensor = passed["sentence_embedding"].float()
            return vectors

        def _tower(self, side: str) -> Any:
            return {"question": self.question, "passage": self.passage}[side]

        def set_attn_implementation(self, kind: str) -> None:
            """As models of transformers have it; the folder does not say it."""
            set_attention(self, kind)

        def save(self, folder: Path, prompts: Mapping[str, str] | None = None) -> None:
            """Write a folder that sentence-transformers, ``retriever=dense`` and ``load`` load.

            It is there whole or not at all.

            Args:
                folder: is not there yet.
                prompts: by side, what stands before its texts: sentence-transformers takes it from
                    the folder, ``retriever=dense`` from its settings.

            Raises:
                UserError: there is something there.
            """
            if folder.exists():
                raise UserError(f"{folder}: is there already: name another folder for the model")
            with whole_folder(folder) as part, quiet():
                _model(self, prompts or {}).save(str(part), create_model_card=False)
                note = {
                    "sharing": self.sharing,
                    "similarity": self.similarity,
                    "parameters": sum(weight.numel() for weight in self.parameters()),
                }
                text = json.dumps(note, indent=2) + "\n"
                (part / SHARING_FILE).write_text(text, encoding="utf-8")

    return Towers


def _model(both: Any, prompts: Mapping[str, str]) -> Any:
    """The towers as a model of sentence-transformers, with the same objects.

    There is no default route: a text that nobody says the side of is refused.
    """
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Router

    modules = list(both.question)
    if both.passage is not both.question:
        routes = {TASKS["question"]: modules, TASKS["passage"]: list(both.passage)}
        modules = [Router(routes, default_route=None, allow_empty_key=False)]
    device = str(next(both.parameters()).device)
    similarity: Any = SIMILARITIES[both.similarity]
    return SentenceTransformer(
        modules=modules,
        device=device,
        prompts={TASKS[side]: prompt for side, prompt in prompts.items()},
        similarity_fn_name=similarity,
    )
