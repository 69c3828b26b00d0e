from __future__ import annotations

from dataclasses import replace

from qa_bench.report.failures import Outcome, failures, stale, twins

DONE = Outcome(6, "minilm", "jsonl/words", "webq", "results", "x", figure="Top-20 97.22", row="1")
FAILED = replace(DONE, number=2, question_set="nq", problem="no such file", figure="", row="")


def test_the_line_of_a_job():
    assert DONE.line(20) == "7/20 minilm webq  Top-20 97.22"
    assert FAILED.line(20) == "3/20 minilm nq  failed: no such file"
    assert replace(DONE, with_corpus=True).what == "minilm (jsonl/words) webq"


def test_the_failures_at_the_end():
    assert failures([DONE], 1) == []
    assert failures([DONE, FAILED, replace(FAILED, number=3)], 20) == [
        "2 of 20 jobs failed:",
        "  3/20 minilm nq: no such file",
        "  4/20 minilm nq: no such file",
    ]


def test_what_should_have_been_made_and_was_not():
    assert stale([DONE, FAILED]) == {("minilm", "jsonl/words", "nq")}
    assert stale([replace(FAILED, problem="", row="1"), FAILED]) == set(), "another job made it"


def test_jobs_of_one_row_are_told():
    assert twins([DONE, FAILED]) == []
    assert twins([DONE, replace(DONE, question_set="nq")]) == []
    (line,) = twins([DONE, replace(DONE, number=7)])
    assert line.startswith("2 jobs made the same row, minilm webq")
