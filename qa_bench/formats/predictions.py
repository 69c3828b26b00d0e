"""Predictions of everyone: ours, KILT's, DPR's reader, FlashRAG's, lm-eval's."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from qa_bench.errors import DataError
from qa_bench.formats.answers import DECODER, answer_list, kind_of
from qa_bench.formats.faults import Faults
from qa_bench.formats.json_entries import JsonEntries
from qa_bench.formats.lines import json_object, read_lines, read_whole
from qa_bench.formats.qa import suffix_of
from qa_bench.formats.question_ids import EntryText, qids_of, qids_of_texts
from qa_bench.types import QuestionSet

log = logging.getLogger(__name__)


class Prediction(NamedTuple):
    """An answer as a file has it.

    Attributes:
        answer: the text.
        qid: the question's id in the file, if any.
        question: the question's text, if the file has it.
        golds: the gold answers beside it, if any.
        line: where.
        note: which of several was taken, if there were.
    """

    answer: str
    qid: str | None
    question: str | None
    golds: list[str] | None
    line: int | None
    note: str = ""


def read_predictions(path: Path, questions: QuestionSet) -> dict[str, str]:
    """Predictions by qid; a question without one has none here.

    JSON Lines, a JSON list, or one JSON object from id to prediction. Questions are told by the
    set's ids where all ids are such, else by their texts, where the file has them.

    Raises:
        UserError: another structure, an id given twice, a question that is not in the set.
    """
    rows: list[Prediction] = []
    with Faults() as faults:
        seen: dict[str, int | None] = {}
        for name, value, line in _values(path):
            with faults.row:
                row = (
                    _of_object(name, value, path, line)
                    if name is not None
                    else _of_row(value, path, line)
                )
                if row.qid is not None and row.qid in seen:
                    raise DataError(
                        f"id '{row.qid}' has a prediction already{_twice(value)}", path, line
                    )
                if row.qid is not None:
                    seen[row.qid] = line
                rows.append(row)
    if not rows:
        if read_whole(path).strip() != "{}":  # an object says that it is all of them
            raise DataError("holds no prediction", path)
        log.warning("%s: holds no prediction, so that every question counts as wrong", path)
    for note in dict.fromkeys(row.note for row in rows if row.note):
        log.warning("%s: %s", path, note)
    return dict(zip(_qids(rows, path, questions), (row.answer for row in rows), strict=True))


def _values(path: Path) -> Iterator[tuple[str | None, Any, int | None]]:
    """(name in an object, value, line) of every entry."""
    if suffix_of(path) == ".json":
        for entry in JsonEntries(path, DECODER):
            yield entry.name, entry.value, entry.line
        return
    begun = False
    for number, line in read_lines(path):
        if not line.strip():
            continue
        if not begun and not line.lstrip().startswith("{"):
            raise DataError(f"no predictions: {_FORMS}; found {line.strip()[:40]!r}", path, number)
        begun = True
        yield None, json_object(line, path, number, DECODER), number


_FORMS = (
    'they are JSON Lines, {"id": "q1", "prediction": "Mars"} each, or a .json file with a list of '
    'these or one object {"q1": "Mars"}'
)


def _twice(value: Any) -> str:
    """What lm-eval's files with several filters look like."""
    filtered = isinstance(value, dict) and "filter" in value
    return ": keep the lines of one filter" if filtered else ""


def _qids(rows: list[Prediction], path: Path, questions: QuestionSet) -> list[str]:
    own = {question.qid for question in questions}
    by_text = all(row.question is not None for row in rows)
    if all(row.qid is not None for row in rows) and (
        not by_text or all(row.qid in own for row in rows)
    ):
        qid_of = qids_of({str(r.qid): r.line for r in rows}, path, questions, places=False)
        return [qid_of[str(row.qid)] for row in rows]
    if not by_text:
        lacking = next(row for row in rows if row.question is None)
        raise DataError("neither an id nor a question's text", path, lacking.line)
    texts = [EntryText(str(row.question), row.golds, row.line) for row in rows]
    return qids_of_texts(texts, path, questions)


