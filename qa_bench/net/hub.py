"""The Hugging Face hub: which commit a name means, its cache, and what goes wrong in one line."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Literal

from qa_bench.engine.files import write_whole
from qa_bench.errors import UserError
from qa_bench.net.failures import in_one_line
from qa_bench.net.policy import hub_offline
from qa_bench.net.secrets import redacted, redacted_addresses

log = logging.getLogger(__name__)

Kind = Literal["model", "dataset"]

_CALLED: dict[Kind, tuple[str, str]] = {
    "model": ("model", "no such folder, and the hub does not give it"),
    "dataset": ("hub set", "the hub does not give it, or it cannot be read"),
}


def is_commit(revision: str | None) -> bool:
    """Whether a revision is a commit, which never means anything else."""
    return revision is not None and re.fullmatch(r"[0-9a-f]{40}", revision) is not None


def safe_name(name: str) -> str:
    """A name as part of a file's name."""
    return re.sub(r"[^\w.-]", "-", name)


def cache_folder(name: str, kind: Kind) -> Path:
    """Where the hub's own client keeps a repository."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE) / f"{kind}s--{name.replace('/', '--')}"


def known_commit(name: str, revision: str | None, kind: Kind) -> str | None:
    """The commit that a revision last meant; None where it was never asked for. Asks nobody."""
    if is_commit(revision):
        return revision
    with suppress(OSError, ValueError):
        commit = _note(name, revision, kind).read_text().strip()
        return commit if is_commit(commit) else None
    return None


def _note(name: str, revision: str | None, kind: Kind) -> Path:
    return cache_folder(name, kind) / "refs" / (revision or "main")


@cache
def commit_of(name: str, revision: str | None, kind: Kind) -> str:
    """The commit that a revision means now; without a network, what it last meant.

    Args:
        name: of the repository, as ``organisation/name``.
        revision: commit, tag or branch; None for the newest.
        kind: model or dataset.

    Raises:
        UserError: there is no such repository or revision, or it was never asked for before.
    """
    if is_commit(revision):
        return str(revision)
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    called, refused = _CALLED[kind]
    remembered = known_commit(name, revision, kind)
    with one_line(f"{called} {name}", refused):
        if hub_offline():
            if remembered is None:
                raise ConnectionError("offline")
            return remembered
        try:
            api = HfApi()
            info = api.model_info if kind == "model" else api.dataset_info
            commit = str(info(name, revision=revision).sha)
            if not is_commit(commit):
                raise ValueError("it answers without a commit")
        except (GatedRepoError, RepositoryNotFoundError):
            raise
        except Exception as error:  # the hub's client passes on those of its network library
            if remembered is None:
                raise
            log.warning(
                "WARNING: %s %s: the hub does not answer (%s); taking the commit that was last "
                "seen, %s",
                called, name, _reason(error), remembered[:12],
            )  # fmt: skip
            return remembered
    # Files are fetched by their commit, of which the hub's client keeps no note.
    note = _note(name, revision, kind)
    note.parent.mkdir(parents=True, exist_ok=True)
    write_whole(note, commit)
    return commit


def cached_file(name: str, path: str, commit: str, kind: Kind) -> Path | None:
    """A file of a repository in the hub's cache; None where it is not. Asks nobody."""
    from huggingface_hub import try_to_load_from_cache

    place = try_to_load_from_cache(name, path, repo_type=kind, revision=commit)
    return Path(place) if isinstance(place, str) else None


def fetched_file(name: str, path: str, commit: str, kind: Kind) -> Path:
    """A file of a repository, downloaded to the hub's cache where it is not there yet."""
    from huggingface_hub import hf_hub_download

    return Path(hf_hub_download(name, path, repo_type=kind, revision=commit))


def weights_to_download(name: str, commit: str, file: str | None = None) -> int | None:
    """Bytes of a model's weights that are not in the hub's cache; None where nobody says.

    Args:
        name: of the repository.
        commit: of it.
        file: the only one that is wanted; None for safetensors, or where there are none, torch's.
    """
    if hub_offline():
        return 0
    from huggingface_hub import HfApi

    try:
        tree = list(HfApi().list_repo_tree(name, revision=commit))
    except Exception:  # whatever it is, loading the model will tell it
        return None
    sizes = {entry.path: int(getattr(entry, "size", 0) or 0) for entry in tree}  # folders have none
    for pattern in (re.escape(file),) if file else (r".*\.safetensors", r"pytorch_model.*\.bin"):
        weights = {path: size for path, size in sizes.items() if re.fullmatch(pattern, path)}
        if weights:
            return sum(
                size
                for path, size in weights.items()
                if cached_file(name, path, commit, "model") is None
            )
    return None


@contextmanager
def one_line(what: str, refused: str = _CALLED["dataset"][1]) -> Iterator[None]:
    """Tell in one line what the hub's libraries raise: their own errors, and those of a network.

    Args:
        what: that is asked for.
        refused: what it means.
    """
    try:
        yield
    except (UserError, ImportError, GeneratorExit):
        raise
    except Exception as error:
        raise UserError(
            f"{what}: {refused} ({_reason(error)}); is the name right, and does it need a login "
            "(hf auth login)?"
        ) from error


def _reason(error: Exception) -> str:
    """In one line, without tokens: those of the login, and of addresses that were signed."""
    with suppress(Exception):
        from huggingface_hub import get_token

        return (
            in_one_line(redacted_addresses(redacted(str(error), [get_token()])), 300)
            or type(error).__name__
        )
    return type(error).__name__
