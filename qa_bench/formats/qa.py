"""Question files: DPR's TSV/CSV, tables with a header, JSON Lines, SQuAD's JSON."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from qa_bench.errors import DataError
from qa_bench.formats.answers import DECODER, answer_list, cell_answers, text_answers
from qa_bench.formats.columns import ANSWERS, QUESTION, Columns
from qa_bench.formats.faults import Faults
from qa_bench.formats.lines import json_object, parse_json, read_lines, read_whole
from qa_bench.formats.natural_questions import is_natural_question, natural_question


class Row(NamedTuple):
    """A question of a file.

    Attributes:
        qid: None where the file gives none.
        question: its text.
        answers: at least one where the file is right.
        line: its number.
        titles: of the articles that answer it, where the file tells them.
    """

    qid: str | None
    question: str
    answers: list[str]
    line: int
    titles: tuple[str, ...] = ()


_COMPRESSED = {".gz", ".bz2", ".xz"}
_DEFAULT = Columns()
_DELIMITERS = "\t,;"


def read_dpr_csv(
    path: Path, columns: Columns = _DEFAULT, faults: Faults | None = None
) -> Iterator[Row]:
    """DPR's ``*.qa.csv``, or a table whose first line names its columns.

    DPR's has no header: a question and a Python list literal of answers, tab-separated. A header
    names a column ``question`` and one of ``ANSWERS``, or those of ``columns``; tabs, commas or
    semicolons part them; a cell of answers holds a list, Python's or JSON's, or one answer.

    A row is one line. Quotes are CSV's: a cell that begins with one ends with one, and ``""``
    stands for one inside. A tab-separated cell in which they are not, such as ``"Hello" by Adele``,
    stands for itself.

    Raises:
        DataError: other columns, answers that are no list of strings, a quote that does not close.
    """
    header: list[str] | None = None
    delimiter, begun = "\t", False
    noted = faults or Faults()
    with noted:
        for number, line in read_lines(path):
            line = line.rstrip("\r\n")
            if not line.strip():
                continue
            if not begun:
                begun = True
                header, delimiter = _header(line, columns)
                if header is not None:
                    continue
                if columns.named:
                    raise DataError(_no_header(line, columns), path, number)
            with noted.row:
                cells = _cells(line, delimiter, path, number)
                yield (
                    _named(cells, header, columns, path, number)
                    if header
                    else _pair(cells, path, number)
                )


def _header(line: str, columns: Columns) -> tuple[list[str] | None, str]:
    """The names of the columns and what parts them; None where the first line is a question."""
    question = {columns.question} if columns.question else set(QUESTION)
    answers = {columns.answers} if columns.answers else set(ANSWERS)
    for delimiter in _DELIMITERS:
        try:
            cells = next(csv.reader([line], delimiter=delimiter), [])
        except csv.Error:
            continue
        names = [cell.strip() for cell in cells]
        for form in (names, [name.casefold() for name in names]):
            if question & set(form) and answers & set(form):
                return form, delimiter
    return None, "\t"


def _no_header(line: str, columns: Columns) -> str:
    place_names = [columns.id, columns.question or QUESTION[0], columns.answers or ANSWERS[0]]
    place_names.append(columns.titles)
    names = ", ".join(name for name in place_names if name)
    return f"dataset.columns needs a first line that names {names}, found: {line[:80]}"


def _cells(line: str, delimiter: str, path: Path, number: int) -> list[str]:
    """The cells of a line.

    Raises:
        DataError: a quote that is not closed, or a carriage return in the middle.
    """
    if "\r" in line:
        raise DataError("a carriage return inside of a line", path, number)
    if '"' not in line:
        return line.split(delimiter)
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error as error:
        cells = line.split(delimiter)
        opened = next((c for c in cells if c.startswith('"') and c.count('"') % 2), None)
        if opened is not None:
            raise DataError(
                f"the quote before {opened[1:40]!r} is not closed in its cell; one of the "
                'text itself is doubled, and its cell quoted ("""Hello"" by Adele")',
                path,
                number,
            ) from None
        if delimiter != "\t":
            raise DataError(f"not CSV ({error})", path, number) from None
        return cells


def _pair(cells: list[str], path: Path, number: int) -> Row:
    if len(cells) != 2:
        hint = "; a table with commas needs a header: question,answers" if len(cells) == 1 else ""
        raise DataError(
            f"expected 2 tab-separated columns (question, answers), found {len(cells)}{hint}",
            path,
            number,
        )
    try:
        return Row(None, cells[0], cell_answers(cells[1]), number)
    except ValueError as error:
        raise DataError(f"answers {error}", path, number) from None


