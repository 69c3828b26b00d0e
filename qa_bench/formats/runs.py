"""Runs from elsewhere: TREC, and the JSON of DPR, FiD, pyserini, BEIR and KILT."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qa_bench.errors import DataError
from qa_bench.formats.faults import Faults
from qa_bench.formats.json_entries import JsonEntries
from qa_bench.formats.lines import read_json_lines, read_lines
from qa_bench.formats.qa import suffix_of
from qa_bench.formats.question_ids import EntryText, qids_of, qids_of_texts
from qa_bench.formats.run_shapes import Ranked, of_beir, of_dpr, of_kilt, of_pyserini, score_of
from qa_bench.types import Passage, QuestionSet, Run

_OF_A_LINE = ("id", "question", "input", "answers", "ctxs")
"""Fields of an entry, by which JSON Lines in a ``.json`` file are recognised."""


@dataclass(frozen=True)
class ForeignRun:
    """A run as read from a file.

    Attributes:
        run: its hits, questions in the set's order.
        passages: the passages that came inside the file, in order of first appearance; empty where
            the file names pids only.
        deepest: the most hits that a question has.
        without_hits: the questions of the set that have none.
        lacks_place_0: its ids are places in the set, and none is the first, 0: somebody may have
            counted from 1.
    """

    run: Run
    passages: list[Passage]
    deepest: int
    without_hits: list[str]
    lacks_place_0: bool = False


def read_run_file(path: Path, questions: QuestionSet) -> ForeignRun:
    """Read a run: JSON or JSON Lines by the suffix, otherwise TREC.

    Raises:
        UserError: another structure, a question the set lacks, a passage twice, no hits.
    """
    suffix = suffix_of(path)
    if suffix == ".json":
        rows = _json_rows(path)
    elif suffix == ".jsonl":
        rows = _json_lines(path)
    else:
        rows = _trec_rows(path)
    return _run_of(rows, path, questions)


def _run_of(entries: Iterator[Ranked], path: Path, questions: QuestionSet) -> ForeignRun:
    """Put the questions of a file in the set's order."""
    rows: list[Ranked] = []
    passages: dict[str, Passage] = {}
    for row in entries:
        for passage in row.passages:
            if passages.setdefault(passage.pid, passage) != passage:
                raise DataError(
                    f"passage '{passage.pid}' has two different texts, the second in an entry of "
                    f"question '{str(row.question or row.qid)[:40]}'",
                    path,
                    row.line,
                )
        rows.append(row._replace(passages=[]))  # a text that many questions have is kept once
    by_qid: dict[str, Ranked] = {}
    qids = _qids(rows, path, questions)
    for qid, row in zip(qids, rows, strict=True):
        if qid in by_qid:
            raise DataError(f"question '{qid}' is there twice", path, row.line)
        by_qid[qid] = row
        if len(set(row.pids)) != len(row.pids):
            twice = _first_twice(row.pids)
            raise DataError(f"question '{qid}' names passage '{twice}' twice", path, row.line)
    if not any(row.pids for row in rows):
        raise DataError("holds no hit", path)
    _check_scores(rows, path)
    if passages and (bare := {pid for row in rows for pid in row.pids} - passages.keys()):
        raise DataError(f"some passages have a text, '{min(bare)}' has none", path)
    order = [question.qid for question in questions]
    pids = [by_qid[qid].pids if qid in by_qid else [] for qid in order]
    scores = [_scores(by_qid[qid]) if qid in by_qid else [] for qid in order]
    lacking = [qid for qid, ranked in zip(order, pids, strict=True) if not ranked]
    run = Run.of(order, pids, scores)
    deepest = max(map(len, pids))
    return ForeignRun(run, list(passages.values()), deepest, lacking, _lacks_place_0(rows, qids))


def _lacks_place_0(rows: list[Ranked], qids: list[str]) -> bool:
    """Whether rows are told by their places, not by their texts, and none is the first."""
    by_text = all(row.question is not None for row in rows)
    by_place = not by_text and any(row.qid != qid for row, qid in zip(rows, qids, strict=True))
    return by_place and all(row.qid != "0" for row in rows)


def _check_scores(rows: list[Ranked], path: Path) -> None:
    """All hits have scores, or none has."""
    scored = [row for row in rows if row.pids and row.scores is not None]
    bare = [row for row in rows if row.pids and row.scores is None]
    if scored and bare:
        raise DataError("some hits have a score, those of this entry have none", path, bare[0].line)


def _scores(row: Ranked) -> list[float]:
    """The file's scores; where it has none, those that keep its order."""
    return [1 / rank for rank in range(1, len(row.pids) + 1)] if row.scores is None else row.scores


