from __future__ import annotations

from typing import Any

import pytest

from qa_bench.errors import UserError
from qa_bench.protocols import Retriever
from qa_bench.retriever.bm25.part import Bm25


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"k1": -0.1}, "retriever.k1: a number >= 0, got '-0.1'"),
        ({"b": 1.01}, "retriever.b: a number from 0 to 1, got '1.01'"),
        ({"b": -0.01}, "from 0 to 1, got '-0.01'"),
        ({"k1": True}, "retriever.k1: a number >= 0, got 'true'"),
        ({"k1": "fast"}, "retriever.k1: a number >= 0, got 'fast'"),
        ({"keep_stopwords": "no"}, "retriever.keep_stopwords: true or false, got 'no'"),
        ({"stemmer": "Porter"}, "porter, krovetz or none, got 'Porter'"),
        ({"stemmer": None}, "porter, krovetz or none"),
    ],
)
def test_bad_settings(settings: dict[str, Any], message: str):
    with pytest.raises(UserError) as caught:
        Bm25(**settings)
    assert message in str(caught.value)


@pytest.mark.parametrize("settings", [{"k1": 0, "b": 0}, {"b": 1}, {"stemmer": "none"}])
def test_the_bounds_belong_to_the_range(settings: dict[str, Any]):
    Bm25(**settings)


def test_only_k1_and_b_leave_the_index_as_it_is():
    assert Bm25.search_only == {"k1", "b"}
    assert isinstance(Bm25(), Retriever)
