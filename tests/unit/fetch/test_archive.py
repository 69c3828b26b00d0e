"""Archives that are what they should be, and those that are not."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from qa_bench.errors import DataError
from qa_bench.fetch.archive import unpack

FILES = {"a.txt": b"a", "inner/deep/b.txt": b"b" * 1000, "./c.txt": b""}


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tarred(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


MAKERS = {".zip": zipped, ".tar.gz": tarred}
every_kind = pytest.mark.parametrize("suffix", MAKERS)


def nothing_left(folder: Path, archive: Path) -> None:
    assert [path for path in folder.rglob("*") if path != archive] == []


@every_kind
def test_unpacks(tmp_path: Path, suffix: str) -> None:
    archive = MAKERS[suffix](tmp_path / f"x{suffix}", FILES)
    folder = unpack(archive, tmp_path / "x")
    found = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.txt")}
    assert found == {name.removeprefix("./"): content for name, content in FILES.items()}
    assert sorted(tmp_path.iterdir()) == [folder, archive]
    (folder / "mine").touch()
    assert unpack(archive, folder) == folder  # there already: not touched
    assert (folder / "mine").exists()


@every_kind
@pytest.mark.parametrize(
    "name", ["../out.txt", "/out.txt", "a/../../out.txt", "..\\out.txt", "C:\\out.txt"]
)
def test_no_way_out(tmp_path: Path, suffix: str, name: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    archive = MAKERS[suffix](home / f"x{suffix}", {"good.txt": b"x", name: b"x"})
    with pytest.raises(DataError, match="leads out of the folder"):
        unpack(archive, home / "x")
    nothing_left(home, archive)
    assert not (tmp_path / "out.txt").exists()


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE]
)
def test_no_links_and_devices_in_tar(tmp_path: Path, kind: bytes) -> None:
    archive = tmp_path / "x.tar"
    with tarfile.open(archive, "w") as tar:
        entry = tarfile.TarInfo("link")
        entry.type, entry.linkname = kind, "/etc/passwd"
        tar.addfile(entry)
    with pytest.raises(DataError, match="'link' is a link or a device"):
        unpack(archive, tmp_path / "x")
    nothing_left(tmp_path, archive)


def test_no_links_in_zip(tmp_path: Path) -> None:
    archive = tmp_path / "x.zip"
    with zipfile.ZipFile(archive, "w") as made:
        entry = zipfile.ZipInfo("link")
        entry.external_attr = 0o120777 << 16
        made.writestr(entry, "/etc/passwd")
    with pytest.raises(DataError, match="'link' is a link or a device"):
        unpack(archive, tmp_path / "x")
    nothing_left(tmp_path, archive)


@every_kind
def test_no_bombs(tmp_path: Path, suffix: str) -> None:
    archive = MAKERS[suffix](
        tmp_path / f"x{suffix}", {"a": bytes(3_000_000), "b": bytes(3_000_000)}
    )
    assert archive.stat().st_size < 20_000
    with pytest.raises(DataError, match=r"unpacks to more than 0\.005 GB"):
        unpack(archive, tmp_path / "x", largest=5_000_000)
    with pytest.raises(DataError, match="holds more than 1 files"):
        unpack(archive, tmp_path / "x", most=1)
    nothing_left(tmp_path, archive)
    assert unpack(archive, tmp_path / "x", largest=6_000_000, most=2).is_dir()


@every_kind
def test_a_name_that_comes_twice(tmp_path: Path, suffix: str) -> None:
    archive = MAKERS[suffix](tmp_path / f"x{suffix}", {"a": b"1", "./a": b"2"})
    with pytest.raises(DataError, match="'a' is there twice"):
        unpack(archive, tmp_path / "x")
    nothing_left(tmp_path, archive)


@every_kind
def test_a_damaged_archive(tmp_path: Path, suffix: str) -> None:
    noise = bytes(range(256)) * 400
    archive = MAKERS[suffix](tmp_path / f"x{suffix}", {"a": noise, "b": noise[::-1]})
    whole = archive.read_bytes()
    for damaged in (whole[:-300], whole[:40] + bytes(200) + whole[240:], b"not an archive"):
        archive.write_bytes(damaged)
        with pytest.raises(DataError, match=r"corrupt|neither zip nor tar"):
            unpack(archive, tmp_path / "x")
        nothing_left(tmp_path, archive)
