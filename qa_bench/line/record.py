"""From a line to a row of its table: figures, costs, and what a reader of them must know."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import numpy as np

import qa_bench
from qa_bench.engine.digests import digest
from qa_bench.engine.stage import graph
from qa_bench.line import entropy
from qa_bench.line.doubts import doubts
from qa_bench.line.line import Line
from qa_bench.line.provenance import provenance
from qa_bench.line.published import repeats
from qa_bench.report.record import Record, save
from qa_bench.runtime.progress import whole
from qa_bench.stages.ceiling import CEILING_FILE
from qa_bench.stages.score import SCORES_FILE
from qa_bench.store.columns import read_columns
from qa_bench.store.passages import open_passages
from qa_bench.store.runs import RUN_FILE, ids_of_both, read_run
from qa_bench.types import Heading

log = logging.getLogger(__name__)

_OF_TRAINING = ("non_embedding_parameters", "examples")
"""Counts of a training that are costs of what it trained."""


def record(line: Line) -> Record:
    """Run the whole line, and write its record and the per-question file into the results.

    Raises:
        UserError: whatever a stage cannot do.
    """
    run, config, started = line.context.run, line.config, time.time()
    if line.entropies is not None:
        run(line.entropies.pairs)  # what it refuses is told before anything is trained
    if (bar := whole()) is not None:
        for stage in line.stages():
            with bar.stage(stage.key, stage.title or stage.name):
                run(stage)
    scores = run(line.scores)
    counts = scores.manifest["counts"]
    questions, retrieved = line.questions, config.predictions is None
    ours = retrieved and config.run is None
    used_corpus = retrieved and line.run_passages is not line.run
    ceiling = run(line.ceiling) if line.ceiling else None
    contrast = entropy.measured(line)
    rows = read_columns(scores.path / SCORES_FILE)
    cautions = doubts(line, rows)
    for caution in cautions:
        log.log(logging.WARNING if "trained on" in caution else logging.INFO, "%s", caution)
    repeated, unlike = repeats(line) if ours else ([], {})
    result = Record(
        system=line.system,
        dataset=questions.name,
        split=questions.split,
        n=len(questions),
        match=questions.match,
        mode=config.mode,
        questions=questions.digest[:8],
        published_set=bool(questions.published),
        corpus=line.passages_label if used_corpus else "",
        published_corpus=used_corpus and _is_published_corpus(line),
        passages_key=line.passages.key if used_corpus else "",
        values=counts["means"] | (ceiling.manifest["counts"] if ceiling else {}) | contrast.values,
        headings={
            **{name: line.metrics[of].heading(name) for name, of in counts["metrics"].items()},
            **({"ceiling": Heading("ceiling")} if ceiling else {}),
            **dict.fromkeys(contrast.values, entropy.HEADING),
        },
        costs=_costs(line) if ours else {},
        notes=[*_notes(line, counts, used_corpus), *contrast.notes, *cautions],
        published_as=repeated,
        published_unlike=unlike,
        version=qa_bench.__version__,
        scores=scores.path.name,
        changes=list(line.changes),
        file=str(config.run or config.predictions or ""),
        place=line.place,
        key=key_of(line),
        denominators=contrast.denominators,
    )
    if ceiling:
        rows |= read_columns(ceiling.path / CEILING_FILE)
    rows |= contrast.columns
    groups = {"group": list(questions.groups)} if questions.groups else {}
    rows = {"qid": rows.pop("qid"), "question": [q.text for q in questions], **groups, **rows}
    path = save(result, Path(config.paths.results), config.name, rows, provenance(line, started))
    log.info("per-question values: %s", path)
    return result


def key_of(line: Line) -> str:
    """What makes the figures: hits or answers, questions, rules; not what it is called."""
    made = line.answers or (line.ranked if line.config.predictions is None else line.scores)
    questions, passages = line.questions, line.config.predictions is None
    known = [made.key, line.run_passages.key if passages else "", questions.digest]
    return digest([*known, questions.match, line.config.mode])[:16]


def _is_published_corpus(line: Line) -> bool:
    published = line.corpus.about.passages
    passages = line.context.run(line.passages).manifest["counts"]["passages"]
    return published is not None and published == passages


def _costs(line: Line) -> dict[str, float]:
    run, questions = line.context.run, len(line.questions)
    passages = run(line.passages).manifest
    indexes = [run(stage).manifest for stage in line.indexes]
    size = sum(output["bytes"] for index in indexes for output in index["outputs"].values())
    wall = sum(index["wall_s"] for index in indexes)
    searches = [run(stage).manifest["counts"]["seconds"] for stage in line.searches]
    seconds = round(sum(searches), 3)
    return {
        "passages": passages["counts"]["passages"],
        "index_mb": round(size / 1e6, 1),
        "build_s": round(passages["wall_s"] + wall, 2),
        "search_s": seconds,
        "questions_per_s": round(questions / seconds, 1) if seconds else 0.0,
        **_latency(line),
        "peak_mb": _peak(line),
        **(line.retrieval.kept_of_base(line.depth) if line.expander is None else {}),
        **_of_a_question(line),
        **_of_training(line),
    }


def _latency(line: Line) -> dict[str, float]:
    """Median and 95th percentile of the sample's times, in seconds; empty where none was taken.

    Several searches for a question count one after the other; a fusion with its share of the batch.
    """
    if not line.latencies:
        return {}
    run = line.context.run
    times = np.sum([run(stage).manifest["counts"]["seconds"] for stage in line.latencies], axis=0)
    fusions = [stage for stage in line.searches if stage.name in ("complete", "fuse")]
    batch = sum(run(stage).manifest["counts"]["seconds"] for stage in fusions)
    p50, p95 = np.percentile(times + batch / len(line.questions), (50, 95))
    return {"latency_p50_s": round(float(p50), 6), "latency_p95_s": round(float(p95), 6)}


def _peak(line: Line) -> float:
    """The most memory that a stage of the line has taken when it was built, in MB."""
    stages = graph(line.answers or line.ranked)
    peaks: list[int] = [line.context.run(stage).manifest["peak_rss_mb"] for stage in stages]
    return round(max(peaks) * (1 << 20) / 1e6, 1)


def _of_a_question(line: Line) -> dict[str, float]:
    """Seconds of reranking and of reading, and a language model's tokens, where there are any."""
    run, questions, costs = line.context.run, len(line.questions), {}
    if line.reranker is not None:
        seconds = run(line.ranked).manifest["counts"]["seconds"]
        costs["rerank_s"] = round(seconds / questions, 4)
    if line.answers is not None:
        counts = run(line.answers).manifest["counts"]
        costs["read_s"] = round(counts["seconds"] / questions, 4)
        tokens = [counts[n] for n in ("prompt_tokens", "completion_tokens") if n in counts]
        if tokens:
            costs["read_tokens"] = round(sum(tokens) / questions, 1)
    return costs


