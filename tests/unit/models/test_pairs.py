"""Rows of tokens are what the tokenizer makes of a pair, cut or split as it must be."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_bench.errors import UserError
from qa_bench.models.pairs import Frame, Framed, frame_of, tokenised

TEXT = st.text("abc xyz.?", min_size=1, max_size=90).filter(lambda text: text.strip() != "")


@pytest.fixture(scope="session")
def tokenizers(bert: str, xlmr: str, decoder: str) -> dict[str, Any]:
    from transformers import AutoTokenizer

    return {
        name: AutoTokenizer.from_pretrained(folder)
        for name, folder in (("bert", bert), ("xlmr", xlmr), ("decoder", decoder))
    }


def framed(tokenizer: Any, pairs: list[tuple[str, str]], limit: int | None, **more: Any) -> Framed:
    frame = frame_of(tokenizer)
    assert frame is not None
    heads, tails = (tokenised(tokenizer, side) for side in zip(*pairs, strict=True))
    every = np.arange(len(pairs))
    return Framed(frame, limit, heads, tails, every, every, **more)


@pytest.mark.parametrize("name", ["bert", "xlmr", "decoder"])
@pytest.mark.parametrize("limit", [None, 16, 33, 64])
@given(pairs=st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=4))
def test_rows_are_the_tokenizers(
    tokenizers: dict[str, Any], name: str, limit: int | None, pairs: list[tuple[str, str]]
) -> None:
    tokenizer = tokenizers[name]
    own = tokenizer.num_special_tokens_to_add(pair=True)
    if limit is not None:
        pairs = [
            (question, passage)
            for question, passage in pairs
            if len(tokenizer(question, add_special_tokens=False)["input_ids"]) < limit - own
        ]
    if not pairs:
        return
    rows = framed(tokenizer, pairs, limit)
    for place, pair in enumerate(pairs):
        wanted = tokenizer(*pair, truncation=limit is not None, max_length=limit)
        found = rows.features(np.array([place]))
        assert set(found) == set(wanted)
        assert rows.lengths[place] == len(wanted["input_ids"])
        for feature, values in wanted.items():
            assert found[feature][0].tolist() == values, feature


@given(
    passage=st.integers(1, 200), question=st.integers(1, 15), overlap=st.integers(0, 40),
    limit=st.integers(24, 64),
)  # fmt: skip
def test_pieces_hold_every_token(passage: int, question: int, overlap: int, limit: int) -> None:
    none = np.zeros((1, 1), np.int64)
    tokens = np.arange(100, 100 + passage)
    rows = Framed(
        Frame(("input_ids",), none, none, none),
        limit,
        [np.full(question, 7)],
        [tokens],
        np.array([0]),
        np.array([0]),
        overlap,
    )
    room = limit - 3 - question
    pieces = [
        rows.features(np.array([place]))["input_ids"][0][2 + question : -1].tolist()
        for place in range(len(rows.lengths))
    ]
    assert rows.owners.tolist() == [0] * len(pieces)
    assert set().union(*pieces) == set(tokens.tolist())
    assert all(1 <= len(piece) <= room for piece in pieces)
    shared = min(overlap, room // 4)
    for one, other in itertools.pairwise(pieces):
        assert len(one) == room
        assert one[len(one) - shared :] == other[:shared]
        assert other[-1] > one[-1]


def test_only_the_passage_is_cut_where_the_frame_says_so() -> None:
    none = np.zeros((1, 1), np.int64)
    frame = Frame(("input_ids",), none, none, none, cuts="only_second")
    one = np.array([0])
    rows = Framed(frame, 20, [np.full(12, 7)], [np.arange(1, 50)], one, one)
    wanted = [0, *[7] * 12, 0, 1, 2, 3, 4, 5, 0]
    assert rows.features(one)["input_ids"][0].tolist() == wanted


def test_a_model_may_be_told_where_the_passages_begin() -> None:
    none = np.zeros((1, 1), np.int64)
    frame = Frame(("input_ids",), none, none, none, cuts="only_second", heads="query_lengths")
    questions = [np.full(3, 7), np.full(5, 7)]
    places = np.arange(2)
    rows = Framed(frame, 20, questions, [np.arange(4), np.arange(2)], places, places)
    assert rows.features(places)["query_lengths"].tolist() == [5, 7]


@pytest.mark.parametrize("overlap", [None, 4])
def test_a_question_longer_than_the_model(tokenizers: dict[str, Any], overlap: int | None) -> None:
    with pytest.raises(UserError, match=r"a question of 40 tokens .* takes 32 tokens"):
        framed(tokenizers["bert"], [("a" * 40, "b")], 32, overlap=overlap)