def _named(cells: list[str], header: list[str], columns: Columns, path: Path, number: int) -> Row:
    if len(cells) != len(header):
        raise DataError(
            f"expected {len(header)} columns ({', '.join(header)}), found {len(cells)}",
            path,
            number,
        )
    row = dict(zip(header, cells, strict=True))
    place = columns.answers or next(name for name in ANSWERS if name in row)
    try:
        answers = text_answers(row[place])
    except ValueError as error:
        raise DataError(f"column '{place}' {error}", path, number) from None
    titles = columns.gold_titles(row, path, number)
    return Row(
        columns.qid(row, path, number), columns.text(row, path, number), answers, number, titles
    )


def read_jsonl(
    path: Path, columns: Columns = _DEFAULT, faults: Faults | None = None
) -> Iterator[Row]:
    """JSON Lines with ``question`` and ``answers`` (or ``answer``, as NQ-open), ``id`` if any.

    Or Natural Questions as it is published: of those, the questions that have a short answer.

    Raises:
        DataError: a field is missing or of the wrong type.
    """
    noted = faults or Faults()
    with noted:
        for number, line in read_lines(path):
            if not line.strip():
                continue
            with noted.row:
                row = json_object(line, path, number, DECODER)
                if is_natural_question(row):
                    example = natural_question(row, path, number)
                    if example.answers:
                        yield Row(example.qid, example.question, example.answers, number)
                    continue
                yield Row(
                    columns.qid(row, path, number),
                    columns.text(row, path, number),
                    columns.golds(row, path, number),
                    number,
                    columns.gold_titles(row, path, number),
                )


def read_squad(
    path: Path, columns: Columns = _DEFAULT, faults: Faults | None = None
) -> Iterator[Row]:
    """SQuAD 1.1's JSON: data → paragraphs → qas, with the ids of the file.

    Raises:
        DataError: not that structure.
    """
    if columns.named:
        raise DataError("dataset.columns is for .jsonl, .csv and .tsv; this is SQuAD's JSON", path)
    whole = parse_json(read_whole(path), path)
    if not isinstance(whole, dict) or "data" not in whole:
        raise DataError(
            "a .json file is SQuAD's, an object with 'data': questions of another form go into a "
            ".jsonl file, one object a line",
            path,
        )
    noted = faults or Faults()
    with noted:
        try:
            for article in whole["data"]:
                for paragraph in article["paragraphs"]:
                    for qa in paragraph["qas"]:
                        with noted.row:
                            yield _of_squad(qa, path)
        except (KeyError, TypeError) as error:
            raise DataError(f"not SQuAD JSON ({type(error).__name__}: {error})", path) from None


def _of_squad(qa: Any, path: Path) -> Row:
    qid, question = qa["id"], qa["question"]
    answers = [answer["text"] for answer in qa["answers"]]
    if not isinstance(question, str) or not isinstance(qid, str | int):
        raise DataError(f"not SQuAD JSON (id or question of '{qid}' is not text)", path)
    try:
        return Row(str(qid), question, answer_list(answers), 1)
    except ValueError as error:
        raise DataError(f"answers of '{qid}' {error}", path) from None


Reader = Callable[[Path, Columns, Faults | None], Iterator[Row]]

READERS: dict[str, Reader] = {
    ".csv": read_dpr_csv,
    ".tsv": read_dpr_csv,
    ".jsonl": read_jsonl,
    ".json": read_squad,
}
"""Reader by suffix, a compression suffix left aside."""


def suffix_of(path: Path) -> str:
    """The suffix that tells the format: ".jsonl" for "dev.jsonl.gz"."""
    return (path.with_suffix("") if path.suffix in _COMPRESSED else path).suffix


def read_questions(
    path: Path, columns: Columns = _DEFAULT, faults: Faults | None = None
) -> Iterator[Row]:
    """The rows of a question file, by its suffix.

    Args:
        path: the file.
        columns: where things are.
        faults: where wrong rows are noted; it raises them together, in the end.

    Raises:
        UserError: an unknown suffix, or whatever is wrong inside.
    """
    reader = READERS.get(suffix_of(path))
    if reader is None:
        raise DataError(f"unknown question format: use one of {', '.join(READERS)}", path)
    return reader(path, columns, faults)
