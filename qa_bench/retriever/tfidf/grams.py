"""Counts of hashed n-grams, as DrQA makes them of a text.

Tokens are those of DrQA's ``SimpleTokenizer`` on NFD text, lower-cased. N-grams of 1 to n tokens
that hold neither stop words nor punctuation are joined by spaces and hashed by 32-bit MurmurHash3.
Source: drqa/retriever/utils.py and scripts/retriever/build_tfidf.py (Chen et al. 2017); Appleby's
MurmurHash3_x86_32 with seed 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import regex

from qa_bench.retriever.tfidf.stop_words import STOP_WORDS
from qa_bench.runtime.compiled import compiled
from qa_bench.text import dpr_tokens, nfd

_PUNCTUATION = regex.compile(r"\p{P}+")


class Counts(NamedTuple):
    """How often each bucket is met in each of some texts.

    Attributes:
        pointers: where each text's buckets start, and the end; int64 (texts + 1,).
        buckets: of each text, ascending, each once; int64 (n,).
        counts: how many n-grams fell into it, int64 (n,).
    """

    pointers: np.ndarray
    buckets: np.ndarray
    counts: np.ndarray


@dataclass(frozen=True)
class Grams:
    """Counts the n-grams of texts.

    Attributes:
        longest: the most tokens of an n-gram.
        buckets: into how many they are hashed, at most 2**31.
    """

    longest: int
    buckets: int

    def __call__(self, texts: Sequence[str]) -> Counts:
        """The counts of every text."""
        tokens: list[str] = []
        ends = [0]
        for text in texts:
            tokens += dpr_tokens(nfd(text))
            ends.append(len(tokens))
        encoded = pa.array(tokens, pa.string()).dictionary_encode()
        words = encoded.dictionary
        if not len(words):
            empty = np.zeros(0, dtype=np.int64)
            return Counts(np.zeros(len(ends), dtype=np.int64), empty, empty)
        _, places, spelling = words.buffers()
        passed = np.array([left_out(word) for word in words.to_pylist()])
        pointers, buckets, counts = _counted(
            np.array(ends, dtype=np.int64),
            encoded.indices.to_numpy(),
            np.frombuffer(spelling, dtype=np.uint8),
            np.frombuffer(places, dtype=np.int32)[: len(words) + 1],
            passed,
            self.longest,
            self.buckets,
        )
        return Counts(pointers, buckets, counts)


@lru_cache(maxsize=1 << 18)
def left_out(word: str) -> bool:
    """Whether a token is a stop word or nothing but punctuation: DrQA's ``filter_word``."""
    return word in STOP_WORDS or bool(_PUNCTUATION.fullmatch(word))


@compiled()
def _counted(
    ends: Any, tokens: Any, spelling: Any, places: Any, passed: Any, longest: int, buckets: int
) -> Any:
    """The counts of several texts' n-grams.

    Args:
        ends: where each text's tokens start, and the end; int64 (texts + 1,).
        tokens: numbers of words, int32.
        spelling: the words' UTF-8, one behind the other; uint8.
        places: where each word's starts, and the end; int32 (words + 1,).
        passed: whether a word is left out, bool (words,).
        longest: the most tokens of an n-gram.
        buckets: how many.
    """

    def murmur(text: Any, size: int) -> Any:
        """MurmurHash3_x86_32 of the first bytes, in 64-bit numbers cut to 32."""
        whole = np.uint64(0xFFFFFFFF)
        h = np.uint64(0)
        for start in range(0, size, 4):
            k = np.uint64(0)
            for byte in range(min(4, size - start)):
                k |= np.uint64(text[start + byte]) << np.uint64(8 * byte)
            k = (k * np.uint64(0xCC9E2D51)) & whole
            k = ((k << np.uint64(15)) | (k >> np.uint64(17))) & whole
            k = (k * np.uint64(0x1B873593)) & whole
            h ^= k
            if start + 4 <= size:
                h = ((h << np.uint64(13)) | (h >> np.uint64(19))) & whole
                h = (h * np.uint64(5) + np.uint64(0xE6546B64)) & whole
        h ^= np.uint64(size)
        h ^= h >> np.uint64(16)
        h = (h * np.uint64(0x85EBCA6B)) & whole
        h ^= h >> np.uint64(13)
        h = (h * np.uint64(0xC2B2AE35)) & whole
        h ^= h >> np.uint64(16)
        return np.int64(h)

    widest = 0
    for word in range(len(places) - 1):
        widest = max(widest, places[word + 1] - places[word])
    text = np.empty(longest * (widest + 1), dtype=np.uint8)
    hashed = np.empty(longest * len(tokens), dtype=np.int64)
    counts = np.empty(longest * len(tokens), dtype=np.int64)
    pointers = np.zeros(len(ends), dtype=np.int64)
    written = 0
    for number in range(len(ends) - 1):
        first = last = written
        for start in range(ends[number], ends[number + 1]):
            size = 0
            for place in range(start, min(start + longest, ends[number + 1])):
                word = tokens[place]
                if passed[word]:
                    break
                if size:
                    text[size] = 32  # a space
                    size += 1
                for at in range(places[word], places[word + 1]):
                    text[size] = spelling[at]
                    size += 1
                hashed[last] = murmur(text, size) % buckets
                last += 1
        hashed[first:last] = np.sort(hashed[first:last])
        for place in range(first, last):
            if written > first and hashed[written - 1] == hashed[place]:
                counts[written - 1] += 1
            else:
                hashed[written] = hashed[place]
                counts[written] = 1
                written += 1
        pointers[number + 1] = written
    return pointers, hashed[:written].copy(), counts[:written].copy()
