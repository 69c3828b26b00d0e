"""Downloads from servers that break, stall, truncate, lie and change their minds."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from email.utils import formatdate
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servers import CONTENT, SHA256, Server, etag, status, whole

from qa_bench.errors import UserError
from qa_bench.fetch.download import Expected, download
from qa_bench.net.patience import Patience
from qa_bench.net.policy import no_downloads

SIZE = len(CONTENT)
KNOWN = Expected(SIZE, SHA256)


def left(folder: Path) -> list[str]:
    """What lies there beside locks."""
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def test_a_file(server: Server, tmp_path: Path, quick: Patience) -> None:
    target = tmp_path / "new" / "file.csv"
    assert download([server.url()], target, KNOWN, quick) == target
    assert target.read_bytes() == CONTENT
    assert left(target.parent) == ["file.csv"]
    path, headers = server.requests[0]
    assert (path, headers["Accept-Encoding"]) == ("/file.csv", "identity")
    assert headers["User-Agent"].startswith("qa-bench/")
    download([server.url()], target, KNOWN, quick)
    assert len(server.requests) == 1


def test_an_empty_file(server: Server, tmp_path: Path, quick: Patience) -> None:
    server.content["/file.csv"] = b""
    assert download([server.url()], tmp_path / "file.csv", None, quick).read_bytes() == b""


@pytest.mark.parametrize(
    "acts", [[whole(5000), whole(9000), whole()], [whole(5000, stall=1), whole()]]
)
def test_goes_on_where_it_broke_off(
    server: Server, tmp_path: Path, quick: Patience, acts: list[object]
) -> None:
    server.acts["/file.csv"] = list(acts)  # type: ignore[arg-type]
    clock = time.monotonic()
    assert download([server.url()], tmp_path / "file.csv", KNOWN, quick).read_bytes() == CONTENT
    assert time.monotonic() - clock < 2
    assert server.ranges() == [None, "bytes=5000-", "bytes=9000-"][: len(acts)]
    assert server.requests[1][1]["If-Range"] == etag(CONTENT)
    assert left(tmp_path) == ["file.csv"]


def test_goes_on_in_the_next_call(server: Server, tmp_path: Path, quick: Patience) -> None:
    server.acts["/file.csv"] = [whole(5000), status(404), whole()]
    with pytest.raises(UserError, match="status 404"):
        download([server.url()], tmp_path / "file.csv", KNOWN, quick)
    assert left(tmp_path) == ["file.csv.part", "file.csv.part.json"]
    assert download([server.url()], tmp_path / "file.csv", KNOWN, quick).read_bytes() == CONTENT
    assert server.ranges() == [None, "bytes=5000-", "bytes=5000-"]
    assert left(tmp_path) == ["file.csv"]


def test_a_file_that_changed_meanwhile_is_begun_anew(
    server: Server, tmp_path: Path, quick: Patience
) -> None:
    server.acts["/file.csv"] = [whole(5000), status(404), whole()]
    with pytest.raises(UserError):
        download([server.url()], tmp_path / "file.csv", None, quick)
    server.content["/file.csv"] = changed = CONTENT[::-1]
    assert download([server.url()], tmp_path / "file.csv", None, quick).read_bytes() == changed
    assert server.ranges()[-1] == "bytes=5000-"


@pytest.mark.parametrize(
    "again", [whole(ranges=False), whole(Content_Range="bytes 3-9/10"), status(206)]
)
def test_a_server_that_sends_another_piece(
    server: Server, tmp_path: Path, quick: Patience, again: object
) -> None:
    server.acts["/file.csv"] = [whole(5000), again, whole()]  # type: ignore[list-item]
    assert download([server.url()], tmp_path / "file.csv", None, quick).read_bytes() == CONTENT


def test_without_a_version_pieces_are_not_put_together(
    server: Server, tmp_path: Path, quick: Patience
) -> None:
    server.acts["/file.csv"] = [whole(5000, validator=False), whole(validator=False)]
    assert download([server.url()], tmp_path / "file.csv", KNOWN, quick).read_bytes() == CONTENT
    assert server.ranges() == [None, None]


def test_a_date_tells_versions_too(server: Server, tmp_path: Path, quick: Patience) -> None:
    date = formatdate(0, usegmt=True)
    server.acts["/file.csv"] = [whole(5000, validator=False, Last_Modified=date), whole()]
    download([server.url()], tmp_path / "file.csv", KNOWN, quick)
    assert server.requests[1][1]["If-Range"] == date


def test_a_server_that_always_breaks_off_is_given_up(
    server: Server, tmp_path: Path, quick: Patience
) -> None:
    server.acts["/file.csv"] = [whole(5000)]
    with pytest.raises(UserError, match=r"the connection ended at 5,000 of [\d,]+ bytes \(tried 3"):
        download([server.url()], tmp_path / "file.csv", KNOWN, quick)
    assert len(server.requests) == 3
    assert left(tmp_path) == ["file.csv.part", "file.csv.part.json"]


def test_a_stalled_server_is_noticed(server: Server, tmp_path: Path, quick: Patience) -> None:
    server.acts["/file.csv"] = [whole(0, stall=1)]
    with pytest.raises(UserError, match="nothing came in time"):
        download([server.url()], tmp_path / "file.csv", KNOWN, quick)


def test_a_trickle_counts_as_stalled(server: Server, tmp_path: Path, quick: Patience) -> None:
    server.acts["/file.csv"] = [whole(drip=0.02)]
    clock = time.monotonic()
    with pytest.raises(UserError, match=r"stalled: \d+ bytes"):
        download([server.url()], tmp_path / "file.csv", KNOWN, quick)
    assert time.monotonic() - clock < 4


@pytest.mark.parametrize(
    ("length", "expected", "message"),
    [
        (SIZE + 7, None, f"the connection ended at {SIZE:,} of {SIZE + 7:,} bytes"),
        (SIZE + 7, KNOWN, f"the server has {SIZE + 7:,} bytes where {SIZE:,} were expected"),
        (SIZE - 7, KNOWN, f"the server has {SIZE - 7:,} bytes where {SIZE:,} were expected"),
        (SIZE - 7, Expected(sha256=SHA256), "its sha256 is"),
    ],
)
def test_a_length_that_lies(
    server: Server,
    tmp_path: Path,
    quick: Patience,
    length: int,
    expected: Expected | None,
    message: str,
) -> None:
    server.acts["/file.csv"] = [whole(length=length, ranges=False)]
    with pytest.raises(UserError, match=message):
        download([server.url()], tmp_path / "file.csv", expected, quick)
    assert not (tmp_path / "file.csv").exists()


@pytest.mark.parametrize("known", [{"sha256": "0" * 64}, {"sha1": "0" * 40}, {"md5": "0" * 32}])
def test_a_wrong_hash(
    server: Server, tmp_path: Path, quick: Patience, known: dict[str, str]
) -> None:
    ((algorithm, digits),) = known.items()
    with pytest.raises(UserError, match=f"its {algorithm} is [0-9a-f]+, not {digits}"):
        download([server.url()], tmp_path / "file.csv", Expected(**known), quick)  # type: ignore[arg-type]
    assert left(tmp_path) == []
    assert len(server.requests) == 1


def test_a_spoilt_piece_is_thrown_away_once(
    server: Server, tmp_path: Path, quick: Patience, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "qa_bench")
    server.acts["/file.csv"] = [whole(5000), status(404), whole()]
    with pytest.raises(UserError):
        download([server.url()], tmp_path / "file.csv", KNOWN, quick)
    (tmp_path / "file.csv.part").write_bytes(b"x" * 5000)
    assert download([server.url()], tmp_path / "file.csv", KNOWN, quick).read_bytes() == CONTENT
    assert server.ranges()[2:] == ["bytes=5000-", None]
    assert any("downloading it anew" in message for message in caplog.messages)


def test_a_finished_piece_is_not_asked_for_again(
    server: Server, tmp_path: Path, quick: Patience
) -> None:
    """A kill between the last byte and the renaming."""
    for expected, ranges in ((KNOWN, [None, "bytes=5000-"]), (None, [f"bytes={SIZE}-"])):
        server.acts["/file.csv"] = [whole(5000), status(404), whole()]
        target = tmp_path / f"{expected is None}.csv"
        with pytest.raises(UserError):
            download([server.url()], target, expected, quick)
        target.with_name(f"{target.name}.part").write_bytes(CONTENT)
        before = len(server.requests)
        assert download([server.url()], target, expected, quick).read_bytes() == CONTENT
        assert server.ranges()[before:] == (ranges[2:] if expected else ranges)


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(
    server: Server, tmp_path: Path, quick: Patience, code: int
) -> None:
    server.acts["/file.csv"] = [status(code), status(code), whole()]
    assert download([server.url()], tmp_path / "file.csv", KNOWN, quick).read_bytes() == CONTENT
    assert len(server.requests) == 3


def test_but_not_for_ever(server: Server, tmp_path: Path, quick: Patience) -> None:
    server.acts["/file.csv"] = [status(503)]
    with pytest.raises(UserError, match=r"status 503 \(tried 3 times"):
        download([server.url()], tmp_path / "file.csv", KNOWN, quick)
    assert len(server.requests) == 3


@pytest.mark.parametrize("code", [400, 401, 403, 404, 410, 501])
def test_what_will_not_pass_is_told_at_once(
    server: Server, tmp_path: Path, quick: Patience, code: int
) -> None:
    server.acts["/file.csv"] = [status(code)]
    with pytest.raises(UserError, match=f"cannot download file.csv from http://.*: status {code}"):
        download([server.url()], tmp_path / "file.csv", KNOWN, quick)
    assert len(server.requests) == 1


def test_pauses(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Doubled with jitter, as asked by the server, and never longer than the longest."""
    slept: list[float] = []
    monkeypatch.setattr("qa_bench.fetch.download.time.sleep", slept.append)
    soon = formatdate(time.time() + 30, usegmt=True)
    server.acts["/file.csv"] = [
        *[status(503)] * 3,
        status(503, Retry_After="7"),
        status(429, Retry_After=soon),
        status(503, Retry_After="9999"),
        status(503, Retry_After="soon"),
        whole(),
    ]
    patience = Patience(tries=9, backoff_s=1, longest_s=100)
    download([server.url()], tmp_path / "file.csv", KNOWN, patience)
    doubled, asked = slept[:3], slept[3:]
    assert all(base / 2 <= pause <= base for pause, base in zip(doubled, (1, 2, 4), strict=True))
    assert asked[0] == 7
    assert 27 < asked[1] <= 31
    assert asked[2] == 100
    assert 32 <= asked[3] <= 64


