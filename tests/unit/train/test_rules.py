from __future__ import annotations

from dataclasses import replace

import pytest

from qa_bench.errors import UserError
from qa_bench.fetch.farmhash import fingerprint64
from qa_bench.train.rules import OF_QUESTIONS, TABLE_1, checked_rules, published
from qa_bench.types import Question, QuestionSet

QUESTIONS = [Question(str(n), f"question number {n} ?", ("a",)) for n in range(300)]


def test_orqas_split() -> None:
    """``FarmHash Fingerprint64 % 100000 % 10 == 0`` is dev; each question is in one of the two."""
    dev = {q.qid for q in QUESTIONS if fingerprint64(q.text.encode()) % 100_000 % 10 == 0}
    assert 10 < len(dev) < 60
    for name, there in (("orqa_dev", True), ("orqa_train", False)):
        left = [question for question in QUESTIONS if OF_QUESTIONS[name](question)]
        assert all((question.qid in dev) == there for question in left)
    assert {q.qid for q in QUESTIONS if OF_QUESTIONS["orqa_dev"](q)} == dev


def test_short_answers_have_five_tokens_at_most() -> None:
    rule = OF_QUESTIONS["nq_short_answers"]
    question = Question("q", "when", ("May 18 , 2018", "on the 18 of May 2018", "a b c d e"))
    left = rule(question)
    assert left is not None
    assert left.answers == ("May 18 , 2018", "a b c d e")
    assert rule(question._replace(answers=("one two three four five six",))) is None


def test_which_rules_there_are() -> None:
    assert checked_rules(None, 5) == ()
    assert checked_rules(["dpr_discard", "orqa_train"], 100) == ("orqa_train", "dpr_discard")
    for names, message in (
        (["orqa"], "mine.rules: nq_short_answers, orqa_train, orqa_dev or dpr_discard, got 'orqa'"),
        ("orqa_dev", "mine.rules: a list of texts, got 'orqa_dev'"),
        (["orqa_dev", "orqa_train"], "mine.rules: orqa_train and orqa_dev leave no question"),
        (["dpr_discard"], "mine.rules: dpr_discard looks at the first 100 hits, and depth=99"),
    ):
        with pytest.raises(UserError) as error:
            checked_rules(names, 99)
        assert str(error.value).startswith(message)


def test_the_published_number_stands_beside_the_whole_set_alone() -> None:
    size = TABLE_1["curatedtrec"].questions
    questions = tuple(Question(str(n), "?", ("a",)) for n in range(size))
    whole = QuestionSet("curatedtrec", "train", "regex", questions, "0", published=True)
    assert published(whole) == (1353, 1125)
    assert published(replace(whole, published=None)) == (1353, 1125)
    for other in (
        replace(whole, questions=questions[1:]),
        replace(whole, split="dev"),
        replace(whole, published=False),
        replace(whole, name="mine"),
    ):
        assert published(other) is None
