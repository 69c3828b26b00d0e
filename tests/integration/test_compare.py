"""`qa-bench compare`, `diff` and `check` as people run them, on results of systems never run."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from bench_helpers import error_line, good, qa, read_csv
from two_results import saved

from qa_bench.report.certificate import Provenance

BETTER, WORSE = [1] * 60 + [0] * 20, [1] * 40 + [6] * 20 + [0] * 20
KNOWN = Provenance(config={"depth": 100}, versions={"qa_bench": "0.2.0"})


@pytest.fixture
def place(tmp_path: Path) -> Path:
    results = tmp_path / "results"
    for name, ranks in (("x", WORSE), ("main", BETTER)):
        saved(results, "bm25[k1=3]", ranks, name=name, provenance=KNOWN)
        saved(results, "bm25[k1=0.9]", BETTER, name=name, provenance=KNOWN)
    return tmp_path


def test_compare_finds_a_planted_win(place: Path) -> None:
    words = ("compare", "name=x", "a=bm25[k1=0.9]", "b=bm25[k1=3]")
    done = good(*words, "--json", cwd=place)
    lines = {line["metric"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert (lines["answer_recall@5"]["a_only"], lines["answer_recall@5"]["b_only"]) == (20, 0)
    assert lines["answer_recall@5"]["low"] > 0.1
    assert lines["answer_recall@5"]["p_holm"] < 0.001
    assert lines["answer_recall@6"]["difference"] == 0
    files = place / "results/x/compare"
    stem = "bm25[k1=0.9]--bm25[k1=3]"
    assert sorted(path.name for path in files.iterdir()) == [
        f"{stem}.csv", f"{stem}.md", f"{stem}.questions.csv",
    ]  # fmt: skip
    assert len(read_csv(files / f"{stem}.csv")) > 20
    good("table", "name=x", cwd=place)  # the files beside are no records


def test_compare_of_two_folders_and_engines(place: Path) -> None:
    words = ("a=bm25[k1=0.9]", "b=bm25[k1=3][from=main]", "report=engines")
    for _ in range(2):  # what the first has written is no experiment of that name
        done = good("compare", "results/x", "results/main", *words, cwd=place, verbose=False)
    assert "80  the same passages in the same order" in done.stdout


def test_diff_ends_with_1_where_something_differs(place: Path) -> None:
    done = qa("diff", "nq/bm25[k1=0.9]", "nq/bm25[k1=3]", "name=x", cwd=place, verbose=False)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "first_rank differs at 20 of 80" in done.stdout
    one, other = (next((place / f"results/{n}").glob("*k1=0.9*.json")) for n in ("x", "main"))
    done = good("diff", str(one), str(other), cwd=place, verbose=False)
    assert "the same: settings, inputs, versions" in done.stdout


def test_check_is_a_gate(place: Path) -> None:
    words = ("check", "name=x", "reference=results/main")
    done = qa(*words, "fail_if=answer_recall@5 < -0.01; mrr < 0.2", cwd=place)
    assert done.returncode == 1
    first, last = done.stdout.splitlines()
    assert first.startswith("BREACH nq bm25[k1=3] (c): Top-5 -25.00 against results/main (95 %")
    assert last == "1 breach in 4 checks"
    suite = ElementTree.parse(place / "results/x.check.xml").getroot()
    assert suite.get("failures") == "1"
    good(*words, "fail_if=answer_recall@20 < -0.01", cwd=place)
    good(*words, "system=bm25[k1=0.9]", "fail_if=answer_recall@5 < -0.01", cwd=place)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("compare name=x a=bm25[k1=0.9] b=minilm", "no system 'minilm' in these results"),
        ("compare name=x statistics=none", "two systems are compared by closed forms"),
        ("compare name=x compare.kinds=colour", "compare.kinds: overlap, question_type"),
        ("compare name=x compare.metric=em", "no 'em' of both systems on nq"),
        ("compare name=x report=all", "report: null or engines"),
        ("diff nq/bm25[k1=0.9] name=x", "diff needs two figures"),
        ("diff a b name=x", "no system 'a' in these results"),
        ("check name=x", "check needs what is a breach"),
        ("check name=x reference=nowhere fail_if=mrr<-1%", "nowhere: no such folder of results"),
        ("check name=x reference=results/x fail_if=mrr<-1%", "is the folder of name=x itself"),
    ],
)
def test_mistakes_are_told_in_a_line(words: str, reason: str, place: Path) -> None:
    assert reason in error_line(qa(*words.split(), cwd=place, verbose=False))