def test_mirrors_in_order(server: Server, tmp_path: Path, quick: Patience) -> None:
    server.acts = {"/a": [status(404)], "/b": [whole()], "/c": [whole()]}
    server.content["/b"] = CONTENT[:-1] + b"x"
    target = tmp_path / "file.csv"
    urls = [server.url(path) for path in ("/a", "/b", "/c", "/d")]
    assert download(urls, target, KNOWN, quick).read_bytes() == CONTENT
    assert server.paths == ["/a", "/b", "/c"]
    target.unlink()
    with pytest.raises(UserError, match=r"/a: status 404.*; from .*/b: its sha256 is"):
        download(urls[:2], target, KNOWN, quick)


def test_no_server_at_all(tmp_path: Path, quick: Patience) -> None:
    with Server() as gone:
        url = gone.url()
    with pytest.raises(UserError, match=r"no connection \(Connection refused\) \(tried 3 times"):
        download([url], tmp_path / "file.csv", None, quick)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x", "http:///x", "http://[x/y"]
)
def test_only_http(tmp_path: Path, quick: Patience, url: str) -> None:
    with pytest.raises(UserError, match="not an http or https address"):
        download([url], tmp_path / "file.csv", None, quick)
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    "place", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x", "/loop", "gopher://x/"]
)
def test_redirects_that_are_refused(
    server: Server, tmp_path: Path, quick: Patience, place: str
) -> None:
    server.acts = {
        "/file.csv": [status(302, Location=place)],
        "/loop": [status(302, Location="/file.csv")],
    }
    with pytest.raises(UserError, match="redirects in a loop, or to something that is not http"):
        download([server.url()], tmp_path / "file.csv", None, quick)
    assert len(server.requests) < 25


