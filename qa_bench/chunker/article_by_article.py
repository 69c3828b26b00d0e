"""What chunkers share that look at one article at a time: titles left out, a list an article."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import regex

from qa_bench.errors import UserError
from qa_bench.parts import Part
from qa_bench.settings import strings
from qa_bench.types import Article, Passage


class ArticleByArticle(Part):
    """Leaves articles out by their title; how the others are cut is its subclass' ``texts``."""

    def __init__(self, skip_titles: Sequence[str] = ()) -> None:
        """Compile the patterns.

        Args:
            skip_titles: regular expressions; an article whose title one of them finds is left out.

        Raises:
            UserError: a pattern does not compile.
        """
        patterns = strings("chunker.skip_titles", skip_titles)
        try:
            self._skip = [regex.compile(pattern) for pattern in patterns]
        except regex.error as error:
            raise UserError(f"chunker.skip_titles: {error}") from None

    def chunk(self, articles: Iterable[Article]) -> Iterator[list[Passage]]:
        """The passages of each article, an empty list for an article that yields none."""
        for article in articles:
            if self.skipped(article):
                yield []
            else:
                yield [Passage("", article.title, text) for text in self.texts(article)]

    def skipped(self, article: Article) -> bool:
        """Whether the article is left out."""
        return any(pattern.search(article.title) for pattern in self._skip)

    def texts(self, article: Article) -> Iterable[str]:
        """The texts of the article's passages, none of them blank."""
        raise NotImplementedError
