from __future__ import annotations

import unicodedata
import warnings

import pytest
import regex
from hypothesis import example, given
from hypothesis import strategies as st

from qa_bench.errors import UserError
from qa_bench.metric.matching import (
    MODES,
    answer_test,
    degenerate,
    exact_match,
    f1_score,
    get_mode,
    has_answer,
)
from qa_bench.text import dpr_tokens, nfd, squad_normalize

TOKEN = regex.compile(
    r"([\p{L}\p{N}\p{M}]+)|([^\p{Z}\p{C}])", regex.IGNORECASE | regex.UNICODE | regex.MULTILINE
)

PIECES = [
    *("a", "A", "b", "ab", "The", "new", "New", "York", "12", "3", "½", "²", "Ⅳ", "ⅳ", "Ⓐ"),
    *("é", "e\u0301", "É", "E\u0301", "\u0301", "ñ", "Å", "\u212b", "ß", "ẞ", "İ", "ı", "i\u0307"),
    *("Σ", "σ", "ς", "ΟΔΟΣ", "οδος", "οδοσ", "東京", "京", "は", "\u212a", "k", "\U0001f600"),
    *(".", ",", "-", "'", "’", "$", "\u2013", "«", "%"),
    *(" ", " ", " ", "\n", "\t", "\u00a0", "\u200b", "\u00ad", "\u2028", "\x85"),
]
texts = st.lists(st.sampled_from(PIECES), max_size=16).map("".join)
answer_lists = st.lists(
    st.lists(st.sampled_from(PIECES), max_size=3).map("".join), min_size=1, max_size=3
)


def plain_tokens(text: str) -> list[str]:
    return [found.group().lower() for found in TOKEN.finditer(unicodedata.normalize("NFD", text))]


def plain_has_answer(text: str, answers: list[str]) -> bool:
    tokens = plain_tokens(text)
    for answer in answers:
        wanted = plain_tokens(answer)
        for start in range(len(tokens) - len(wanted) + 1):
            if tokens[start : start + len(wanted)] == wanted:
                return True
    return False


@given(texts, answer_lists)
@example("ΟΔΟΣ'Α", ["οδος"])
@example("ΟΔΟΣ'Α", ["οδοσ"])
@example("It was ΟΔΟΣ", ["it was"])
@example("new\u200byork", ["New York"])
@example("xnew york", ["new york"])
@example("at 0 \u212aelvin", ["Kelvin"])
@example("new yorkers", ["new york"])
def test_mode_dpr_is_a_search_for_token_sublists(text: str, answers: list[str]):
    expected = plain_has_answer(text, answers)
    assert has_answer(text, answers) is expected
    assert has_answer(text, answers, mode="pyserini") is expected


@given(texts, texts, texts)
def test_an_answer_between_spaces_is_found(before: str, answer: str, after: str):
    assert has_answer(f"{before} {answer} {after}", [answer])
    assert has_answer(f"{before} {answer} {after}", ["absent", answer])


@given(texts.filter(lambda text: "Σ" not in text), answer_lists)
def test_normal_form_and_case_do_not_matter(text: str, answers: list[str]):
    found = has_answer(text, answers)
    assert has_answer(unicodedata.normalize("NFC", text), answers) is found
    assert has_answer(text, [unicodedata.normalize("NFD", answer) for answer in answers]) is found
    assert has_answer(unicodedata.normalize("NFD", text).lower(), answers) is found


@given(texts, answer_lists)
def test_kilt_is_a_substring_of_normalised_text(text: str, answers: list[str]):
    expected = any(squad_normalize(answer) in squad_normalize(text) for answer in answers)
    assert has_answer(text, answers, mode="kilt") is expected
    assert has_answer(text, answers, mode="flashrag") is expected


def test_one_test_serves_many_passages():
    test = answer_test(["Paris", "the Seine"], "string", "dpr")
    said = [test("In Paris."), test("Parisian"), test("on the seine"), test("Seine"), test("")]
    assert said == [True, False, True, False, False]


