"""`qa-bench verify-cache`: is every finished folder still what was written?"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from qa_bench.engine.integrity import hidden_damage, size_of
from qa_bench.engine.manifest import MANIFEST, read_manifest
from qa_bench.errors import UserError
from qa_bench.paths import CONF, register_resolvers
from qa_bench.runtime.progress import progress
from qa_bench.types import Runtime

HELP = """\
qa-bench verify-cache [paths.cache=FOLDER]: compare every finished stage with its manifest

Reads every byte under paths.cache (data/cache). A run compares the sizes of what it reuses, and the
hashes of the smaller files; this finds what a disk did to the larger ones. A line a damaged folder,
which is to be deleted: the next run builds it again. The exit status is 2 where there is one.
"""
_STAGE = re.compile(r"[^.].*-([0-9a-f]{16})")


def verify_cache(words: Sequence[str]) -> int:
    """Run the command; the exit status is 0 where every folder is whole, else 2."""
    if {"-h", "--help"} & {*words}:
        print(HELP, end="")
        return 0
    from hydra import compose, initialize_config_dir

    from qa_bench.line.messages import one_line

    register_resolvers()
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            config = compose("config", list(words))
        cache, runtime = Path(config.paths.cache), Runtime(progress=config.runtime.progress)
    except Exception as error:
        if (problem := one_line(error)) is None:
            raise
        print(f"qa-bench: error: {problem}", file=sys.stderr)
        return 2
    folders = list(stage_folders(cache))
    sizes = [_bytes(folder) for folder in folders]
    damaged = 0
    with progress(sum(sizes), "verify", "B", runtime) as bar:
        for folder in folders:
            if (problem := problem_of(folder, bar.update)) is not None:
                bar.clear()
                print(f"qa-bench: error: {problem}", file=sys.stderr)
                damaged += 1
    if not folders:
        print(f"{cache}: there is no finished stage")
        return 0
    whole = f"{len(folders) - damaged} of {len(folders)} folders are whole"
    print(f"{cache}: {whole} ({sum(sizes) / 1e9:,.2f} GB read)")
    return 2 if damaged else 0


def stage_folders(cache: Path) -> Iterator[Path]:
    """Everything that has the name of a finished stage's folder."""
    for path in sorted(cache.glob("*/*")):
        if _STAGE.fullmatch(path.name) and path.is_dir():
            yield path


def problem_of(folder: Path, update: Any = int) -> str | None:
    """What is wrong with a folder, in one line; None where it is whole."""
    key = folder.name.rpartition("-")[2]
    try:
        finished = read_manifest(folder, key)
    except (UserError, OSError) as error:
        return str(error)
    if finished is None:
        return f"{folder / MANIFEST}: damaged, missing; delete {folder} to rebuild it"
    return hidden_damage(folder, finished.manifest["outputs"], update=update)


def _bytes(folder: Path) -> int:
    """What its manifest says that it holds; 0 where that cannot be told."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return size_of(manifest["outputs"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0
