"""``qa-bench`` without its start: a process that has imported its libraries forks for each command.

torch and what comes with it take seconds to import, in hundreds of commands. Each command still is
a process of its own with its own folder, streams and exit, and runs ``python -m qa_bench`` in it;
what it shares with the others is what the libraries do when they are imported, and the seed of
``hash``. So a test of either, of time or of the environment starts Python afresh; a command with
another environment than the tests' own does so by itself.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

LIGHT = ("hydra.main", "omegaconf", "pyarrow.parquet", "qa_bench.line.line")
HEAVY = ("torch", "transformers", "sentence_transformers", "faiss")
"""Imported once for all after the first command that needed them."""
_SECONDS: list[float] = []
LIBRARIES = ("KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK", "TORCHINDUCTOR_CACHE_DIR")
VARYING = {"PATH", "PWD", "OLDPWD", "SHLVL", "_", "PYTEST_CURRENT_TEST", *LIBRARIES}
VARYING |= {"JAVA_HOME", "HYDRA_FULL_ERROR"}  # set by qa_bench, in the tests' process too
"""Variables that no library needs when it is imported; LIBRARIES are set then."""


def run(
    *words: str, cwd: Path, env: Mapping[str, str] | None = None, timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run ``qa-bench`` with these words in a folder, ``env`` added to the environment.

    Raises:
        subprocess.TimeoutExpired: it took more than ``timeout`` seconds, and is killed.
    """
    asked = {"words": words, "cwd": str(cwd), "env": {**os.environ, **(env or {})}}
    text = partial(tempfile.TemporaryFile, "w+", encoding="utf-8")
    with Path(os.devnull).open() as null, text() as out, text() as err:
        streams = (null.fileno(), out.fileno(), err.fileno())
        status = ask(_server(), {**asked, "path": str(cwd)}, streams, timeout)
        if status is None:
            return fresh(*words, cwd=cwd, env=env, timeout=timeout)
        told = [file.read() for file in (out, err) if file.seek(0) == 0]
    return subprocess.CompletedProcess(["qa-bench", *words], status, *told)