def test_only_flashrag_looks_into_the_title():
    found = {
        mode: has_answer("It is a city.", ["Paris"], mode=mode, title="Paris") for mode in MODES
    }
    assert found == {
        "dpr": False,
        "drqa": False,
        "pyserini": False,
        "flashrag": True,
        "kilt": False,
        "lenient": False,
    }


def test_an_answer_does_not_run_from_title_to_text_in_mode_dpr():
    assert not has_answer("City of light", ["Paris City"], title="Paris")


@pytest.mark.parametrize(
    ("pattern", "text", "found_by"),
    [
        (r"\p{Lu}\p{Ll}+", "Paris", {"dpr", "drqa", "lenient"}),
        (r"[[:digit:]]+ km", "20 km", {"dpr", "drqa", "lenient"}),
        (r"(?:Monserrat){e<=1}", "Montserrat", {"dpr", "drqa", "lenient"}),
        (r"(?<=in\s+)Rome", "in  Rome", {"dpr", "drqa", "lenient"}),
        (r"r[oö]me", "RÖME", set()),  # in NFD the class holds three characters
        (r"^Rome", "first\nrome", set(MODES)),
        ("Caf\u00e9 Nero", "Cafe\u0301 Nero", set(MODES)),
        (r"Rome$|Roma", "Rome, Italy", set()),
    ],
)
def test_patterns(pattern: str, text: str, found_by: set[str]):
    assert {mode for mode in MODES if has_answer(text, [pattern], "regex", mode)} == found_by


@pytest.mark.parametrize("mode", list(MODES))
@pytest.mark.parametrize("pattern", ["(", "a**", "[z-a]", r"\1", "(?P<1>x)"])
def test_a_pattern_that_does_not_compile_matches_nothing(pattern: str, mode: str):
    assert has_answer("x ( a** 1", [pattern], "regex", mode) is False
    assert exact_match("x", [pattern], "regex", mode) is False


@pytest.mark.parametrize("mode", list(MODES))
def test_a_pattern_whose_flags_exclude_ours_matches_nothing(mode: str):
    assert has_answer("x", ["(?a)x"], "regex", mode) is False


@pytest.mark.parametrize("mode", list(MODES))
def test_a_bad_pattern_does_not_spoil_the_others(mode: str):
    found = has_answer("in Rome", ["(", "Rome"], "regex", mode)
    assert found is (mode != "drqa")  # which tries the first answer only


def test_a_pattern_the_compiler_warns_of_is_used_all_the_same():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert has_answer("see [a]", ["[[a]"], "regex", "pyserini")


@pytest.mark.parametrize("mode", list(MODES))
def test_an_empty_answer_is_in_every_text(mode: str):
    assert has_answer("anything", ["absent", ""], mode=mode)
    assert has_answer("", [""], mode=mode)
    assert has_answer("", [""], "regex", mode)


@pytest.mark.parametrize("match", ["string", "regex"])
def test_no_answers_is_an_error(match: str):
    for call in (
        lambda: has_answer("text", [], match),
        lambda: exact_match("text", [], match),
        lambda: f1_score("text", []),
    ):
        with pytest.raises(UserError, match="at least one gold answer"):
            call()


def test_a_bare_string_is_no_list_of_answers():
    for call in (
        lambda: has_answer("a city", "Paris"),
        lambda: exact_match("a", "Paris"),
        lambda: f1_score("i", "Paris"),
    ):
        with pytest.raises(UserError):
            call()


def test_an_unknown_mode_is_an_error_that_names_the_known_ones():
    known = "use one of dpr, drqa, pyserini, flashrag, kilt, lenient"
    for call in (
        lambda: has_answer("text", ["a"], mode="DPR"),
        lambda: exact_match("text", ["a"], mode="DPR"),
        lambda: answer_test(["a"], "string", "DPR"),
        lambda: get_mode("DPR"),
    ):
        with pytest.raises(UserError, match=f"'DPR' is unknown: {known}"):
            call()


def test_an_unknown_match_is_an_error():
    with pytest.raises(UserError, match="'regexp' is unknown: use string or regex"):
        has_answer("text", ["a"], "regexp")
    with pytest.raises(UserError, match="'regexp' is unknown: use string or regex"):
        exact_match("text", ["a"], "regexp")


