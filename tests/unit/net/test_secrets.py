"""Secrets are taken out whole, before anything is cut."""

from __future__ import annotations

import json

import pytest

from qa_bench.lm.openai_server import OpenAIServer, _Asking
from qa_bench.net.secrets import redacted, redacted_addresses

KEYS = ["SECRETKEY123", "sk/a+b=", "a\\b", 'it\'s"so"']


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("before", [0, 150, 190, 199, 3980, 3995, 4000, 70_000])
@pytest.mark.parametrize("shape", ["raw", "message", "object", "broken"])
def test_no_part_of_a_key_is_shown(
    key: str, before: int, shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CK", key)
    asking = _Asking(OpenAIServer("http://127.0.0.1:1/v1", "m", key_from="CK"), [])
    # The padding is kept by what makes one line of it, or it is white space, which is not.
    for padding in ("x" * before, " " * before):
        text = f"{padding}{key}"
        answers = {
            "raw": text,
            "message": json.dumps({"error": {"message": text}}),
            "object": json.dumps({"error": {"code": text}}),
            "broken": json.dumps({"error": text})[:-1],
        }
        shown = asking._said(answers[shape].encode())
        pieces = {key[:size] for size in range(4, len(key) + 1)}
        assert not [piece for piece in pieces if piece in shown], shown
        assert len(shown) <= 202


def test_addresses_without_logins_and_queries() -> None:
    told = "403 for url: https://me:s3cret@host/x?X-Sig=s3cret&a=b (see 'http://h/y?t=s3cret')"
    assert redacted_addresses(told) == "403 for url: https://host/x?… (see 'http://h/y?…')"


def test_nothing_is_taken_out_where_there_is_no_secret() -> None:
    assert redacted("as it is", [None, ""]) == "as it is"
