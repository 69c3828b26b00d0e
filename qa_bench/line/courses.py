"""The trainings of a command, one after the other: ``train.before``, and ``train`` itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from qa_bench.engine.context import Context
from qa_bench.engine.stage import Stage
from qa_bench.errors import DataError, UserError
from qa_bench.line.hub_data import hub_pairs
from qa_bench.line.material import Material
from qa_bench.settings import whole_number
from qa_bench.stages.train import Mined
from qa_bench.train.loop import FILES, Settings, TrainingFiles

PLACE = "train.before"
_COMMON = ("source", "sources", "base", "before", "part")
"""What is said once, for all trainings of a command."""
_INHERITED = ("mixture", "passages", "seed")
"""What counts for the trainings before too, unless they say otherwise."""


class Lessons(NamedTuple):
    """What a training learns from.

    Attributes:
        files: files that are there.
        passages: the stage that makes passages, where those are learnt from.
        mined: files that stages make.
    """

    files: TrainingFiles
    passages: Stage | None = None
    mined: Sequence[Mined] = ()


class Course(NamedTuple):
    """A training of a command.

    Attributes:
        name: what it is called under ``train.before``; empty for ``train`` itself.
        options: what stands there, without what is said once.
    """

    name: str
    options: Mapping[str, Any]

    @property
    def settings(self) -> dict[str, Any]:
        """How: what the part that learns looks at."""
        return {name: value for name, value in self.options.items() if name not in FILES}

    @property
    def title(self) -> str:
        """What a plan calls it."""
        return f"train {self.name}" if self.name else ""

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Let errors say which training they are of.

        Raises:
            UserError: what was raised in the block.
        """
        try:
            yield
        except DataError:
            raise
        except UserError as error:
            raise (UserError(f"{PLACE}.{self.name}: {error}") if self.name else error) from None

    def lessons(
        self, settings: Settings, material: Material, raw: Path, context: Context
    ) -> Lessons:
        """What it learns from.

        Args:
            settings: how.
            material: what the line has to learn from.
            raw: the folder of what was downloaded.
            context: where and how.

        Raises:
            UserError: it is not said, or twice, or a file is missing.
        """
        named = {name: self.options.get(name) for name in FILES}
        examples, mixture = named["examples"], named["mixture"]
        whole_number("train.examples", examples, optional=True)
        if settings.of_passages:
            if named["data"] is not None or named["articles"] is not None:
                raise UserError(
                    f"train.objective={settings.objective} learns from passages, of corpus=… or of "
                    "train.source: leave train.data and train.articles out"
                )
            passages = material.passages(named["passages"], mixture)
            return Lessons(TrainingFiles([], None, examples), passages)
        if named["data"] is None and material.sources:
            if named["articles"] is not None:
                raise UserError("train.articles is for train.data; train.source has mine.articles")
            return Lessons(TrainingFiles([], None, examples), mined=material.mined(mixture))
        if not self.name and material.sources:
            raise UserError("train.data and train.source both say what is learnt from: set one")
        if mixture is not None and not material.sources:
            raise UserError("train.mixture chooses among train.sources, and there are none")
        return _of_files(named["data"], named["articles"], examples, raw, context)


def earlier(before: Any, options: Mapping[str, Any]) -> list[Course]:
    """The trainings under ``train.before``, in their order; what is null there is left out.

    Args:
        before: the mapping; None for none.
        options: those of ``train`` itself.

    Raises:
        UserError: it is no mapping of names to settings, or says what is said once.
    """
    if before is None:
        return []
    if not isinstance(before, Mapping):
        raise UserError(
            f"{PLACE}: a name and its settings each, {{mlm: {{epochs: 3}}, ict: {{batch: 64}}}}, "
            f"got '{before}'"
        )
    courses = []
    for name, own in before.items():
        if own is None:
            continue
        if not isinstance(own, Mapping):
            raise UserError(f"{PLACE}.{name}: settings of its own, {{epochs: 3}}, got '{own}'")
        for once in _COMMON:
            if once in own:
                raise UserError(f"{PLACE}.{name}.{once}: it stands once, as train.{once}")
        inherited = {setting: options.get(setting) for setting in _INHERITED}
        inherited["seed"] = options.get("seed", 0)
        courses.append(Course(str(name), {"objective": str(name), **inherited, **own}))
    return courses


def _of_files(
    data: Any, articles: Any, examples: int | None, raw: Path, context: Context
) -> Lessons:
    """The files to learn from, and the sets of the hub.

    Raises:
        UserError: none is named, or one is missing.
    """
    names = data if isinstance(data, list) else [data]
    if not names or None in names:
        raise UserError(
            "train needs train.data=<SQuAD's JSON, a file of `qa-bench mine`, JSON Lines, or "
            "hub:owner/name>"
        )
    sets = [hub_pairs(name, raw, context) for name in names]
    paths = [Path(str(name)) for name, one in zip(names, sets, strict=True) if one is None]
    files = TrainingFiles(paths, articles and Path(str(articles)), examples)
    for file in [*files.data, *([files.articles] if files.articles else [])]:
        if not file.is_file():
            raise UserError(f"{file}: no such file")
    return Lessons(files, mined=[one for one in sets if one is not None])