def test_a_redirect_keeps_the_range(server: Server, tmp_path: Path, quick: Patience) -> None:
    server.acts = {
        "/file.csv": [status(307, Location="/there")],
        "/there": [whole(5000), whole()],
    }
    assert download([server.url()], tmp_path / "file.csv", KNOWN, quick).read_bytes() == CONTENT
    assert server.ranges() == [None, None, "bytes=5000-", "bytes=5000-"]


def test_secrets_are_sent_and_never_told(
    server: Server, tmp_path: Path, quick: Patience, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = server.url("/file.csv?token=s3cret").replace("http://", "http://me:s3cret@")
    server.acts["/file.csv?token=s3cret"] = [whole(5000), status(302, Location="/there")]
    server.acts["/there"] = [status(404)]
    with pytest.raises(UserError) as caught:
        download([secret], tmp_path / "file.csv", None, quick)
    assert server.requests[0][1]["Authorization"] == "Basic bWU6czNjcmV0"
    assert "Authorization" not in server.requests[2][1]
    notes = (tmp_path / "file.csv.part.json").read_text()
    told = " ".join([str(caught.value), notes, *caplog.messages])
    assert "s3cret" not in told
    assert "/file.csv?…" in str(caught.value)


def test_a_disk_that_is_too_small(
    server: Server, tmp_path: Path, quick: Patience, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=SIZE - 1))
    with pytest.raises(UserError, match=r"no space on the disk for file\.csv: .* kB needed in"):
        download([server.url()], tmp_path / "file.csv", None, quick)
    assert len(server.requests) == 1
    assert left(tmp_path) == []


