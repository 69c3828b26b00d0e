"""What the extractive reader is trained on: SQuAD's JSON, DPR's training files, or JSON Lines.

Where a file does not say where in a passage an answer lies, it is looked for by the rules of
``has_answer`` (mode ``dpr``): one place in a paragraph of SQuAD, every place in a passage of DPR's.
"""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

from qa_bench.errors import DataError, UserError
from qa_bench.formats.dpr_training import read_examples
from qa_bench.formats.lines import (
    BOM,
    open_bytes,
    parse_json,
    read_json_lines,
    read_whole,
    text_field,
)
from qa_bench.formats.qa import suffix_of
from qa_bench.formats.squad_articles import article_title
from qa_bench.metric.answer_spans import AnswerFinder, Span

MOST_SPANS = 10
"""Places of the answers that count in a passage, as in DPR's trainer, which takes those of all
answers, one inside another too (``_find_answer_positions`` in ``dpr/data/reader_data.py``)."""


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
    spans: tuple[Span, ...]
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
            return file.read(1024).removeprefix(BOM.encode()).lstrip().startswith(b"[")
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            raise DataError(f"corrupt or truncated file ({error})", path) from error


def _of_dpr(path: Path, negatives: int) -> Iterator[Lesson | None]:
    for example in read_examples(path):
        if not example.answers:
            yield None
            continue
        finder = AnswerFinder(example.answers, example.match, question=example.question)
        others = (*example.hard_negatives, *example.negatives)
        for context in example.positives:
            text = Text(context.passage.title, context.passage.text)
            spans = _places(finder, text.text)[:MOST_SPANS]
            if spans:
                texts = (Text(c.passage.title, c.passage.text) for c in others if c.passage.text)
                yield Lesson(example.question, text, spans, tuple(islice(texts, negatives)))
                break
        else:
            yield None


def _of_squad(path: Path, negatives: int) -> Iterator[Lesson | None]:
    whole = parse_json(read_whole(path), path)
    try:
        for article in whole["data"]:
            title = article_title(article["title"])
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
    pairs = [(answer["text"], answer.get("answer_start")) for answer in qa["answers"]]
    "".join((qa["question"], text, *(answer for answer, _ in pairs)))  # raises where one is no text
    places = [
        (start, start + len(answer))
        for answer, start in pairs
        if answer and isinstance(start, int) and text[start : start + len(answer)] == answer
    ]
    if not pairs:
        return None
    finder = AnswerFinder([answer for answer, _ in pairs])
    spans = (tuple(places) or _places(finder, text))[:1]
    return _made(qa["question"], finder, title, paragraphs, place, spans, negatives)


def _of_rows(path: Path, articles: Path, negatives: int) -> Iterator[Lesson | None]:
    paragraphs: dict[str, list[str]] = {}
    for number, row in read_json_lines(articles):
        title = text_field(row, "title", articles, number)
        paragraphs.setdefault(title, text_field(row, "text", articles, number).split("\n\n"))
    for number, row in read_json_lines(path):
        question = text_field(row, "question", path, number)
        title = article_title(text_field(row, "article", path, number))
        answers, place = row.get("answers"), row.get("paragraph")
        if not isinstance(answers, list) or not all(isinstance(one, str) for one in answers):
            raise DataError("field 'answers' must be a list of texts", path, number)
        if not isinstance(place, int) or place < 0:
            raise DataError("field 'paragraph' must be a whole number >= 0", path, number)
        of_article = paragraphs.get(title, [])
        if place >= len(of_article):
            raise DataError(f"{articles} has no paragraph {place} of '{title}'", path, number)
        if not answers:
            yield None
            continue
        finder, text = AnswerFinder(answers), of_article[place]
        spans = _places(finder, text)
        literal = tuple(span for span in spans if text[slice(*span)] == answers[0])
        spans = (literal or spans)[:1]
        yield _made(question, finder, title, of_article, place, spans, negatives)


def _made(
    question: str,
    finder: AnswerFinder,
    title: str,
    paragraphs: list[str],
    place: int,
    spans: tuple[Span, ...],
    negatives: int,
) -> Lesson | None:
    if not spans:
        return None
    near = sorted(range(len(paragraphs)), key=lambda other: (abs(other - place), other))
    without = (
        Text(title, paragraphs[other])
        for other in near
        if other != place and paragraphs[other].strip() and not finder.test(paragraphs[other])
    )
    return Lesson(
        question, Text(title, paragraphs[place]), spans, tuple(islice(without, negatives))
    )


def _places(finder: AnswerFinder, text: str) -> tuple[Span, ...]:
    """Where the answers lie; not where a text holds one that has no character to point at."""
    return tuple(span for span in finder(text) if span[0] < span[1])
