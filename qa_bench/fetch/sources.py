"""The entries of ``sources.yaml``, and how each becomes a file."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from qa_bench.engine.files import locked
from qa_bench.errors import UserError
from qa_bench.fetch.archive import unpack
from qa_bench.fetch.convert import CONVERTERS
from qa_bench.fetch.download import Expected, download
from qa_bench.fetch.dump import get_dump
from qa_bench.net.address import shown
from qa_bench.net.consent import consent
from qa_bench.net.patience import Patience
from qa_bench.net.policy import offline
from qa_bench.net.web import told_size

log = logging.getLogger(__name__)

CATALOGUE = Path(__file__).with_name("sources.yaml")

_DATE = r"\d{8}"


@dataclass(frozen=True)
class OfficialFile:
    """One entry: see the head of ``sources.yaml`` for its fields."""

    name: str
    file: str
    licence: str
    citation: str
    why: str = ""
    urls: tuple[str, ...] = ()
    expected: Expected = field(default_factory=Expected)
    about: int | None = None
    made_of: str | None = None
    convert: str = ""
    split: str = ""
    listing: str | None = None
    unpack: bool = False

    @property
    def upstream(self) -> OfficialFile:
        """The entry that is downloaded: this one, or what it is made of."""
        return self if self.made_of is None else source(self.made_of)

    @property
    def size(self) -> int | None:
        """Bytes of what is downloaded, exactly or about; None where nobody knows."""
        upstream = self.upstream
        return upstream.about if upstream.expected.size is None else upstream.expected.size

    def address(self) -> str:
        """The first URL, as it may be shown."""
        return shown(self.upstream.urls[0])


@dataclass(frozen=True)
class Requirement:
    """Something that a part reads and that can be got.

    Attributes:
        what: for people, as "nq test".
        address: where it comes from.
        target: the file or folder that it becomes.
        present: where it lies already, if it does.
        size: bytes, if known.
        licence: for people.
        get: makes ``target``.
        check: looks whether what was got is what it should be.
    """

    what: str
    address: str
    target: Path
    present: Path | None
    size: int | None
    licence: str
    get: Callable[[], object]
    check: Callable[[], object] | None = None


@cache
def _catalogue() -> dict[str, Any]:
    import yaml

    catalogue: dict[str, Any] = yaml.safe_load(CATALOGUE.read_text(encoding="utf-8"))
    return catalogue


def names() -> list[str]:
    """The names of all entries."""
    return list(_catalogue()["files"])


def source(name: str) -> OfficialFile:
    """The entry of this name; ``enwiki-20260901`` fills in the date of ``enwiki-{date}``.

    Raises:
        UserError: there is none.
    """
    files = _catalogue()["files"]
    date = ""
    if (entry := files.get(name)) is None:
        for pattern, row in files.items():
            match = re.fullmatch(re.escape(pattern).replace(r"\{date\}", f"({_DATE})"), name)
            if match and match.groups():
                entry, date = row, match[1]
    if entry is None or "{" in name:
        raise UserError(f"no source '{name}': use one of {', '.join(files)}")
    fields = {**entry, "urls": tuple(url.replace("{date}", date) for url in entry.get("urls", ()))}
    hashes = {hash_: fields.pop(hash_, None) for hash_ in ("size", "sha256", "sha1", "md5")}
    fields["file"] = fields["file"].replace("{date}", date)
    fields["why"] = _catalogue()["reasons"].get(entry.get("why"), entry.get("why", ""))
    return OfficialFile(name=name, expected=Expected(**hashes), **fields)


def hub_entry(name: str) -> Mapping[str, Any]:
    """What ``sources.yaml`` says of a set on the hub; nothing where it does not know it."""
    for pattern, entry in _catalogue()["hub"].items():
        if name == pattern or name in entry["also"]:
            return dict(entry)
    return {}


def requirement(
    entry: OfficialFile,
    target: Path,
    what: str,
    present: Path | None = None,
    check: Callable[[], object] | None = None,
) -> Requirement:
    """An entry as something to get."""
    if present is None and target.exists():
        present = target
    return Requirement(
        what=what,
        address=entry.address(),
        target=target,
        present=present,
        size=entry.size,
        licence=entry.licence,
        get=lambda: get(entry, target),
        check=check,
    )


def get(entry: OfficialFile, target: Path, patience: Patience | None = None) -> Path:
    """Make ``target``, by what its entry says; nothing is done if it is there.

    Raises:
        UserError: downloads are forbidden, or it cannot be got.
        DataError: what came is not what it should be.
    """
    if entry.made_of is not None:
        return _made(entry, target, patience)
    if entry.listing is not None:
        return get_dump(entry.urls, entry.listing, target, patience)
    if not target.exists():
        consent(entry.address(), entry.size)
        size = told_size(entry.size)
        log.info("downloading %s (%s; %s) to %s", entry.address(), size, entry.licence, target)
        download(entry.urls, target, entry.expected, patience)
    if entry.unpack:
        folder = target.with_name(target.name.partition(".")[0])
        with locked(folder, "getting"):
            unpack(target, folder)
    return target


def _made(entry: OfficialFile, target: Path, patience: Patience | None) -> Path:
    """Convert what is downloaded beside it."""
    if target.exists():
        return target
    upstream = entry.upstream
    raw = get(upstream, target.with_name(PurePosixPath(upstream.file).name), patience)
    with locked(target, "getting"):
        if not target.exists():
            what = CONVERTERS[entry.convert](raw, target, entry.split, entry.name)
            log.info("%s: %s made of %s", target, what, raw)
    return target


def get_or_explain(thing: Requirement, missing: str) -> None:
    """Get it on first use; where downloads are forbidden, say what is missing instead.

    Raises:
        MissingError: downloads are forbidden.
        UserError: it cannot be got; the message goes on with what is missing.
    """
    if offline():
        raise MissingError(missing)
    try:
        thing.get()
    except UserError as error:
        raise UserError(f"{missing}; {error}") from error


class MissingError(UserError):
    """Something is not there, and nothing may be downloaded."""


def table(things: Iterable[Requirement]) -> str:
    """What there is and what is missing: state, what, size, licence, file and address."""
    rows = [
        (
            "there" if thing.present else "missing",
            thing.what,
            told_size(thing.size),
            thing.licence,
            str(thing.present) if thing.present else f"{thing.target} ← {thing.address}",
        )
        for thing in things
    ]
    widths = [max((len(row[n]) for row in rows), default=0) for n in range(4)]
    return "\n".join(
        "  ".join([*(f"{cell:{wide}}" for cell, wide in zip(row, widths, strict=False)), row[4]])
        for row in rows
    )


def list_missing(things: Iterable[Requirement]) -> None:
    """Print all that is missing of what a dataset and a corpus read, at once."""
    missing = [thing for thing in things if thing.present is None]
    if missing:
        print(table(missing), file=sys.stderr)
