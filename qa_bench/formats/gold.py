"""Which paragraph a question was asked of: SQuAD's files, DPR's gold info, JSON Lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from qa_bench.errors import DataError
from qa_bench.formats.lines import parse_json, read_json_lines, read_whole, text_field
from qa_bench.formats.natural_questions import is_natural_question, natural_question
from qa_bench.formats.qa import suffix_of
from qa_bench.formats.squad_articles import article_title


class Gold(NamedTuple):
    """A gold paragraph: its article's title, and its text or its number in the article from 0."""

    title: str
    text: str | None
    paragraph: int | None = None


Row = tuple[str, Gold]
"""(question, gold): the question's id, or its text where the file gives no ids."""


def read_gold(path: Path, qid_of: Callable[[int], str]) -> Iterator[Row]:
    """The gold paragraphs of a file; none where it holds questions only.

    Args:
        path: ``.jsonl`` with ``title`` and ``context``, or ``article`` and ``paragraph`` (its
            number), beside ``id``, or Natural Questions' own; ``.json`` of SQuAD or DPR's
            ``nq-train_gold_info.json``.
        qid_of: the id of the question at a place of the file, for rows without one.

    Raises:
        DataError: not that structure.
    """
    suffix = suffix_of(path)
    if suffix == ".jsonl":
        yield from _rows(path, qid_of)
    elif suffix == ".json":
        yield from _whole(path)


def _rows(path: Path, qid_of: Callable[[int], str]) -> Iterator[Row]:
    for place, (number, row) in enumerate(read_json_lines(path)):
        if is_natural_question(row):
            example = natural_question(row, path, number)
            if example.paragraph is not None:
                yield example.qid, Gold(example.title, example.paragraph)
            continue
        qid = text_field(row, "id", path, number) if "id" in row else qid_of(place)
        if "context" in row:
            title = text_field(row, "title", path, number)
            yield qid, Gold(title, text_field(row, "context", path, number))
        elif "paragraph" in row:
            paragraph = row["paragraph"]
            if isinstance(paragraph, bool) or not isinstance(paragraph, int) or paragraph < 0:
                raise DataError("field 'paragraph' must be a whole number >= 0", path, number)
            title = article_title(text_field(row, "article", path, number))
            yield qid, Gold(title, None, paragraph)


def _whole(path: Path) -> Iterator[Row]:
    whole = parse_json(read_whole(path), path)
    try:
        for entry in whole["data"]:
            rows = _of_squad(entry) if "paragraphs" in entry else _of_dpr(entry)
            for question, gold in rows:
                if not all(isinstance(text, str) for text in (question, gold.title, gold.text)):
                    raise TypeError(f"question, title or context of '{question}' is not text")
                yield question, gold
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"neither SQuAD's JSON nor DPR's gold info ({type(error).__name__}: {error})", path
        ) from None


def _of_squad(article: dict[str, Any]) -> Iterator[Row]:
    title = article_title(article["title"])
    for paragraph in article["paragraphs"]:
        for qa in paragraph["qas"]:
            yield str(qa["id"]), Gold(title, paragraph["context"])


def _of_dpr(entry: dict[str, Any]) -> Iterator[Row]:
    gold = Gold(entry["title"], entry["context"])
    for question in dict.fromkeys((entry["question"], entry.get("question_tokens"))):
        if question is not None:
            yield question, gold
