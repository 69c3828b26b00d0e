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
from typing import NamedTuple

from qa_bench.errors import DataError
from qa_bench.formats.dpr_training import read_examples
from qa_bench.formats.lines import BOM, open_bytes, read_json_lines
from qa_bench.formats.paragraph_questions import NumberedParagraphs, ParagraphQuestion, read_squad
from qa_bench.formats.qa import suffix_of
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
        paragraphs = NumberedParagraphs(path, articles)
        for number, row in read_json_lines(path):
            yield _of_paragraph(paragraphs.question(row, number), negatives, literal=True)
    elif _begins_a_list(path):
        yield from _of_dpr(path, negatives)
    else:
        for question in read_squad(path):
            yield _of_paragraph(question, negatives, literal=False)


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


def _of_paragraph(one: ParagraphQuestion, negatives: int, literal: bool) -> Lesson | None:
    """A question of a paragraph, with one place of its answer.

    The first that lies where the file says it does; else the first that is found.

    Args:
        one: the question.
        negatives: how many other paragraphs without an answer it needs at most.
        literal: of what is found, one written as the first answer goes before.
    """
    if not one.answers:
        return None
    text, pairs = one.article.paragraphs[one.place], zip(one.answers, one.starts, strict=True)
    spans = tuple(
        (start, start + len(answer))
        for answer, start in pairs
        if answer and start is not None and text[start : start + len(answer)] == answer
    )
    finder = AnswerFinder(one.answers)
    if not spans:
        spans = _places(finder, text)
        alike = (span for span in spans if text[slice(*span)] == one.answers[0])
        spans = (tuple(alike) if literal else ()) or spans
    if not spans:
        return None
    texts = (one.article.paragraphs[at] for at in one.article.near(one.place))
    without = (Text(one.article.title, other) for other in texts if not finder.test(other))
    positive = Text(one.article.title, text)
    return Lesson(one.text, positive, spans[:1], tuple(islice(without, negatives)))


def _places(finder: AnswerFinder, text: str) -> tuple[Span, ...]:
    """Where the answers lie; not where a text holds one that has no character to point at."""
    return tuple(span for span in finder(text) if span[0] < span[1])
