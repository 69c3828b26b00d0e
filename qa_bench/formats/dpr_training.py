"""DPR's training files: a JSON list of questions with positive and negative passages."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from qa_bench.errors import DataError
from qa_bench.formats.json_entries import JsonEntries
from qa_bench.types import Match, Passage

GOLD_SCORE = 1000
"""What DPR writes as the score of a gold passage, with a ``title_score`` of 1."""


@dataclass(frozen=True)
class TrainingPassage:
    """A passage beside a question: DPR's "ctx".

    Attributes:
        passage: the passage.
        score: what the retriever gave it, ``GOLD_SCORE`` for a gold passage, 0 for one taken at
            random; in an example with a ``teacher``, that one's score.
        title_score: 1 for a gold passage.
        source: "gold" for a negative that is another question's positive. DPR's files have none.
    """

    passage: Passage
    score: float = 0
    title_score: float = 0
    source: str = ""


@dataclass(frozen=True)
class Example:
    """A question to train on.

    Attributes:
        dataset: a label for people.
        question: its text.
        answers: the gold answers.
        positives: passages with an answer; trainers take the first.
        negatives: passages taken at random.
        hard_negatives: passages that were found for the question and hold no answer, best first.
        match: how the answers are compared. Ours say so where they are patterns, DPR's never do.
        teacher: who gave the scores of all passages, positives too; empty where only hits have
            scores, as in DPR's files, which are then no scores to learn from.
    """

    dataset: str
    question: str
    answers: list[str]
    positives: list[TrainingPassage]
    negatives: list[TrainingPassage]
    hard_negatives: list[TrainingPassage]
    match: Match = "string"
    teacher: str = ""

    def score_of(self, context: TrainingPassage) -> float:
        """What somebody gave a passage of this example; nan where nobody did.

        Without a teacher, 1000 of a gold passage stands for "gold", and 0 for "drawn at random".
        """
        gold = context.title_score == 1 and context.score == GOLD_SCORE
        if not self.teacher and (gold or context.score == 0):
            return math.nan
        return context.score


_LISTS = {
    "positives": "positive_ctxs",
    "negatives": "negative_ctxs",
    "hard_negatives": "hard_negative_ctxs",
}


def write_examples(file: IO[str], examples: Iterable[Example]) -> int:
    """Write them as one JSON list, an example a line, as they come; return how many."""
    file.write("[")
    count = 0
    for count, example in enumerate(examples, 1):
        row: dict[str, Any] = {
            "dataset": example.dataset,
            "question": example.question,
            "answers": example.answers,
        }
        if example.match != "string":
            row["match"] = example.match
        if example.teacher:
            row["teacher"] = example.teacher
        for ours, theirs in _LISTS.items():
            row[theirs] = [_written(context) for context in getattr(example, ours)]
        file.write(("," if count > 1 else "") + "\n" + json.dumps(row, ensure_ascii=False))
    file.write("\n]\n")
    return count


def _written(context: TrainingPassage) -> dict[str, Any]:
    pid, title, text = context.passage
    row = {
        "title": title,
        "text": text,
        "score": context.score,
        "title_score": context.title_score,
        "passage_id": pid,
    }
    return {**row, "source": context.source} if context.source else row


def read_examples(path: Path) -> Iterator[Example]:
    """The examples of a file of any size, one at a time; plain or compressed.

    DPR's older files name the passage ``psg_id``; its own trainer takes both.

    Raises:
        DataError: not a JSON list of such examples, a truncated file, bytes that are not UTF-8.
    """
    entries = JsonEntries(path)
    if entries.kind != "list":
        raise DataError("expected a JSON list of examples", path)
    for number, (_, row, line) in enumerate(entries, 1):
        try:
            lists = {ours: [_read(c) for c in row[theirs]] for ours, theirs in _LISTS.items()}
            label, text, answers = row.get("dataset", ""), row["question"], row["answers"]
            teacher = row.get("teacher", "")
            if not isinstance(answers, list):
                raise TypeError("answers must be a list")
            "".join((label, text, teacher, *answers)).encode()
            match = row.get("match", "string")
            if match not in ("string", "regex"):
                raise ValueError("match must be string or regex")
            yield Example(label, text, list(answers), **lists, match=match, teacher=teacher)
        except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
            raise DataError(
                f"example {number} is not one of DPR's ({type(error).__name__}: {error})",
                path,
                line,
            ) from None


def _read(context: dict[str, Any]) -> TrainingPassage:
    pid = context["passage_id"] if "passage_id" in context else context["psg_id"]
    title, text = context["title"] or "", context["text"]
    if not isinstance(title, str) or not isinstance(text, str):
        raise TypeError("title and text of a passage must be text")
    f"{pid}{title}{text}".encode()  # raises where there is half a surrogate pair
    score, title_score = context.get("score", 0), context.get("title_score", 0)
    source = "gold" if context.get("source") == "gold" else ""
    return TrainingPassage(Passage(str(pid), title, text), float(score), float(title_score), source)
