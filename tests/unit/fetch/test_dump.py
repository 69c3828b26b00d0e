"""A Wikimedia dump: the list first, then the pieces it names."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from servers import Server, status, whole

from qa_bench.errors import DataError, UserError
from qa_bench.fetch.dump import get_dump
from qa_bench.net.patience import Patience

PIECES = {f"enwiki-x-pages-articles{n}.xml-p{n}p{n}.bz2": b"piece %d" % n * 99 for n in (1, 2, 3)}


def listing(status_: str = "done", **changes: Any) -> bytes:
    files = {
        name: {
            "size": len(content),
            "url": f"/enwiki/x/{name}",
            "sha1": hashlib.sha1(content).hexdigest(),
            "md5": hashlib.md5(content).hexdigest(),
        }
        for name, content in PIECES.items()
    }
    job = {"status": status_, "updated": "…", "files": files | changes}
    return json.dumps({"version": "0.8", "jobs": {"articlesdump": job}}).encode()


@pytest.fixture
def dump(server: Server) -> Server:
    server.content = {f"/a/{name}": content for name, content in PIECES.items()}
    server.content["/a/dumpstatus.json"] = listing()
    return server


def get(server: Server, folder: Path, quick: Patience, *bases: str) -> Path:
    urls = [server.url(base) for base in bases or ("/a",)]
    return get_dump(urls, "dumpstatus.json", folder, quick)


def test_all_pieces_and_nothing_else(dump: Server, tmp_path: Path, quick: Patience) -> None:
    folder = get(dump, tmp_path / "enwiki-x", quick)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == PIECES
    assert [path for path in tmp_path.iterdir() if path.suffix != ".lock"] == [folder]
    assert len(dump.requests) == 4
    get(dump, folder, quick)
    assert len(dump.requests) == 4


def test_goes_on_with_the_piece_that_failed(dump: Server, tmp_path: Path, quick: Patience) -> None:
    third = f"/a/{list(PIECES)[2]}"
    dump.acts[third] = [status(404), whole()]
    folder = tmp_path / "enwiki-x"
    with pytest.raises(UserError, match="status 404"):
        get(dump, folder, quick)
    assert not folder.exists()
    before = len(dump.requests)
    assert len(list(get(dump, folder, quick).iterdir())) == 3
    assert dump.paths[before:] == [third]


def test_a_mirror_of_the_dump(dump: Server, tmp_path: Path, quick: Patience) -> None:
    for name, content in list(dump.content.items()):
        dump.content[name.replace("/a/", "/b/")] = content
    first = next(iter(PIECES))
    dump.content[f"/a/{first}"] = b"spoilt"
    folder = get(dump, tmp_path / "enwiki-x", quick, "/a", "/b")
    assert (folder / first).read_bytes() == PIECES[first]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (listing("in-progress"), "the dump is not finished; take an earlier date"),
        (b"<html>", "no list of a dump"),
        (b"{}", "no list of a dump"),
        (b'{"jobs": {"articlesdump": {"status": "done", "files": {}}}}', "lists no piece"),
        (listing(**{"../x": {"size": 1, "sha1": "", "md5": ""}}), r"names a piece '\.\./x'"),
        (listing(x={"size": "big", "sha1": "", "md5": ""}), "no list of a dump"),
        (listing(x={"size": float("inf"), "sha1": "", "md5": ""}), "no list of a dump"),
        (listing(x={"size": "9" * 5000, "sha1": "", "md5": ""}), "no list of a dump"),
        (listing(x={"size": -1, "sha1": "", "md5": ""}), "a size below 0"),
        (b"[" * 100_000, "no list of a dump"),
    ],
)
def test_a_list_that_is_none(
    dump: Server, tmp_path: Path, quick: Patience, content: bytes, message: str
) -> None:
    dump.content["/a/dumpstatus.json"] = content
    with pytest.raises((UserError, DataError), match=message):
        get(dump, tmp_path / "enwiki-x", quick)
    dump.content["/a/dumpstatus.json"] = listing()
    assert get(dump, tmp_path / "enwiki-x", quick).is_dir()