def test_two_at_once_download_once(server: Server, tmp_path: Path, quick: Patience) -> None:
    server.acts["/file.csv"] = [whole(5000, stall=0.1), whole()]
    target = tmp_path / "file.csv"
    threads = [
        threading.Thread(target=download, args=([server.url()], target, KNOWN, quick))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert target.read_bytes() == CONTENT
    assert len(server.requests) == 2


def test_proxies_of_the_environment(
    server: Server, tmp_path: Path, quick: Patience, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.url(""))
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    url = "http://files.invalid/file.csv"
    assert download([url], tmp_path / "file.csv", KNOWN, quick).read_bytes() == CONTENT
    assert server.paths == [url]


def test_a_packed_answer_is_refused(server: Server, tmp_path: Path, quick: Patience) -> None:
    server.acts["/file.csv"] = [whole(Content_Encoding="gzip")]
    with pytest.raises(UserError, match=r"sends it packed \(gzip\)"):
        download([server.url()], tmp_path / "file.csv", None, quick)
    download([server.url()], tmp_path / "file.csv.gz", KNOWN, quick)  # it is what it says


def test_offline_asks_nobody(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "file.csv"
    with no_downloads(), pytest.raises(UserError, match=r"offline: .*file\.csv is missing"):
        download([server.url()], target)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UserError, match="offline: "):
        download([server.url()], target)
    assert server.requests == []
    target.touch()
    assert download([server.url()], target) == target


@given(cuts=st.lists(st.integers(0, SIZE), max_size=5), ranges=st.booleans())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_wherever_it_breaks_the_file_is_whole(
    server: Server, tmp_path: Path, cuts: list[int], ranges: bool
) -> None:
    server.acts["/file.csv"] = [*(whole(cut, ranges=ranges) for cut in cuts), whole()]
    patience = Patience(read_s=2, tries=len(cuts) + 1, progress_bytes=1, backoff_s=0.001)
    target = tmp_path / "file.csv"
    target.unlink(missing_ok=True)
    assert download([server.url()], target, None, patience).read_bytes() == CONTENT
