"""Paragraphs as DrQA has them: an article's lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from qa_bench.chunker.article_by_article import ArticleByArticle
from qa_bench.settings import whole_number
from qa_bench.types import Article


class Paragraphs(ArticleByArticle):
    r"""Cuts at "\n"; short paragraphs may be put together, with a space between them.

    The rule is that of DrQA's ``_split_doc`` (Chen et al. 2017; drqa/pipeline/drqa.py).
    """

    def __init__(
        self,
        group: int = 0,
        skip_titles: Sequence[str] = (),
    ) -> None:
        """Check the settings.

        Args:
            group: paragraphs are put together as long as they have no more characters than this,
                the spaces between them not counted; 0 leaves each by itself.
            skip_titles: regular expressions; an article whose title one of them finds is left out.

        Raises:
            UserError: a setting is out of range or a pattern does not compile.
        """
        super().__init__(skip_titles)
        self._group = whole_number("chunker.group", group, 0)

    def texts(self, article: Article) -> Iterator[str]:
        """Each paragraph, or group of them."""
        group: list[str] = []
        length = 0
        for line in article.text.split("\n"):
            if not (paragraph := line.strip()):
                continue
            if group and length + len(paragraph) > self._group:
                yield " ".join(group)
                group, length = [], 0
            group.append(paragraph)
            length += len(paragraph)
        if group:
            yield " ".join(group)
