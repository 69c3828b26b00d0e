"""Which tasks examples can be made of, and with which other settings."""

from __future__ import annotations

from typing import Any

import pytest

from qa_bench.errors import UserError
from qa_bench.retriever.dense.settings import BiEncoderSettings


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tasks": "pairs"}, r"train\.tasks: a list of texts"),
        ({"tasks": []}, "retrieval, pairs, classes once at most, got"),
        ({"tasks": ["pairs", "pairs"]}, "retrieval, pairs, classes once at most"),
        ({"tasks": ["pairs", "class"]}, r"train\.tasks: "),
        ({"tasks": ["classes"], "negatives": 0}, "classes have negatives of their own"),
        ({"tasks": ["classes"], "choose": {"from": "gold"}}, "classes have negatives of their own"),
        ({"tasks": ["pairs"], "objective": "kl"}, r"train\.tasks: null for train\.objective=kl"),
    ],
)
def test_refusals(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        BiEncoderSettings(**{"objective": "piccolo2", **options})


def test_what_may_be() -> None:
    assert BiEncoderSettings(objective="contrastive", tasks=["retrieval", "classes"]).tasks
    assert BiEncoderSettings(objective="piccolo2").tasks is None
