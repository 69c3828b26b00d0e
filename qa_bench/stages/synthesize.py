"""drafts and the runs of their questions ─synthesize─► a question set and its sheet."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from qa_bench.engine.context import Context
from qa_bench.engine.digests import digest
from qa_bench.engine.files import write_whole
from qa_bench.engine.stage import Stage
from qa_bench.errors import UserError
from qa_bench.metric.matching import contains_answer
from qa_bench.stages.read import read_answers
from qa_bench.store.passages import open_passages
from qa_bench.store.runs import RUN_FILE, read_run
from qa_bench.synthetic.elsewhere import holders
from qa_bench.synthetic.overlap import overlap, overlaps
from qa_bench.synthetic.proposals import Proposal, json_lines, read_proposals
from qa_bench.synthetic.round_trip import ranks, shares
from qa_bench.synthetic.screening import NOT_RETRIEVED, screen
from qa_bench.synthetic.settings import SynthesisSettings
from qa_bench.synthetic.sheet import SHEET_FILE, sheet
from qa_bench.synthetic.titles import named
from qa_bench.types import Folder, Question, QuestionSet, Step

VERSION = 2
QUESTIONS_FILE = "questions.jsonl"
DROPPED_FILE = "dropped.jsonl"
FACTS_FILE = "set.json"
SPLIT = "synthetic"


class RoundTrip(NamedTuple):
    """What was asked of the retrievers, and of readers without passages.

    Attributes:
        runs: the searches, by retriever.
        closed: the answers of a reader that reads no passage; None where there is none.
        reader: what it is called.
        articles: which articles another one takes the questions to be about; None likewise.
        namer: what that is called.
    """

    runs: Mapping[str, Stage]
    closed: Stage | None = None
    reader: str = ""
    articles: Stage | None = None
    namer: str = ""


def candidates(
    drafts: Folder, passages: Folder, settings: SynthesisSettings, mode: str, name: str
) -> QuestionSet:
    """The questions that the filters of single questions leave, and those against duplicates.

    Args:
        drafts: the finished stage ``generate``.
        passages: the corpus.
        settings: of the filters.
        mode: whose rules say what holds an answer.
        name: of the set.

    Raises:
        UserError: there are none; the message says why.
    """
    proposals = read_proposals(drafts.path)
    reasons = screen(proposals, _texts(proposals, passages), mode, *_filters(settings)).reasons
    questions = tuple(
        Question(one.qid, one.question, (one.answer,))
        for one, reason in zip(proposals, reasons, strict=True)
        if not reason
    )
    if not questions:
        counts = ", ".join(f"{n} {reason}" for reason, n in Counter(reasons).most_common())
        raise UserError(
            f"no question is left of {len(proposals)} passages: {counts}; see {drafts.path}"
        )
    pairs = digest([[question.text, *question.answers] for question in questions])
    return QuestionSet(name, SPLIT, "string", questions, pairs)


def synthesize(
    drafts: Stage,
    passages: Stage,
    trip: RoundTrip,
    settings: SynthesisSettings,
    mode: str,
    command: str,
    context: Context,
) -> Stage:
    """``questions.jsonl``, as ``dataset=file`` reads it, ``dropped.jsonl``, and two sheets.

    ``set.md`` is for people, ``set.json`` has the same for programs.

    Its build raises ``UserError`` where no question is left.

    Args:
        drafts: the stage ``generate``.
        passages: the corpus.
        trip: the searches for ``candidates``.
        settings: of the filters.
        mode: whose rules say what holds an answer.
        command: what was typed; in the sheet, and in no key.
        context: where and how.
    """
    stages = _inputs(drafts, passages, trip)

    def build(folder: Path, inputs: Mapping[str, Folder]) -> dict[str, Any]:
        collection = open_passages(inputs["passages"].path)
        proposals = read_proposals(inputs["drafts"].path)
        texts = _texts(proposals, inputs["passages"])
        screening = screen(proposals, texts, mode, *_filters(settings))
        places, reasons = screening.places, list(screening.reasons)
        searched = [proposals[place] for place in places]
        questions = [Question(one.qid, one.question, (one.answer,)) for one in searched]
        rows = [one.row for one in searched]
        ranks_of = {
            name: ranks(
                read_run(inputs[f"run.{name}"].path / RUN_FILE), questions, rows, collection
            )
            for name in trip.runs
        }
        for place, several in zip(places, zip(*ranks_of.values(), strict=True), strict=True):
            if several == (None,) * len(several):
                reasons[place] = NOT_RETRIEVED
        left = [number for number, place in enumerate(places) if not reasons[place]]
        if not left:
            raise UserError(
                f"none of {len(places)} questions is left: {' and '.join(trip.runs)} find no "
                f"passage again among {settings.k}; see {inputs['drafts'].path}"
            )
        stay = [searched[number] for number in left]
        closed = _closed(inputs, stay, mode)
        alone = _alone(inputs, stay, mode)
        answers, own = [one.answer for one in stay], [one.row for one in stay]
        others = holders(inputs["passages"].path, answers, own, mode, context.runtime)
        pairs = [
            (searched[number].question, f"{searched[number].title} {texts[places[number]]}")
            for number in left
        ]
        entries = [
            {
                "id": one.qid,
                "question": one.question,
                "answers": [one.answer],
                "titles": [one.title] if one.title.strip() else [],
                "group": one.article,
                "pid": one.pid,
                "ranks": {name: several[number] for name, several in ranks_of.items()},
                "overlap": _rounded(overlap(*pair)),
                "elsewhere": {
                    "passages": other.passages,
                    "pids": collection.pids(np.array(other.rows, dtype=np.int64)).to_pylist(),
                },
                **({} if closed is None else {"closed_book": closed[one.qid]}),
                **({} if alone is None else {"standalone": alone[one.qid]}),
            }
            for number, one, other, pair in zip(left, stay, others, pairs, strict=True)
        ]
        dropped = [
            {"why": reason, **one._asdict()}
            for one, reason in zip(proposals, reasons, strict=True)
            if reason
        ]
        facts = {
            "command": command,
            "questions": len(entries),
            "settings": {**asdict(settings), "round_trip": list(trip.runs), "mode": mode},
            "generator": drafts.config["generator"],
            "drawn": inputs["drafts"].manifest["counts"],
            "dropped": dict(Counter(reason for reason in reasons if reason)),
            "alone": screening.alone,
            "searched": len(searched),
            "shares": shares(ranks_of),
            "overlap": overlaps(pairs)._asdict(),
            "elsewhere": {
                "questions": sum(one.passages > 0 for one in others),
                "passages": sum(one.passages for one in others),
            },
            "closed_book": None
            if closed is None
            else {"reader": trip.reader, "questions": sum(closed.values())},
            "titled": sum(bool(named(one.question, one.title, mode)) for one in stay),
            "standalone": None
            if alone is None
            else {
                "reader": trip.namer,
                "questions": sum(one is True for one in alone.values()),
                "without_title": sum(one is None for one in alone.values()),
            },
            "digests": {
                "questions": digest([[one.question, one.answer] for one in stay]),
                **{name: stage.key for name, stage in stages.items()},
            },
        }
        write_whole(folder / QUESTIONS_FILE, json_lines(entries))
        write_whole(folder / DROPPED_FILE, json_lines(dropped))
        write_whole(folder / FACTS_FILE, json.dumps(facts, indent=1, ensure_ascii=False) + "\n")
        write_whole(folder / SHEET_FILE, sheet(facts))
        return {"passages": len(proposals), "questions": len(entries), "dropped": len(dropped)}

    return Stage(
        "synthesize",
        VERSION,
        drafts.slug,
        {"answer_words": settings.answer_words, "near": settings.near, "mode": mode},
        stages,
        dict,
        build,
        lambda load: Step("synthesize", settings.n * 700, None, "0.3 GB"),
    )


def _inputs(drafts: Stage, passages: Stage, trip: RoundTrip) -> dict[str, Stage]:
    runs = {f"run.{name}": stage for name, stage in trip.runs.items()}
    maybe = {"closed": trip.closed, "articles": trip.articles}
    readers = {name: stage for name, stage in maybe.items() if stage is not None}
    return {"drafts": drafts, "passages": passages, **runs, **readers}


def _filters(settings: SynthesisSettings) -> tuple[int, float]:
    return settings.answer_words, settings.near


def _texts(proposals: Sequence[Proposal], passages: Folder) -> list[str]:
    rows = np.array([one.row for one in proposals], dtype=np.int64)
    return list(open_passages(passages.path).texts(rows))


def _closed(
    inputs: Mapping[str, Folder], several: Sequence[Proposal], mode: str
) -> dict[str, bool] | None:
    """Whether what is said by heart contains each answer, by qid; None where nobody was asked."""
    if "closed" not in inputs:
        return None
    said = read_answers(inputs["closed"].path)
    return {
        one.qid: contains_answer(said.get(one.qid, ""), [one.answer], mode=mode) for one in several
    }


def _alone(
    inputs: Mapping[str, Folder], several: Sequence[Proposal], mode: str
) -> dict[str, bool | None] | None:
    """Whether the article that is guessed of each question is its own, by qid; see ``named``."""
    if "articles" not in inputs:
        return None
    said = read_answers(inputs["articles"].path)
    return {one.qid: named(said.get(one.qid, ""), one.title, mode) for one in several}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
