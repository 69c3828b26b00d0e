"""BEIR's folder: corpus.jsonl, queries.jsonl and qrels/<split>.tsv."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from qa_bench.errors import DataError, UserError
from qa_bench.formats.faults import Faults
from qa_bench.formats.lines import read_json_lines, read_lines, text_field

CORPUS_FILE = "corpus.jsonl"
QRELS_HEADER = ["query-id", "corpus-id", "score"]
GRADE_LIMIT = 1_000_000
"""trec_eval keeps a counter a grade."""
_PACKED = ("", ".gz", ".bz2", ".xz")


def inside(folder: Path, name: str) -> Path:
    """The file of that name in the folder, plain or compressed; the plain name if none is there."""
    candidates = [folder / f"{name}{suffix}" for suffix in _PACKED]
    return next((path for path in candidates if path.is_file()), candidates[0])


def read_documents(path: Path) -> Iterator[tuple[str, str, str, int]]:
    """(id, title, text, line number) of corpus.jsonl; a title may be missing, a text empty.

    Raises:
        DataError: bad JSON, an id or text that is missing or no text, a truncated file.
    """
    for number, row in read_json_lines(path):
        title = text_field(row, "title", path, number) if row.get("title") is not None else ""
        yield (
            text_field(row, "_id", path, number),
            title,
            text_field(row, "text", path, number),
            number,
        )


def read_queries(path: Path) -> Iterator[tuple[str, str, int]]:
    """(id, text, line number) of queries.jsonl; it holds those of all splits.

    Raises:
        DataError: bad JSON, an id or text that is missing, an id twice.
    """
    qids: set[str] = set()
    for number, row in read_json_lines(path):
        qid = text_field(row, "_id", path, number)
        if qid in qids:
            raise DataError(f"query id '{qid}' is there twice", path, number)
        qids.add(qid)
        yield qid, text_field(row, "text", path, number), number


def splits(folder: Path) -> list[str]:
    """The splits that have judgements."""
    return sorted({path.name.partition(".tsv")[0] for path in folder.glob("qrels/*.tsv*")})


def qrels_file(folder: Path, split: str) -> Path:
    """The file of a split's judgements.

    Raises:
        UserError: there is none; the message names the splits that are there.
    """
    path = inside(folder, f"qrels/{split}.tsv")
    if not path.is_file():
        names = ", ".join(splits(folder)) or "none"
        raise UserError(f"no such file: {path}; splits with judgements there: {names}")
    return path


def read_qrels(path: Path) -> dict[str, dict[str, int]]:
    """Grades by query and document, both in the file's order.

    Raises:
        DataError: another header, a line without three columns, a grade that is not a whole
            number, one pair with two grades, or no line.
    """
    qrels: dict[str, dict[str, int]] = {}
    with Faults() as faults:
        for number, line in read_lines(path):
            cells = line.rstrip("\r\n").split("\t")
            if number == 1:
                if cells != QRELS_HEADER:
                    raise DataError(
                        f"the first line must be {QRELS_HEADER}, tab-separated, found "
                        f"{str(cells)[:200]}",
                        path,
                        1,
                    )
            elif cells != [""]:
                with faults.row:
                    qid, pid, grade = _judgement(cells, path, number)
                    if qrels.setdefault(qid, {}).setdefault(pid, grade) != grade:
                        raise DataError(
                            f"document '{pid}' has two grades for query '{qid}'", path, number
                        )
    if not qrels:
        raise DataError("holds no judgement", path)
    return qrels


def _judgement(cells: list[str], path: Path, number: int) -> tuple[str, str, int]:
    if len(cells) != len(QRELS_HEADER):
        raise DataError(
            f"expected 3 tab-separated columns (query-id, corpus-id, score), found {len(cells)}",
            path,
            number,
        )
    qid, pid, score = cells
    try:
        grade = int(score)
    except ValueError:
        grade = None
    if grade is None or abs(grade) > GRADE_LIMIT:
        allowed = f"a whole number from {-GRADE_LIMIT} to {GRADE_LIMIT}"
        raise DataError(f"score must be {allowed}, found '{score[:40]}'", path, number)
    return qid, pid, grade
