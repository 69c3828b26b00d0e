"""Pieces of so many characters, cut at the largest separator there is: RAG's usual splitter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from qa_bench.chunker.article_by_article import ArticleByArticle
from qa_bench.errors import UserError
from qa_bench.formats.sentence_split import Span
from qa_bench.settings import strings, whole_number
from qa_bench.types import Article


class Recursive(ArticleByArticle):
    """Cuts at the first separator; what is still too long at the second, and so on.

    Neighbouring pieces are put together while they have at most ``characters``; a passage takes
    over up to ``overlap`` characters of whole pieces from the one before. It is the rule of
    LangChain's ``RecursiveCharacterTextSplitter``, but for the separator, which stays at the end of
    its piece, where a full stop belongs.
    """

    def __init__(
        self,
        characters: int = 1000,
        overlap: int = 200,
        separators: Sequence[str] = ("\n\n", "\n", ". ", " ", ""),
        skip_titles: Sequence[str] = (),
    ) -> None:
        """Check the settings.

        Args:
            characters: the most a passage has.
            overlap: the most characters that a passage begins with and the one before ends with.
            separators: where to cut, the first first; the last may be "", between any two
                characters. Without it, what has no separator stays whole, however long.
            skip_titles: regular expressions; an article whose title one of them finds is left out.

        Raises:
            UserError: a setting is out of range or a pattern does not compile.
        """
        super().__init__(skip_titles)
        self._most = whole_number("chunker.characters", characters)
        self._overlap = whole_number("chunker.overlap", overlap, 0, characters - 1)
        self._separators = strings("chunker.separators", separators)
        if not separators or "" in self._separators[:-1]:
            raise UserError('chunker.separators: one text or more, "" only at the end')

    def texts(self, article: Article) -> Iterator[str]:
        """Each piece, without white space around it."""
        for start, end in self._cut(article.text, (0, len(article.text)), 0):
            if text := article.text[start:end].strip():
                yield text

    def _cut(self, text: str, span: Span, level: int) -> Iterator[Span]:
        """The passages of a span, cut at separators from ``level`` on."""
        if level == len(self._separators):
            yield span
            return
        if not self._separators[level]:
            yield from self._anywhere(span)
            return
        small: list[Span] = []
        for piece in self._pieces(text, span, self._separators[level]):
            if piece[1] - piece[0] <= self._most:
                small.append(piece)
            else:
                yield from self._together(small)
                small = []
                yield from self._cut(text, piece, level + 1)
        yield from self._together(small)

    def _anywhere(self, span: Span) -> Iterator[Span]:
        """Passages of full length, whatever they cut through."""
        start, end = span
        while start + self._most < end:
            yield start, start + self._most
            start += self._most - self._overlap
        yield start, end

    def _pieces(self, text: str, span: Span, separator: str) -> Iterator[Span]:
        """A span cut behind every separator."""
        start, end = span
        while (place := text.find(separator, start, end)) >= 0:
            yield start, place + len(separator)
            start = place + len(separator)
        if start < end:
            yield start, end

    def _together(self, pieces: Sequence[Span]) -> Iterator[Span]:
        """Neighbouring pieces, put together while they fit."""
        first = 0
        for at, (_, end) in enumerate(pieces):
            start = pieces[first][0]
            if end - start > self._most:
                yield start, pieces[at - 1][1]
                before = pieces[at - 1][1]
                while first < at and (
                    before - pieces[first][0] > self._overlap or end - pieces[first][0] > self._most
                ):
                    first += 1
        if pieces:
            yield pieces[first][0], pieces[-1][1]
