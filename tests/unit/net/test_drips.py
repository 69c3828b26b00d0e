"""Answers that never end are not waited for, whatever it is that drips."""

from __future__ import annotations

import time

import pytest
from raw_server import DRIPS, RawServer

from qa_bench.errors import UserError
from qa_bench.fetch.download import download
from qa_bench.lm.openai_server import OpenAIServer
from qa_bench.net.address import Address
from qa_bench.net.connection import Connection
from qa_bench.net.failures import TryAgain
from qa_bench.net.patience import Patience
from qa_bench.types import Runtime


@pytest.fixture(autouse=True)
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HUB_OFFLINE", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("drip", list(DRIPS))
def test_a_language_models_answer_has_one_deadline(drip: str) -> None:
    with RawServer(DRIPS[drip], 0.01) as server:
        model = OpenAIServer(server.url("/v1"), "m", timeout_s=0.15, tries=1)
        begin = time.monotonic()
        with pytest.raises(UserError, match=r"no answer in 0.15 s|nothing came in time"):
            model.generate(["x"], Runtime(progress=False))
        assert time.monotonic() - begin < 5


@pytest.mark.parametrize("drip", list(DRIPS))
def test_a_downloads_head_has_a_deadline_and_its_body_a_lowest_rate(drip: str, tmp_path) -> None:
    patience = Patience(connect_s=1, read_s=0.15, slowest_bytes_s=10_000, tries=1)
    with RawServer(DRIPS[drip], 0.01) as server:
        begin = time.monotonic()
        with pytest.raises(UserError, match=r"no answer in|nothing came in time|stalled: ") as told:
            download([server.url()], tmp_path / "file.csv", None, patience)
        assert time.monotonic() - begin < 5
        assert "\n" not in str(told.value)
    assert not (tmp_path / "file.csv").exists()


def test_continue_at_full_speed_ends_too() -> None:
    class Endless:
        def __iter__(self):
            while True:
                yield b"HTTP/1.1 100 C\r\n\r\n" * 100

    with RawServer(Endless()) as server:
        connection = Connection(Address.of(server.url()), 1)
        with pytest.raises(TryAgain, match=r"no answer in 0\.1 s"):
            connection.request("GET", "/", {}, 0.1)


def test_a_proxy_that_drips_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with RawServer(DRIPS["header"], 0.01) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url(""))
        connection = Connection(Address.of("https://files.invalid/x"), 1)
        begin = time.monotonic()
        with pytest.raises(TryAgain, match="no connection in time"):
            connection.request("GET", "/", {}, 0.15)
        assert time.monotonic() - begin < 5
        while not proxy.requests and time.monotonic() - begin < 5:
            time.sleep(0.01)  # on a machine under load the server comes late
        assert proxy.requests[0].startswith(b"CONNECT files.invalid:443")
