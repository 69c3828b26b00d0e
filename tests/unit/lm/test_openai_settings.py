"""What a server's settings may be, and what is never repeated of them."""

from __future__ import annotations

import time
from email.utils import formatdate
from threading import Event
from typing import Any

import pytest

from qa_bench.errors import UserError
from qa_bench.lm.openai_server import OpenAIServer
from qa_bench.net.connection import Address, Connection, retry_after
from qa_bench.types import Runtime

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


@pytest.mark.parametrize("key", ["", "two words", "line\nbreak", "ключ"])
def test_a_key_that_cannot_be_one(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_KEY", key)
    with pytest.raises(UserError, match="THE_KEY") as caught:
        OpenAIServer(**GOOD, key_from="THE_KEY").generate(["x"], Runtime(progress=False))
    assert not key or key not in str(caught.value)
    assert caught.value.__cause__ is None


def test_retry_after() -> None:
    assert retry_after({"Retry-After": " 7 "}) == 7
    assert retry_after({"Retry-After": "0.5"}) == 0.5
    soon = retry_after({"Retry-After": formatdate(time.time() + 30, usegmt=True)})
    assert soon == pytest.approx(30, abs=2)
    assert retry_after({"Retry-After": formatdate(0, usegmt=True)}) == 0
    for bad in ({}, {"Retry-After": ""}, {"Retry-After": "soon"}, {"Retry-After": "-3"}):
        assert retry_after(bad) is None


def test_proxies_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://proxy.example.org:3128")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    address = Address("http://host.example.org:81/v1/")
    assert address.proxy is not None
    assert address.proxy.hostname == "proxy.example.org"
    assert Connection(address, 1, Event())._target("/x") == "http://host.example.org:81/v1/x"
    direct = Address("http://127.0.0.1:81/v1")
    assert direct.proxy is None
    assert Connection(direct, 1, Event())._target("/x") == "/v1/x"
