"""Natural Questions as Google publishes it: pages as tokens, answers as spans of them.

Both forms, the original one (``document_tokens``) and the simplified (``document_text``, tokens
parted by single blanks); of the pages' HTML nothing is read.

Source: Kwiatkowski et al. 2019; github.com/google-research-datasets/natural-questions,
``text_utils.py`` (the simplified form).
"""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from qa_bench.errors import DataError


class NaturalQuestion(NamedTuple):
    """A question as its annotators answered it.

    Attributes:
        qid: the example's id.
        question: its text.
        answers: the short answers, each once, their tokens parted by blanks ("May 18 , 2018", as in
            DPR's files); none where there is only a long one, or yes or no.
        title: of the page.
        paragraph: the first long answer that has short ones, else the first; None without one.
    """

    qid: str
    question: str
    answers: list[str]
    title: str
    paragraph: str | None


def is_natural_question(row: Any) -> bool:
    """Whether a line of JSON is one of these files'."""
    return (
        isinstance(row, dict)
        and "annotations" in row
        and "question_text" in row
        and ("document_text" in row or "document_tokens" in row)
    )


def natural_question(row: dict[str, Any], path: Path, line: int) -> NaturalQuestion:
    """What an example tells.

    Raises:
        DataError: it lacks something, or a span lies outside of the page.
    """
    try:
        tokens = _tokens(row)
        answers: list[str] = []
        paragraphs: dict[bool, str] = {}
        for annotation in row["annotations"]:
            spans = [_span(tokens, answer) for answer in annotation["short_answers"]]
            answers += [answer for answer in spans if answer]
            if paragraph := _span(tokens, annotation["long_answer"]):
                paragraphs.setdefault(bool(spans), paragraph)
        paragraph = paragraphs.get(True) or paragraphs.get(False) or ""
        question, title = row["question_text"], row.get("document_title") or _title(row)
        if not isinstance(question, str) or not isinstance(title, str):
            raise TypeError("question_text and document_title must be text")
        return NaturalQuestion(
            str(row["example_id"]), question, list(dict.fromkeys(answers)), title, paragraph or None
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise DataError(
            f"no example of Natural Questions ({type(error).__name__}: {error})", path, line
        ) from None


def _tokens(row: dict[str, Any]) -> list[str]:
    """The page's tokens; empty where one is HTML."""
    if "document_text" in row:
        words = row["document_text"].split(" ")
        return ["" if word[:1] == "<" and word[-1:] == ">" else word for word in words]
    return ["" if token["html_token"] else token["token"] for token in row["document_tokens"]]


def _span(tokens: list[str], span: dict[str, Any]) -> str:
    """The text of a span; empty where it is none (-1)."""
    first, last = span["start_token"], span["end_token"]
    if first < 0:
        return ""
    if last > len(tokens):
        raise ValueError(f"a span ends at token {last} of {len(tokens)}")
    return " ".join(token for token in tokens[first:last] if token)


def _title(row: dict[str, Any]) -> str:
    """The simplified form has the title in the address alone."""
    address = html.unescape(row["document_url"])
    return parse_qs(urlsplit(address).query)["title"][0].replace("_", " ")
