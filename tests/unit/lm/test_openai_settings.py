"""What a server's settings may be, and what is never repeated of them."""

from __future__ import annotations

from typing import Any

import pytest

from qa_bench.errors import UserError
from qa_bench.lm.openai_server import OpenAIServer
from qa_bench.types import Message, Runtime

GOOD = {"url": "http://127.0.0.1:1/v1", "model": "m"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": None}, r"lm\.model"),
        ({"api": "responses"}, r"lm\.api"),
        ({"api": "completions", "system": "x"}, r"lm\.system"),
        ({"concurrency": 0}, r"lm\.concurrency"),
        ({"tries": 0}, r"lm\.tries"),
        ({"max_tokens": 1.5}, r"lm\.max_tokens"),
        ({"timeout_s": 0}, r"lm\.timeout_s"),
        ({"requests_per_minute": -1}, r"lm\.requests_per_minute"),
        ({"temperature": -1}, r"lm\.temperature"),
        ({"temperature": True}, r"lm\.temperature: a number >= 0, got 'true'"),
        ({"seed": 0.5}, r"lm\.seed"),
        ({"top_p": "most"}, r"lm\.top_p"),
        ({"stop": "END"}, r"lm\.stop: a list of texts, got 'END'"),
        ({"backoff_s": -1}, r"lm\.backoff_s"),
        ({"tries": True}, r"lm\.tries: a whole number >= 1, got 'true'"),
        ({"url": "127.0.0.1:8000"}, r"lm\.url"),
        ({"url": "ftp://host/v1"}, r"lm\.url"),
        ({"url": "http:///v1"}, r"lm\.url"),
        ({"url": "http://host:port/v1"}, r"lm\.url"),
        ({"url": "http://ho st/v1"}, r"lm\.url"),
    ],
)
def test_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        OpenAIServer(**{**GOOD, **settings})


@pytest.mark.parametrize(
    "settings",
    [
        {"url": "https://me:secret@host/v1"},
        {"url": "https://secret@host/v1"},
        {"url": "https://host/v1?api-key=secret"},
        {"url": "https://host/v1#secret"},
        {"key_from": "sk-secret"},
    ],
)
def test_refused_without_repeating_a_secret(settings: dict[str, Any]) -> None:
    with pytest.raises(UserError) as caught:
        OpenAIServer(**{**GOOD, **settings})
    assert "secret" not in str(caught.value)


def test_a_dialogue_wants_a_chat() -> None:
    said = (Message("user", "who?"), Message("assistant", "what?"), Message("user", "well?"))
    with pytest.raises(
        UserError, match=r"a dialogue is asked, which wants a chat: set lm\.api=chat"
    ):
        OpenAIServer(**GOOD, api="completions").generate([said], Runtime(progress=False))


@pytest.mark.parametrize("key", ["", "two words", "line\nbreak", "ключ"])
def test_a_key_that_cannot_be_one(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_KEY", key)
    with pytest.raises(UserError, match="THE_KEY") as caught:
        OpenAIServer(**GOOD, key_from="THE_KEY").generate(["x"], Runtime(progress=False))
    assert not key or key not in str(caught.value)
    assert caught.value.__cause__ is None
