"""Every Eval Ever 0.3.0: a certificate as the shared store of evaluations reads it.

Source: schemas/eval.schema.json, instance_level_eval.schema.json and the path rules of the package
every-eval-ever 0.3.0. A system on a set is a log, a metric a result, a question under a metric an
instance.
"""

from __future__ import annotations

import calendar
import hashlib
import json
import math
import re
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from qa_bench.errors import UserError
from qa_bench.formats.statements import Statement, parameter

VERSION = "0.3.0"

_DEVELOPER = "qa-bench"
_UNSAFE = re.compile(r"[^\w.+=,@-]+")
_KINDS = {
    "answer_recall": "recall",
    "em": "accuracy",
    "f1": "f1",
    "mrr": "mrr",
    "ceiling": "recall",
}

Row = Mapping[str, Any]


class Log(NamedTuple):
    """What is written for one certificate.

    Attributes:
        path: of the log, below the store's root.
        log: its content.
        samples_path: of the instances; empty where there are none.
        samples: the instances as JSON Lines.
    """

    path: str
    log: dict[str, Any]
    samples_path: str
    samples: str


def every_eval_ever(statement: Statement, rows: Sequence[Row] | None) -> Log:
    """A certificate and its per-question values as a log and its instances.

    Nothing of it depends on when it is exported: the time is that of the run, the names are made
    of the certificate's digest.

    Args:
        statement: the certificate.
        rows: a mapping a question: qid, question, answers (a JSON list), prediction, passages, and
            a number a metric; None where the per-question file is not there.

    Raises:
        UserError: a value is no number.
    """
    when = _seconds(statement.finished)
    model = f"{_DEVELOPER}/{_safe(statement.label)}"
    evaluation = f"{statement.question_set}/{model}/{when}"
    name = uuid.UUID(bytes=bytes.fromhex(statement.digest)[:16], version=4)
    path = f"data/{_safe(statement.question_set)}/{model}/{name}"
    measurement = statement.measurement
    log: dict[str, Any] = {
        "schema_version": VERSION,
        "evaluation_id": evaluation,
        **({"evaluation_timestamp": statement.finished} if statement.finished else {}),
        "retrieved_timestamp": when,
        "source_metadata": {
            "source_name": "qa_bench",
            "source_type": "documentation" if rows is None else "evaluation_run",
            "source_organization_name": "unknown",
            "evaluator_relationship": "other",
            "additional_details": {"certificate_sha256": statement.digest},
        },
        "eval_library": {
            "name": "qa_bench",
            "version": str(statement.versions.get("qa_bench", "unknown")),
            "additional_details": {
                key: str(value) for key, value in sorted(statement.versions.items())
            },
        },
        "model_info": {
            "name": statement.label,
            "id": model,
            "developer": _DEVELOPER,
            "additional_details": {
                "deployment_type": "unknown",
                "model_availability": "unknown",
                "system": str(measurement["system"]),
                "corpus": str(measurement.get("corpus") or ""),
            },
        },
        "evaluation_results": [
            _result(statement, evaluation, metric, rows) for metric in statement.figures
        ],
    }
    if not rows:
        return Log(f"{path}.json", log, "", "")
    lines = [
        json.dumps(instance, ensure_ascii=False, allow_nan=False)
        for instance in _instances(statement, evaluation, model, rows)
    ]
    samples = "".join(f"{line}\n" for line in lines)
    log["detailed_evaluation_results"] = {
        "format": "jsonl",
        "file_path": f"{path}_samples.jsonl",
        "hash_algorithm": "sha256",
        "checksum": hashlib.sha256(samples.encode()).hexdigest(),
        "total_rows": len(lines),
    }
    return Log(f"{path}.json", log, f"{path}_samples.jsonl", samples)


def _safe(name: str) -> str:
    """A name as a folder of the store: portable, not hidden, never ``data``, never empty."""
    safe = _UNSAFE.sub("-", name).strip(".-")[:100].rstrip(".") or "unnamed"
    return f"{safe}-set" if safe.lower() == "data" else safe


def _seconds(finished: str) -> str:
    """ISO 8601 in UTC as seconds since the epoch; 0 where it is not known."""
    try:
        return str(calendar.timegm(time.strptime(finished[:19], "%Y-%m-%dT%H:%M:%S")))
    except ValueError:
        return "0"


