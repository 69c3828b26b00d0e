"""Windows of white-space separated words: DPR's 100, Multi-passage BERT's 100 with stride 50."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from qa_bench.chunker.article_by_article import ArticleByArticle
from qa_bench.settings import flag, one_of, whole_number
from qa_bench.types import Article


class Words(ArticleByArticle):
    """Cuts ``text.split()`` into windows of ``size`` words, starting every ``stride`` words.

    Sentence and paragraph ends are ignored, as in DPR (Karpukhin et al. 2020, section 4.1: "each
    article is split into multiple, disjoint text blocks of 100 words").
    """

    def __init__(
        self,
        size: int = 100,
        stride: int | None = None,
        tail: Literal["keep", "wrap", "drop"] = "keep",
        short: Literal["keep", "drop"] = "keep",
        title_line: bool = False,
        skip_titles: Sequence[str] = (),
    ) -> None:
        """Check the settings.

        Args:
            size: words a passage.
            stride: words from one passage's start to the next; ``size`` when not given (disjoint).
            tail: what becomes of a last window with fewer than ``size`` words: ``keep`` it short,
                ``wrap`` it round to the article's first words (as DPR's rows show), ``drop`` it.
            short: what becomes of an article of fewer than ``size`` words: ``keep`` it as one
                short passage, or ``drop`` it.
            title_line: put the title before an article's text unless it is its first line already
                (the extractor behind DPR's passages wrote it there).
            skip_titles: regular expressions; an article whose title one of them finds is left out.

        Raises:
            UserError: a setting is out of range or a pattern does not compile.
        """
        stride = size if stride is None else stride
        whole_number("chunker.size", size)
        whole_number("chunker.stride", stride, 1, size)
        one_of("chunker.tail", tail, ("keep", "wrap", "drop"))
        one_of("chunker.short", short, ("keep", "drop"))
        flag("chunker.title_line", title_line)
        super().__init__(skip_titles)
        self._size, self._stride, self._tail, self._short = size, stride, tail, short
        self._title_line = title_line

    def texts(self, article: Article) -> Iterator[str]:
        """Each window's words, joined by single spaces."""
        words = article.text.split()
        if self._title_line and article.text.partition("\n")[0].strip() != article.title:
            words = article.title.split() + words
        return map(" ".join, self.windows(words))

    def windows(self, words: list[str]) -> Iterator[list[str]]:
        """The windows of one article's words, in order; together they cover every word kept."""
        size, count = self._size, len(words)
        if count < size:
            if words and self._short == "keep":
                yield words
            return
        for start in range(0, count, self._stride):
            end = start + size
            if end <= count:
                yield words[start:end]
            elif self._tail == "keep":
                yield words[start:]
            elif self._tail == "wrap":
                yield words[start:] + words[: end - count]
            if end >= count:
                return
