from __future__ import annotations

from dataclasses import replace

from qa_bench.stages.latency import singles


def test_the_sample_is_spread_evenly_and_keeps_what_stands_beside(make_questions):
    questions = make_questions({f"q{number}": ["x"] for number in range(10)})
    several = singles(questions, 4)
    assert [[q.qid for q in one] for one in several] == [["q0"], ["q2"], ["q5"], ["q7"]]
    assert [one.beside for one in several] == [()] * 4
    assert len(singles(questions, 99)) == 10
    beside = replace(questions, beside=tuple((str(number),) for number in range(10)))
    assert [one.beside for one in singles(beside, 2)] == [(("0",),), (("5",),)]
