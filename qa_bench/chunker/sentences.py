"""Windows of whole sentences: 6 with a stride of 3, 8 with a stride of 4 (Tamber et al. 2023)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from qa_bench.chunker.article_by_article import ArticleByArticle
from qa_bench.formats.sentence_split import one_line, sentence_spans
from qa_bench.settings import whole_number
from qa_bench.types import Article


class Sentences(ArticleByArticle):
    """Windows of ``sentences`` sentences, a new one every ``stride``, over the whole article.

    The last is the first that reaches the article's end, and may be shorter (Tamber et al. 2023,
    "Pre-Processing Matters!", section 3.1).
    """

    costly = True

    def __init__(
        self,
        sentences: int = 6,
        stride: int | None = None,
        skip_titles: Sequence[str] = (),
    ) -> None:
        """Check the settings.

        Args:
            sentences: sentences a passage.
            stride: sentences from one passage's start to the next; ``sentences`` when not given.
            skip_titles: regular expressions; an article whose title one of them finds is left out.

        Raises:
            UserError: a setting is out of range or a pattern does not compile.
        """
        super().__init__(skip_titles)
        self._sentences = whole_number("chunker.sentences", sentences)
        stride = sentences if stride is None else stride
        self._stride = whole_number("chunker.stride", stride, 1, sentences)

    def texts(self, article: Article) -> Iterator[str]:
        """Each window's sentences on one line."""
        spans = sentence_spans(article.text)
        for first in range(0, len(spans), self._stride):
            window = spans[first : first + self._sentences]
            yield one_line(article.text[window[0][0] : window[-1][1]])
            if first + self._sentences >= len(spans):
                return
