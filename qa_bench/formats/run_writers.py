"""Runs for elsewhere: TREC, DPR's retrieval JSON, pyserini's."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import IO

import pyarrow as pa

from qa_bench.errors import DataError
from qa_bench.store.passages import Passages
from qa_bench.store.runs import rows_of
from qa_bench.types import QuestionSet, Run

Tests = Callable[[tuple[str, ...], str], Callable[..., bool]]
"""Gold answers and their qid → whether a text and its title hold one of them."""


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
    file: IO[str], run: Run, questions: QuestionSet, passages: Passages, tests: Tests
) -> int:
    """DPR's retrieval JSON, ``has_answer`` on every context; return how many questions."""
    contexts = _contexts(run, passages, tests)
    file.write("[")
    for number, (qid, text, answers) in enumerate(questions):
        hits = [
            {"id": pid, "title": title, "text": body, "score": score, "has_answer": has_answer}
            for pid, title, body, score, has_answer in contexts(qid, answers)
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
                "docid": pid,
                "score": score,
                "text": f"{title}\n{body}" if title or "\n" in body else body,
                "has_answer": has_answer,
            }
            for pid, title, body, score, has_answer in contexts(qid, answers)
        ]
        entry = {"question": text, "answers": list(answers), "contexts": hits}
        file.write(("," if number else "") + f"\n{json.dumps(qid, ensure_ascii=False)}: ")
        file.write(json.dumps(entry, ensure_ascii=False, indent=1))
    file.write("\n}\n")
    return len(questions)


def _contexts(
    run: Run, passages: Passages, tests: Tests
) -> Callable[[str, tuple[str, ...]], Iterator[tuple[str, str, str, str, bool]]]:
    """What makes (pid, title, text, score, has_answer) of a question's hits."""
    rows = rows_of(run, passages)
    scores = _digits(run.table.column("score").combine_chunks())
    slices = run.slices()

    def contexts(qid: str, answers: tuple[str, ...]) -> Iterator[tuple[str, str, str, str, bool]]:
        test = tests(answers, qid)
        place = slices.get(qid, slice(0, 0))
        for row, score in zip(rows[place].tolist(), scores[place], strict=True):
            pid, title, text = passages[row]
            yield pid, title, text, score, test(text, title)

    return contexts
