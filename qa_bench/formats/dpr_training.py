"""DPR's training files: a JSON list of questions with positive and negative passages."""

from __future__ import annotations

import codecs
import json
import lzma
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

from qa_bench.errors import DataError
from qa_bench.formats.lines import open_bytes
from qa_bench.types import Match, Passage

GOLD_SCORE = 1000
"""What DPR writes as the score of a gold passage, with a ``title_score`` of 1."""
_PIECE = 1 << 20
_LARGEST = 1 << 26
"""Characters that one example may have; DPR's have some 130,000."""
_SPACE = " \t\r\n"


@dataclass(frozen=True)
class Context:
    """A passage beside a question: DPR's "ctx"."""

    passage: Passage
    score: float = 0
    title_score: float = 0


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
    """

    dataset: str
    question: str
    answers: list[str]
    positives: list[Context]
    negatives: list[Context]
    hard_negatives: list[Context]
    match: Match = "string"


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
        for ours, theirs in _LISTS.items():
            row[theirs] = [_written(context) for context in getattr(example, ours)]
        file.write(("," if count > 1 else "") + "\n" + json.dumps(row, ensure_ascii=False))
    file.write("\n]\n")
    return count


def _written(context: Context) -> dict[str, Any]:
    pid, title, text = context.passage
    return {
        "title": title,
        "text": text,
        "score": context.score,
        "title_score": context.title_score,
        "passage_id": pid,
    }


def read_examples(path: Path) -> Iterator[Example]:
    """The examples of a file of any size, one at a time; plain or compressed.

    DPR's older files name the passage ``psg_id``; its own trainer takes both.

    Raises:
        DataError: not a JSON list of such examples, a truncated file, bytes that are not UTF-8.
    """
    for number, row in enumerate(_entries(path), 1):
        try:
            lists = {ours: [_read(c) for c in row[theirs]] for ours, theirs in _LISTS.items()}
            label, text, answers = row.get("dataset", ""), row["question"], row["answers"]
            if not isinstance(answers, list):
                raise TypeError("answers must be a list")
            "".join((label, text, *answers)).encode()
            match = row.get("match", "string")
            if match not in ("string", "regex"):
                raise ValueError("match must be string or regex")
            yield Example(label, text, list(answers), **lists, match=match)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise DataError(
                f"example {number} is not one of DPR's ({type(error).__name__}: {error})", path
            ) from None


def _read(context: dict[str, Any]) -> Context:
    pid = context["passage_id"] if "passage_id" in context else context["psg_id"]
    title, text = context["title"] or "", context["text"]
    if not isinstance(title, str) or not isinstance(text, str):
        raise TypeError("title and text of a passage must be text")
    f"{pid}{title}{text}".encode()  # raises where there is half a surrogate pair
    score, title_score = context.get("score", 0), context.get("title_score", 0)
    return Context(Passage(str(pid), title, text), float(score), float(title_score))


def _entries(path: Path) -> Iterator[Any]:
    """The entries of a JSON list, decoded as the file is read."""
    pieces = _pieces(path)
    decoder = json.JSONDecoder()
    held = _more("", pieces, path)
    if not held.startswith("["):
        raise DataError("expected a JSON list of examples", path)
    held, first = held[1:], True
    while True:
        held = held.lstrip(_SPACE) or _more("", pieces, path)
        if held.startswith("]"):
            if held[1:].strip(_SPACE) or any(piece.strip(_SPACE) for piece in pieces):
                raise DataError("something follows the end of the list", path)
            return
        if not first:
            if not held.startswith(","):
                raise DataError(f"not JSON (expected a comma before {held[:40]!r})", path)
            held = held[1:].lstrip(_SPACE) or _more("", pieces, path)
        while True:
            try:
                entry, end = decoder.raw_decode(held)
                break
            except RecursionError:
                raise DataError("JSON nested too deeply", path) from None
            except ValueError as error:
                more = list(islice(pieces, 1 + len(held) // _PIECE))
                if not more or len(held) > _LARGEST:
                    raise DataError(f"not JSON, or cut off ({error})", path) from None
                held += "".join(more)
        yield entry
        held, first = held[end:], False


def _more(held: str, pieces: Iterator[str], path: Path) -> str:
    """The next text that is not white space.

    Raises:
        DataError: the file ends before.
    """
    while not held:
        piece = next(pieces, "")
        if not piece:
            raise DataError("cut off: the list does not end", path)
        held = piece.lstrip(_SPACE)
    return held


def _pieces(path: Path) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    with open_bytes(path) as file:
        while True:
            try:
                block = file.read(_PIECE)
                text = decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                raise DataError(f"not UTF-8 ({error.reason})", path) from None
            except (EOFError, OSError, zlib.error, lzma.LZMAError) as error:
                raise DataError(f"corrupt or truncated file ({error})", path) from None
            if text:
                yield text
            if not block:
                return
