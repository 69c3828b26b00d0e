"""From the sets' own files to question files: each reads pairs, and ORQA's rule splits them."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from qa_bench.engine.files import whole
from qa_bench.errors import DataError
from qa_bench.fetch.farmhash import fingerprint64
from qa_bench.formats.lines import parse_json, read_lines, read_whole
from qa_bench.formats.qa import read_squad, suffix_of

Pair = tuple[str, list[str]]
"""A question and its answers."""

_DESCRIPTION = re.compile(r"(?<=\(description )(.+?)(?=\) \(description|\)\)$)")
"""An answer of WebQuestions' lambda form, as DrQA finds it."""


def in_dev(question: str) -> bool:
    """Whether ORQA's rule puts the question into dev (Lee et al. 2019, their released code)."""
    return fingerprint64(question.encode()) % 100_000 % 10 == 0


def squad(path: Path) -> Iterator[Pair]:
    """SQuAD 1.1's JSON, in its order, white space around questions kept."""
    for row in read_squad(path):
        yield row.question, row.answers


def webquestions(path: Path) -> Iterator[Pair]:
    """WebQuestions' JSON: answers by DrQA's rule, double quotes dropped.

    Raises:
        DataError: not that structure.
    """
    examples = parse_json(read_whole(path), path)
    try:
        for example in examples:
            answers = _DESCRIPTION.findall(example["targetValue"])
            yield str(example["utterance"]), [answer.replace('"', "") for answer in answers]
    except (KeyError, TypeError) as error:
        raise DataError(f"not WebQuestions' JSON ({type(error).__name__}: {error})", path) from None


def curatedtrec(path: Path) -> Iterator[Pair]:
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
        yield cells[2], [cells[3]]


CONVERTERS: dict[str, Callable[[Path], Iterator[Pair]]] = {
    "squad": squad,
    "webquestions": webquestions,
    "curatedtrec": curatedtrec,
}
"""By the name that sources.yaml gives in ``convert``."""


def split_of(pairs: Iterable[Pair], split: str) -> Iterator[Pair]:
    """Those of ``train`` or ``dev``, in their order."""
    return (pair for pair in pairs if in_dev(pair[0]) == (split == "dev"))


def write_questions(path: Path, pairs: Iterable[Pair]) -> int:
    """Write DPR's ``.csv`` or ``.jsonl``, whole or not at all; returns how many there are.

    Raises:
        DataError: whatever is wrong where the pairs come from, or there are none.
    """
    count = 0
    with whole(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, delimiter="\t", lineterminator="\n")
        for question, answers in pairs:
            count += 1
            if suffix_of(path) == ".csv":
                table.writerow([question, repr(answers)])
            else:
                row = {"question": question, "answers": answers}
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
        if not count:
            raise DataError("no question came out of what it is made of", path)
    return count
