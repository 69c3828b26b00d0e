"""The file of sources is whole and fits the configuration."""

from __future__ import annotations

import logging
import tarfile
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from servers import CONTENT, SHA256, Server

from qa_bench.errors import UserError
from qa_bench.fetch import sources
from qa_bench.fetch.convert import CONVERTERS
from qa_bench.fetch.sources import CATALOGUE, get, hub_entry, names, requirement, source, table
from qa_bench.paths import CONF

TOLD = yaml.safe_load(CATALOGUE.read_text(encoding="utf-8"))
NAMES = [name for name in names() if "{" not in name]


def test_names() -> None:
    assert set(NAMES) >= {
        "psgs_w100", "nq_open-test", "squad-official-dev", "triviaqa-unfiltered", "enwiki-20181220",
        *(f"{name}-{split}" for name in ("nq", "trivia", "webq", "curatedtrec", "squad")
          for split in ("train", "dev", "test")),
    }  # fmt: skip
    with pytest.raises(UserError, match=r"no source 'nope': use one of nq-train, .*enwiki-"):
        source("nope")
    for name in ("enwiki-{date}", "enwiki-2018", "enwiki-2018122x"):
        with pytest.raises(UserError, match="no source"):
            source(name)


@pytest.mark.parametrize("name", [*NAMES, "enwiki-20260901"])
def test_every_entry_is_whole(name: str) -> None:
    entry = source(name)
    assert entry.licence
    assert len(entry.citation) > 20
    path = PurePosixPath(entry.file)
    assert not path.is_absolute()
    assert ".." not in path.parts
    assert len(path.parts) == 2
    assert "{" not in entry.file
    known = entry.expected.size is not None and entry.expected.checks()
    assert known or len(entry.why) > 20
    if entry.made_of is None:
        assert entry.urls
        for url in entry.urls:
            assert urlsplit(url).scheme in ("https", "http")
            assert "{" not in url
        assert entry.urls[0].startswith("https://")
        assert not entry.convert
    else:
        assert entry.convert in CONVERTERS
        assert entry.split in ("train", "dev") or entry.convert == "squad_articles"
        assert entry.upstream.urls
        assert PurePosixPath(entry.upstream.file).parent == path.parent
    if entry.unpack:
        assert path.name.partition(".")[0] != path.name


def test_no_field_is_misspelt() -> None:
    fields = {
        "file", "urls", "size", "sha256", "sha1", "md5", "why", "licence", "citation", "made_of",
        "convert", "split", "listing", "unpack", "about",
    }  # fmt: skip
    for name, entry in TOLD["files"].items():
        assert set(entry) <= fields, name
        for hash_, digits in (("sha256", 64), ("sha1", 40), ("md5", 32)):
            assert len(entry.get(hash_) or "0" * digits) == digits
    assert set(TOLD) == {"reasons", "files", "hub"}
    files = [entry["file"] for entry in TOLD["files"].values()]
    assert len(set(files)) == len(files)


@pytest.mark.parametrize("path", sorted((CONF / "dataset").glob("*.yaml")), ids=lambda p: p.stem)
def test_the_sets_name_entries_that_become_their_files(path: Path) -> None:
    for split, told in yaml.safe_load(path.read_text(encoding="utf-8")).get("splits", {}).items():
        if split == "sample":
            assert "source" not in told
            continue
        entry = source(told["source"])
        assert entry.file in (f"{path.stem}/{told['file']}", f"{path.stem}/{told['file']}.gz")
        if entry.made_of is not None:
            assert entry.split == split


def test_the_corpus_names_its_entry() -> None:
    told = yaml.safe_load((CONF / "corpus/psgs_w100.yaml").read_text(encoding="utf-8"))
    assert source(told["source"]).file == "psgs_w100/psgs_w100.tsv.gz"


def test_a_date_is_filled_in() -> None:
    entry = source("enwiki-20260901")
    assert entry.file == "wikipedia/enwiki-20260901"
    assert entry.urls[0] == "https://dumps.wikimedia.org/enwiki/20260901"
    assert entry.listing == "dumpstatus.json"


