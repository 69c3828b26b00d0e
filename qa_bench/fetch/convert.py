"""From the sets' own files to question files, which ORQA's rule splits, and to articles."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from qa_bench.engine.files import whole, write_whole
from qa_bench.errors import DataError
from qa_bench.fetch.farmhash import fingerprint64
from qa_bench.formats.lines import parse_json, read_lines, read_whole
from qa_bench.formats.qa import read_squad, suffix_of
from qa_bench.formats.squad_articles import article_title


class Example(NamedTuple):
    """A question, its answers, and where it is asked of a paragraph, which one."""

    question: str
    answers: list[str]
    article: str | None = None
    paragraph: int | None = None


_DESCRIPTION = re.compile(r"(?<=\(description )(.+?)(?=\) \(description|\)\)$)")
"""An answer of WebQuestions' lambda form, as DrQA finds it."""


def in_dev(question: str) -> bool:
    """Whether ORQA's rule puts the question into dev (Lee et al. 2019, their released code)."""
    return fingerprint64(question.encode()) % 100_000 % 10 == 0


def squad(path: Path) -> Iterator[Example]:
    """SQuAD 1.1's JSON, in its order, white space around questions kept.

    Raises:
        DataError: it is not SQuAD's JSON.
    """
    content = parse_json(read_whole(path), path)
    try:
        places = [
            (article["title"], number)
            for article in content["data"]
            for number, paragraph in enumerate(article["paragraphs"])
            for _ in paragraph["qas"]
        ]
    except (KeyError, TypeError) as error:
        raise DataError(f"not SQuAD JSON ({type(error).__name__}: {error})", path) from None
    for row, place in zip(read_squad(path), places, strict=True):
        yield Example(row.question, row.answers, *place)


def webquestions(path: Path) -> Iterator[Example]:
    """WebQuestions' JSON: answers by DrQA's rule, double quotes dropped.

    Raises:
        DataError: not that structure.
    """
    examples = parse_json(read_whole(path), path)
    try:
        for example in examples:
            answers = _DESCRIPTION.findall(example["targetValue"])
            answers = [answer.replace('"', "") for answer in answers]
            yield Example(str(example["utterance"]), answers)
    except (KeyError, TypeError) as error:
        raise DataError(f"not WebQuestions' JSON ({type(error).__name__}: {error})", path) from None


def curatedtrec(path: Path) -> Iterator[Example]:
    """CuratedTREC's table: id, kind, question and one pattern, separated by tabs.

    Raises:
        DataError: not four columns.
    """
    for number, line in read_lines(path):
        cells = line.rstrip("\r\n").split("\t")
        if len(cells) != 4:
            raise DataError(
                f"expected 4 tab-separated columns (id, kind, question, pattern), found "
                f"{len(cells)}",
                path,
                number,
            )
        yield Example(cells[2], [cells[3]])


def split_of(examples: Iterable[Example], split: str) -> Iterator[Example]:
    """Those of ``train`` or ``dev``, in their order."""
    return (one for one in examples if in_dev(one.question) == (split == "dev"))


def write_questions(path: Path, examples: Iterable[Example], name: str = "") -> int:
    """Write DPR's ``.csv`` or ``.jsonl``, whole or not at all; returns how many there are.

    Args:
        path: the file.
        examples: its questions.
        name: ids begin with it, where the file has ids: where it tells paragraphs.

    Raises:
        DataError: whatever is wrong where the questions come from, or there are none.
    """
    count = 0
    with whole(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, delimiter="\t", lineterminator="\n")
        for example in examples:
            if suffix_of(path) == ".csv":
                table.writerow([example.question, repr(example.answers)])
            else:
                fields = {
                    key: value for key, value in example._asdict().items() if value is not None
                }
                ids = {"id": f"{name}-{count}"} if example.article is not None else {}
                file.write(json.dumps({**ids, **fields}, ensure_ascii=False) + "\n")
            count += 1
        if not count:
            raise DataError("no question came out of what it is made of", path)
    return count


def _questions(read: Callable[[Path], Iterator[Example]]) -> Converter:
    def convert(raw: Path, target: Path, split: str, name: str) -> str:
        return f"{write_questions(target, split_of(read(raw), split), name)} questions"

    return convert


def squad_articles(raw: Path, target: Path, split: str, name: str) -> str:
    """SQuAD's articles as JSON Lines, their paragraphs parted by empty lines.

    Raises:
        DataError: it is not SQuAD's JSON.
    """
    content = parse_json(read_whole(raw), raw)
    try:
        articles = [
            {
                "id": str(number),
                "title": article_title(article["title"]),
                # An empty line within a paragraph would part it.
                "text": "\n\n".join(
                    re.sub(r"\n\s*\n", "\n", paragraph["context"].strip())
                    for paragraph in article["paragraphs"]
                ),
            }
            for number, article in enumerate(content["data"])
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(f"not SQuAD's JSON ({type(error).__name__}: {error})", raw) from None
    lines = (json.dumps(article, ensure_ascii=False) + "\n" for article in articles)
    write_whole(target, "".join(lines))
    return f"{len(articles)} articles"


Converter = Callable[[Path, Path, str, str], str]
"""Makes a file (the second) of one that was downloaded (the first); of a split, under a name; and
says what came out."""

CONVERTERS: dict[str, Converter] = {
    "squad": _questions(squad),
    "squad_articles": squad_articles,
    "webquestions": _questions(webquestions),
    "curatedtrec": _questions(curatedtrec),
}
"""By the name that sources.yaml gives in ``convert``."""
