"""What the extractive reader is trained on: SQuAD's JSON, DPR's training files, or JSON Lines.

Where a file does not say where in a passage an answer lies, it is looked for: the first place in a
paragraph of SQuAD, every place in a passage of DPR's, as whole words and in any case.
"""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

import regex

from qa_bench.errors import DataError, UserError
from qa_bench.formats.dpr_training import read_examples
from qa_bench.formats.lines import (
    open_bytes,
    parse_json,
    read_json_lines,
    read_whole,
    text_field,
)
from qa_bench.formats.qa import suffix_of

MOST_SPANS = 10
"""Places of the answers that count in a passage, as in DPR's trainer."""


class Text(NamedTuple):
    """A passage to train with."""

    title: str
    text: str


@dataclass(frozen=True)
class Lesson:
    """A question, the passage that answers it, and passages that do not.

    Attributes:
        question: its text.
        positive: the passage with the answer.
        spans: where in its text the answers lie: first character, the one behind the last.
        negatives: passages without an answer, the hardest first.
    """

    question: str
    positive: Text
    spans: tuple[tuple[int, int], ...]
    negatives: tuple[Text, ...]


def lessons(
    paths: Iterable[Path], articles: Path | None, negatives: int, counts: dict[str, int]
) -> Iterator[Lesson]:
    """The lessons of files, in their order; a question whose answer is not found is left out.

    Args:
        paths: each ``.json`` of SQuAD (v1.1) or a list of DPR's; ``.jsonl`` with ``question``,
            ``answers``, ``article`` and the ``paragraph``'s number; plain or compressed.
        articles: for ``.jsonl``: JSON Lines with ``title`` and ``text``, whose paragraphs are
            parted by empty lines.
        negatives: how many passages without an answer a question needs at most.
        counts: ``questions`` and ``without_answer`` are counted here.

    Raises:
        DataError: the file has another structure.
        UserError: ``articles`` is missing.
    """
    counts |= {"questions": 0, "without_answer": 0}
    for lesson in chain.from_iterable(_read(path, articles, negatives) for path in paths):
        counts["questions"] += 1
        if lesson is None:
            counts["without_answer"] += 1
        else:
            yield lesson


def _read(path: Path, articles: Path | None, negatives: int) -> Iterator[Lesson | None]:
    if suffix_of(path) == ".jsonl":
        if articles is None:
            raise UserError(
                f"{path} tells paragraphs by their numbers: set train.articles=<JSON Lines of the "
                "articles, paragraphs parted by empty lines>"
            )
        yield from _of_rows(path, articles, negatives)
    elif _begins_a_list(path):
        yield from _of_dpr(path, negatives)
    else:
        yield from _of_squad(path, negatives)


def _begins_a_list(path: Path) -> bool:
    """Whether a JSON file holds a list, as DPR's do, and no object, as SQuAD's."""
    with open_bytes(path) as file:
        try:
            return file.read(1024).lstrip().startswith(b"[")
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            raise DataError(f"corrupt or truncated file ({error})", path) from error


def _of_dpr(path: Path, negatives: int) -> Iterator[Lesson | None]:
    for example in read_examples(path):
        answer = _pattern(example.answers)
        others = (*example.hard_negatives, *example.negatives)
        for context in example.positives:
            text = Text(context.passage.title, context.passage.text)
            spans = _spans(answer, text.text, MOST_SPANS)
            if spans:
                chosen = (Text(c.passage.title, c.passage.text) for c in others if c.passage.text)
                yield Lesson(example.question, text, spans, tuple(islice(chosen, negatives)))
                break
        else:
            yield None


def _of_squad(path: Path, negatives: int) -> Iterator[Lesson | None]:
    whole = parse_json(read_whole(path), path)
    try:
        for article in whole["data"]:
            title = _title(article["title"])
            paragraphs = [paragraph["context"] for paragraph in article["paragraphs"]]
            for place, paragraph in enumerate(article["paragraphs"]):
                for qa in paragraph["qas"]:
                    yield _lesson(qa, title, paragraphs, place, negatives)
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"neither SQuAD's JSON nor a list of DPR's ({type(error).__name__}: {error})", path
        ) from None


def _lesson(
    qa: dict[str, Any], title: str, paragraphs: list[str], place: int, negatives: int
) -> Lesson | None:
    """A question of SQuAD; the first answer that lies where the file says it does is taken."""
    text = paragraphs[place]
    told = [(answer["text"], answer.get("answer_start")) for answer in qa["answers"]]
    "".join((qa["question"], text, *(answer for answer, _ in told)))  # raises where one is no text
    places = [
        (start, start + len(answer))
        for answer, start in told
        if answer and isinstance(start, int) and text[start : start + len(answer)] == answer
    ]
    answers = [answer for answer, _ in told]
    spans = tuple(places[:1]) or _spans(_pattern(answers[:1]), text, 1)
    return _made(qa["question"], answers, title, paragraphs, place, spans, negatives)


def _of_rows(path: Path, articles: Path, negatives: int) -> Iterator[Lesson | None]:
    paragraphs: dict[str, list[str]] = {}
    for number, row in read_json_lines(articles):
        title = text_field(row, "title", articles, number)
        paragraphs.setdefault(title, text_field(row, "text", articles, number).split("\n\n"))
    for number, row in read_json_lines(path):
        question = text_field(row, "question", path, number)
        title = _title(text_field(row, "article", path, number))
        answers, place = row.get("answers"), row.get("paragraph")
        if not isinstance(answers, list) or not all(isinstance(one, str) for one in answers):
            raise DataError("field 'answers' must be a list of texts", path, number)
        if not isinstance(place, int) or place < 0:
            raise DataError("field 'paragraph' must be a whole number >= 0", path, number)
        of_article = paragraphs.get(title, [])
        if place >= len(of_article):
            raise DataError(f"{articles} has no paragraph {place} of '{title}'", path, number)
        text = of_article[place]
        exact = text.find(answers[0]) if answers and answers[0] else -1
        spans: tuple[tuple[int, int], ...] = ((exact, exact + len(answers[0])),)
        if exact < 0:
            spans = _spans(_pattern(answers), text, 1)
        yield _made(question, answers, title, of_article, place, spans, negatives)


def _made(
    question: str,
    answers: Sequence[str],
    title: str,
    paragraphs: list[str],
    place: int,
    spans: tuple[tuple[int, int], ...],
    negatives: int,
) -> Lesson | None:
    if not spans:
        return None
    answer = _pattern(answers)
    near = sorted(range(len(paragraphs)), key=lambda other: (abs(other - place), other))
    without = (
        Text(title, paragraphs[other])
        for other in near
        if other != place and paragraphs[other].strip() and not answer.search(paragraphs[other])
    )
    return Lesson(
        question, Text(title, paragraphs[place]), spans, tuple(islice(without, negatives))
    )


def _pattern(answers: Sequence[str]) -> regex.Pattern[str]:
    """What finds any of the answers, in any case and as whole words."""
    kept = [r"\s+".join(map(regex.escape, answer.split())) for answer in answers if answer.strip()]
    longest_first = sorted(set(kept), key=lambda answer: (-len(answer), answer))
    either = "|".join(longest_first) or r"(?!)"
    return regex.compile(rf"(?<!\w)(?:{either})(?!\w)", regex.IGNORECASE)


def _spans(answer: regex.Pattern[str], text: str, most: int) -> tuple[tuple[int, int], ...]:
    return tuple(found.span() for found in islice(answer.finditer(text), most))


def _title(article: str) -> str:
    """SQuAD writes titles as in addresses."""
    return unquote(article).replace("_", " ")
