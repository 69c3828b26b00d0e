"""files of examples, or passages ─train─► model."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from qa_bench.engine.context import Context
from qa_bench.engine.stage import Stage
from qa_bench.protocols import Learner
from qa_bench.runtime.estimates import training_step
from qa_bench.store.passages import open_passages
from qa_bench.train.loop import MODEL_FOLDER, Settings, TrainingFiles
from qa_bench.train.seen import pass_on_seen
from qa_bench.types import Folder, Load, Step

VERSION = 5


class Mined(NamedTuple):
    """Examples that another stage makes.

    Attributes:
        stage: the stage.
        file: their file's name in its folder.
        questions: how many examples there are at most; None where nobody knows.
    """

    stage: Stage
    file: str
    questions: int | None = None


def train(
    learner: Learner,
    files: TrainingFiles,
    settings: Settings,
    context: Context,
    passages: Stage | None = None,
    mined: Sequence[Mined] = (),
    base: Stage | None = None,
    title: str = "",
) -> Stage:
    """A model in the folder ``model``, trained by the part that will use it.

    What the part says its training does not look at (``reading_only``) is left out of the key, and
    so is how often a checkpoint is written.

    Args:
        learner: the part.
        files: what is learnt from.
        settings: how.
        context: where and how.
        passages: what is learnt from, where that is no file of examples.
        mined: what is learnt from, where stages make it, behind the files that are there.
        base: the training whose model is trained further, where a stage makes it.
        title: what a plan calls it; the stage's name where there is none.
    """
    first = len(files.data)
    # What was mined alone is called so since there was nothing else.
    names = ["data"] if len(mined) == 1 and not first else []
    names = names or [f"data{first + number}" for number in range(len(mined))]

    def build(folder: Path, inputs: Mapping[str, Folder]) -> dict[str, Any]:
        collection = open_passages(inputs["passages"].path) if "passages" in inputs else None
        lessons = files._replace(passages=collection)
        if mined:
            made = [inputs[name].path / one.file for name, one in zip(names, mined, strict=True)]
            lessons = lessons._replace(data=[*files.data, *made])
        counts = learner.train(lessons, settings, folder, context.runtime)
        if base is not None:
            pass_on_seen(inputs["base"].path / MODEL_FOLDER, folder)
        return counts

    def digests() -> dict[str, str]:
        named = {f"data{number}": file for number, file in enumerate(files.data)}
        if files.articles is not None:
            named["articles"] = files.articles
        contents = context.digests.of(list(named.values()))
        models = {**learner.sources(), **learner.search_sources()}
        return {**dict(zip(named, contents, strict=True)), **models}

    def plan(load: Load) -> Step:
        questions = [one.questions for one in mined]
        known = not files.data and None not in questions
        there = load.passages if passages is not None else sum(one or 0 for one in questions)
        counts = [count for count in (files.examples, there if known else None) if count]
        each = settings.tokens
        tokens = min(counts) * each * settings.epochs if counts and each is not None else None
        return training_step(learner.about, tokens, context.runtime, settings.words)

    how = {
        name: value
        for name, value in asdict(settings).items()
        if name != "checkpoint" and not (name in settings.later and value == settings.later[name])
    }
    stages = {
        "passages": passages,
        **{name: one.stage for name, one in zip(names, mined, strict=True)},
        "base": base,
    }
    inputs = {name: stage for name, stage in stages.items() if stage is not None}
    named = [stage.slug for name, stage in inputs.items() if name != "base"]
    named = [*(file.name.partition(".")[0] for file in files.data[:1]), *named]
    data = "+".join(dict.fromkeys(named))
    return Stage(
        "train",
        VERSION,
        f"{data}-{settings.objective}",
        {
            "learner": without(learner.identity, learner.reading_only),
            "train": {**how, "examples": files.examples},
        },
        inputs,
        digests,
        build,
        plan,
        title,
    )


def without(settings: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Settings without some of them; ``question.model`` is the ``model`` inside of ``question``."""
    inner: dict[str, set[str]] = {}
    for name in names:
        outer, _, rest = name.partition(".")
        inner.setdefault(outer, set()).add(rest)
    return {
        name: without(value, inner[name]) if name in inner and isinstance(value, Mapping) else value
        for name, value in settings.items()
        if "" not in inner.get(name, ())
    }