@given(texts, texts)
def test_exact_match_is_reflexive_and_symmetric(one: str, other: str):
    assert exact_match(one, [one])
    assert exact_match(one, [other]) is exact_match(other, [one])
    assert exact_match(one, ["absent", other]) is exact_match(one, [other])


@given(texts.filter(lambda text: "Σ" not in text))
def test_exact_match_ignores_articles_punctuation_space_and_case(text: str):
    assert exact_match(f"  The {text} , an!", [text])
    assert exact_match(text.lower(), [text])


@given(texts, texts)
def test_f1_is_a_symmetric_share(one: str, other: str):
    value = f1_score(one, [other])
    assert 0.0 <= value <= 1.0
    assert value == f1_score(other, [one])
    same_words = sorted(squad_normalize(one).split()) == sorted(squad_normalize(other).split())
    assert (value == 1.0) is (same_words and squad_normalize(one) != "")
    assert f1_score(one, ["absent", other]) == max(value, f1_score(one, ["absent"]))


@pytest.mark.parametrize(
    ("prediction", "answers", "f1"),
    [
        ("the cat sat", ["cat sat down"], 0.8),
        ("cat", ["dog", "a cat"], 1.0),
        ("cat cat dog", ["cat dog dog"], 2 / 3),
        ("cat", ["cats"], 0.0),
        ("one two three four", ["four"], 0.4),
        ("", [""], 0.0),
        ("the", ["..."], 0.0),
        ("", ["cat"], 0.0),
    ],
)
def test_f1(prediction: str, answers: list[str], f1: float):
    assert f1_score(prediction, answers) == pytest.approx(f1)


def test_nothing_equals_nothing_in_exact_match_but_not_in_f1():
    assert exact_match("The", ["a!"])
    assert f1_score("The", ["a!"]) == 0.0


def test_a_pattern_is_anchored_at_the_start_only_but_in_flashrag():
    matched = {
        text: [mode for mode in MODES if exact_match(text, ["Sept(ember)?"], "regex", mode)]
        for text in ("September", "Sept 1969", "in September")
    }
    assert matched == {
        "September": list(MODES),
        "Sept 1969": ["dpr", "drqa", "pyserini", "kilt", "lenient"],
        "in September": [],
    }


@pytest.mark.parametrize("mode", list(MODES))
@pytest.mark.parametrize(
    ("answers", "count"),
    [
        (["Paris", "12", "東京"], 0),
        (["", "Paris", "\u200b", " "], 3),
        (["...", "the", "A"], 3),
    ],
)
def test_degenerate_strings_are_counted(answers: list[str], count: int, mode: str):
    expected = count
    if mode in ("flashrag", "kilt"):  # a zero-width space is a word after SQuAD's normalisation
        expected -= answers.count("\u200b")
    assert degenerate(answers, "string", mode) == expected


@pytest.mark.parametrize("mode", list(MODES))
def test_degenerate_patterns_are_counted(mode: str):
    assert degenerate(["Paris", "Pari[sz]", "C++"], "regex", mode) == 0
    assert degenerate(["", "(", "a**", "Paris"], "regex", mode) == 3
    assert degenerate(["(?a)x"], "regex", mode) == 1


def test_degenerate_patterns_are_those_of_the_modes_own_module():
    patterns = [r"\p{Lu}+", r"(?<=in\s+)Rome"]
    counts = {mode: degenerate(patterns, "regex", mode) for mode in MODES}
    assert counts == {
        **dict.fromkeys(("dpr", "drqa", "lenient"), 0),
        **dict.fromkeys(("pyserini", "flashrag", "kilt"), 2),
    }


def test_the_kelvin_sign_alone_becomes_a_plain_token_that_its_bytes_do_not_show():
    """What the quick look into the bytes of text that is not ASCII relies on."""
    strange = set()
    for code in (*range(0xD800), *range(0xE000, 0x110000)):
        text = f"a{chr(code)}b {chr(code)}"
        shown = text.encode().lower()
        for token in dpr_tokens(nfd(text)):
            if token.isascii() and token.isalnum() and token.encode() not in shown:
                strange.add(code)
    assert strange == {0x212A}
