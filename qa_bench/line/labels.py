"""What a row of a table is called: what the system is, and what was changed of it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, NamedTuple

_AROUND = ("expander", "reranker", "reader")
"""The groups of parts that a retriever may have around it."""

_SYSTEM = (
    *("retriever.", "retriever@", "fusion@", "expander.", "reranker.", "reader.", "lm@"),
    *("depth=", "mode=", "dataset.limit=", "run_ids=", "train."),
)
"""How the overrides begin that make another system."""

_AT = re.compile(r"^[\w/]+@")
"""How the choice of a part at another place than its group's own begins."""

_METRICS = re.compile(r"[\w/]+@metrics\.")
"""How those begin that choose parts of a metric: a model that judges is none that reads."""

_PREDICTIONS = ("mode=", "dataset.limit=")
"""How those begin that count where predictions are scored: nothing is retrieved then."""

_SEARCH = ("retriever.", "retriever@", "fusion@", "lm@retriever", "depth=")
"""How those begin that count for nothing where a run file is scored as it is: it was searched by
somebody else, and goes as deep as it goes. A reranker and a reader still ask for ``depth``."""

_PASSAGES = ("corpus.", "chunker.")
"""How those begin that make other passages."""

_LONG = re.compile(r"train\.(data|articles|checkpoint|sources?)(\.[^=]*)?=")
"""Overrides that a label shows only where the command sweeps them: files have long names, lines
that mine have many settings, and how often a checkpoint is written changes nothing."""

_ELSEWHERE = re.compile(
    r"(dataset|corpus|chunker|retriever|expander|reranker|reader|train|experiment|name|system|run"
    r"|predictions|json|verbose|offline|(dataset|corpus)\.name|dataset\.split|paths\..*|hydra[./].*"
    r"|statistics|statistics\..*)="
)
"""Overrides that a table shows elsewhere, or that say where and not what; swept ones, too."""

_HOW_ASKED = frozenset(
    {"key_from", "concurrency", "requests_per_minute", "timeout_s", "tries", "backoff_s", "cache"}
    | {"sha256"}
)
"""Settings of a language model that are in no key: ``labels`` of the parts in ``qa_bench.lm``."""

_SUFFIXES = frozenset(
    {".trec", ".txt", ".run", ".res", ".json", ".jsonl", ".csv", ".tsv", ".parquet"}
    | {".gz", ".bz2", ".xz", ".zst"}
)
"""How the names of run files and predictions files end: their formats."""


class Labels(NamedTuple):
    """What names a line in tables and records.

    Attributes:
        choices: the YAML chosen in each group.
        system: the system's label, without the corpus.
        changes: what was changed of the system, as in the label's brackets.
        passages: what was changed of the corpus and of the chunker, by group, as "size=50".
        swept: those settings of the corpus that the command sweeps: they belong into a label even
            where they change no result.
        place: number of the job in its multirun, from 0.
        overrides: the job's own, as Hydra takes them.
    """

    choices: dict[str, str]
    system: str
    changes: tuple[str, ...] = ()
    passages: tuple[tuple[str, str], ...] = ()
    swept: frozenset[str] = frozenset()
    place: int = 0
    overrides: tuple[str, ...] = ()


