"""DPR's psgs_w100.tsv: id, text, title; tab-separated with CSV quoting."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from qa_bench.errors import DataError
from qa_bench.formats.lines import read_lines
from qa_bench.types import Passage

HEADER = ["id", "text", "title"]
SOURCE = "source"


def read_passages(path: Path) -> Iterator[tuple[Passage, int]]:
    r"""(passage, line number) pairs; see ``read_sourced``."""
    for passage, _, line in read_sourced(path):
        yield passage, line


def read_sourced(path: Path) -> Iterator[tuple[Passage, str, int]]:
    r"""(passage, its article's id, line number). A doubled quote inside a quoted cell is one quote.

    A fourth column, ``source``, may name the article; without it the id is empty.

    Raises:
        DataError: another header, a row without exactly three columns or without text, bad UTF-8.
    """
    last = 0  # line of the rows before: a quote that swallows lines is told where it opens
    reader = csv.reader((line for _, line in read_lines(path)), delimiter="\t", strict=True)
    try:
        header = next(reader, None)
        if header not in (HEADER, [*HEADER, SOURCE]):
            raise DataError(
                f"the first line must be {', '.join(HEADER)}, tab-separated (psgs_w100's format), "
                f"found {_short(header)}: corpus=jsonl, table, folder or wikipedia read others",
                path,
                1,
            )
        last = reader.line_num
        for cells in reader:
            if len(cells) != len(header):
                raise DataError(
                    f"expected {len(header)} tab-separated columns ({', '.join(header)}), found "
                    f"{len(cells)}",
                    path,
                    last + 1,
                )
            pid, text, title, *source = cells
            if not text.strip():
                raise DataError(f"passage '{pid}' has no text", path, reader.line_num)
            last = reader.line_num
            article = (source[0] or pid) if source else ""
            yield Passage(pid, title, text), article, last
    except csv.Error as error:
        ends = "" if reader.line_num <= last + 1 else f", noticed on line {reader.line_num}"
        raise DataError(f"not CSV ({error}{ends})", path, last + 1) from None


def _short(header: list[str] | None) -> str:
    return repr("\t".join(header)[:80]) if header else "nothing"


def write_passages(file: IO[str], passages: Iterable[Passage]) -> int:
    r"""Write the same format: every text quoted, titles where they need it; return the count."""
    file.write("\t".join(HEADER) + "\n")
    count = 0
    for pid, title, text in passages:
        file.write(f"{pid}\t{_quoted(text)}\t{_quoted(title) if _needs_quotes(title) else title}\n")
        count += 1
    return count


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


def _needs_quotes(cell: str) -> bool:
    """As in DPR's file (SQLite's rule, it seems): spaces, quotes, whatever is not plain ASCII."""
    return any(not "!" <= character <= "~" or character in "\"'" for character in cell)
