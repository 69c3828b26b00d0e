"""Headers that nobody should send are one line, or as if they were not there."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from raw_server import RawServer

from qa_bench.errors import UserError
from qa_bench.fetch.download import download
from qa_bench.net.failures import in_one_line
from qa_bench.net.patience import Patience, retry_after

LONG = "9" * 5000
QUICK = Patience(connect_s=1, read_s=0.3, tries=1, backoff_s=0.001, longest_s=0.001)


@pytest.fixture(autouse=True)
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HUB_OFFLINE", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def got(tmp_path: Path, status: str, *headers: str, body: bytes = b"12345") -> bytes | str:
    """What is downloaded, or the error's line."""
    head = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", *headers))
    with RawServer([head.encode("latin-1", "replace") + b"\r\n" + body]) as server:
        try:
            return download([server.url()], tmp_path / "file.csv", None, QUICK).read_bytes()
        except UserError as error:
            line = str(error)
    assert line.splitlines() == [line]
    return line


@pytest.mark.parametrize("length", ["²", LONG, "-1", "+5", "٥", "1e3", "0x5", "5, 5", ""])
def test_a_length_that_is_none_is_no_length(tmp_path: Path, length: str) -> None:
    assert got(tmp_path, "200 OK", f"Content-Length: {length}") == b"12345"


@pytest.mark.parametrize(
    "piece",
    ["bytes ²-4/5", f"bytes 0-{LONG}/*", f"bytes 0-4/{LONG}", "bytes 0-4", "", "pages 0-4/5",
     "bytes 0-4/5"],
)  # fmt: skip
@pytest.mark.parametrize("status", ["206 Partial", "416 No"])
def test_a_piece_nobody_asked_for(tmp_path: Path, status: str, piece: str) -> None:
    line = got(tmp_path, status, f"Content-Range: {piece}")
    assert isinstance(line, str)
    assert "was not asked for" in line or "has changed on the server" in line


@pytest.mark.parametrize(
    "value",
    ["²", LONG, "٣", "1e999", "-5", "Sun, 06 Nov 99999 08:49:37 GMT", "Sun, 99 Xyz 1994 99:99:99",
     "Sun, 06 Nov 9999 08:49:37 GMT"],
)  # fmt: skip
def test_odd_times_to_wait(tmp_path: Path, value: str) -> None:
    line = got(tmp_path, "503 Busy", f"Retry-After: {value}")
    assert isinstance(line, str)
    assert "status 503 (tried 1 times" in line
    seconds = retry_after({"Retry-After": value})
    assert seconds is None or seconds >= 0


@given(st.text(st.sampled_from([*string.printable, "²", "\xa0", "\x85"])))
def test_whatever_stands_in_retry_after(value: str) -> None:
    seconds = retry_after({"Retry-After": value})
    assert seconds is None or seconds >= 0


@pytest.mark.parametrize(
    "place",
    ["http://[::1", "http://[::1]:x/", "//[", "http://a..b/", "http://" + "a" * 70_000, "http://\xe9/",
     "http://host:99999/", "http://host:²/", "\x00", "http://%/"],
)  # fmt: skip
def test_odd_places(tmp_path: Path, place: str) -> None:
    line = got(tmp_path, "302 Found", f"Location: {place}")
    assert isinstance(line, str)
    assert line.startswith("cannot download file.csv from ")


def test_the_servers_words_are_shown_without_what_moves_the_cursor(tmp_path: Path) -> None:
    line = got(tmp_path, f"404 \x1b[2J{'no ' * 5000}")
    assert isinstance(line, str)
    assert "\x1b" not in line
    assert len(line) < 400
    assert in_one_line("a\x1b[31m\r\n b\x00c") == "a [31m b c"


def test_a_status_that_is_none(tmp_path: Path) -> None:
    for status in ("²00 OK", LONG, "abc", ""):
        assert "the connection broke" in got(tmp_path, status)


HEADS = [
    b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: "a"\r\n\r\n12345',
    b"HTTP/1.1 206 P\r\nContent-Range: bytes 0-4/5\r\nContent-Length: 5\r\n\r\n12345",
    b"HTTP/1.1 302 F\r\nLocation: http://127.0.0.1:1/x\r\n\r\n",
    b"HTTP/1.1 503 B\r\nRetry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n",
]
MUTATED = st.tuples(
    st.sampled_from(HEADS), st.integers(0, 80), st.integers(0, 8), st.binary(max_size=12)
).map(lambda made: made[0][: made[1]] + made[3] + made[0][made[1] + made[2] :])


@given(MUTATED)
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_a_server_sends(tmp_path: Path, answer: bytes) -> None:
    """A file, or one line."""
    patience = Patience(connect_s=0.2, read_s=0.1, tries=1)
    for path in tmp_path.iterdir():
        path.unlink()
    with RawServer([answer]) as server:
        try:
            download([server.url()], tmp_path / "file.csv", None, patience)
        except UserError as error:
            line = str(error)
            assert line.splitlines() == [line]
