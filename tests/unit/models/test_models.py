"""How it is told that a model cannot be loaded."""

from __future__ import annotations

import pytest

from qa_bench.errors import UserError
from qa_bench.models.checkpoint import one_line
from qa_bench.models.source import Source

REFUSED = "The repository contains custom code.\nPlease pass the argument trust_remote_code=True"


@pytest.mark.parametrize(
    ("group", "remedy"),
    [
        ("retriever", "read it on the hub, then set retriever.trust_remote_code=true"),
        ("reranker", "read it on the hub, then set reranker.trust_remote_code=true"),
        (None, "that is not done here, choose another model"),
    ],
)
def test_code_of_a_model_is_refused_by_the_groups_setting(group: str | None, remedy: str) -> None:
    with pytest.raises(UserError) as told, one_line(Source("a/b"), group):
        raise ValueError(REFUSED)
    assert str(told.value) == f"model a/b runs code of its own: {remedy}"


def test_other_errors_are_told_by_their_kind() -> None:
    with pytest.raises(UserError) as told, one_line(Source("a/b"), "retriever"):
        raise OSError("no\n  such\nfile")
    assert str(told.value) == "model a/b: OSError: no such file"
