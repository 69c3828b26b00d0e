"""Runs from and for elsewhere: TREC files, DPR's retrieval JSON, pyserini's JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from qa_bench.errors import DataError
from qa_bench.formats.lines import parse_json, read_lines, read_whole
from qa_bench.formats.qa import suffix_of
from qa_bench.store.passages import Passages
from qa_bench.store.runs import rows_of
from qa_bench.text import straight_apostrophes
from qa_bench.types import Passage, QuestionSet, Run


@dataclass(frozen=True)
class ForeignRun:
    """A run as read from a file.

    Attributes:
        run: its hits, questions in the set's order.
        passages: the passages that came inside the file, in order of first appearance; empty where
            the file names pids only.
    """

    run: Run
    passages: list[Passage]


@dataclass
class _Hits:
    """Ranked pids and scores by question while a file is read."""

    path: Path
    by_qid: dict[str, tuple[list[str], list[float]]]
    passages: dict[str, Passage]

    def add(self, qid: str, pid: str, score: float) -> None:
        if not math.isfinite(score):
            raise ValueError(f"score of passage '{pid}' for question '{qid}' is {score}")
        pids, scores = self.by_qid.setdefault(qid, ([], []))
        pids.append(pid)
        scores.append(score)

    def add_passage(self, passage: Passage) -> None:
        earlier = self.passages.setdefault(passage.pid, passage)
        if earlier != passage:
            raise DataError(f"passage '{passage.pid}' has two different texts", self.path)

    def result(self, questions: QuestionSet) -> ForeignRun:
        for qid, (pids, _) in self.by_qid.items():
            if len(set(pids)) != len(pids):
                raise DataError(f"question '{qid}' names a passage twice", self.path)
        pairs = [self.by_qid.get(question.qid, ([], [])) for question in questions]
        if not any(pids for pids, _ in pairs):
            raise DataError("holds no hit", self.path)
        qids = [question.qid for question in questions]
        run = Run.of(qids, [pids for pids, _ in pairs], [scores for _, scores in pairs])
        named = {pid for pids, _ in pairs for pid in pids}
        if self.passages and (without := named - self.passages.keys()):
            raise DataError(f"some passages have a text, '{min(without)}' has none", self.path)
        return ForeignRun(run, list(self.passages.values()))


def read_run_file(path: Path, questions: QuestionSet) -> ForeignRun:
    """Read a run: JSON by its suffix (DPR's list or pyserini's object), otherwise TREC.

    Raises:
        DataError: another structure, a question the set lacks, a passage twice, no hits.
    """
    read = _read_json if suffix_of(path) == ".json" else _read_trec
    return read(path, questions)


def _read_trec(path: Path, questions: QuestionSet) -> ForeignRun:
    """``qid Q0 pid rank score tag``, ordered by score (as trec_eval does), then by rank."""
    find = _qid_finder(path, questions)
    rows: dict[str, list[tuple[float, int, str]]] = {}
    for number, line in read_lines(path):
        cells = line.split()
        if not cells:
            continue
        if len(cells) != 6:
            raise DataError(
                f"expected 6 columns (qid Q0 pid rank score tag), found {len(cells)}", path, number
            )
        try:
            score, rank = float(cells[4]), int(cells[3])
        except ValueError:
            score, rank = math.nan, 0
        if not math.isfinite(score):
            raise DataError("rank or score is not a number", path, number)
        rows.setdefault(find(cells[0], number), []).append((-score, rank, cells[2]))
    hits = _Hits(path, {}, {})
    for qid, ranked in rows.items():
        for negative, _, pid in sorted(ranked, key=lambda row: row[:2]):
            hits.add(qid, pid, -negative)
    return hits.result(questions)


def _qid_finder(path: Path, questions: QuestionSet) -> Callable[[str, int | None], str]:
    """Foreign ids are the set's own, or the questions' places in it counted from 0 (pyserini's)."""
    own = {question.qid for question in questions}
    order = [question.qid for question in questions]

    def find(foreign: str, line: int | None) -> str:
        if foreign in own:
            return foreign
        if foreign.isdecimal() and int(foreign) < len(order):
            return order[int(foreign)]
        raise DataError(
            f"question '{foreign}' is not in {questions.name} {questions.split}", path, line
        )

    return find


def _read_json(path: Path, questions: QuestionSet) -> ForeignRun:
    value = parse_json(read_whole(path), path)
    hits = _Hits(path, {}, {})
    try:
        if isinstance(value, list):
            _read_dpr(value, hits, questions)
        elif isinstance(value, dict):
            _read_pyserini(value, hits, questions)
        else:
            raise DataError("expected DPR's list or pyserini's object of questions", path)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"neither DPR's nor pyserini's retrieval JSON ({type(error).__name__}: {error})", path
        ) from None
    return hits.result(questions)


