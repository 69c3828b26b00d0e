"""Patterns that take too long end with one line; others cost next to nothing."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterator

import pytest

from qa_bench import exact_match, has_answer
from qa_bench.errors import UserError
from qa_bench.metric import patterns
from qa_bench.metric.answer_spans import AnswerFinder
from qa_bench.metric.matching import MODES, answer_test, contains_answer
from qa_bench.metric.patterns import REGEX, STDLIB, Dialect, Patterns

SLOW = r"(a|aa)+$"
LONG = "a" * 60 + "!"
DIALECTS = [pytest.param(REGEX, id="regex"), pytest.param(STDLIB, id="re")]


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(patterns, "PASSAGE_S", 0.05)
    yield
    if patterns._the_helper is not None:
        patterns._the_helper.stop()


@pytest.mark.parametrize("mode", list(MODES))
def test_a_passage_has_its_limit_in_every_mode(mode: str):
    with pytest.raises(UserError, match=r"answer pattern '\(a\|aa\)\+\$' takes more than 0.05 s"):
        has_answer(LONG, [SLOW], "regex", mode)
    with pytest.raises(UserError, match="takes more than") as caught:
        AnswerFinder([SLOW], "regex", mode, "q7")(LONG)
    assert str(caught.value).startswith("question q7: the answer pattern '(a|aa)+$' takes more")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("mode", list(MODES))
def test_a_prediction_has_it_too(mode: str):
    plain = "a" * 60 + " b"  # what FlashRAG's normalisation leaves
    for call in (exact_match, contains_answer):
        with pytest.raises(UserError, match=r"^question q7: the answer pattern '\(a\|aa\)"):
            call(plain, [SLOW], "regex", mode, question="q7")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_it_goes_on_after_a_pattern_that_took_too_long(dialect: Dialect):
    for _ in range(2):
        with pytest.raises(UserError, match="takes more than"):
            Patterns([SLOW], dialect).search(LONG)
        assert Patterns(["(", "b+", "a+"], dialect).places("xaab") == [(3, 4), (1, 3)]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_all_texts_of_a_question_have_a_limit_too(
    dialect: Dialect, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(patterns, "PASSAGE_S", 2)
    monkeypatch.setattr(patterns, "QUESTION_S", 0.1)
    monkeypatch.setattr(patterns, "_SLOW_S", 0.001)
    some = Patterns([SLOW], dialect, "q7")
    texts = ["a" * 23 + "!"] * 1000  # some ten thousandths of a second each, at the least
    with pytest.raises(UserError, match=r"^question q7: .* takes more than 0.1 s on its texts"):
        assert not any(map(some.search, texts))


def test_quick_texts_are_not_counted(monkeypatch: pytest.MonkeyPatch):
    """The ceiling looks for the same pattern in millions of passages."""
    monkeypatch.setattr(patterns, "QUESTION_S", 0)
    monkeypatch.setattr(patterns, "_SLOW_S", 10)
    some = Patterns(["b"], STDLIB)
    assert [some.search(text) for text in ("a", "b")] == [False, True]


def test_memory_is_one_line(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(patterns, "PASSAGE_S", 20)
    with pytest.raises(UserError, match=r"'\(\?R\)x' takes more (memory|than)"):
        answer_test(["(?R)x"], "regex", "dpr")("alpha x")


@pytest.mark.parametrize("text", ["", "a\nb", "\ud800 a", "東京 a", "a" * 200_000])
@pytest.mark.parametrize("pattern", ["a", "^", "A$", r"\ud800", "[^a]+", "(?s).*", ""])
def test_the_helper_says_what_re_says(pattern: str, text: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(patterns, "PASSAGE_S", 20)
    compiled = re.compile(pattern, re.IGNORECASE | re.MULTILINE)
    some = Patterns([pattern], STDLIB)
    assert some.places(text) == [match.span() for match in compiled.finditer(text)]
    assert some.search(text) is (compiled.search(text) is not None)
    assert some.match(text) is (compiled.match(text) is not None)
    assert some.fullmatch(text) is (compiled.fullmatch(text) is not None)


def test_threads_and_forks_share_no_helper_wrongly(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(patterns, "PASSAGE_S", 20)
    wrong: list[int] = []

    def look(number: int) -> None:
        some = Patterns([f"{number}x"], STDLIB)
        wrong.extend(
            n for n in range(200) if some.search(f"{n}x") != f"{n}x".endswith(f"{number}x")
        )

    threads = [threading.Thread(target=look, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    look(7)
    for thread in threads:
        thread.join()
    child = os.fork()
    if not child:
        look(8)
        os._exit(len(wrong) > 0)
    look(9)
    assert os.waitpid(child, 0)[1] == 0
    assert not wrong


def test_the_helper_ends_with_nobody_left():
    Patterns(["a"], STDLIB).search("a")
    helper = patterns._the_helper
    assert helper is not None
    process = helper._process
    helper.stop()
    assert process.poll() is not None


def test_a_helper_that_was_killed_is_one_line(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(patterns, "PASSAGE_S", 20)
    some = Patterns(["a"], STDLIB)
    some.search("a")
    assert patterns._the_helper is not None
    patterns._the_helper._process.kill()
    patterns._the_helper._process.wait()
    with pytest.raises(UserError, match="memory"):
        some.search("a")
    assert some.search("a")


def test_a_text_costs_little(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(patterns, "PASSAGE_S", 20)
    some = Patterns(["b"], STDLIB)
    some.search("a")
    begin = time.perf_counter()
    for _ in range(1000):
        some.search("a" * 600)
    assert time.perf_counter() - begin < 1
