"""`qa-bench explain`: how a figure came about, or what every system made of a question."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from qa_bench.errors import DataError, UserError
from qa_bench.line.names import near
from qa_bench.report.certificate import MEASUREMENT
from qa_bench.report.files import alone
from qa_bench.report.outcomes import Outcomes, read
from qa_bench.report.record import Record
from qa_bench.report.rows import Row, choose, shortened
from qa_bench.report.table import shown

_HASH = 16
"""Digits of a hash that are shown."""
_PASSAGES = 5

Pair = tuple[Record, Path]


def explain(config: Any) -> str:
    """What is known of a cell of a table, or of a question.

    Raises:
        UserError: there is no such cell, question, or experiment.
        DataError: a file of the results was edited.
    """
    cell = config.cell
    if cell is None:
        raise UserError("explain needs a cell, SET/SYSTEM/METRIC, or a question's id")
    with alone(Path(config.paths.results), config.name, list(config.merge)) as pairs:
        if place := _cell(str(cell), pairs):
            record, path, metrics = place
            values = read(record, path, ())
            about = _figures(record, path, metrics, values)
            return json.dumps(about, ensure_ascii=False) if config.json else _text(about)
        return _question(str(cell), pairs, bool(config.json))


def _cell(cell: str, pairs: Sequence[Pair]) -> tuple[Record, Path, list[str]] | None:
    """The record and the metrics that a cell names; None for what is no cell.

    Raises:
        UserError: no such system or metric.
    """
    name, slash, rest = cell.partition("/")
    own = [(r, path) for r, path in pairs if r.question_set == name]
    own = own or [(r, path) for r, path in pairs if r.dataset == name]
    if not slash or not own:
        return None
    records = [record for record, _ in own]
    system, _, metric = rest.rpartition("/")
    known = {metric for record in records for metric in record.values}
    if metric not in known:
        if system and "@" in metric:
            raise UserError(f"no figure '{metric}' of {name}: there are {', '.join(sorted(known))}")
        system, metric = rest, ""
    several = choose(records, [system])
    if len({Row.of(record) for record in several}) > 1:
        labels = ", ".join(f"{record.row} ({record.label})" for record in several)
        raise UserError(f"'{system}' is several rows of {name}: name one by its key: {labels}")
    if len(several) > 1:
        files = ", ".join(f"{path} ({r.question_set}, {r.n:,} questions)"
                          for r, path in own if any(r is one for one in several))  # fmt: skip
        raise UserError(f"'{system}' has several figures of {name}: {files}")
    record = several[0]
    path = next(path for one, path in own if one is record)
    return record, path, [metric] if metric else list(record.values)


def _figures(
    record: Record, path: Path, metrics: Sequence[str], values: Outcomes | None
) -> dict[str, Any]:
    statement = json.loads(path.read_text(encoding="utf-8"))
    predicate = statement.get("predicate", {})
    definition = predicate.get("buildDefinition", {})
    details = predicate.get("runDetails", {})
    measured = statement.get(MEASUREMENT, {}).get("values", {})
    return {
        "set": record.question_set,
        "system": record.label,
        "evidence": "reported only" if values is None else "recomputed from its questions",
        "figures": {
            metric: {
                **measured.get(metric, {"value": record.values[metric]}),
                "shown": shown(record.heading(metric), record.values[metric]),
                "n": record.n,
                "signature": record.signature(metric),
            }
            for metric in metrics
        },
        "notes": record.notes,
        "command": definition.get("externalParameters", {}).get("command", ""),
        "inputs": definition.get("resolvedDependencies", []),
        "stages": details.get("byproducts", []),
        "versions": details.get("builder", {}).get("version", {}),
        "finished": details.get("metadata", {}).get("finishedOn", ""),
        "record": str(path),
        "values": "" if values is None else str(path.with_suffix(".csv")),
        "sha256": record.digest,
    }


def _text(about: dict[str, Any]) -> str:
    return "\n".join(_lines(about))


def _lines(about: dict[str, Any]) -> Iterator[str]:
    yield f"{about['system']} on {about['set']}, {about['evidence']}"
    for metric, figure in about["figures"].items():
        hits = f" ({figure['hits']} of {figure['n']})" if "hits" in figure else ""
        span = ""
        if "ci" in figure:
            low, high = figure["ci"]
            span = f", 95 % {low:.4f} to {high:.4f} by {figure['ci_method']}"
        yield f"  {metric} {figure['shown']}{hits}{span}"
        yield f"    {figure['signature']}"
    for note in about["notes"]:
        yield f"note: {note}"
    if about["command"]:
        yield f"command: {about['command']}"
    for title, entries in (("inputs", about["inputs"]), ("stages", about["stages"])):
        if entries:
            yield f"{title}:"
        for entry in entries:
            yield f"  {' '.join(_described(entry))}"
    if about["versions"]:
        yield "versions: " + ", ".join(f"{k} {v}" for k, v in about["versions"].items())
    if about["finished"]:
        yield f"finished: {about['finished']}"
    yield f"record: {about['record']}"
    if about["values"]:
        yield f"each question: {about['values']} (sha256 {about['sha256'][:_HASH]})"


def _described(entry: dict[str, Any]) -> Iterator[str]:
    yield str(entry.get("name", ""))
    notes = entry.get("annotations", {})
    if "key" in notes:
        made_of = ", ".join(notes.get("inputs", {}))
        yield f"key {notes['key']}" + (f", of {made_of}" if made_of else "")
        return
    if "uri" in entry:
        yield str(entry["uri"])
    for algorithm, digest in entry.get("digest", {}).items():
        yield f"{algorithm} {digest[:_HASH]}"
    if "version" in notes:
        yield str(notes["version"])


def _question(qid: str, pairs: Sequence[Pair], as_json: bool) -> str:
    """Every system's rank, answer and passages for one question.

    Raises:
        UserError: no set has it.
    """
    rows, names = [], set()
    labels = shortened([record for record, _ in pairs]).labels
    for record, path in pairs:
        try:
            values = read(record, path)
        except DataError as error:
            raise UserError(str(error)) from None
        if values is None:
            continue
        if qid not in values.qids:
            names.update(values.qids)
            continue
        place = values.qids.index(qid)
        rows.append((record, {name: values.column(name)[place] for name in
                              values.table.column_names}))  # fmt: skip
    if not rows:
        raise UserError(
            f"no question '{qid}' and no cell SET/SYSTEM/METRIC{near(qid, sorted(names))}"
        )
    if as_json:
        whole = [{"system": r.label, "set": r.question_set, **row} for r, row in rows]
        return "\n".join(json.dumps(row, ensure_ascii=False) for row in whole)
    first = rows[0][1]
    lines = [f"{qid} ({rows[0][0].question_set}): {first['question']}"]
    lines += [f"answers: {first['answers']}"] if first.get("answers") else []
    for record, row in rows:
        lines += ["", *_made(labels[Row.of(record)], record, row)]
    return "\n".join(lines)


def _made(label: str, record: Record, row: dict[str, Any]) -> Iterator[str]:
    rank = row.get("first_rank")
    where = (
        "" if rank is None else f"first answer at rank {rank}" if rank else "no answer retrieved"
    )
    values = {m: "–" if row[m] is None else f"{row[m]:g}" for m in record.values}
    figures = "  ".join(f"{record.heading(m).title} {value}" for m, value in values.items())
    yield f"{label}: {where}" if where else label
    yield f"  {figures}"
    if "prediction" in row:
        yield f"  prediction: {row['prediction']}"
    for hit in json.loads(row.get("passages") or "[]")[:_PASSAGES]:
        mark = " ← answer" if str(hit["pid"]) == row.get("first_pid") and rank else ""
        yield f"  {hit['rank']}. {hit['title']} (pid {hit['pid']}){mark}"
