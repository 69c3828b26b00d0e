"""Pieces that do not belong together, or that end too early."""

from __future__ import annotations

import socket
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from servers import CONTENT, Server, etag, whole

from qa_bench.fetch.download import download
from qa_bench.net.patience import Patience

SIZE = len(CONTENT)


@pytest.mark.parametrize(
    "now",
    [
        {"ETag": '"another"', "Content_Range": f"bytes 5000-{SIZE - 1}/{SIZE}"},
        {"ETag": 'W/"another"', "Content_Range": f"bytes 5000-{SIZE - 1}/*"},
        {"Last_Modified": formatdate(1e9), "Content_Range": f"bytes 5000-{SIZE - 1}/{SIZE}"},
        {"Content_Range": f"bytes 5000-{SIZE - 1}/{SIZE + 7}"},
    ],
)
def test_a_piece_of_another_version_is_not_put_to_the_old(
    server: Server, tmp_path: Path, quick: Patience, now: dict[str, str]
) -> None:
    """The server ignores If-Range."""

    def piece(handler: Any, content: bytes) -> None:
        length = str(SIZE - 5000)
        headers = {name.replace("_", "-"): value for name, value in now.items()}
        handler.start(206, {"Content-Length": length, **headers})
        handler.wfile.write(b"x" * (SIZE - 5000))

    first = whole(5000, Last_Modified=formatdate(0))
    server.acts["/file.csv"] = [first, piece, whole()]
    assert download([server.url()], tmp_path / "file.csv", None, quick).read_bytes() == CONTENT
    assert server.ranges() == [None, "bytes=5000-", None]


@pytest.mark.parametrize("length", [str(SIZE - 5000), None])
def test_a_short_piece_is_asked_for_again(
    server: Server, tmp_path: Path, quick: Patience, length: str | None
) -> None:
    """Its end is known by its length or its range, where the whole size is not said."""

    def piece(handler: Any, content: bytes) -> None:
        headers = {"Content-Range": f"bytes 5000-{SIZE - 1}/*", "Content-Length": length}
        handler.start(206, {"ETag": etag(content), **headers})
        handler.wfile.write(content[5000:5500])
        handler.connection.shutdown(socket.SHUT_RDWR)

    server.acts["/file.csv"] = [whole(5000), piece, whole()]
    assert download([server.url()], tmp_path / "file.csv", None, quick).read_bytes() == CONTENT
    assert server.ranges() == [None, "bytes=5000-", "bytes=5500-"]


@pytest.mark.parametrize("note", ["[]", "3", '{"url": 1}', "{", "\ud800", "[" * 100_000])
def test_a_damaged_note_begins_anew(
    server: Server, tmp_path: Path, quick: Patience, note: str
) -> None:
    (tmp_path / "file.csv.part").write_bytes(b"x" * 5000)
    (tmp_path / "file.csv.part.json").write_bytes(note.encode("utf-8", "surrogatepass"))
    assert download([server.url()], tmp_path / "file.csv", None, quick).read_bytes() == CONTENT
    assert server.ranges() == [None]