def labels(config: Any, hydra: Any, swept: Collection[str] = ()) -> Labels:
    """The YAML chosen in each group, and the labels: what the system is and what was changed.

    Settings stand in the order of the command's overrides, those of an experiment's sweep first.

    Args:
        config: the composed configuration.
        hydra: Hydra's own part of it, with the choices and the overrides.
        swept: the settings that the command sweeps, see ``swept_settings``.
    """
    choices = {name: str(choice) for name, choice in hydra.runtime.choices.items()}
    own = tuple(str(word) for word in hydra.overrides.task)
    words = [word.lstrip("+~").replace("\\:", ":") for word in own]  # a sweep escapes colons
    words = [
        word
        for word in words
        if not _is_address(word)
        and not _is_in_no_key(word)
        and (not _LONG.match(_AT.sub("", word)) or _name(word) in swept)
    ]
    system_of = _SYSTEM if config.predictions is None else _PREDICTIONS
    if config.run is not None:
        deep = any("_target_" in config[group] for group in ("reranker", "reader"))
        words = [
            word
            for word in words
            if not word.startswith(_SEARCH) or (deep and word.startswith("depth="))
        ]
    words = [word if _name(word) in swept else _short(word, config) for word in words]
    own_set = any(word.startswith("dataset.name=") for word in words)  # a name tells which it is
    changes = tuple(
        _AT.sub("", word).removeprefix("retriever.")
        for word in words
        if (word.startswith(system_of) and not _METRICS.match(word))
        or (
            _name(word) in swept
            and not word.startswith((*_PASSAGES, *(() if system_of is _SYSTEM else _SYSTEM)))
            and not _ELSEWHERE.match(word)
            and not (own_set and word.startswith("dataset."))
        )
    )
    training = config.get("train") or {}
    if training.get("part") and not any(change.startswith("train.") for change in changes):
        changes = (*changes, "trained")  # else it would be called as what it was before
    passages = tuple(
        (word.partition(".")[0], word.partition(".")[2])
        for word in words
        if word.startswith(_PASSAGES) and not word.startswith("corpus.name=")
    )
    number = hydra.job.get("num") if "job" in hydra else None
    place = number if isinstance(number, int) else 0
    if config.system is not None:
        return Labels(choices, str(config.system), (), passages, frozenset(swept), place, own)
    if config.predictions is not None:
        base = file_label(Path(config.predictions))
        return Labels(
            choices, base + bracketed(changes), changes, passages, frozenset(swept), place, own
        )
    base = choices["retriever"] if config.run is None else file_label(Path(config.run))
    base = "+".join([base, *(choices[group] for group in _AROUND if "_target_" in config[group])])
    system = base + bracketed(changes)
    return Labels(choices, system, changes, passages, frozenset(swept), place, own)


def passages_label(
    corpus: Any, chunker: str, changes: Collection[tuple[str, str]], swept: Collection[str]
) -> str:
    """The corpus, and the chunker of a corpus of articles, with what was changed of them.

    What the corpus calls a label, such as its path, is left out unless the command sweeps it.

    Args:
        corpus: its part.
        chunker: the name of the chunker.
        changes: see ``Labels.passages``.
        swept: see ``Labels``.
    """

    def changes_of(group: str, left_out: Collection[str]) -> str:
        return bracketed(
            change
            for of, change in changes
            if of == group
            and (
                (name := change.partition("=")[0]).partition(".")[0] not in left_out
                or f"{group}.{name}" in swept
            )
        )

    label = f"{corpus.name}{changes_of('corpus', corpus.labels)}"
    return label if corpus.unit == "passage" else f"{label}/{chunker}{changes_of('chunker', ())}"


def swept_settings(overrides: Iterable[Any]) -> frozenset[str]:
    """The names of the settings that have several values, of Hydra's parsed overrides."""
    return frozenset(str(o.key_or_group) for o in overrides if o.is_sweep_override())


def bracketed(changes: Iterable[str]) -> str:
    """Settings as a label shows them: ``[size=50,stride=25]``; empty for none."""
    text = ",".join(changes)
    return f"[{text}]" if text else ""


def file_label(path: Path) -> str:
    """A file's name without its formats' suffixes: ``run.nq-test.bm25.trec.gz`` → ``…bm25``.

    Dots belong to the name: pyserini and Anserini call every run ``run.<what>.txt``.
    """
    name = path.name
    while (suffix := Path(name).suffix).lower() in _SUFFIXES:
        name = name.removesuffix(suffix)
    return name


def _short(word: str, config: Any) -> str:
    """An override; of trainings that come before, their names alone: ``train.before=mlm+ict``."""
    if not word.startswith("train.before="):
        return word
    before = (config.get("train") or {}).get("before") or {}
    return f"train.before={'+'.join(str(name) for name in before if before[name] is not None)}"


def _name(word: str) -> str:
    return word.partition("=")[0]


def _is_address(word: str) -> bool:
    """Whether an override names a server: where something runs says nothing of what it is."""
    name, _, value = word.partition("=")
    return name.rpartition(".")[2] in ("url", "base_url") or "://" in value


def _is_in_no_key(word: str) -> bool:
    """Whether an override says how a language model is asked, which changes no reply."""
    where, _, last = _name(word).rpartition(".")
    return where.rpartition(".")[2] == "lm" and last in _HOW_ASKED
