"""`qa-bench synthesize`: a question set made of a corpus' own passages.

    passages ─generate─► drafts ─search, twice─► runs ─synthesize─► questions.jsonl, set.md

The drafts that pass the filters of single questions are searched for by two retrievers, which share
their indexes with every other command; a reader that reads no passage answers them, if one is
chosen.
"""

from __future__ import annotations

import shlex
from typing import Any

from qa_bench.cli.plan import passage_count, table
from qa_bench.engine.stage import Stage, graph
from qa_bench.errors import UserError
from qa_bench.line.line import Line
from qa_bench.line.retrieval import Retrieval
from qa_bench.parts import make
from qa_bench.stages.expand import Wording
from qa_bench.stages.generate import generate
from qa_bench.stages.read import read
from qa_bench.stages.synthesize import QUESTIONS_FILE, RoundTrip, candidates
from qa_bench.stages.synthesize import synthesize as synthesize_stage
from qa_bench.synthetic.settings import SynthesisSettings
from qa_bench.synthetic.sheet import SHEET_FILE
from qa_bench.types import Load, QuestionSet

_NOTHING = QuestionSet("", "", "string", (), "")
"""Where only indexes are looked at."""
_NAMER = "reader@synthesize.standalone"
"""Where the reader stands that is asked which article a question is about."""
_UNUSED = ("dataset", "expander", "retriever", "reranker")
"""Groups that this verb looks at nothing of."""
_MEANT = ("generator", "lm@generator", "synthesize.", "reader@synthesize.")
"""How the overrides begin that are this verb's alone."""
_ELSEWHERE = ("paths.", "hydra", "json=", "verbose=", "runtime.")
"""How the overrides begin that change nothing of the set."""


def synthesize(line: Line, config: Any) -> str:
    """Make the set, and return where it lies and what became of the passages.

    Raises:
        UserError: a setting is out of range or belongs to what this verb does not use, a retriever
            of the round trip is none, the reader reads passages, or no question is left.
    """
    settings = settings_of(config)
    _check_unused(line)
    name = f"{line.corpus.name}-{line.choice('generator')}"
    drafts = drafts_of(line, settings)
    run = line.context.run
    reader, namer = _closed_book(line), _namer(line)
    nodes = {one: _node(line, one) for one in settings.round_trip}  # before anybody is asked
    for one in nodes:
        _retrieval(line, one, nodes[one], _NOTHING)
    questions = candidates(run(drafts), run(line.passages), settings, config.mode, name)
    runs = {
        one: _retrieval(line, one, node, questions).run(settings.k) for one, node in nodes.items()
    }
    first = next(iter(runs.values()))

    def replies(part: Any, place: str) -> Stage | None:
        if part is None:
            return None
        common = (first, line.passages, questions, part, line.choice(place))
        return read(*common, settings.k, line.context)

    trip = RoundTrip(
        runs,
        replies(reader, "reader"),
        line.choice("reader"),
        replies(namer, _NAMER),
        line.choice(_NAMER),
    )
    stages = (drafts, line.passages, trip, settings, config.mode, _command(line), line.context)
    folder = run(synthesize_stage(*stages))
    counts = ", ".join(f"{n} {name}" for name, n in folder.manifest["counts"].items())
    path = folder.path / QUESTIONS_FILE
    return (
        f"questions: {path} ({counts})\n"
        f"sheet: {folder.path / SHEET_FILE}\n"
        f"use them with: dataset=file dataset.name={name} dataset.path={path}"
    )


def is_meant(line: Line) -> bool:
    """Whether a command has settings of this verb, so that `plan` tells what it takes."""
    return any(word.lstrip("+").startswith(_MEANT) for word in line.overrides)


