"""The most memory that this process has held, from some moment on."""

from __future__ import annotations

import contextlib
import re
import resource
from pathlib import Path

_RESET = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")
_MARK = re.compile(r"^VmHWM:\s*(\d+) kB$", re.MULTILINE)


def reset_peak() -> None:
    """Begin anew: the peak is what is held now.

    Linux forgets the mark where "5" is written into ``clear_refs`` (proc(5)). Where that cannot be
    done the peak is that since the process began.
    """
    with contextlib.suppress(OSError):
        _RESET.write_text("5")


def peak_mib() -> int:
    """The most resident memory in MiB since ``reset_peak``, without GPUs and other processes."""
    with contextlib.suppress(OSError):
        if mark := _MARK.search(_STATUS.read_text(encoding="utf-8")):
            return int(mark[1]) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
