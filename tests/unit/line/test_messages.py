"""Errors of the system in one line."""

from __future__ import annotations

import errno

from qa_bench.line.messages import one_line


def test_a_file_that_is_too_large() -> None:
    for error, where in (
        (OSError(errno.EFBIG, "File too large", "a.json"), "a.json: "),
        (OSError(errno.EFBIG, "Error writing bytes to file"), "while writing: "),
    ):
        message = one_line(error) or ""
        assert message.startswith(f"{where}a file grew larger than is allowed here")
        assert "ulimit -f" in message
