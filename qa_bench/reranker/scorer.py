"""A loaded model that scores pairs: a cross-encoder, or a language model that is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from qa_bench.errors import UserError
from qa_bench.models.loading import cross_encoder, decoder_start, language_model
from qa_bench.models.pairs import Frame, Framed, Whole, frame_of, tokenised
from qa_bench.models.positions import positions
from qa_bench.models.rows import scored
from qa_bench.models.source import Source
from qa_bench.runtime.replicas import Replicas
from qa_bench.types import Runtime


@dataclass(frozen=True)
class Template:
    """How a language model is asked whether a passage suits a question.

    Its pieces are tokenised one by one, as their authors do.

    Attributes:
        question: what is said of the question; ``{}`` stands for its text.
        passage: likewise of the passage.
        between: pieces between the two.
        after: pieces after the passage.
        answer: the word whose first token's logit is the score.
        against: the word whose logit is subtracted, if any.
        arguments: (name, value) that the model's forward is given beside the tokens.
    """

    question: str
    passage: str
    between: tuple[str, ...]
    after: tuple[str, ...]
    answer: str
    against: str | None = None
    arguments: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class RowMaker:
    """Makes rows of tokens of pairs, as one model reads them.

    Attributes:
        tokenizer: the model's.
        limit: tokens that a row may have; None for any number.
        frame: what stands around question and passage; None where ``preprocess`` makes rows.
        preprocess: the model's own way from pairs of texts to features.
        question: what is said of the question; ``{}`` stands for its text.
        passage: likewise of the passage.
    """

    tokenizer: Any
    limit: int | None
    frame: Frame | None
    preprocess: Callable[..., Any] | None = None
    question: str = "{}"
    passage: str = "{}"

    def rows(
        self,
        questions: Sequence[str],
        passages: Sequence[str],
        question_rows: np.ndarray,
        which: np.ndarray,
        overlap: int | None = None,
    ) -> Framed | Whole:
        """The pairs of ``question_rows`` questions and ``which`` passages, as what is scored.

        Raises:
            UserError: a question is too long, or passages must be split and cannot be.
        """
        if self.frame is None:
            if overlap is not None:
                raise UserError(
                    "reranker.overlap: this model's pairs cannot be split; leave it out (null)"
                )
            pairs = zip(question_rows.tolist(), which.tolist(), strict=True)
            texts = [(questions[one], passages[other]) for one, other in pairs]
            return Whole(self.preprocess, texts)
        heads = tokenised(self.tokenizer, [self.question.replace("{}", q) for q in questions])
        tails = tokenised(self.tokenizer, [self.passage.replace("{}", p) for p in passages])
        return Framed(self.frame, self.limit, heads, tails, question_rows, which, overlap)


class Scorer:
    """A model on all devices. It scores for one caller at a time."""

    def __init__(
        self, source: Source, template: Template | None, label: int | None, runtime: Runtime
    ) -> None:
        """Load the model.

        Args:
            source: the model.
            template: how it is asked, where it is a language model; None for a cross-encoder.
            label: which of a cross-encoder's classes means relevant.
            runtime: devices and batch size.

        Raises:
            UserError: there is no such model, or it lacks what is needed.
        """
        if template is None:
            module, maker = pair_model(cross_encoder(source), source, label)
        else:
            tokenizer, model = language_model(source, "reranker", fast=True)
            maker = RowMaker(
                tokenizer,
                source.max_length or positions(model),
                _template_frame(tokenizer, template, model),
                None,
                template.question,
                template.passage,
            )
            module = _answer_scores(model, tokenizer, template)
        self.rows = maker.rows
        self._replicas = Replicas(module, source.model, runtime)

    def scores(self, rows: Framed | Whole, update: Callable[[int], Any] = int) -> np.ndarray:
        """The score of every row; float32 (rows,)."""
        return scored(self._replicas, rows, update)


def pair_model(model: Any, source: Source, label: int | None) -> tuple[Any, RowMaker]:
    """A cross-encoder of sentence-transformers as a module of raw scores, and its rows.

    Args:
        model: it.
        source: what it was loaded from.
        label: of several classes, the one that means relevant.

    Returns:
        A module that takes features of rows and gives their scores, float32 (rows,); what makes
        rows of pairs.

    Raises:
        UserError: there is no such class.
    """
    limit = _limit(model, source)
    maker = RowMaker(model.tokenizer, limit, _checked_frame(model, limit), _with_prompt(model))
    return _cross_encoder_scores(model, _checked_label(source, model.num_labels, label)), maker


@lru_cache(maxsize=1)
def loaded_scorer(
    source: Source, template: Template | None, label: int | None, runtime: Runtime
) -> Scorer:
    """``Scorer(…)``; the last one is kept, for the next set of questions."""
    return Scorer(source, template, label, runtime)


def _limit(model: Any, source: Source) -> int | None:
    """Tokens that a cross-encoder takes; None where neither tokenizer nor model says."""
    limit = source.max_length or model.max_seq_length
    if limit is None or limit > 10**9:  # a tokenizer without a limit has a huge one
        limit = getattr(model.config, "max_position_embeddings", None)
    return int(limit) if limit else None


def _with_prompt(model: Any) -> Callable[..., Any]:
    """What makes features of pairs, with the prompt that ``predict`` would put before them."""
    prompt = model.prompts.get(model.default_prompt_name) if model.default_prompt_name else None

    def preprocess(pairs: list[tuple[str, str]]) -> Any:
        return model.preprocess(pairs, prompt=prompt or None)

    return preprocess


def _checked_frame(model: Any, limit: int | None) -> Frame | None:
    """The frame of a cross-encoder's pairs; None where its own preprocessing does something else.

    Seen on a short pair and on one that must be cut.
    """
    frame = frame_of(model.tokenizer)
    if frame is None or (model.default_prompt_name and model.prompts[model.default_prompt_name]):
        return None
    texts = ["Faust is a play by Goethe.", "Goethe wrote it. " * min(limit or 1, 10_000)]
    heads = tokenised(model.tokenizer, ["Who?"])
    tails = tokenised(model.tokenizer, texts)
    if limit is not None and len(heads[0]) + frame.tokens >= limit:
        return None
    ours = Framed(frame, limit, heads, tails, np.zeros(2, np.int64), np.arange(2))
    theirs: dict[str, Any] = {}
    for place, text in enumerate(texts):
        theirs = dict(model.preprocess([("Who?", text)]))
        row = ours.features(np.array([place]))
        same = [np.array_equal(row[name], theirs.pop(name, None)) for name in row]
        if not all(same) or any(hasattr(value, "shape") for value in theirs.values()):
            return None
    if theirs.get("modality", "text") != "text":
        return None
    return replace(frame, constants=tuple(theirs.items()))


def _checked_label(source: Source, labels: int, label: int | None) -> int | None:
    if labels == 1:
        if label not in (None, 0):
            raise UserError(f"reranker.label={label}: model {source.model} gives one score only")
        return None
    if label is None or not 0 <= label < labels:
        raise UserError(
            f"model {source.model} has {labels} classes: which one means relevant? "
            f"Set reranker.label (0 to {labels - 1}), got {label}"
        )
    return label


def _cross_encoder_scores(model: Any, label: int | None) -> Any:
    import torch

    class Scores(torch.nn.Module):
        """The raw score of each row; of several classes, the log odds of one."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = model

        def forward(self, features: dict[str, Any]) -> torch.Tensor:
            scores: torch.Tensor = self.inner(features)["scores"].float()
            if label is None:
                return scores.reshape(-1)
            others = [place for place in range(scores.shape[1]) if place != label]
            return scores[:, label] - scores[:, others].logsumexp(1)

        def save(self, folder: Path) -> None:
            """As sentence-transformers saves it, tokenizer and all, without a page about it."""
            self.inner.save(str(folder), create_model_card=False)

    return Scores()