def _result(
    statement: Statement, evaluation: str, metric: str, rows: Sequence[Row] | None
) -> dict[str, Any]:
    figure, measurement = statement.figures[metric], statement.measurement
    base, k = parameter(metric)
    title, unit = statement.heading(metric)
    fraction = unit == "%"
    details = {name: str(figure[name]) for name in ("hits",) if name in figure}
    keys = ("match", "mode", "questions", "version", "published_set")
    rules = {name: str(measurement[name]) for name in keys if name in measurement}
    return {
        "evaluation_result_id": f"{evaluation}#{metric}",
        "evaluation_name": statement.question_set,
        "source_data": {
            "dataset_name": str(measurement["dataset"]),
            "source_type": "other",
            "additional_details": {
                "split": str(measurement["split"]),
                "questions": str(measurement["n"]),
                **{
                    f"{algorithm} of {part['name']}": str(value)
                    for part in statement.dependencies
                    if "question" in str(part.get("name"))
                    for algorithm, value in part.get("digest", {}).items()
                },
            },
        },
        "metric_config": {
            "evaluation_description": f"mean of {title} over {_questions(figure)}",
            "metric_id": f"qa_bench.{base}",
            "metric_name": title,
            "metric_kind": _KINDS.get(base, base),
            "metric_unit": "proportion" if fraction else unit,
            **({"metric_parameters": {"k": k}} if k is not None else {}),
            "lower_is_better": statement.lower(metric),
            "score_type": "continuous",
            "min_score": 0 if fraction else None,
            "max_score": 1 if fraction else None,
            "additional_details": rules,
        },
        "score_details": {
            "score": figure["value"],
            "details": details,
            "uncertainty": _uncertainty(figure, metric, _n(statement, metric), rows),
        },
        "generation_config": {
            "generation_args": {"execution_command": statement.command},
            "additional_details": {
                name: str(value) for name, value in sorted(statement.costs.items())
            },
        },
    }


def _uncertainty(
    figure: Mapping[str, Any], metric: str, n: int, rows: Sequence[Row] | None
) -> dict[str, Any]:
    uncertainty: dict[str, Any] = {"num_samples": n}
    if figure.get("ci"):
        low, high = figure["ci"]
        if math.isfinite(low) and math.isfinite(high):
            uncertainty["confidence_interval"] = {
                "lower": low,
                "upper": high,
                "confidence_level": 0.95,
                "method": str(figure.get("ci_method", "unknown")),
            }
    grouped = str(figure.get("ci_method", "")).startswith("cluster")
    if rows is not None and n > 1 and not grouped:
        values = [_number(row, metric) for row in _with_value(rows, metric, figure)]
        mean = math.fsum(values) / n
        deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
        uncertainty["standard_deviation"] = deviation
        uncertainty["standard_error"] = {
            "value": deviation / math.sqrt(n),
            "method": "analytic",
        }
    return uncertainty


def _n(statement: Statement, metric: str) -> int:
    """How many questions have a value of a metric."""
    return int(statement.figures[metric].get("n", statement.measurement["n"]))


def _questions(figure: Mapping[str, Any]) -> str:
    return f"the {figure['n']} questions with a value" if "n" in figure else "all questions"


def _with_value(rows: Sequence[Row], metric: str, figure: Mapping[str, Any]) -> Sequence[Row]:
    """The questions with a value, where the figure says that some have none; else all."""
    return [row for row in rows if row.get(metric) not in ("", None)] if "n" in figure else rows


def _number(row: Row, metric: str) -> float:
    try:
        value = float(row[metric])
    except (KeyError, TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise UserError(f"{metric} of question {row.get('qid')!r}: a number expected")
    return value


def _instances(
    statement: Statement, evaluation: str, model: str, rows: Sequence[Row]
) -> Iterator[dict[str, Any]]:
    for row in rows:
        question = str(row.get("question") or "")
        answers = _texts(row.get("answers"))
        prediction = row.get("prediction")
        output = [str(prediction)] if prediction is not None else _titles(row.get("passages"))
        attribution = (
            []
            if prediction is None
            else [
                {
                    "turn_idx": 0,
                    "source": "output.raw",
                    "extracted_value": str(prediction),
                    "extraction_method": "exact_match",
                    "is_terminal": True,
                }
            ]
        )
        content = question + "".join(answers)
        sample = hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()
        for metric, figure in statement.figures.items():
            if not _with_value([row], metric, figure):
                continue
            score = _number(row, metric)
            yield {
                "schema_version": VERSION,
                "evaluation_id": evaluation,
                "model_id": model,
                "evaluation_name": statement.question_set,
                "evaluation_result_id": f"{evaluation}#{metric}",
                "sample_id": str(row["qid"]),
                "sample_hash": sample,
                "interaction_type": "single_turn",
                "input": {"raw": question, "reference": answers},
                "output": {"raw": output},
                "answer_attribution": attribution,
                "evaluation": {"score": score, "is_correct": score == 1.0},
                "metadata": {"metric": metric},
            }


def _texts(cell: Any) -> list[str]:
    """A JSON list of texts; empty where passages were judged."""
    try:
        entries = json.loads(cell) if cell else []
    except (TypeError, ValueError):
        return []
    return [str(entry) for entry in entries] if isinstance(entries, list) else []


def _titles(cell: Any) -> list[str]:
    """The titles of the passages found: what a system without a reader gives."""
    try:
        entries = json.loads(cell) if cell else []
    except (TypeError, ValueError):
        return []
    return [str(entry.get("title") or entry.get("pid")) for entry in entries]
