"""From the spans of many passages to one answer: four papers' ways.

Each takes the ``Spans`` of a question and returns the place of the chosen one. Ties go to the
passage that ranks higher, then to the span that comes first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from qa_bench.errors import UserError
from qa_bench.reader.extractive.spans import Spans
from qa_bench.text import squad_normalize


def dpr(spans: Spans) -> int:
    """The best span of the passage that most likely holds the answer.

    P(passage) is a softmax of the relevance logits, P(span) one over the passage's tokens; the
    largest of each are those of the logits. Source: Karpukhin et al. 2020, section 6.1.

    Raises:
        UserError: the model tells no relevance.
    """
    if spans.relevance is None:
        raise UserError(
            "reader.aggregation=dpr needs a model that selects passages (DPRReader; "
            "train.objective=dpr makes one); for others take multi_passage_bert"
        )
    has_spans = np.unique(spans.passage)
    best = has_spans[np.argmax(spans.relevance[has_spans])]
    return int(np.argmax(np.where(spans.passage == best, spans.logits, -np.inf)))


def multi_passage_bert(spans: Spans) -> int:
    """The likeliest span, starts and ends each normalised over the tokens of all passages.

    One softmax for all does not change which span is the largest, so this answers as ``drqa`` does;
    what differs is a model trained so. Relevance is not looked at. Source: Wang et al. 2019,
    Multi-passage BERT.
    """
    return int(np.argmax(log_probabilities(spans, spans.total)))


def drqa(spans: Spans) -> int:
    """The span with the largest exp(start) · exp(end), not normalised, of all passages.

    Source: Chen et al. 2017, section 3.2.
    """
    return int(np.argmax(spans.logits))


def gar(spans: Spans) -> int:
    """The answer with the most votes: each span votes for what it says, normalised as SQuAD does.

    A vote is P(passage) · P(span in it), the first a softmax of relevance. Where the model tells no
    relevance, spans are normalised over all passages instead, as in ``multi_passage_bert``. The
    answer is told as its strongest span has it. Source: Mao et al. 2021, GAR (span voting).
    """
    weight = spans.total if spans.relevance is None else spans.relevance
    votes = np.exp(log_probabilities(spans, weight))
    said = [squad_normalize(text) for text in spans.texts]
    sums: dict[str, float] = {}
    for text, vote in zip(said, votes.tolist(), strict=True):
        sums[text] = sums.get(text, 0.0) + vote
    best = max(sums, key=lambda text: sums[text])  # the first of several
    of_best = np.array([text == best for text in said])
    return int(np.argmax(np.where(of_best, votes, -1.0)))


def log_probabilities(spans: Spans, weight: np.ndarray) -> np.ndarray:
    """log(P(passage) · P(span in it)), float64 (spans,).

    Args:
        spans: of a question.
        weight: logit of each passage, (passages,). With ``spans.total``, what a passage's spans sum
            up to, this normalises spans over all passages.
    """
    top = weight.max()
    of_passage = weight - top - np.log(np.exp(weight - top).sum())
    result: np.ndarray = (of_passage - spans.total)[spans.passage] + spans.logits
    return result


class Aggregation(NamedTuple):
    """One of the ways.

    Attributes:
        choose: the place of the answer among a question's spans.
        best: what is largest in the passage of the answer, ``relevance`` or ``span``; None where
            several passages decide.
    """

    choose: Callable[[Spans], int]
    best: str | None


AGGREGATIONS = {
    "dpr": Aggregation(dpr, "relevance"),
    "multi_passage_bert": Aggregation(multi_passage_bert, "span"),
    "drqa": Aggregation(drqa, "span"),
    "gar": Aggregation(gar, None),
}
"""Aggregations by the name that ``reader.aggregation`` has."""
