"""`qa-bench fetch`: what the configuration reads, downloaded before it is needed."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from qa_bench.errors import UserError
from qa_bench.fetch.sources import Requirement, requirement, source, table
from qa_bench.net.consent import consent, large_downloads
from qa_bench.net.policy import offline

HELP = """\
qa-bench fetch [OVERRIDE ...]: download official files before they are needed

  qa-bench fetch dataset=nq,squad corpus=psgs_w100    test sets and DPR's passages
  qa-bench fetch dataset=all                          the test files of every official set
  qa-bench fetch dataset=nq dataset.split=train,dev   other splits
  qa-bench fetch dataset=hub dataset.path=squad dataset.split=validation
  qa-bench fetch corpus=hub corpus.path=wikimedia/wikipedia corpus.config=20231101.simple
  qa-bench fetch source=enwiki-20260901               any other file that qa_bench knows
  qa-bench fetch dataset=nq                           what of a configuration is named

Prints what it will get, with size and licence, and what is there already; then gets the rest into
paths.raw (data/raw). A download that was interrupted goes on where it stopped. Several values of
an override are all fetched, as with run -m. `qa-bench run` downloads what it misses by itself.

What is over a gigabyte together wants yes=true, or a yes at the terminal.
offline=true downloads nothing: it lists what is missing, with address, size and place.
Addresses, sizes, hashes, licences and citations: qa_bench/fetch/sources.yaml
"""


def fetch(words: Sequence[str]) -> int:
    """Run the command; the exit status is 0 when everything is there at the end, else 2."""
    if {"-h", "--help"} & {*words}:
        print(HELP, end="")
        return 0
    from qa_bench.cli import app

    sources = [
        name
        for word in words
        if word.startswith("source=")
        for name in word.removeprefix("source=").strip("[]").split(",")
    ]
    overrides = [_all_sets(word) for word in words if not word.startswith("source=")]
    groups = [
        group for group in app.GROUPS if any(word.startswith(f"{group}=") for word in overrides)
    ]
    if any(word.startswith("experiment=") for word in overrides) or not (groups or sources):
        groups = list(app.GROUPS)
    agreed: list[bool] = []
    things: dict[tuple[str, Path], Requirement] = {}
    forbidden = [offline()]

    def collect(line: Any, config: Any) -> None:
        several = app.requirements_of(line, groups)
        for name in sources:
            entry = source(name)
            several.append(requirement(entry, Path(config.paths.raw) / entry.file, name))
        things.update({(thing.address, thing.target): thing for thing in several})
        forbidden.append(bool(config.get("offline", False)))
        agreed.append(bool(config.get("yes", False)))

    if {"--cfg", "-c", "--info", "-i"} & {*overrides}:
        return app.main("fetch", overrides, collect)  # Hydra prints, and collects nothing
    words = overrides if {"-m", "--multirun"} & {*overrides} else ["-m", *overrides]
    if status := app.main("fetch", words, collect):
        return status
    with large_downloads(any(agreed)):
        return _get(things.values(), any(forbidden))


def _all_sets(word: str) -> str:
    """``dataset=all`` as the names of the sets that have official files."""
    if word != "dataset=all":
        return word
    import yaml

    from qa_bench.paths import CONF

    sets = []
    for path in sorted((CONF / "dataset").glob("*.yaml")):
        splits = yaml.safe_load(path.read_text(encoding="utf-8")).get("splits", {})
        if "source" in splits.get("test", {}):
            sets.append(path.stem)
    return f"dataset={','.join(sets)}"


def _get(things: Iterable[Requirement], forbidden: bool) -> int:
    things = list(things)
    if not things:
        return _failed(
            "nothing to download: what was chosen has no official file (dataset=all and "
            "corpus=psgs_w100 have)"
        )
    print(table(things), flush=True)
    missing = [thing for thing in things if thing.present is None]
    if missing and forbidden:
        return _failed(f"offline: {len(missing)} of {len(things)} are missing, see above")
    total = sum(thing.size or 0 for thing in missing)
    try:
        consent(f"{len(missing)} files" if len(missing) > 1 else "this", total)
    except UserError as error:
        return _failed(str(error))
    status = 0
    for thing in missing:
        try:
            thing.get()
            if thing.check is not None:
                thing.check()
        except (UserError, OSError) as error:
            status = _failed(str(error))
    count = sum(thing.target.exists() for thing in missing)
    print(f"downloaded {count} of {len(missing)} missing; {len(things) - len(missing)} were there")
    return status


def _failed(message: str) -> int:
    print(f"qa-bench: error: {message}", file=sys.stderr)
    return 2