def _of_training(line: Line) -> dict[str, float]:
    """What was trained, where something was: parameters without embeddings, and examples."""
    if line.training is None:
        return {}
    counts = line.context.run(line.training.stage).manifest["counts"]
    return {name: counts[name] for name in _OF_TRAINING if name in counts}


def _notes(line: Line, counts: dict[str, Any], used_corpus: bool) -> list[str]:
    questions = line.questions
    notes = [questions.remark] if questions.remark else []
    if used_corpus and (note := line.corpus.about.note):
        notes.append(note)
    if note := _ids_note(line, used_corpus):
        notes.append(note)
    if bad := counts["degenerate_answers"]:
        notes.append(
            f"{questions.name}: {bad} gold answers are degenerate (nothing is left of "
            "them, or a pattern does not compile); they count as the reference counts them"
        )
    if absent := counts.get("relevant_absent"):
        notes.append(
            f"{questions.name}: {absent} relevant passages are not in the corpus; they "
            "count as not found"
        )
    notes += [f"{line.system} on {questions.name}: {text}" for text in counts.get("remarks", ())]
    if missing := counts.get("without_prediction"):
        source = line.config.predictions or line.system
        notes.append(
            f"{questions.name}: {missing} questions have no prediction and count as wrong "
            f"({source})"
        )
    return notes


def _ids_note(line: Line, used_corpus: bool) -> str:
    """What the ids of a run file mean, where they are not those of passages, or may not be."""
    if line.config.run_ids == "articles":
        across = ", or a pattern matches across two" if line.questions.match == "regex" else ""
        return (
            f"{line.system}: the hits are articles; one holds an answer where one of its passages "
            f"does{across}, so figures of passages are no match for these"
        )
    if line.config.run is None or not used_corpus:
        return ""
    folders = (line.context.run(stage).path for stage in (line.run, line.run_passages))
    run, passages = next(folders) / RUN_FILE, open_passages(next(folders))
    if not ids_of_both(read_run(run), passages):
        return ""
    return (
        f"{line.system}: every id of the run is that of a passage and that of an article too; they "
        "are taken for passages' (run_ids=articles takes them for articles')"
    )