def _of_object(name: str, value: Any, path: Path, line: int | None) -> Prediction:
    if not isinstance(value, str):
        raise DataError(
            f"the prediction of '{name[:40]}' must be text, found {kind_of(value)}: one JSON "
            'object maps ids to predictions, as {"q1": "Mars"}; or a list of predictions',
            path,
            line,
        )
    return Prediction(value, name, None, None, line)


def _of_row(row: Any, path: Path, line: int | None) -> Prediction:
    """One entry, in whichever of the forms it is."""
    if not isinstance(row, dict):
        raise DataError(
            "expected one JSON object that maps ids to predictions, or a list of predictions; "
            f"found {kind_of(row)} in a list",
            path,
            line,
        )
    note = ""
    try:
        if isinstance(row.get("predictions"), list):
            answer, note = _of_dpr(row["predictions"])
        elif isinstance(row.get("output"), dict):  # FlashRAG's intermediate_data.json
            answer = _text(row["output"]["pred"], "output.pred")
        elif isinstance(row.get("output"), list):
            answer = _of_kilt(row["output"])
        elif "filtered_resps" in row or "resps" in row:
            return _of_lm_eval(row, line)
        else:
            if "prediction" not in row:
                raise ValueError(f"no field 'prediction', only {', '.join(map(str, row))[:80]}")
            answer = _text(row["prediction"], "prediction")
        question = row.get("question", row.get("input"))
        if question is not None and not isinstance(question, str):
            raise ValueError(f"field 'question' must be text, found {kind_of(question)}")
        golds = next((row[name] for name in _GOLDS if name in row), None)
        qid = _id(row.get("id"))
        if qid is None and question is None:
            raise ValueError("neither an 'id' nor a 'question' says whose prediction it is")
        return Prediction(answer, qid, question, _golds(golds), line, note)
    except (KeyError, TypeError, IndexError) as error:
        raise DataError(
            f"no prediction of a known form ({type(error).__name__}: {error})", path, line
        ) from None
    except ValueError as error:
        raise DataError(str(error), path, line) from None


_GOLDS = ("gold_answers", "golden_answers", "answers", "answer")


def _text(value: Any, name: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise ValueError(f"field '{name}' must be text, found {kind_of(value)}")


def _id(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise ValueError(f"field 'id' must be text, found {kind_of(value)}")


def _golds(value: Any) -> list[str] | None:
    """Gold answers, where they are of use to tell questions of one text apart."""
    try:
        return None if value is None else answer_list(value)
    except ValueError:
        return None


def _of_dpr(predictions: list[Any]) -> tuple[str, str]:
    """DPR's reader: a prediction for each number of passages read; the one of most is taken."""
    if not predictions:
        return "", ""
    best = max(predictions, key=lambda one: int(one["top_k"]))
    counts = sorted({int(one["top_k"]) for one in predictions})
    note = (
        f"has predictions for top_k {', '.join(map(str, counts))}: those for {counts[-1]} count"
        if len(counts) > 1
        else ""
    )
    return _text(best["prediction"]["text"], "prediction.text"), note


def _of_kilt(output: list[Any]) -> str:
    """KILT: the first answer; provenance alone is a run."""
    answers = [one["answer"] for one in output if "answer" in one]
    if not answers:
        raise ValueError("field 'output' has no answer: is it a run?")
    return _text(answers[0], "output.answer")


def _of_lm_eval(row: dict[str, Any], line: int | None) -> Prediction:
    """lm-eval's samples: the first filtered reply, or the first reply."""
    name = "filtered_resps" if row.get("filtered_resps") else "resps"
    reply: Any = row[name]
    while isinstance(reply, list):
        if len(reply) > 1 and not isinstance(reply[0], str):
            raise ValueError(f"field '{name}' holds several requests: is it multiple choice?")
        if not reply:
            raise ValueError(f"field '{name}' holds no reply")
        reply = reply[0]
    doc = row.get("doc")
    doc = doc if isinstance(doc, dict) else {}
    question = doc.get("question", doc.get("input"))
    qid = _id(doc.get("id", doc.get("question_id")))
    if not isinstance(question, str) and qid is None:
        raise ValueError("field 'doc' has neither question nor id")
    golds = next((doc[place] for place in _GOLDS if place in doc), row.get("target"))
    text = question if isinstance(question, str) else None
    return Prediction(_text(reply, name), qid, text, _golds(golds), line)
