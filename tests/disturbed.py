"""Commands in processes of their own, and what can go wrong inside of one: for ``chaos.py``."""

from __future__ import annotations

import ctypes
import errno
import importlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EVENTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree", "os.truncate")
CLONE_NEWNS = 1 << 17
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 1 << 5, 1 << 12, 1 << 14, 1 << 18


command: Callable[[tuple[str, ...]], int]


@dataclass
class Done:
    """How a command ended."""

    status: int
    told: str

    @property
    def clean(self) -> bool:
        """No traceback, and for exit status 2 one line that says why."""
        lines = [line for line in self.told.splitlines() if line.startswith("qa-bench: error:")]
        return "Traceback" not in self.told and (self.status != 2 or len(lines) == 1)


def begin(folder: Path, words: tuple[str, ...], before: Callable[[], object] = int) -> int:
    """Fork a process that has its libraries, and runs the command after ``before``."""
    sys.stdout.flush()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # until the command is on its way
    if child := os.fork():
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        return child
    status = 70
    try:
        os.chdir(folder)
        for stream in (1, 2):
            os.dup2(os.open("told.txt", os.O_CREAT | os.O_WRONLY | os.O_APPEND), stream)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        before()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        status = command(words)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)


def prepare(libraries: tuple[str, ...]) -> None:
    """Import them once for all, and have shards so small that there are some."""
    global command
    import qa_bench.models.unfinished as unfinished
    import qa_bench.retriever.dense.part as dense
    import qa_bench.stages.chunk as chunk
    from qa_bench.cli.main import main

    chunk.SHARD_PASSAGES, dense.SHARD_PASSAGES, unfinished.EVERY_S = 60, 100, 0.05
    for library in libraries:
        importlib.import_module(library)
    command = main
    sys.argv[0] = "qa-bench"


def end(folder: Path, child: int, patience: float = 120) -> Done:
    """Wait for it."""
    deadline = time.monotonic() + patience
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            break
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return Done(-99, "it hung")
        time.sleep(0.005)
    told = (folder / "told.txt").read_text(errors="replace")
    (folder / "told.txt").unlink()
    return Done(os.waitstatus_to_exitcode(status), told)


def run(folder: Path, words: tuple[str, ...], before: Callable[[], object] = int) -> Done:
    return end(folder, begin(folder, words, before))


# What happens inside of the process


def at_event(at: int, act: Callable[[int], object], count: Path | None = None) -> None:
    """Have ``act`` called at the ``at``-th event of the file system, and after it."""
    seen = 0
    counter = None if count is None else os.open(count, os.O_CREAT | os.O_WRONLY)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if event not in EVENTS or (event == "open" and not _writes(arguments)):
            return
        seen += 1
        if counter is not None:
            os.write(counter, b".")
        if seen >= at:
            act(seen - at)

    sys.addaudithook(hook)


def _writes(arguments: tuple[Any, ...]) -> bool:
    path, _, flags = arguments
    writes = bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    return writes and not str(path).endswith((".lock", "told.txt")) and "/dev/" not in str(path)


def kill_self(how: signal.Signals) -> Callable[[int], None]:
    return lambda later: os.kill(os.getpid(), how) if later == 0 else None


def no_space(later: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def may_mount() -> bool:
    return os.geteuid() == 0 and Path("/proc/self/ns/mnt").exists()


def _mount(*arguments: Any) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(*arguments):
        raise OSError(ctypes.get_errno(), f"mount: {arguments}")


def _own_mounts() -> None:
    if ctypes.CDLL(None).unshare(CLONE_NEWNS):
        raise OSError("may not mount")
    _mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None)


def mount_small(kilobytes: int) -> None:
    _own_mounts()
    _mount(b"tmpfs", b"data", b"tmpfs", 0, f"size={kilobytes}k".encode())


def mount_read_only() -> None:
    _own_mounts()
    _mount(b"data", b"data", None, MS_BIND, None)
    _mount(b"data", b"data", None, MS_BIND | MS_REMOUNT | MS_RDONLY, None)
