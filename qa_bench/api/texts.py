"""Texts that are at hand, as the nouns of the harness."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from qa_bench.engine.digests import digest
from qa_bench.engine.stage import Stage
from qa_bench.errors import UserError
from qa_bench.store.passages import describe_passages, write_passages
from qa_bench.store.ranked import Ranked
from qa_bench.types import Article, Folder, Passage, Question, QuestionSet, Step

Text = str | tuple[str, str] | Passage
"""A passage: its text; title and text; or a ``Passage`` with a pid of its own."""


def as_passage(text: Text) -> Passage:
    """The passage; without a pid unless it had one.

    Raises:
        UserError: it is something else than a ``Text``.
    """
    if isinstance(text, Passage):
        return text
    title, body = _pair("a passage", text)
    return Passage("", title, body)


def as_passages(texts: Iterable[Text]) -> list[Passage]:
    """``as_passage`` of each.

    Raises:
        UserError: one string instead of a list of them, or something else.
    """
    if isinstance(texts, str) or not isinstance(texts, Iterable):
        kind = "one string" if isinstance(texts, str) else type(texts).__name__
        raise UserError(f"texts must be a list of passages, not {kind}")
    return [as_passage(text) for text in texts]


def _pair(what: str, text: Any) -> tuple[str, str]:
    """Title and text."""
    if isinstance(text, str):
        return "", text
    if isinstance(text, tuple | list) and [type(one) for one in text] == [str, str]:
        return text[0], text[1]
    raise UserError(f"{what} is a text, or a pair (title, text), got {str(text)[:40]!r}")


def as_article(place: int, article: str | tuple[str, str] | Article) -> Article:
    """The article; its id is its place unless it had one.

    Raises:
        UserError: it is something else.
    """
    if isinstance(article, Article):
        return article
    title, text = _pair("an article", article)
    return Article(str(place), title, text)


def question_set(texts: Sequence[str]) -> QuestionSet:
    """Questions without answers; the qid of each is its place.

    Raises:
        UserError: one string instead of a list of them, or something else in it.
    """
    if isinstance(texts, str):
        raise UserError("questions must be a list of texts, not one text")
    for text in texts:
        if not isinstance(text, str):
            raise UserError(f"a question is a text, got {str(text)[:40]!r}")
    questions = tuple(Question(str(place), text, ()) for place, text in enumerate(texts))
    content = digest([[question.qid, question.text] for question in questions])
    return QuestionSet("questions", "given", "string", questions, content)


def stored(passages: Sequence[Passage]) -> Stage:
    """The stage of passages that are at hand: chunked elsewhere, and written as ours.

    Raises:
        UserError: there are none, or a pid is there twice.
    """
    if not passages:
        raise UserError("there are no passages to index")
    numbered = [p if p.pid else p._replace(pid=str(n)) for n, p in enumerate(passages, 1)]
    pids: set[str] = set()
    for passage in numbered:
        if passage.pid in pids:
            raise UserError(f"the pid '{passage.pid}' is there twice")
        pids.add(passage.pid)

    def build(folder: Path, inputs: Mapping[str, Folder]) -> dict[str, Any]:
        file = folder / "passages-00000.arrow"
        count = write_passages(file, numbered)
        describe_passages(folder, [file])
        return {"passages": count}

    content = digest([list(passage) for passage in numbered])
    return Stage(
        "chunk",
        1,
        "texts",
        {},
        {},
        lambda: {"texts": content},
        build,
        lambda load: Step("chunk", 0, None, "not known"),
    )


def as_ranked(question: str, texts: Sequence[Text], depth: int | None = None) -> Ranked:
    """One question with the first ``depth`` of its texts, best first.

    Raises:
        UserError: one string instead of a list of them.
    """
    passages = as_passages(texts if isinstance(texts, str) else texts[:depth])
    count = len(passages)
    return Ranked(
        question_set([question]),
        np.zeros(count, dtype=np.int64),
        np.arange(count),
        np.arange(count, 0, -1, dtype=np.float32),
        [passage.text for passage in passages],
        [passage.title for passage in passages],
    )
