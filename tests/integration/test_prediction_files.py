"""Answers of other systems are scored, whatever made them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from bench_helpers import figures, good, qa, read_csv, sample_questions, write_jsonl

from qa_bench import exact_match, f1_score


def predictions(name: str, right: int, wrong: int) -> list[dict[str, str]]:
    rows = sample_questions(name)
    made = [{"id": row["id"], "prediction": row["answers"][0]} for row in rows[:right]]
    return made + [
        {"id": row["id"], "prediction": "no such thing"} for row in rows[right : right + wrong]
    ]


def test_predictions(tmp_path: Path) -> None:
    given = predictions("nq", 20, 10)
    given[0]["prediction"] = f"the {given[0]['prediction'].upper()}!"
    given[20]["prediction"] = f"{sample_questions('nq')[20]['answers'][0]} and more"
    write_jsonl(tmp_path / "mine.jsonl", given)
    done = good(
        "score",
        "dataset=nq",
        "dataset.split=sample",
        "predictions=mine.jsonl",
        "--json",
        cwd=tmp_path,
    )
    (line,) = figures(done)
    assert (line["system"], line["n"], line["em"]) == ("mine", 36, 20 / 36)
    answers = {row["id"]: row["answers"] for row in sample_questions("nq")}
    f1 = sum(f1_score(row["prediction"], answers[row["id"]]) for row in given) / 36
    assert line["f1"] == pytest.approx(f1)
    assert 20 / 36 < line["f1"] < 21 / 36
    assert "answer_recall@20" not in line
    assert (
        "6 questions have no prediction and count as wrong"
        in (tmp_path / "results" / "default.md").read_text()
    )
    (table,) = (tmp_path / "results/default").glob("nq-sample--mine--*.csv")
    rows = read_csv(table)
    assert [float(row["em"]) for row in rows] == [1.0] * 20 + [0.0] * 16


def test_predictions_as_one_object(tmp_path: Path) -> None:
    given = {row["id"]: row["prediction"] for row in predictions("webq", 9, 27)}
    (tmp_path / "mine.json").write_text(json.dumps(given))
    words = ("score", "dataset=webq", "dataset.split=sample", "predictions=mine.json", "--json")
    done = good(*words, cwd=tmp_path)
    (line,) = figures(done)
    assert line["em"] == 9 / 36
    assert "no prediction" not in (tmp_path / "results" / "default.md").read_text()


def test_curatedtrec_is_scored_by_patterns_unasked(tmp_path: Path) -> None:
    """The flag that DrQA's users forget: 31 instead of 87."""
    rows = sample_questions("curatedtrec")
    prediction = "July 20, 1976"
    assert exact_match(prediction, rows[1]["answers"], "regex")
    assert not exact_match(prediction, rows[1]["answers"])
    write_jsonl(tmp_path / "mine.jsonl", [{"id": rows[1]["id"], "prediction": prediction}])
    words = ("dataset=curatedtrec", "dataset.split=sample", "predictions=mine.jsonl")
    (line,) = figures(good("score", *words, "--json", cwd=tmp_path))
    assert line["em"] == 1 / 36
    assert "f1" not in line
    assert "match:regex" in (tmp_path / "results" / "default.csv").read_text()


def test_sample_prediction_files_are_found_by_name(tmp_path: Path) -> None:
    """``dataset.folder`` holds a split under its official name or as ``<split>.jsonl``."""
    folder = tmp_path / "data" / "raw" / "webq"
    write_jsonl(folder / "dev.jsonl", sample_questions("webq")[:5])
    write_jsonl(tmp_path / "p.jsonl", predictions("webq", 5, 0))
    done = good(
        "score", "dataset=webq", "dataset.split=dev", "predictions=p.jsonl", "--json", cwd=tmp_path
    )
    (line,) = figures(done)
    assert (line["n"], line["em"], line["split"]) == (5, 1.0, "dev")
    assert "5 questions where 361 were published" in done.stderr


def test_a_slip_in_the_statistics_is_told_before_anything_runs(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "mine.jsonl", predictions("nq", 20, 10))
    words = ("score", "dataset=nq", "dataset.split=sample", "predictions=mine.jsonl")
    done = qa(*words, "statistics.alpha=2", cwd=tmp_path)
    assert done.returncode == 2
    assert "qa-bench: error: statistics.alpha: " in done.stderr
    assert not (tmp_path / "data").exists() or not list((tmp_path / "data/cache").glob("score/*"))
    assert not (tmp_path / "results").exists()


def test_certificates_of_two_runs_differ_in_run_details_alone(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "mine.jsonl", predictions("nq", 20, 10))
    words = ("score", "dataset=nq", "dataset.split=sample", "predictions=mine.jsonl")
    statements = []
    for cache in ("cache-1", "cache-2"):
        good(*words, f"paths.cache={cache}", cwd=tmp_path)
        (path,) = (tmp_path / "results/default").glob("*.json")
        statements.append(json.loads(path.read_text().replace(cache, "cache")))
        details = statements[-1]["predicate"].pop("runDetails")
        assert details["metadata"]["startedOn"]
        assert details["byproducts"]
    assert statements[0] == statements[1]
    (subject,) = statements[0]["subject"]
    table = path.with_suffix(".csv").read_bytes()
    assert subject["digest"]["sha256"] == hashlib.sha256(table).hexdigest()
    explained = good("explain", "nq-sample/mine/em", cwd=tmp_path).stdout
    assert "em 55.56 (20 of 36), 95 % " in explained
    assert (
        "qa-bench run dataset=nq dataset.split=sample predictions=mine.jsonl paths.cache="
        in explained
    )
    question = good("explain", sample_questions("nq")[0]["id"], cwd=tmp_path).stdout
    assert "EM 1" in question
