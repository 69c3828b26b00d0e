"""Cross-encoders and language models that read question and passage together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from qa_bench.errors import UserError
from qa_bench.models.positions import check_announced
from qa_bench.parts import Part
from qa_bench.reranker.hits import (
    check_depths,
    distinct_passages,
    finished,
    source_of,
)
from qa_bench.reranker.scorer import Template, loaded_scorer
from qa_bench.runtime.estimates import PASSAGE_TOKENS, QUESTION_TOKENS, model_step, text_tokens
from qa_bench.runtime.progress import progress
from qa_bench.settings import number, one_of, whole_number
from qa_bench.store.ranked import Ranked
from qa_bench.train.loop import MODEL_FOLDER, Settings, TrainingFiles, settings_of
from qa_bench.train.seen import seen_by
from qa_bench.types import Runtime, Step


class CrossEncoder(Part):
    """A score for every (question, passage) pair, from a model that sees both at once.

    Pairs of all questions are scored together, sorted by length; each passage is tokenised once.

    Source: Nogueira and Cho 2019 (passage re-ranking with BERT); Nogueira et al. 2020 (monoT5);
    Wang et al. 2019 (Multi-passage BERT: 100 hits in, 30 out).
    """

    version = 2
    labels = frozenset({"sha256"})
    # Training sees pairs and the model, which is among its inputs by content.
    reading_only = frozenset(
        {
            *("model", "revision", "precision", "trust_remote_code", "activation", "threshold"),
            *("overlap", "interpolate", "depth", "keep"),
        }
    )

    def __init__(
        self,
        model: str | None = None,
        revision: str | None = None,
        max_length: int | None = None,
        precision: str = "fp32",
        trust_remote_code: bool = False,
        title: str = ". ",
        template: Mapping[str, Any] | None = None,
        label: int | None = None,
        activation: str | None = None,
        threshold: float | None = None,
        overlap: int | None = None,
        interpolate: float = 0.0,
        depth: int = 100,
        keep: int | None = None,
        sha256: Mapping[str, str] | None = None,
    ) -> None:
        """Check the settings.

        Args:
            model: hub name, folder, or ``wheel:<package>/<folder>``.
            revision: commit, tag or branch on the hub; None for the newest.
            max_length: tokens that a pair is cut to; None for the model's own.
            precision: fp32, bf16 or fp16.
            trust_remote_code: run code that comes with the model.
            title: what stands between a passage's title and text; "none" leaves the title out.
            template: how a language model is asked; None for a cross-encoder. See ``Template``.
            label: of a model with several classes, the one that means relevant: the score is its
                log odds.
            activation: sigmoid makes scores of 0 to 1; None leaves them raw.
            threshold: hits whose score is lower are dropped.
            overlap: passages that are too long are split into pieces with so many tokens in common,
                and have the score of the best; None cuts them.
            interpolate: weight with which the retriever's score is added.
            depth: how many hits of a question are looked at.
            keep: how many of them stay; None for as many as the run shall have.
            sha256: file of the model to the hash it must have.

        Raises:
            UserError: a setting is out of range.
        """
        check_depths(depth, keep)
        self.depth, self.keep = depth, keep
        self._source = source_of(model, revision, max_length, precision, trust_remote_code, sha256)
        self._template = None if template is None else _template(template)
        self._title = "none" if title is None else str(title)
        self._activation = one_of("reranker.activation", activation, ("sigmoid", None))
        self._label = whole_number("reranker.label", label, 0, optional=True)
        self._overlap = whole_number("reranker.overlap", overlap, 0, optional=True)
        self._threshold = number("reranker.threshold", threshold, optional=True)
        self._interpolate = number("reranker.interpolate", interpolate)

    @property
    def pointwise(self) -> bool:
        """Whether a score depends on nothing but question and passage."""
        return not self._interpolate

    def sources(self) -> dict[str, str]:
        """Identity of the model's content.

        Raises:
            UserError: there is no such model, or it has fewer positions than ``max_length``.
        """
        source = self._source
        check_announced(source, source.length_setting, source.max_length)
        return {"reranker_model": self._source.identity()}

    def training(self, options: Mapping[str, Any]) -> Settings:
        """See ``teach.RerankerSettings``."""
        from qa_bench.reranker.teach import RerankerSettings

        return settings_of(RerankerSettings, options)

    def train(
        self, files: TrainingFiles, settings: Any, folder: Path, runtime: Runtime
    ) -> dict[str, Any]:
        """Train the model further, with pairs as this reranker makes them; see ``teach``.

        Raises:
            UserError: it is a language model that is asked, or the model does not suit.
        """
        from qa_bench.reranker.teach import teach

        if self._template is not None:
            raise UserError(
                "reranker.template: language models that are asked are not trained here: take "
                "reranker=cross_encoder"
            )
        return teach(self._source, self._title, self._label, files, settings, folder, runtime)

    def trained(self, folder: Path, settings: Any) -> dict[str, Any]:
        """The settings that rerank with what was trained in a folder."""
        return {"model": str(folder / MODEL_FOLDER)}

    def seen(self, questions: Sequence[str]) -> int:
        """How many of the questions its model was trained on, as far as its folder tells."""
        return seen_by(self._source.model, questions)

    def plan(self, questions: int, hits: int, runtime: Runtime) -> Step:
        """From ``about.parameters``."""
        pair = PASSAGE_TOKENS + QUESTION_TOKENS + self._said()
        tokens = questions * hits * min(pair, self._source.max_length or pair)
        return model_step("rerank", self.about, self._source.precision, tokens, runtime)

    def _said(self) -> float:
        """Tokens of the template's own text."""
        template = self._template
        if template is None:
            return 0
        return text_tokens(template.question, template.passage, *template.between, *template.after)

    def rerank(self, ranked: Ranked, runtime: Runtime) -> np.ndarray:
        """The new score of every hit, float32 (hits,); -inf for one under the threshold.

        Raises:
            UserError: the model does not suit, a question is too long for it, a passage has no
                text, or a score is not finite.
        """
        if not len(ranked):
            return np.zeros(0, dtype=np.float32)
        scorer = loaded_scorer(self._source, self._template, self._label, runtime)
        places, question_rows = np.unique(ranked.question_rows, return_inverse=True)
        questions = [ranked.questions.questions[place].text for place in places]
        passages, which = distinct_passages(ranked, self._title)
        rows = scorer.rows(questions, passages, question_rows.reshape(-1), which, self._overlap)
        bar = progress(len(rows.owners), "rerank", "passages", runtime)
        with bar:
            scores = scorer.scores(rows, bar.update).astype(np.float64)
        if self._activation == "sigmoid":
            scores = 0.5 * (1 + np.tanh(scores / 2))
        starts = np.searchsorted(rows.owners, np.arange(len(ranked)))
        best = np.maximum.reduceat(scores, starts)
        return finished(best, ranked, self._source.model, self._threshold, self._interpolate)


def _template(settings: Mapping[str, Any]) -> Template:
    """The settings of ``template``, checked."""
    needed = ("question", "passage", "answer")
    names = (*needed, "between", "after", "against", "arguments")
    for name in settings:
        if name not in names:
            raise UserError(
                f"reranker.template.{name}: no such setting; there are {', '.join(sorted(names))}"
            )
    for name in needed:
        if not isinstance(settings.get(name), str):
            raise UserError(
                f"reranker.template.{name}: a text is needed, got '{settings.get(name)}'"
            )
    for name in ("question", "passage"):
        if settings[name].count("{}") != 1:
            raise UserError(
                f"reranker.template.{name}: one {{}} for the text, got '{settings[name]}'"
            )
    between, after = (tuple(map(str, settings.get(name) or ())) for name in ("between", "after"))
    arguments = sorted((settings.get("arguments") or {}).items())
    return Template(
        settings["question"],
        settings["passage"],
        between,
        after,
        settings["answer"],
        settings.get("against"),
        tuple((name, _frozen(value)) for name, value in arguments),
    )


def _frozen(value: Any) -> Any:
    """Lists as tuples, so that a template can be a key."""
    return tuple(map(_frozen, value)) if isinstance(value, (list, tuple)) else value