def fresh(
    *words: str, cwd: Path, env: Mapping[str, str] | None = None, timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """``run`` in a Python that is started for it."""
    return subprocess.run(
        [sys.executable, "-m", "qa_bench", *words],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def ask(
    server: str,
    asked: Mapping[str, Any],
    streams: tuple[int, int, int],
    timeout: float | None = None,
) -> int | None:
    """The exit status of a command; None where its environment asks for a Python of its own.

    Args:
        server: path of the socket.
        asked: the words, the folder (cwd), the environment (env), and the first of sys.path (path).
        streams: stdin, stdout and stderr.
        timeout: seconds after which the command is killed.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout)
        connection.connect(server)
        socket.send_fds(connection, [b"\n"], streams)
        connection.sendall(json.dumps(asked).encode() + b"\n")
        try:
            with connection.makefile() as answer:
                status, cpu = json.loads(answer.readline())
        except TimeoutError:
            raise subprocess.TimeoutExpired(["qa-bench", *asked["words"]], timeout or 0) from None
    _SECONDS.append(cpu)
    return status


def seconds() -> float:
    """The CPU time of all commands that were forked for this process."""
    return sum(_SECONDS)


@cache
def script() -> Path:
    """A folder in which ``qa-bench`` is a program that has its command forked."""
    folder = Path(_server()).parent / "bin"
    folder.mkdir()
    program, installed = folder / "qa-bench", Path(sys.executable).with_name("qa-bench")
    program.write_text(
        f"#!{sys.executable} -IS\n"
        "import os, sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import forks\n"
        "asked = {'words': sys.argv[1:], 'cwd': os.getcwd(), 'env': dict(os.environ)}\n"
        f"asked['path'] = {str(installed.parent)!r}\n"
        f"status = forks.ask({_server()!r}, asked, (0, 1, 2))\n"
        "if status is None:\n"
        f"    os.execv({str(installed)!r}, sys.argv)\n"
        "sys.exit(status)\n"
    )
    program.chmod(0o755)
    return folder


@cache
def _server() -> str:
    """Start the process that forks; it ends when this one does. The path of its socket."""
    folder = tempfile.TemporaryDirectory(prefix="qa-bench-")  # pytest's own may be too long a path
    path = f"{folder.name}/socket"
    process = subprocess.Popen(
        [sys.executable, __file__, path],
        env=dict(os.environ),  # without what readline sets behind Python's back
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for pytest
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def stop() -> None:
        process.stdin.close()
        process.wait()
        folder.cleanup()

    atexit.register(stop)
    assert process.stdout.readline() == b"ready\n"
    process.stdout.close()
    return path


def _steady(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name not in VARYING}


def _serve(path: str) -> dict[str, Any] | None:
    """Fork for one command after the other. None at the end; in each child: what was asked."""
    before = _steady(os.environ)
    for name in LIGHT:
        importlib.import_module(name)
    with contextlib.suppress(ImportError):  # without the bm25 extra
        import jnius_config

        # No command runs long enough for the JVM's other compiler: a second of CPU each.
        jnius_config.add_options("-XX:TieredStopAtLevel=1")
    gc.freeze()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        os.write(1, b"ready\n")
        while 0 not in select.select([0, listener], [], [])[0]:
            connection, _ = listener.accept()
            with connection:
                _, streams, _, _ = socket.recv_fds(connection, 1, 3)
                with connection.makefile() as given:
                    asked = json.loads(given.readline())
                status, cpu = None, 0.0
                if _steady(asked["env"]) == before:
                    reading, writing = os.pipe()
                    if not (pid := os.fork()):
                        return {**asked, "streams": streams, "imported": writing}
                    os.close(writing)
                    imported = _ended(pid, reading, connection)
                    os.close(reading)
                    _, status, usage = os.wait4(pid, 0)
                    status = os.waitstatus_to_exitcode(status)
                    cpu = usage.ru_utime + usage.ru_stime
                    for name in imported:
                        importlib.import_module(name)
                    gc.freeze()
                for stream in streams:
                    os.close(stream)
                with contextlib.suppress(OSError):  # who asked may be gone
                    connection.sendall(json.dumps([status, cpu]).encode() + b"\n")
    return None


def _ended(pid: int, reading: int, connection: socket.socket) -> list[str]:
    """Wait for a child's end, or end it when who asked has gone; what it imported of HEAVY."""
    told = b""
    while True:
        ready, _, _ = select.select([reading, connection], [], [])
        if connection in ready:
            os.kill(pid, signal.SIGKILL)
        if reading in ready:
            if not (piece := os.read(reading, 4096)):
                return told.decode().split()
            told += piece


def _command(asked: dict[str, Any], ending: list[int]) -> None:
    """Be ``python -m qa_bench``; the status is put into ``ending``."""
    os.chdir(asked["cwd"])
    os.environ.update(asked["env"])
    for number, stream in enumerate(asked["streams"]):
        os.dup2(stream, number)
        os.close(stream)
    # As a new process has them: those of the server are of what its own streams were.
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.argv = ["qa-bench", *asked["words"]]
    sys.path[0] = asked["path"]
    ending.append(1)  # where an exception is not caught
    try:
        runpy.run_module("qa_bench", run_name="__main__", alter_sys=True)
    except SystemExit as leaving:
        ending[0] = leaving.code if isinstance(leaving.code, int) else int(bool(leaving.code))
        raise
    finally:
        os.write(asked["imported"], " ".join(n for n in HEAVY if n in sys.modules).encode())
        os.close(asked["imported"])


def _leave(ending: list[int]) -> None:
    """End a child without the seconds that it takes to take torch's modules apart."""
    if ending:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ending[0])


def _main(path: str) -> None:
    ending: list[int] = []
    atexit.register(_leave, ending)  # before those of the libraries, and so run after them
    if (asked := _serve(path)) is not None:
        _command(asked, ending)


if __name__ == "__main__":
    _main(sys.argv[1])