def synthesis_plan(line: Line, config: Any) -> str:
    """What passages, drafts and indexes will take; the rest is known when the questions are.

    Raises:
        UserError: a setting is out of range or belongs to what this verb does not use.
    """
    settings = settings_of(config)
    _check_unused(line)
    drafts = drafts_of(line, settings)
    indexes = [
        stage
        for name in settings.round_trip
        for stage in _retrieval(line, name, _node(line, name), _NOTHING).indexes()
    ]
    load = Load(passage_count(line), settings.n)
    head = f"{line.corpus.name}: about {load.passages:,.0f} passages; {settings.n:,} are asked of"
    return table(graph(line.passages, drafts, *indexes), load, head, line.context)


def settings_of(config: Any) -> SynthesisSettings:
    """What is set under ``synthesize``.

    Raises:
        UserError: there is no such setting, or one is out of range.
    """
    from omegaconf import OmegaConf

    values: Any = OmegaConf.to_container(config.synthesize, resolve=True)
    values.pop("standalone", None)
    try:
        return SynthesisSettings(**values)
    except TypeError as error:
        raise UserError(f"synthesize: {error}") from None


def drafts_of(line: Line, settings: SynthesisSettings) -> Stage:
    """The stage of the drafts."""
    generator = make("generator", line.config.generator)
    name = line.choice("generator")
    return generate(line.passages, generator, name, settings, line.context)


def _check_unused(line: Line) -> None:
    for word in line.overrides:
        place = word.lstrip("+~").partition("=")[0]
        group = place.partition("@")[0].partition(".")[0]
        if group in _UNUSED:
            raise UserError(
                f"synthesize looks at no {group} ({word}): the retrievers of the round trip are "
                "named in synthesize.round_trip=[bm25_native,minilm]"
            )


def _closed_book(line: Line) -> Any:
    """The reader that is asked for answers by heart; None where none is chosen.

    Raises:
        UserError: it reads passages, or looks at the answers.
    """
    reader = line.reader
    if reader is not None and (reader.depth or reader.sees_answers):
        raise UserError(
            f"reader={line.choice('reader')} reads passages: to tell what is known by heart, "
            "choose one that reads none, such as reader=generative_closed_book"
        )
    return reader


def _namer(line: Line) -> Any:
    """The reader that is asked which article is meant; None where none is chosen.

    Raises:
        UserError: it is none, or it reads passages or looks at the answers.
    """
    node = line.config.synthesize.get("standalone")
    if node is None:
        return None
    if isinstance(node, str) or "_target_" not in node:
        raise UserError(
            f"synthesize.standalone: a reader, as +{_NAMER}=generative_article, got '{node}'"
        )
    reader = make("reader", node)
    if reader.depth or reader.sees_answers:
        raise UserError(
            f"+{_NAMER}={line.choice(_NAMER)} reads passages, which tell what is meant: choose one "
            "that reads none, such as generative_article"
        )
    return reader


def _node(line: Line, name: str) -> Any:
    """The configuration of the retriever of this name.

    Raises:
        UserError: there is none.
    """
    from hydra import compose
    from hydra.errors import HydraException

    try:
        whole = compose("config", [f"retriever={name}"])
    except HydraException:
        raise UserError(
            f"synthesize.round_trip: no retriever '{name}': `qa-bench list retriever` names them"
        ) from None
    whole.paths = line.config.paths
    return whole.retriever


def _retrieval(line: Line, name: str, node: Any, questions: QuestionSet) -> Retrieval:
    """The stages of a retriever for the drafts' questions.

    Raises:
        UserError: one of its settings is out of range.
    """

    def choice(place: str) -> str:
        return name if place == "retriever" else place.rpartition(".")[2]

    wording = Wording(questions)
    return Retrieval(node, lambda: line.passages, lambda: wording, line.context, choice)


def _command(line: Line) -> str:
    """What was typed, without where things lie on this machine's disk for its own use."""
    words = [word for word in line.overrides if not word.startswith(_ELSEWHERE)]
    return " ".join(map(shlex.quote, ["qa-bench", "synthesize", *words]))
