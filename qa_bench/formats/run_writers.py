"""Runs for elsewhere: TREC, DPR's retrieval JSON, pyserini's."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import IO, NamedTuple

import pyarrow as pa

from qa_bench.errors import DataError, UserError
from qa_bench.store.passages import Passages
from qa_bench.store.runs import rising, rows_of
from qa_bench.types import QuestionSet, Run

Tests = Callable[[tuple[str, ...], str], Callable[..., bool]]
"""Gold answers and their qid → whether a text and its title hold one of them."""


def write_trec(file: IO[str], run: Run, tag: str) -> int:
    """``qid Q0 pid rank score tag``, the score with as many digits as it needs; return the count.

    Raises:
        DataError: an id holds white space, which the format cannot carry.
        UserError: scores contradict the order of the hits, which it cannot carry either.
    """
    if (wrong := rising(run)).any():
        qid = run.table.column("qid")[int(wrong.argmax())].as_py()
        raise UserError(
            f"TREC orders hits by their scores, and those of question '{qid}' rise: another order "
            "than the run's; format=dpr keeps it"
        )
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
    file: IO[str], run: Run, questions: QuestionSet, passages: Passages, tests: Tests
) -> int:
    """DPR's retrieval JSON, ``has_answer`` on every context; return how many questions."""
    contexts = _contexts(run, passages, tests)
    file.write("[")
    for number, (qid, text, answers) in enumerate(questions):
        hits = [
            {
                "id": hit.pid,
                "title": hit.title,
                "text": hit.text,
                **hit.source,
                "score": hit.score,
                "has_answer": hit.has_answer,
            }
            for hit in contexts(qid, answers)
        ]
        entry = {"question": text, "answers": list(answers), "ctxs": hits}
        file.write(("," if number else "") + "\n" + json.dumps(entry, ensure_ascii=False, indent=1))
    file.write("\n]\n")
    return len(questions)


def write_pyserini_json(
    file: IO[str], run: Run, questions: QuestionSet, passages: Passages, tests: Tests
) -> int:
    r"""Pyserini's retrieval JSON by qid, a text being title\ntext; return how many questions."""
    contexts = _contexts(run, passages, tests)
    file.write("{")
    for number, (qid, text, answers) in enumerate(questions):
        hits = [
            {
                "docid": hit.pid,
                **hit.source,
                "score": hit.score,
                "text": f"{hit.title}\n{hit.text}" if hit.title or "\n" in hit.text else hit.text,
                "has_answer": hit.has_answer,
            }
            for hit in contexts(qid, answers)
        ]
        entry = {"question": text, "answers": list(answers), "contexts": hits}
        file.write(("," if number else "") + f"\n{json.dumps(qid, ensure_ascii=False)}: ")
        file.write(json.dumps(entry, ensure_ascii=False, indent=1))
    file.write("\n}\n")
    return len(questions)


class _Hit(NamedTuple):
    pid: str
    title: str
    text: str
    source: dict[str, str]
    """The id of the passage's article under its name; empty where the passages have none."""
    score: str
    has_answer: bool


def _contexts(
    run: Run, passages: Passages, tests: Tests
) -> Callable[[str, tuple[str, ...]], Iterator[_Hit]]:
    """What makes the hits of a question, best first."""
    rows = rows_of(run, passages)
    scores = _digits(run.table.column("score").combine_chunks())
    slices = run.slices()
    sources = passages.sources(rows) if passages.has_sources else None

    def contexts(qid: str, answers: tuple[str, ...]) -> Iterator[_Hit]:
        test = tests(answers, qid)
        hits = slices.get(qid, slice(0, 0))
        for place in range(hits.start, hits.stop):
            pid, title, text = passages[int(rows[place])]
            source = {} if sources is None else {"source": sources[place]}
            yield _Hit(pid, title, text, source, scores[place], test(text, title))

    return contexts
