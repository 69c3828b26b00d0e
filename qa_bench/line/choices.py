"""What has to be chosen, and what chosen names may be."""

from __future__ import annotations

from typing import Any

from qa_bench.errors import UserError
from qa_bench.paths import CONF
from qa_bench.settings import file_name

NO_CORPUS = "none"
"""The YAML of the corpus where none is chosen."""

_NAMES = ("name", "system", "dataset.name", "corpus.name")


def check_names(config: Any) -> None:
    """Let no name lead out of the results' folder.

    Raises:
        UserError: one would, or no file can be called so.
    """
    for place in _NAMES:
        node, _, last = place.rpartition(".")
        settings = config[node] if node else config
        if last in settings and (settings[last] is not None or place == "name"):
            file_name(place, settings[last])


def no_corpus() -> UserError:
    """That a corpus must be chosen, and which there are."""
    corpora = sorted(path.stem for path in (CONF / "corpus").glob("*.yaml"))
    named = ", ".join(name for name in corpora if name != NO_CORPUS)
    return UserError(
        f"no corpus is chosen: corpus=<one of {named}> (psgs_w100 has 21 million passages, sample "
        "269), or corpus.path=<a file of psgs_w100's format>"
    )
