"""One file over HTTP: resumed, retried, checked, and there whole or not at all.

What has come so far lies in ``<name>.part``, and in ``<name>.part.json`` which version of the file
it is part of. The next try asks for the rest *of that version* (Range with If-Range); a server
that sends the whole file instead is taken at its word.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from qa_bench.engine.files import locked, settle, write_whole
from qa_bench.errors import UserError
from qa_bench.net.address import shown
from qa_bench.net.consent import consent
from qa_bench.net.failures import GiveUp, TryAgain
from qa_bench.net.patience import Patience
from qa_bench.net.policy import offline
from qa_bench.net.web import Answer, ask, told_size

log = logging.getLogger(__name__)

_BLOCK = 1 << 20


@dataclass(frozen=True)
class Expected:
    """What is known of a file beforehand.

    Attributes:
        size: bytes.
        sha256: hex digits.
        sha1: hex digits.
        md5: hex digits.
    """

    size: int | None = None
    sha256: str | None = None
    sha1: str | None = None
    md5: str | None = None

    def checks(self) -> list[tuple[str, str]]:
        """(algorithm, hex digits) of the hashes that are known."""
        hashes = [("sha256", self.sha256), ("sha1", self.sha1), ("md5", self.md5)]
        return [(name, digits.lower()) for name, digits in hashes if digits]


def download(
    urls: Sequence[str],
    target: Path,
    expected: Expected | None = None,
    patience: Patience | None = None,
    progress: bool = True,
) -> Path:
    """Get ``target`` from the first of ``urls`` that has it; nothing is done if it is there.

    Raises:
        UserError: downloads are forbidden, no URL gives the file, its size or hash is not the
            expected one, or the disk is too small.
    """
    if target.exists():
        return target
    if offline():
        raise UserError(f"offline: {target} is missing; it comes from {shown(urls[0])}")
    expected, patience = expected or Expected(), patience or Patience()
    with locked(target, "getting"):
        if target.exists():
            return target
        failures = []
        for url in urls:
            try:
                return _from(url, target, expected, patience, progress)
            except GiveUp as error:
                failures.append(f"{shown(url)}: {error}")
                if len(urls) > len(failures):
                    log.warning("%s; trying the next mirror", failures[-1])
        raise UserError(f"cannot download {target.name} from {'; from '.join(failures)}")


def _from(url: str, target: Path, expected: Expected, patience: Patience, progress: bool) -> Path:
    """Try one URL until it gives the file, or shows that it will not.

    Raises:
        GiveUp: it will not.
    """
    part = _Part(target, url)
    tries = 0
    started_anew = False
    while True:
        before, resumed = part.size(), part.size() > 0
        try:
            _receive(part, expected, patience, progress)
            difference = _wrong(part.path, expected)
            if not difference:
                part.finish(target)
                return target
            part.discard()
            if not resumed or started_anew:
                raise GiveUp(difference)
            started_anew = True  # what was put together of pieces may be right in one
            log.info("%s: %s; downloading it anew", target.name, difference)
        except TryAgain as error:
            tries = 1 if part.size() - before >= patience.progress_bytes else tries + 1
            if tries >= patience.tries:
                raise GiveUp(f"{error} (tried {tries} times; what came is kept)") from None
            pause = patience.pause(tries, error.after)
            log.info("%s: %s; again in %.0f s", target.name, error, pause)
            time.sleep(pause)


def _wrong(path: Path, expected: Expected) -> str:
    """What is not as expected of a finished file; nothing if all is."""
    size = path.stat().st_size
    if expected.size is not None and size != expected.size:
        return f"{size:,} bytes came where {expected.size:,} were expected"
    for algorithm, expectation in expected.checks():
        with path.open("rb") as file:
            actual = hashlib.file_digest(file, algorithm).hexdigest()
        if actual != expectation:
            return f"its {algorithm} is {actual}, not {expectation}"
    return ""


class _Part:
    """The unfinished file, and a note of the version it belongs to."""

    def __init__(self, target: Path, url: str) -> None:
        self.path = target.with_name(f"{target.name}.part")
        self._note = target.with_name(f"{target.name}.part.json")
        self.url = url
        if self.validator() is None:
            self.discard()

    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def validator(self) -> str | None:
        """The ETag or date of the version so far, as this URL gave it; None if there is none."""
        validator = self._version().get("validator")
        return None if validator is None else str(validator)

    def _version(self) -> dict[str, Any]:
        """What the note says of the version so far; nothing where there is none of this URL."""
        with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
            note = json.loads(self._note.read_text(encoding="utf-8"))
            if note["url"] == _digest(self.url) and self.path.exists():
                return dict(note)
        return {}

    def differs(self, answer: Answer) -> bool:
        """Whether an answer is of another version, whatever of it was asked for.

        Servers, and what stands between, ignore If-Range.
        """
        version = self._version()
        now = {"etag": answer.etag, "modified": answer.modified, "total": answer.total}
        return any(
            value is not None and version.get(name) not in (None, value)
            for name, value in now.items()
        )

    def begin(self, answer: Answer) -> None:
        """Start anew with this version; without a validator it could not be told from others."""
        self.discard()
        if answer.validator is not None:
            note = {
                "url": _digest(self.url),
                "validator": answer.validator,
                "etag": answer.etag,
                "modified": answer.modified,
                "total": answer.total,
            }
            write_whole(self._note, json.dumps(note))

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def finish(self, target: Path) -> None:
        settle(self.path, target)
        self._note.unlink(missing_ok=True)


def _digest(url: str) -> str:
    """The URL may hold a secret: the note holds its hash."""
    return hashlib.sha256(url.encode()).hexdigest()


def _receive(part: _Part, expected: Expected, patience: Patience, progress: bool) -> None:
    """One request: append to the part, or begin it anew, as the server answers.

    Raises:
        TryAgain: it may work another time.
        GiveUp: it will not.
        UserError: the disk is too small.
    """
    have, validator = part.size(), part.validator()
    if have and have == expected.size:
        return
    headers = {}
    if have and validator:
        headers = {"Range": f"bytes={have}-", "If-Range": validator}
    with ask(part.url, headers, patience) as answer:
        if answer.status in (206, 416) and part.differs(answer):
            part.discard()
            raise TryAgain("the file has changed on the server")
        if answer.status == 416:  # the part is the whole, or not of this file
            if answer.total != have:
                part.discard()
                raise TryAgain("the file has changed on the server")
            return
        if answer.status == 206 and answer.first == have and have:
            pass
        elif answer.status == 200:
            have = 0
        else:
            part.discard()
            raise TryAgain(f"status {answer.status} with a piece that was not asked for")
        if answer.total is not None and expected.size not in (None, answer.total):
            part.discard()
            raise GiveUp(
                f"the server has {answer.total:,} bytes where {expected.size:,} were expected"
            )
        if answer.packed and part.path.name.removesuffix(".part")[-3:] != ".gz":
            raise GiveUp(f"the server sends it packed ({answer.packed}), which was not asked for")
        total = answer.total if answer.total is not None else expected.size
        rest = None if total is None else total - have
        consent(shown(part.url), rest)  # its size may have been unknown before
        if expected.size is None and not have:
            log.info("%s has %s", shown(part.url), told_size(total))
        _room(part.path, rest)
        if not have:
            part.begin(answer)
        with part.path.open("ab") as file, _bar(part.path, have, total, progress) as bar:
            _copy(answer, file, patience, bar.update)
        if answer.total is not None and part.size() != answer.total:
            raise TryAgain(f"the connection ended at {part.size():,} of {answer.total:,} bytes")
        missing = answer.missing or max((answer.end or 0) - part.size(), 0)
        if missing:
            raise TryAgain(f"the connection ended {missing:,} bytes early, at {part.size():,}")


def _copy(
    answer: Answer, file: IO[bytes], patience: Patience, update: Callable[[int], Any]
) -> None:
    """Everything the server sends; one that sends next to nothing counts as stalled."""
    mark, since = time.monotonic(), 0
    while block := answer.read(_BLOCK):
        file.write(block)
        update(len(block))
        since += len(block)
        now = time.monotonic()
        if now - mark > patience.read_s:
            if since < patience.slowest_bytes_s * (now - mark):
                raise TryAgain(f"stalled: {since:,} bytes in {now - mark:.0f} s")
            mark, since = now, 0


def _room(path: Path, size: int | None) -> None:
    free = shutil.disk_usage(path.parent).free
    if size is not None and size > free:
        raise UserError(
            f"no space on the disk for {path.with_suffix('').name}: {told_size(size)} needed in "
            f"{path.parent}, {told_size(free)} free; paths.raw names another folder"
        )


def _bar(path: Path, have: int, total: int | None, progress: bool) -> Any:
    from tqdm import tqdm

    return tqdm(
        total=total,
        initial=have,
        desc=path.with_suffix("").name,
        unit="B",
        unit_scale=True,
        disable=None if progress else True,  # None: only where stderr is a terminal
        leave=False,
    )