def _read_dpr(entries: list[Any], hits: _Hits, questions: QuestionSet) -> None:
    """``[{"question", "ctxs": [{"id", "title", "text", "score"}]}]``.

    Entries are matched by place where the question's text agrees, else by text.
    """
    by_text = {_plain(question.text): question.qid for question in questions}
    for place, entry in enumerate(entries):
        text = _plain(entry["question"])
        if place < len(questions) and _plain(questions.questions[place].text) == text:
            qid = questions.questions[place].qid
        elif text in by_text:
            qid = by_text[text]
        else:
            raise DataError(
                f"question {place + 1} ('{text[:60]}') is not in {questions.name} "
                f"{questions.split}",
                hits.path,
            )
        if qid in hits.by_qid:
            raise DataError(f"question {place + 1} ('{text[:60]}') is there twice", hits.path)
        for context in entry["ctxs"]:
            pid = str(context["id"])
            hits.add(qid, pid, float(context["score"]))
            if context.get("text"):
                passage = Passage(pid, context.get("title") or "", context["text"])
                hits.add_passage(passage)


def _plain(text: str) -> str:
    return straight_apostrophes(text).strip()


def _read_pyserini(entries: dict[str, Any], hits: _Hits, questions: QuestionSet) -> None:
    r"""``{qid: {"question", "contexts": [{"docid", "score", "text"?}]}}``, text = title\ntext."""
    find = _qid_finder(hits.path, questions)
    for foreign, entry in entries.items():
        qid = find(foreign, None)
        for context in entry["contexts"]:
            pid = str(context["docid"])
            hits.add(qid, pid, float(context["score"]))
            if "text" in context:
                title, _, text = context["text"].partition("\n")
                hits.add_passage(Passage(pid, title, text))


def write_trec(file: IO[str], run: Run, tag: str) -> int:
    """``qid Q0 pid rank score tag``, the score with as many digits as it needs; return the count.

    Raises:
        DataError: an id holds white space, which the format cannot carry.
    """
    count, tag = 0, "-".join(tag.split())
    for batch in run.table.to_batches():
        qids, ranks, pids = (batch.column(i).to_pylist() for i in range(3))
        for qid, rank, pid, score in zip(qids, ranks, pids, _digits(batch.column(3)), strict=True):
            if len(qid.split()) != 1 or len(pid.split()) != 1:
                raise DataError(
                    f"TREC cannot carry ids with white space: '{qid}' '{pid}'", file.name
                )
            file.write(f"{qid} Q0 {pid} {rank} {score} {tag}\n")
            count += 1
    return count


def _digits(scores: pa.Array) -> list[str]:
    """Scores with as many digits as tell them from their neighbours, and no more."""
    digits: list[str] = scores.to_numpy(zero_copy_only=False).astype(str).tolist()
    return digits


def write_dpr_json(
    file: IO[str],
    run: Run,
    questions: QuestionSet,
    passages: Passages,
    tests: Callable[[tuple[str, ...]], Callable[..., bool]],
) -> int:
    """DPR's retrieval JSON, ``has_answer`` on every context; return how many questions."""
    rows = rows_of(run, passages)
    scores = _digits(run.table.column("score").combine_chunks())
    slices = run.slices()
    sources = passages.sources(rows) if passages.has_sources else None

    def contexts(qid: str, answers: tuple[str, ...]) -> Iterator[dict[str, Any]]:
        test = tests(answers)
        hits = slices.get(qid, slice(0, 0))
        for place in range(hits.start, hits.stop):
            pid, title, text = passages[int(rows[place])]
            yield {
                "id": pid,
                "title": title,
                "text": text,
                **({"source": sources[place]} if sources is not None else {}),
                "score": scores[place],
                "has_answer": test(text, title),
            }

    file.write("[")
    for number, (qid, text, answers) in enumerate(questions):
        entry = {"question": text, "answers": list(answers), "ctxs": [*contexts(qid, answers)]}
        file.write(("," if number else "") + "\n" + json.dumps(entry, ensure_ascii=False, indent=1))
    file.write("\n]\n")
    return len(questions)
