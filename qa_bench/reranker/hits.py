"""What every reranker does with hits: their texts, their settings, their last scores."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from qa_bench.errors import UserError
from qa_bench.models.source import Source
from qa_bench.settings import flag, one_of, whole_number
from qa_bench.store.ranked import Ranked


def distinct_passages(ranked: Ranked, title: str) -> tuple[list[str], np.ndarray]:
    """The passages of a run, each once, and which of them every hit has; (hits,) int64.

    Args:
        ranked: the hits.
        title: what stands between title and text; "none" for the text alone.

    Raises:
        UserError: a passage has no text.
    """
    _, firsts, which = np.unique(ranked.rows, return_index=True, return_inverse=True)
    texts = []
    for first in firsts:
        name, text = ranked.titles[first], ranked.texts[first]
        if not text.strip():
            raise UserError(
                f"passage '{name[:60]}' (row {ranked.rows[first]} of the corpus, counted from 0) "
                "has no text: there is nothing to rerank it by"
            )
        texts.append(pair_text(name, text, title))
    return texts, which.reshape(-1)


def pair_text(name: str, text: str, title: str) -> str:
    """What is read of a passage; ``title`` as for ``distinct_passages``."""
    return text if title == "none" or not name else name + title + text


def finished(
    scores: np.ndarray,
    ranked: Ranked,
    model: str,
    threshold: float | None = None,
    interpolate: float = 0.0,
) -> np.ndarray:
    """The scores of a run's hits as they are told; float32 (hits,).

    Args:
        scores: what the model gave; (hits,).
        ranked: the hits.
        model: its name.
        threshold: hits with less get -inf.
        interpolate: weight with which the retriever's scores are added, after that.

    Raises:
        UserError: a score is not finite.
    """
    bad = np.flatnonzero(~np.isfinite(scores))
    if len(bad):
        question = ranked.questions.questions[int(ranked.question_rows[bad[0]])]
        raise UserError(
            f"model {model} gives no finite score to passage '{ranked.titles[bad[0]][:60]}' of "
            f"question '{question.qid}' ({len(bad)} such): is the model whole, and does its "
            "precision suit it (reranker.precision=fp32)?"
        )
    result = scores.astype(np.float32)
    if interpolate:
        result = (scores + np.float64(interpolate) * ranked.scores).astype(np.float32)
    if threshold is not None:
        result[scores < np.float32(threshold)] = -np.inf
    return result


def check_depths(depth: int, keep: int | None) -> None:
    """Check how many hits are looked at and kept.

    Raises:
        UserError: one is out of range.
    """
    whole_number("reranker.depth", depth)
    whole_number("reranker.keep", keep, optional=True)
    if keep is not None and keep > depth:
        raise UserError(f"reranker.keep={keep} is more than reranker.depth={depth} looks at")


def source_of(
    model: str | None,
    revision: str | None,
    max_length: int | None,
    precision: str,
    trust_remote_code: bool,
    sha256: Mapping[str, str] | None,
) -> Source:
    """The model of a reranker.

    Raises:
        UserError: none is named, or a setting is out of range.
    """
    if not model:
        raise UserError("reranker.model: name a model of the hub, or a folder")
    one_of("reranker.precision", precision, ("fp32", "bf16", "fp16"))
    whole_number("reranker.max_length", max_length, 8, optional=True)
    flag("reranker.trust_remote_code", trust_remote_code)
    return Source(
        model,
        revision=revision,
        max_length=max_length,
        precision=precision,
        trust_remote_code=trust_remote_code,
        sha256=tuple(sorted(dict(sha256 or {}).items())),
        length_setting="reranker.max_length",
    )
