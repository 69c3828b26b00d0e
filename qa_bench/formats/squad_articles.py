"""The article that each question of SQuAD was asked about, by SQuAD's own JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from qa_bench.errors import DataError
from qa_bench.formats.lines import parse_json, read_whole
from qa_bench.text import straight_apostrophes
from qa_bench.types import Question


def article_title(written: str) -> str:
    """A title as people write it; SQuAD writes "2008_Sichuan_earthquake", "Beyonc%C3%A9"."""
    return unquote(written).replace("_", " ")


def articles_of_squad(path: Path, questions: Sequence[Question]) -> tuple[str, ...]:
    """The title of each question's article, in order; questions are known by their text.

    Args:
        path: SQuAD's file: ``data`` of articles with ``title`` and ``paragraphs``.
        questions: the set.

    Raises:
        DataError: it is no such file, or a question is of no article or of several.
    """
    content: Any = parse_json(read_whole(path), path)
    titles: dict[str, set[str]] = {}
    try:
        for article in content["data"]:
            for paragraph in article["paragraphs"]:
                for entry in paragraph["qas"]:
                    title = str(article["title"])
                    titles.setdefault(_plain(entry["question"]), set()).add(title)
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(f"not SQuAD's JSON ({error!r})", path) from None
    groups = []
    for question in questions:
        several = titles.get(_plain(question.text), set())
        if len(several) != 1:
            count = len(several) or "no"
            raise DataError(f"question '{question.qid}' is in {count} articles", path)
        groups.append(next(iter(several)))
    return tuple(groups)


def _plain(text: str) -> str:
    return " ".join(straight_apostrophes(text).split())
