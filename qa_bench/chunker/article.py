"""No cutting at all: an article is a passage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from qa_bench.chunker.article_by_article import ArticleByArticle
from qa_bench.types import Article


class Whole(ArticleByArticle):
    """One passage an article, its line breaks kept."""

    def __init__(self, skip_titles: Sequence[str] = ()) -> None:
        """Check the settings.

        Args:
            skip_titles: regular expressions; an article whose title one of them finds is left out.

        Raises:
            UserError: a pattern does not compile.
        """
        super().__init__(skip_titles)

    def texts(self, article: Article) -> Iterator[str]:
        """The text, unless it is blank."""
        if text := article.text.strip():
            yield text