def _template_frame(tokenizer: Any, template: Template, model: Any) -> Frame:
    import inspect

    takes = inspect.signature(model.forward).parameters
    before, after = [], _ids(tokenizer, template.after)
    if model.config.is_encoder_decoder:
        after.append(tokenizer.eos_token_id)
    elif tokenizer.bos_token_id not in (None, tokenizer.pad_token_id):
        before.append(tokenizer.bos_token_id)
    between = _ids(tokenizer, template.between)
    first, second, third = (np.array([ids], np.int64) for ids in (before, between, after))
    # A model that makes passages shorter on the way must know where they are.
    heads = _HEADS if _HEADS in takes else ""
    constants = ((_TAILS, len(after)),) if _TAILS in takes else ()
    return Frame(("input_ids",), first, second, third, (), (), "only_second", constants, heads)


def _ids(tokenizer: Any, pieces: Sequence[str]) -> list[int]:
    return [int(token) for ids in tokenised(tokenizer, pieces) for token in ids]


def _first_token(tokenizer: Any, setting: str, text: str) -> int:
    ids = _ids(tokenizer, [text])
    if not ids:
        raise UserError(f"reranker.template.{setting}: '{text}' has no token in this model")
    return ids[0]


def _answer_scores(model: Any, tokenizer: Any, template: Template) -> Any:
    import inspect

    import torch

    answer = _first_token(tokenizer, "answer", template.answer)
    against = _first_token(tokenizer, "against", template.against) if template.against else None
    takes = inspect.signature(model.forward).parameters
    arguments: dict[str, Any] = dict(template.arguments)
    for name in arguments:
        if name not in takes:  # one that takes anything would leave it unused, silently
            raise UserError(f"reranker.template.arguments.{name}: the model's forward has none")
    arguments |= {name: value for name, value in _LEAN.items() if name in takes}
    start = decoder_start(model) if model.config.is_encoder_decoder else None

    class Scores(torch.nn.Module):
        """The logit of the answer where it would come next."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = model

        def forward(self, features: dict[str, Any]) -> torch.Tensor:
            ids = features["input_ids"]
            if start is not None:
                features["decoder_input_ids"] = torch.full_like(ids[:, :1], start)
            logits = self.inner(**features, **arguments).logits
            if isinstance(logits, (tuple, list)):  # a score from each of several layers
                logits = logits[-1]
            last: torch.Tensor = logits[:, -1].float()
            if last.ndim == 1:  # of a head that knows but one answer
                return last
            return last[:, answer] - (last[:, against] if against is not None else 0)

    return Scores()


_HEADS, _TAILS = "query_lengths", "prompt_lengths"
"""Arguments that say how many tokens stand before and after a passage, where a model takes them."""
_LEAN = {"use_cache": False, "logits_to_keep": 1}
"""Arguments that spare what is not needed, where a model takes them."""
