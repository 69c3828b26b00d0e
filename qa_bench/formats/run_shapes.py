"""Runs in JSON: DPR's and FiD's lists, pyserini's and BEIR's objects, KILT's lines.

Each function makes ``Ranked`` of one entry, best passage first.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from qa_bench.formats.answers import answer_list, kind_of
from qa_bench.types import Passage

FLOAT32_LIMIT = 3.4028235677973366e38
"""From here on a number is infinite in single precision."""
_PIDS = ("id", "docid", "passage_id", "psg_id", "pid")


class Ranked(NamedTuple):
    """The hits of one question as a file has them.

    Attributes:
        qid: the file's id of the question; None where it tells questions by text.
        question: the question's text, where the file has it.
        answers: the gold answers beside it, if any.
        pids: best first.
        scores: beside them; None where the file has none.
        passages: those whose texts are in the entry.
        line: where.
    """

    qid: str | None
    question: str | None
    answers: list[str] | None
    pids: list[str]
    scores: list[float] | None
    passages: list[Passage]
    line: int | None


def of_dpr(entry: dict[str, Any], line: int | None) -> Ranked:
    """DPR's and FiD's: ``{"question", "ctxs": [{"id"?, "title", "text", "score"?}]}``.

    FiD reads no ids, so its files may have none: the pid is then a hash of title and text.

    Raises:
        ValueError: something else.
    """
    question = entry.get("question")
    if not isinstance(question, str):
        raise ValueError(f"field 'question' must be text, found {kind_of(question)}")
    contexts = _list(entry.get("ctxs"), "ctxs")
    pids = [_pid_or_hash(context) for context in contexts]
    passages = []
    for pid, context in zip(pids, contexts, strict=True):
        if context.get("text"):
            passages.append(Passage(pid, _title(context), _text(context["text"], pid)))
    scores = _scores(contexts, pids)
    golds = entry.get("answers", entry.get("answer"))
    return Ranked(None, question, _golds(golds), pids, scores, passages, line)


def of_pyserini(foreign: str, entry: dict[str, Any], line: int | None) -> Ranked:
    r"""pyserini's: ``qid: {"contexts": [{"docid", "score", "text"?}]}``, text = title\ntext.

    A text without a line break, or with nothing after it, has no title: no passage is empty.

    Raises:
        ValueError: something else.
    """
    contexts = _list(entry.get("contexts"), "contexts")
    pids = [_pid(context, ("docid", "id")) for context in contexts]
    passages = []
    for pid, context in zip(pids, contexts, strict=True):
        if "text" in context:
            whole = _text(context["text"], pid)
            title, _, text = whole.partition("\n")
            passages.append(Passage(pid, title, text) if text.strip() else Passage(pid, "", whole))
    return Ranked(foreign, None, None, pids, _scores(contexts, pids), passages, line)


def of_beir(foreign: str, hits: dict[str, Any], line: int | None) -> Ranked:
    """BEIR's: ``qid: {pid: score}``; equal scores stay in the file's order.

    Raises:
        ValueError: a score that is no number.
    """
    scores = {pid: score_of(score, pid) for pid, score in hits.items()}
    if "" in scores:
        raise ValueError("a passage has an empty id")
    pids = sorted(scores, key=lambda pid: -scores[pid])
    return Ranked(foreign, None, None, pids, [scores[pid] for pid in pids], [], line)


def of_kilt(entry: dict[str, Any], line: int | None) -> Ranked:
    """KILT's: ``{"id", "output": [{"provenance": [{"wikipedia_id"}]}]}``, best first.

    The pids are articles; one that is there more than once, for several of its paragraphs, counts
    where it is first, as in KILT's own evaluation.

    Raises:
        ValueError: something else.
    """
    provenance = [
        page
        for output in _list(entry.get("output"), "output")
        for page in _list(output.get("provenance", []), "provenance")
    ]
    pids = list(dict.fromkeys(_pid(page, ("wikipedia_id",)) for page in provenance))
    question = entry.get("input")
    qid = None if entry.get("id") is None else _pid(entry, ("id",))
    text = question if isinstance(question, str) else None
    if qid is None and text is None:
        raise ValueError("field 'id' must be text, found nothing")
    return Ranked(qid, text, None, pids, None, [], line)


def score_of(value: Any, pid: str) -> float:
    """A score, which may be written as text.

    Raises:
        ValueError: it is no number, or none that single precision holds.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"score of passage '{pid}' must be a number, found {kind_of(value)}")
    try:
        score = float(value)
    except (ValueError, OverflowError):
        score = math.inf if isinstance(value, int) else math.nan
    if not abs(score) < FLOAT32_LIMIT:
        raise ValueError(
            f"score of passage '{pid}' is {str(value)[:40]}, no number of single precision"
            if not isinstance(value, int)
            else f"score of passage '{pid}' is beyond single precision"
        )
    return score


def _list(value: Any, name: str) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        kind = "something else in it" if isinstance(value, list) else kind_of(value)
        raise ValueError(f"field '{name}' must be a list of objects, found {kind}")
    return value


def _pid(context: dict[str, Any], names: Sequence[str]) -> str:
    value = next((context[name] for name in names if name in context), None)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value:
        kind = "an empty one" if value == "" else kind_of(value)
        raise ValueError(f"field '{names[0]}' must be an id, found {kind}")
    return value


def _pid_or_hash(context: dict[str, Any]) -> str:
    """The pid of a passage; without an id, from what it says."""
    if any(name in context for name in _PIDS) or not context.get("text"):
        return _pid(context, _PIDS)
    content = f"{_title(context)}\n{_text(context['text'], 'without an id')}"
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _title(context: dict[str, Any]) -> str:
    title = context.get("title")
    if title is not None and not isinstance(title, str):
        raise ValueError(f"field 'title' must be text, found {kind_of(title)}")
    return title or ""


def _text(text: Any, pid: str) -> str:
    if not isinstance(text, str):
        raise ValueError(f"text of passage '{pid}' must be text, found {kind_of(text)}")
    if not text.strip():
        raise ValueError(f"passage '{pid}' has an empty text")
    return text


def _scores(contexts: list[dict[str, Any]], pids: list[str]) -> list[float] | None:
    """Their scores; None where there are none, as in FiD's files: order is enough."""
    values = [context.get("score") for context in contexts]
    if all(value is None for value in values):
        return None
    if None in values:
        raise ValueError(f"passage '{pids[values.index(None)]}' has no score, others have")
    return [score_of(value, pid) for value, pid in zip(values, pids, strict=True)]


def _golds(value: Any) -> list[str] | None:
    try:
        return None if value is None else answer_list(value)
    except ValueError:
        return None
