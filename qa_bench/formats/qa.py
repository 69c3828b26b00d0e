"""Question files: DPR's TSV/CSV, NQ-open and {"id", "question", "answers"} JSONL, SQuAD JSON."""

from __future__ import annotations

import ast
import csv
from collections.abc import Callable, Iterator
from pathlib import Path

from qa_bench.errors import DataError
from qa_bench.formats.lines import (
    parse_json,
    read_json_lines,
    read_lines,
    read_whole,
    text_field,
)

Row = tuple[str | None, str, list[str], int]
"""(qid or None, question, answers, line number)"""

_COMPRESSED = {".gz", ".bz2", ".xz"}


def read_dpr_csv(path: Path) -> Iterator[Row]:
    """DPR's ``*.qa.csv``: tab-separated question and Python list literal of answers, CSV-quoted.

    Raises:
        DataError: not two columns, or an answer cell that is not a list of strings.
    """
    reader = csv.reader((line for _, line in read_lines(path)), delimiter="\t")
    try:
        for cells in reader:
            number = reader.line_num
            if not cells:
                continue
            if len(cells) != 2:
                raise DataError(
                    f"expected 2 tab-separated columns (question, answers), found {len(cells)}",
                    path,
                    number,
                )
            yield None, cells[0], _answer_list(cells[1], path, number), number
    except csv.Error as error:
        raise DataError(f"not CSV ({error})", path, reader.line_num) from None


def _answer_list(cell: str, path: Path, number: int) -> list[str]:
    try:
        value = ast.literal_eval(cell.strip())
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise DataError(f"answers are not a list literal: {cell[:60]}", path, number) from None
    if not isinstance(value, list) or not all(isinstance(answer, str) for answer in value):
        raise DataError(f"answers are not a list of strings: {cell[:60]}", path, number)
    return value


def read_jsonl(path: Path) -> Iterator[Row]:
    """JSON Lines with ``question`` and ``answers`` (or ``answer``, as NQ-open), ``id`` if any.

    Raises:
        DataError: a field is missing or of the wrong type.
    """
    for number, row in read_json_lines(path):
        qid = text_field(row, "id", path, number) if "id" in row else None
        answers = row.get("answers", row.get("answer"))
        if isinstance(answers, str):
            answers = [answers]
        if not isinstance(answers, list) or not all(isinstance(a, str) for a in answers):
            raise DataError("field 'answers' must be a list of strings", path, number)
        yield qid, text_field(row, "question", path, number), answers, number


def read_squad(path: Path) -> Iterator[Row]:
    """SQuAD 1.1's JSON: data → paragraphs → qas, with the ids of the file.

    Raises:
        DataError: not that structure.
    """
    whole = parse_json(read_whole(path), path)
    try:
        for article in whole["data"]:
            for paragraph in article["paragraphs"]:
                for qa in paragraph["qas"]:
                    answers = [answer["text"] for answer in qa["answers"]]
                    if not all(isinstance(text, str) for text in (qa["question"], *answers)):
                        raise TypeError(f"question or answer of '{qa['id']}' is not text")
                    yield str(qa["id"]), qa["question"], answers, 1
    except (KeyError, TypeError) as error:
        raise DataError(f"not SQuAD JSON ({type(error).__name__}: {error})", path) from None


READERS: dict[str, Callable[[Path], Iterator[Row]]] = {
    ".csv": read_dpr_csv,
    ".tsv": read_dpr_csv,
    ".jsonl": read_jsonl,
    ".json": read_squad,
}
"""Reader by suffix, a compression suffix left aside."""


def suffix_of(path: Path) -> str:
    """The suffix that tells the format: ".jsonl" for "dev.jsonl.gz"."""
    return (path.with_suffix("") if path.suffix in _COMPRESSED else path).suffix


def read_questions(path: Path) -> Iterator[Row]:
    """The rows of a question file, by its suffix.

    Raises:
        DataError: an unknown suffix, or whatever is wrong inside.
    """
    reader = READERS.get(suffix_of(path))
    if reader is None:
        raise DataError(f"unknown question format: use one of {', '.join(READERS)}", path)
    return reader(path)


def read_predictions(path: Path, qids: set[str]) -> dict[str, str]:
    """Predictions as JSON Lines ``{"id", "prediction"}``, or one JSON object id → prediction.

    Args:
        path: the file.
        qids: the ids a prediction may have.

    Raises:
        DataError: neither, an id given twice, or one that is not known.
    """
    predictions: dict[str, str] = {}

    def add(qid: str, prediction: str, line: int | None) -> None:
        if qid in predictions:
            raise DataError(f"id '{qid}' has a prediction already", path, line)
        if qid not in qids:
            raise DataError(f"'{qid}' is not a question of the set", path, line)
        predictions[qid] = prediction

    if suffix_of(path) == ".json":
        pairs = parse_json(read_whole(path), path, object_pairs_hook=list)
        if not isinstance(pairs, list) or not all(
            isinstance(pair, tuple) and isinstance(pair[1], str) for pair in pairs
        ):
            raise DataError("expected one JSON object that maps ids to predictions", path)
        for qid, prediction in pairs:
            add(qid, prediction, None)
        return predictions
    for number, row in read_json_lines(path):
        add(
            text_field(row, "id", path, number), text_field(row, "prediction", path, number), number
        )
    return predictions
