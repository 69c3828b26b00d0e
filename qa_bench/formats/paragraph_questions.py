"""Questions of a paragraph of an article: SQuAD's JSON, or rows that tell paragraphs by number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from qa_bench.errors import DataError, UserError
from qa_bench.formats.lines import parse_json, read_json_lines, read_whole, text_field
from qa_bench.formats.squad_articles import article_title


@dataclass(frozen=True, eq=False)
class Article:
    """An article: one object for all its questions.

    Attributes:
        title: as people write it.
        paragraphs: their texts.
    """

    title: str
    paragraphs: list[str]

    def near(self, place: int) -> list[int]:
        """The places of the other paragraphs that are not empty, the nearest first."""
        order = sorted(range(len(self.paragraphs)), key=lambda at: (abs(at - place), at))
        return [at for at in order if at != place and self.paragraphs[at].strip()]


class ParagraphQuestion(NamedTuple):
    """A question, and the paragraph that it is asked of.

    Attributes:
        text: of the question.
        answers: their texts.
        starts: where in the paragraph each begins, as the file says; None where it does not.
        article: that of the paragraph.
        place: of the paragraph in the article.
    """

    text: str
    answers: list[str]
    starts: list[int | None]
    article: Article
    place: int


def read_squad(path: Path) -> Iterator[ParagraphQuestion]:
    """The questions of a file of SQuAD (v1.1), in its order.

    Raises:
        DataError: it is no such file.
    """
    whole = parse_json(read_whole(path), path)
    try:
        for entry in whole["data"]:
            texts = [paragraph["context"] for paragraph in entry["paragraphs"]]
            article = Article(article_title(entry["title"]), texts)
            for place, paragraph in enumerate(entry["paragraphs"]):
                for qa in paragraph["qas"]:
                    answers = [answer["text"] for answer in qa["answers"]]
                    "".join((qa["question"], texts[place], *answers))  # raises where one is no text
                    starts = [answer.get("answer_start") for answer in qa["answers"]]
                    whole_starts = [one if isinstance(one, int) else None for one in starts]
                    yield ParagraphQuestion(qa["question"], answers, whole_starts, article, place)
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"neither SQuAD's JSON nor a list of DPR's ({type(error).__name__}: {error})", path
        ) from None


class NumberedParagraphs:
    """The articles that the paragraph numbers of a file's rows mean."""

    def __init__(self, path: Path, articles: Path | None) -> None:
        """Read the articles.

        Args:
            path: the file of the rows.
            articles: JSON Lines with ``title`` and ``text``, paragraphs parted by empty lines.

        Raises:
            UserError: no file of articles is named.
            DataError: it is no such file.
        """
        if articles is None:
            raise UserError(
                f"{path} tells paragraphs by their numbers: set train.articles=<JSON Lines of the "
                "articles, paragraphs parted by empty lines>"
            )
        self._path, self._file = path, articles
        self._articles: dict[str, Article] = {}
        for number, row in read_json_lines(articles):
            title = text_field(row, "title", articles, number)
            texts = text_field(row, "text", articles, number).split("\n\n")
            self._articles.setdefault(title, Article(title, texts))

    def question(self, row: Mapping[str, Any], number: int) -> ParagraphQuestion:
        """The question of a row: ``question``, ``answers``, ``article`` and ``paragraph``.

        Args:
            row: of the file.
            number: of its line.

        Raises:
            DataError: a field is missing or of another kind, or there is no such paragraph.
        """
        text = text_field(dict(row), "question", self._path, number)
        title = article_title(text_field(dict(row), "article", self._path, number))
        answers, place = row.get("answers"), row.get("paragraph")
        if not isinstance(answers, list) or not all(isinstance(one, str) for one in answers):
            raise DataError("field 'answers' must be a list of texts", self._path, number)
        if not isinstance(place, int) or isinstance(place, bool) or place < 0:
            raise DataError("field 'paragraph' must be a whole number >= 0", self._path, number)
        article = self._articles.get(title)
        if article is None or place >= len(article.paragraphs):
            missing = f"{self._file} has no paragraph {place} of '{title}'"
            raise DataError(missing, self._path, number)
        return ParagraphQuestion(text, answers, [None] * len(answers), article, place)
