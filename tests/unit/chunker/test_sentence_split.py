from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_bench.formats.sentence_split import one_line, sentence_spans


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


@pytest.mark.parametrize(
    "marked",
    [
        "It rained.| We left.",
        "Who knows?| No one!| Really…| Yes.",
        'He said "no."| She laughed.| (It was late.)| They slept.',
        "She asked “why?”| ‘Because’ is no answer.",
        "It cost 3.14 dollars.| In 1999 it cost 4.50.| 12 were sold.",
        "Line one|\nline two|\n\n\n  line three  |\n",
        "No stop at the end of the title|\n\nThe first sentence.| The second",
        "He wrote e.g. Hamlet, i.e. Shakespeare's play, cf. Kyd, c. 1600.| It is long.",
        "Dr. Smith met Mr. Jones and Prof. Lee in St. Louis vs. Mrs. Brown.| They talked.",
        "J. R. R. Tolkien and W. V. O. Quine met George W. Bush.| Nobody knew.",
        "He took vitamin C. The cold went.".replace("C. ", "C.| "),
        "She moved to the U.S. in 1990.| In the U.S. Senate she sat.| He left the U.S.| The end.",
        "He holds a Ph.D. from Yale.| She has a Ph.D.| He does not.",
        "It is owned by Acme Inc. of Ohio.| He founded Acme Inc.| The firm failed.",
        "Sammy Davis Jr. Boulevard was named after Davis Jr.| He was proud.",
        "It reached No. 1 in vol. II, pp. 12 and fig. 3.| He said no.| Twelve came.",
        "On Jan. 5 they met.| It was cold in Jan.| Snow fell.",
        "1. Introduction|\n2. Methods and so on.| It was 1999.| Nine came.",
        "It ended at 5 p.m. on Monday.| It ended at 5 p.m.| They went home.",
        "iPods sold.| éclairs were eaten. eBay grew.".replace("sold.| é", "sold. é"),
        "Он пришёл.| Она ушла. и всё.",
        "彼は来た。|彼女は去った！|「そう。」|と言った",
        "Wait... what?| Then... Nothing came.".replace("... N", "...| N"),
        "He shouted (loudly!).| Then he left [sadly].| “Oh”, he said.",
        "A film (e.g. Jaws) by Spielberg et al. from 1975.| Later came E.T.| It was loved.",
    ],
)
def test_where_sentences_end(marked: str) -> None:
    """``|`` stands behind every sentence but the last."""
    expected = [part.strip() for part in marked.split("|")]
    assert sentences(marked.replace("|", "")) == [part for part in expected if part]


@given(st.text(alphabet="aZ1 .!?…。\n\t\"')(“”é\u00a0\u2028"))
def test_spans_are_all_of_the_text_but_white_space(text: str) -> None:
    spans = sentence_spans(text)
    place = 0
    for start, end in spans:
        assert place <= start < end
        assert not text[place:start].strip()
        assert text[start:end] == text[start:end].strip()
        assert "\n" not in text[start:end]
        place = end
    assert not text[place:].strip()


@given(st.lists(st.sampled_from(["It rained.", "Dr. No came.", "Why?", "Yes"]), min_size=1))
def test_lines_are_split_apart(lines: list[str]) -> None:
    apart = [sentence for line in lines for sentence in sentences(line)]
    assert sentences("\n".join(lines)) == apart


N = 100_000
ODD = {
    **{repr(part): part * N for part in (".", ". ", "a.(", ".\"'", "x", "A. ", "。", "\n", " \n")},
    "spaces": "." + " " * N + "a",
    "trailing spaces": "a" + " " * N,
    "quotes": "." + '"' * N,
    "brackets": ". " + "(" * N,
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_odd_texts_take_no_long_time(text: str) -> None:
    start = time.process_time()
    sentence_spans(text)
    assert time.process_time() - start < 5


def test_one_line() -> None:
    assert one_line(" a\n\nb\tc\u00a0d ") == "a b c d"