def _qids(rows: list[Ranked], path: Path, questions: QuestionSet) -> list[str]:
    """Which question each row is about."""
    own = {question.qid for question in questions}
    texts = [
        EntryText(row.question, row.answers, row.line) for row in rows if row.question is not None
    ]
    with_ids = all(row.qid is not None for row in rows)
    by_text = len(texts) == len(rows)
    if with_ids and not (by_text and any(row.qid not in own for row in rows)):
        lines: dict[str, int | None] = {}
        for row in rows:
            lines.setdefault(str(row.qid), row.line)
        qid_of = qids_of(lines, path, questions)
        return [qid_of[str(row.qid)] for row in rows]
    if not by_text:
        raise DataError("some entries have an id, others the question's text only", path)
    return qids_of_texts(texts, path, questions)


def _trec_rows(path: Path) -> Iterator[Ranked]:
    """``qid Q0 pid rank score tag``, ordered by score (as trec_eval does), then by rank."""
    ranked: dict[str, list[tuple[float, int, str]]] = {}
    first: dict[str, int] = {}
    with Faults() as faults:
        for number, line in read_lines(path):
            if not line.strip():
                continue
            with faults.row:
                qid, hit = _trec_hit(line, path, number)
                first.setdefault(qid, number)
                ranked.setdefault(qid, []).append(hit)
    for qid, hits in ranked.items():
        hits.sort(key=lambda hit: hit[:2])
        pids = [pid for *_, pid in hits]
        if len(set(pids)) != len(pids):
            raise _twice_in_trec(qid, _first_twice(pids), path)
        yield Ranked(qid, None, None, pids, [-negative for negative, *_ in hits], [], first[qid])


def _first_twice(pids: list[str]) -> str:
    """The first pid that was there before."""
    before: set[str] = set()
    return next(pid for pid in pids if pid in before or before.add(pid))  # type: ignore[func-returns-value]


def _twice_in_trec(qid: str, pid: str, path: Path) -> DataError:
    """What to raise, with the lines of both; the file is read anew for them."""
    lines = [
        number
        for number, line in read_lines(path)
        if (cells := line.split()) and (cells[0], cells[2]) == (qid, pid)
    ]
    return DataError(
        f"question '{qid}' names passage '{pid}' twice, first in line {lines[0]}", path, lines[1]
    )


def _trec_hit(line: str, path: Path, number: int) -> tuple[str, tuple[float, int, str]]:
    """Qid and (negative score, rank, pid)."""
    cells = line.split()
    if len(cells) != 6:
        hint = "; JSON runs end in .json or .jsonl" if line.lstrip()[0] in "[{" else ""
        raise DataError(
            f"expected 6 columns (qid Q0 pid rank score tag), found {len(cells)}{hint}",
            path,
            number,
        )
    try:
        score, rank = float(cells[4]), int(cells[3])
    except ValueError:
        raise DataError("rank or score is not a number", path, number) from None
    if score != score:
        raise DataError("rank or score is not a number", path, number)
    try:
        return cells[0], (-score_of(score, cells[2]), rank, cells[2])
    except ValueError as error:
        raise DataError(str(error), path, number) from None


def _json_rows(path: Path) -> Iterator[Ranked]:
    """DPR's and FiD's list, pyserini's or BEIR's object, KILT's lines as a list."""
    with Faults() as faults:
        for number, (name, value, line) in enumerate(JsonEntries(path), 1):
            if name in _OF_A_LINE and not isinstance(value, dict):
                raise DataError("one entry alone, not a run: JSON Lines end in .jsonl", path, line)
            with faults.row:
                try:
                    yield _of_item(value, line) if name is None else _of_named(name, value, line)
                except ValueError as error:
                    where = _entry(number, name, value)  # all may be in one line
                    raise DataError(
                        f"no run of a known form: {error} ({where})", path, line
                    ) from None


def _entry(number: int, name: str | None, value: Any) -> str:
    """Which entry of a file it is: its number, and its name or its question."""
    texts = [value.get(field) for field in ("question", "input")] if isinstance(value, dict) else []
    text = next((text for text in (name, *texts) if isinstance(text, str)), "")
    shown = text if len(text) <= 40 else f"{text[:40]}…"
    return f"entry {number}, '{shown}'" if shown else f"entry {number}"


def _json_lines(path: Path) -> Iterator[Ranked]:
    """The same entries as in a list, one a line."""
    with Faults() as faults:
        for number, row in read_json_lines(path):
            with faults.row:
                try:
                    yield _of_item(row, number)
                except ValueError as error:
                    raise DataError(f"no run of a known form: {error}", path, number) from None


def _of_item(value: Any, line: int) -> Ranked:
    if not isinstance(value, dict):
        raise ValueError("an entry must be an object with 'question' and 'ctxs', or KILT's")
    return (
        of_kilt(value, line) if "output" in value and "ctxs" not in value else of_dpr(value, line)
    )


def _of_named(name: str, value: Any, line: int) -> Ranked:
    if not isinstance(value, dict):
        raise ValueError(f"'{name[:40]}' must have an object, with contexts or of scores")
    if "contexts" in value:
        return of_pyserini(name, value, line)
    return of_beir(name, value, line)
