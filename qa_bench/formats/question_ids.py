"""Which questions of a set a foreign file speaks of: by id, by place, or by text."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from qa_bench.errors import DataError
from qa_bench.formats.answers import loose, plain
from qa_bench.types import QuestionSet

log = logging.getLogger(__name__)


def qids_of(
    ids: Mapping[str, int | None], path: Path, questions: QuestionSet, *, places: bool = True
) -> dict[str, str]:
    """The qid that each id of one file means.

    One file uses one numbering: all ids are the set's own, or all are places in it, counted from 0
    as pyserini does.

    Args:
        ids: the file's ids, each with the line of its first use, where there are lines.
        path: the file.
        questions: the set.
        places: whether places are known in this format.

    Raises:
        DataError: neither; names the first id that is not of the numbering. Or places, or a
            question that is left out, where ``dataset.limit`` leaves only some of the set.
    """
    order = [question.qid for question in questions]
    own = set(order)
    strangers = [name for name in ids if name not in own]
    if not strangers:
        return {name: name for name in ids}
    if questions.rest:
        _check_limit(strangers, ids, path, questions, places)
    if places and all(_is_place(name, len(order)) for name in ids):
        return {name: order[int(name)] for name in ids}
    name = strangers[0]
    hint = ""
    if places and len(strangers) == len(ids):
        name = next(name for name in ids if not _is_place(name, len(order)))
    elif places:
        hint = ", as other ids of the file are"
    if not hint:
        counted = "; places in the set are counted from 0" if places and name.isdecimal() else ""
        hint = f", whose ids are such as '{order[0][:60]}'{counted}"
    raise DataError(
        f"question '{name[:60]}' is not in {questions.name} {questions.split}{hint}",
        path,
        ids[name],
    )


def _check_limit(
    strangers: Sequence[str],
    ids: Mapping[str, int | None],
    path: Path,
    questions: QuestionSet,
    places: bool,
) -> None:
    rest = {question.qid for question in questions.rest}
    for name in strangers:
        if name in rest:
            raise DataError(f"question '{name[:60]}' {_left_out(questions)}", path, ids[name])
    size = len(questions) + len(rest)
    if places and all(_is_place(name, size) for name in ids):
        raise DataError(
            "tells questions by their places in the set, of which dataset.limit leaves "
            f"{len(questions)}: leave dataset.limit out",
            path,
        )


def _left_out(questions: QuestionSet) -> str:
    whole = len(questions) + len(questions.rest)
    return (
        f"is not among the {len(questions)} of {whole} questions of {questions.name} "
        f"{questions.split} that dataset.limit leaves: leave dataset.limit out, or such lines"
    )


def _is_place(name: str, size: int) -> bool:
    return (
        name.isascii()
        and name.isdecimal()
        and len(name) < 12
        and (str(int(name)) == name and int(name) < size)
    )


class EntryText(NamedTuple):
    """A question as an entry of a file has it: text, gold answers if any, line if any."""

    text: str
    answers: Sequence[str] | None
    line: int | None


def qids_of_texts(entries: Sequence[EntryText], path: Path, questions: QuestionSet) -> list[str]:
    """The qid of each entry of a file that tells questions by their texts.

    Where a text stands in the set more than once, the entry's answers decide, then its place in
    the file, then the first question of that text that is still free.

    Raises:
        DataError: a text that is not in the set, or not in what ``dataset.limit`` leaves of it, or
            more often than in the set.
    """
    by_text, by_loose = _places_of(questions, plain), _places_of(questions, loose)
    choice: list[int | None] = [None] * len(entries)
    free = [True] * len(questions)
    candidates: list[list[int]] = []
    for number, entry in enumerate(entries):
        places = by_text.get(plain(entry.text)) or by_loose.get(loose(entry.text), [])
        candidates.append(places)
        if not places:
            out = {loose(question.text) for question in questions.rest}
            stranger = f"is not in {questions.name} {questions.split}"
            if loose(entry.text) in out:
                stranger = _left_out(questions)
            raise DataError(
                f"question {number + 1} ('{entry.text[:60]}') {stranger}",
                path,
                entry.line,
            )
        same = [at for at in places if len(places) == 1 or _agree(entry, questions, at)]
        choice[number] = _first(same, free, number)
    guesses = 0
    for number, entry in enumerate(entries):
        if choice[number] is not None:
            continue
        choice[number] = at = _first(candidates[number], free, number)
        if at is None:
            raise DataError(
                f"question {number + 1} ('{entry.text[:60]}') is there twice", path, entry.line
            )
        guesses += len(entries) != len(questions)
    if guesses:
        log.warning(
            "WARNING: %s: %d questions stand more than once in %s %s, and their answers do not "
            "tell which is meant: taken in the set's order",
            path,
            guesses,
            questions.name,
            questions.split,
        )
    return [questions.questions[at].qid for at in choice if at is not None]


def _places_of(questions: QuestionSet, form: Callable[[str], str]) -> dict[str, list[int]]:
    places: dict[str, list[int]] = defaultdict(list)
    for at, question in enumerate(questions):
        places[form(question.text)].append(at)
    return places


def _agree(entry: EntryText, questions: QuestionSet, at: int) -> bool:
    return entry.answers is not None and set(entry.answers) == set(questions.questions[at].answers)


def _first(places: Iterable[int], free: list[bool], number: int) -> int | None:
    """The entry's own place if it is one of them and free, else the first that is."""
    left = [at for at in places if free[at]]
    if not left:
        return None
    at = number if number in left else left[0]
    free[at] = False
    return at
