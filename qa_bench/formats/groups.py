"""Which questions were drawn together: SQuAD's articles, or any id and group.

Formats: SQuAD's JSON (``data`` of articles with ``title`` and ``paragraphs``), whose articles are
the groups; or JSON Lines with ``id`` and ``group`` (or ``article``).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qa_bench.errors import DataError, UserError
from qa_bench.formats.lines import parse_json, read_json_lines, read_whole
from qa_bench.text import straight_apostrophes
from qa_bench.types import Question


def read_groups(path: Path, questions: Sequence[Question]) -> tuple[str, ...]:
    """The group of each question, in order.

    Args:
        path: the file; one that ends in ``.json`` is SQuAD's, which knows questions by their text.
        questions: the set.

    Raises:
        UserError: there is no such file.
        DataError: it cannot be read, or a question is in no group or in two.
    """
    if not path.is_file():
        raise UserError(f"dataset.groups: no such file: {path}")
    by_text = path.suffix == ".json"
    known = _of_squad(path) if by_text else _of_lines(path)
    groups = []
    for question in questions:
        several = known.get(_plain(question.text) if by_text else question.qid, set())
        if len(several) != 1:
            count = len(several) or "no"
            raise DataError(f"question '{question.qid}' is in {count} groups", path)
        groups.append(next(iter(several)))
    return tuple(groups)


def _plain(text: str) -> str:
    return " ".join(straight_apostrophes(text).split())


def _of_squad(path: Path) -> dict[str, set[str]]:
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
    return titles


def _of_lines(path: Path) -> dict[str, set[str]]:
    groups: dict[str, set[str]] = {}
    for number, row in read_json_lines(path):
        group = row.get("group", row.get("article"))
        if "id" not in row or group is None:
            raise DataError("a line needs 'id' and 'group'", path, number)
        groups.setdefault(str(row["id"]), set()).add(str(group))
    return groups
