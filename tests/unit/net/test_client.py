"""What the HTTP client's pieces make of addresses, proxies, headers, statuses and failures."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate

import pytest
from servers import CONTENT, Server, status, whole

from qa_bench.net.address import Address, shown
from qa_bench.net.connection import Connection
from qa_bench.net.failures import (
    GiveUp,
    TryAgain,
    UnknownHost,
    may_pass,
    of_connecting,
    of_exchange,
)
from qa_bench.net.patience import Patience, retry_after
from qa_bench.net.web import ask

QUICK = Patience(connect_s=2, read_s=0.5)


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as serving:
        yield serving


def test_an_address_and_its_pieces() -> None:
    address = Address.of("https://me:p%40ss@host.example.org:81/a/b;c?d=e#f")
    assert address == Address("https", "host.example.org", 81, "/a/b;c?d=e", "me:p@ss")
    assert address.authorization == "Basic bWU6cEBzcw=="
    assert Address.of("http://[::1]").netloc == "[::1]"
    assert Address.of("http://host").path == "/"
    for bad in ("host:80/x", "ftp://host/x", "http:///x", "http://[x/y", "http://host:port/"):
        with pytest.raises(ValueError, match="not an http or https address") as caught:
            Address.of(bad)
        assert bad not in str(caught.value)


def test_what_may_be_shown() -> None:
    assert shown("https://me:secret@host/x?token=secret#secret") == "https://host/x?…"


def test_proxies_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://me:secret@proxy.example.org:3128")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    address = Address.of("http://host.example.org:81/v1/")
    assert address.proxy() == Address("http", "proxy.example.org", 3128, "/", "me:secret")
    assert Connection(address, 1).target("/v1/x") == "http://host.example.org:81/v1/x"
    direct = Address.of("http://127.0.0.1:81/v1")
    assert direct.proxy() is None
    assert Connection(direct, 1).target("/v1/x") == "/v1/x"
    monkeypatch.setenv("http_proxy", "socks5://proxy.example.org:1080")
    with pytest.raises(GiveUp, match="what http_proxy names is no http or https address"):
        Connection(address, 1).request("GET", "/", {}, 1)


def test_a_proxys_login_is_for_the_proxy(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", server.url("").replace("http://", "http://me:secret@"))
    with ask("http://files.invalid/file.csv", {}, QUICK) as answer:
        assert answer.total == len(CONTENT)
    [(path, headers)] = server.requests
    assert path == "http://files.invalid/file.csv"
    assert headers["Proxy-Authorization"] == "Basic bWU6c2VjcmV0"
    assert "Authorization" not in headers


def test_a_kept_connection_that_the_server_closed_is_opened_again() -> None:
    """A server answers, keeps the connection, and closes it before the next request is read."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            for _ in range(2):
                opened, _ = listening.accept()
                with opened:
                    opened.recv(4096)
                    opened.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        connection = Connection(Address.of(f"http://127.0.0.1:{listening.getsockname()[1]}"), 2)
        for _ in range(2):
            with connection.request("POST", "/x", {}, 2, b"{}") as response:
                assert response.whole(2) == b"ok"
            time.sleep(0.05)  # it is closed by now
        thread.join()
        listening.close()
        with pytest.raises(TryAgain, match=r"the connection broke|no connection"):
            connection.request("POST", "/x", {}, 2, b"{}")


def test_an_answer_without_end_is_not_waited_for(server: Server) -> None:
    server.acts["/file.csv"] = [whole(drip=0.02)]
    clock = time.monotonic()
    with (
        pytest.raises(TryAgain, match="nothing came in time"),
        Connection(Address.of(server.url()), 2).request("GET", "/file.csv", {}, 2) as response,
    ):
        response.whole(0.3)
    assert time.monotonic() - clock < 2


def test_redirects_are_relative_to_where_they_stand(server: Server) -> None:
    server.acts = {
        "/a/file.csv": [status(302, Location="../b/one%20two?x=1")],
        "/b/one%20two?x=1": [status(301, Location="three four")],
        "/b/three%20four": [whole()],
    }
    with ask(server.url("/a/file.csv"), {"Range": "bytes=7-"}, QUICK) as answer:
        assert (answer.status, answer.first) == (206, 7)
    assert server.ranges() == ["bytes=7-"] * 3


def test_retry_after() -> None:
    assert retry_after({"Retry-After": " 7 "}) == 7
    assert retry_after({"Retry-After": "0.5"}) == 0.5
    soon = retry_after({"Retry-After": formatdate(time.time() + 30, usegmt=True)})
    assert soon == pytest.approx(30, abs=2)
    assert retry_after({"Retry-After": formatdate(0, usegmt=True)}) == 0
    for bad in ({}, {"Retry-After": ""}, {"Retry-After": "soon"}, {"Retry-After": "-3"}):
        assert retry_after(bad) is None


def test_statuses_that_may_pass() -> None:
    passing = [code for code in range(100, 600) if may_pass(code)]
    assert passing[:4] == [408, 409, 425, 429]
    assert passing[4:] == [500, 502, 503, 504, *range(506, 600)]


CERTIFICATE = ssl.SSLCertVerificationError("certificate verify failed")
CERTIFICATE.verify_message = "self-signed certificate"


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (CERTIFICATE, GiveUp, "its certificate is not valid (self-signed certificate)"),
        (socket.gaierror(socket.EAI_NONAME, "x"), UnknownHost, "there is no such host, or no"),
        (socket.gaierror(socket.EAI_AGAIN, "later"), TryAgain, "no connection (later)"),
        (TimeoutError(), TryAgain, "no connection in time"),
        (ConnectionRefusedError(111, "refused"), TryAgain, "no connection (refused)"),
        (OSError("Tunnel connection failed: 407 Login"), GiveUp, "the proxy answers with status 4"),
        (OSError("Tunnel connection failed: 502 Bad"), TryAgain, "the proxy answers with status 5"),
    ],
)
def test_no_connection(error: OSError, kind: type[Exception], message: str) -> None:
    found = of_connecting(error)
    assert type(found) is kind
    assert str(found).startswith(message)


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (TimeoutError(), TryAgain, "no answer in 2.5 s"),
        (http.client.InvalidURL("secret"), GiveUp, "not a valid address"),
        (http.client.BadStatusLine("secret"), TryAgain, "the connection broke (BadStatusLine)"),
        (ConnectionResetError("secret"), TryAgain, "the connection broke (ConnectionResetError)"),
    ],
)
def test_no_answer(error: Exception, kind: type[Exception], message: str) -> None:
    found = of_exchange(error, 2.5)
    assert type(found) is kind
    assert str(found) == message
