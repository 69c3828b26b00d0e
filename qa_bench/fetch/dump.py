"""A Wikimedia dump: many pieces, and the dump's own list with size and hash of each."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Sequence
from pathlib import Path

from qa_bench.engine.files import locked, whole_folder
from qa_bench.errors import DataError, UserError
from qa_bench.fetch.download import Expected, download
from qa_bench.net.consent import consent
from qa_bench.net.failures import in_one_line
from qa_bench.net.patience import Patience
from qa_bench.net.web import told_size

log = logging.getLogger(__name__)

_JOB = "articlesdump"
"""Wikimedia's name of the pages-articles pieces."""


def get_dump(
    bases: Sequence[str], listing: str, folder: Path, patience: Patience | None = None
) -> Path:
    """Get the list of a dump, then each piece; the folder gets its name when all are there.

    Args:
        bases: addresses of the dump's folder, mirrors of each other.
        listing: the name of the list in it, ``dumpstatus.json``.
        folder: where the pieces go.
        patience: how long servers are waited for.

    Raises:
        UserError: the dump is not finished, or cannot be got.
        DataError: the list is not as Wikimedia writes it.
    """
    if folder.exists():
        return folder
    with locked(folder, "getting"):
        if folder.exists():
            return folder
        with whole_folder(folder, go_on=True) as work:
            listing_file = work / listing
            download([f"{base}/{listing}" for base in bases], listing_file, None, patience)
            try:
                pieces = _pieces(listing_file)
            except UserError:
                listing_file.unlink()  # it may be another next time
                raise
            total = sum(piece.size or 0 for piece in pieces.values())
            log.info("%s: %d pieces, %s", folder, len(pieces), told_size(total))
            consent(f"{folder.name}, {len(pieces)} pieces,", total)
            for name, expected in pieces.items():
                download([f"{base}/{name}" for base in bases], work / name, expected, patience)
            listing_file.unlink()
            for lock in work.glob(".*.lock"):
                lock.unlink()
    return folder


def _pieces(listing: Path) -> dict[str, Expected]:
    """Name, size and hashes of every piece."""
    try:
        job = json.loads(listing.read_text(encoding="utf-8"))["jobs"][_JOB]
        if job["status"] != "done":
            raise UserError(f"{listing}: the dump is not finished; take an earlier date")
        pieces = {
            str(name): Expected(
                int(fields["size"]), sha1=str(fields["sha1"]), md5=str(fields["md5"])
            )
            for name, fields in job["files"].items()
        }
    except (
        LookupError,
        ArithmeticError,
        ValueError,
        TypeError,
        AttributeError,
        RecursionError,
    ) as e:
        reason = in_one_line(f"{type(e).__name__}: {e}")
        raise DataError(f"no list of a dump ({reason})", listing) from None
    if any((piece.size or 0) < 0 for piece in pieces.values()):
        raise DataError("gives a piece a size below 0", listing)
    for name in pieces:
        if not re.fullmatch(r"\w[\w.-]*", name):
            raise DataError(f"names a piece '{name}'", listing)
    if not pieces:
        raise DataError("lists no piece", listing)
    return pieces