def test_sets_of_the_hub() -> None:
    for name in ("nq_open", "trivia_qa", "web_questions", "squad", "wikimedia/wikipedia"):
        assert hub_entry(name)["licence"]
    assert hub_entry("squad") == hub_entry("rajpurkar/squad")
    assert hub_entry("no/such") == {}


@pytest.fixture
def catalogue(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A catalogue whose addresses are the server's; entries may be added."""
    common = {"licence": "free", "citation": "nobody", "why": "a test"}
    told: dict[str, Any] = {
        "reasons": {},
        "hub": {},
        "files": {
            "plain": {"file": "set/file.csv", "urls": [server.url()], "sha256": SHA256, **common},
            "packed": {
                "file": "set/all.tar.gz", "urls": [server.url("/t")], "unpack": True, **common
            },
            "trec": {"file": "set/trec.tsv", "urls": [server.url("/trec")], **common},
            "dev": {
                "file": "set/dev.csv", "made_of": "trec", "convert": "curatedtrec",
                "split": "dev", **common,
            },
        },
    }  # fmt: skip
    monkeypatch.setattr(sources, "_catalogue", lambda: told)
    return told


def test_an_entry_becomes_a_file(
    catalogue: dict[str, Any], server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "qa_bench")
    target = tmp_path / "raw" / "set" / "file.csv"
    get(source("plain"), target)
    assert target.read_bytes() == CONTENT
    assert caplog.messages == [
        f"downloading {server.url()} (size unknown; free) to {target}",
        f"{server.url()} has {len(CONTENT) / 1000:.1f} kB",
    ]
    get(source("plain"), target)
    assert len(server.requests) == 1


def test_an_archive_is_unpacked_beside_itself(
    catalogue: dict[str, Any], server: Server, tmp_path: Path
) -> None:
    (tmp_path / "inner.txt").write_text("x")
    with tarfile.open(tmp_path / "made.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "inner.txt", "inner.txt")
    server.content["/t"] = (tmp_path / "made.tar.gz").read_bytes()
    target = tmp_path / "raw" / "all.tar.gz"
    get(source("packed"), target)
    assert (tmp_path / "raw/all/inner.txt").read_text() == "x"
    (tmp_path / "raw/all/inner.txt").unlink()
    (tmp_path / "raw/all").rmdir()  # as after a kill between the two
    get(source("packed"), target)
    assert (tmp_path / "raw/all/inner.txt").read_text() == "x"
    assert len(server.requests) == 1


def test_an_entry_is_made_of_another(
    catalogue: dict[str, Any], server: Server, tmp_path: Path
) -> None:
    rows = (f"{n}\tfactoid\tquestion {n}\ta+\n" for n in range(100))
    server.content["/trec"] = "".join(rows).encode()
    target = tmp_path / "raw" / "dev.csv"
    get(source("dev"), target)
    assert (tmp_path / "raw/trec.tsv").exists()
    lines = target.read_text().splitlines()
    assert 0 < len(lines) < 30
    assert all(line.endswith("\t['a+']") for line in lines)
    assert source("dev").address() == server.url("/trec")


def test_a_table(catalogue: dict[str, Any], server: Server, tmp_path: Path) -> None:
    there = tmp_path / "file.csv"
    there.touch()
    catalogue["files"]["plain"]["size"] = 4_690_000_000
    things = [
        requirement(source("plain"), there, "plain one"),
        requirement(source("dev"), tmp_path / "dev.csv", "dev"),
        requirement(source("dev"), tmp_path / "x.csv", "other", present=tmp_path / "other.jsonl"),
    ]
    assert table(things).splitlines() == [
        f"there    plain one  4.7 GB        free  {there}",
        f"missing  dev        size unknown  free  {tmp_path / 'dev.csv'} ← {server.url('/trec')}",
        f"there    other      size unknown  free  {tmp_path / 'other.jsonl'}",
    ]
