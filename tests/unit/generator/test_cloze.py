"""Sentences with a blank."""

from __future__ import annotations

from typing import Any

import pytest

from qa_bench.errors import UserError
from qa_bench.generator.cloze import NOTHING_TO_MASK, Cloze, whole_sentences
from qa_bench.generator.spans import spans
from qa_bench.metric.matching import has_answer
from qa_bench.protocols import Generator
from qa_bench.synthetic.drafts import Draft
from qa_bench.types import Passage, Runtime

QUIET = Runtime(progress=False)
BRIDGE = Passage(
    "1",
    "Swing bridge",
    "Swing bridge The swing bridge of Oslo was designed by Clara Holm. It was opened in the spring "
    "of 1931 by King Haakon of Norway.",
)


def draft(passage: Passage, **settings: Any) -> Draft:
    [one] = Cloze(**settings).make([passage], QUIET)
    return one


@pytest.mark.parametrize(
    ("sentence", "texts"),
    [
        ("It was opened on 14 May 1931 in Oslo.", ["14 May 1931", "Oslo"]),
        ("In May 1931 the U.S. Army came.", ["May 1931", "U.S. Army"]),
        ("On May 4, 1931 it closed until 1950.", ["May 4, 1931", "1950"]),
        ("The University of Oslo and the Duke of Saxe-Coburg met.", ["University of Oslo",
                                                                  "Duke of Saxe-Coburg"]),
        ("Bridges were built by Ole Van der Berg’s men.", ["Ole Van der Berg’s"]),
        ("Norway was first, said Norway.", ["Norway", "Norway"]),
        ("Architecturally, the school is old.", []),
        ("Clara Holm came on Monday in May.", ["Clara Holm"]),
        ("After Émile Zola it was 12345 or 999.", ["Émile Zola"]),
        ("", []),
    ],
)  # fmt: skip
def test_spans(sentence: str, texts: list[str]) -> None:
    assert [sentence[start:end] for start, end in spans(sentence, "", sentence)] == texts


def test_titles_are_spans_whatever_their_letters() -> None:
    sentence = "Behind them the swing bridge (Oslo) was closed."
    places = spans(sentence, "swing bridge (Norway)", sentence)
    assert [sentence[start:end] for start, end in places] == ["swing bridge", "Oslo"]
    assert spans("He swings.", "swing", "") == []


def test_question_and_answer() -> None:
    """The second sentence has a pronoun without a name before it: the first is asked."""
    seen = {draft(BRIDGE, seed=seed) for seed in range(20)}
    assert seen == {
        Draft("The swing bridge of _____ was designed by Clara Holm.", "Oslo"),
        Draft("The swing bridge of Oslo was designed by _____.", "Clara Holm"),
    }


def test_the_answer_is_nowhere_in_the_question() -> None:
    text = "In the end Oslo and the harbour of Oslo were told of Clara Holm, 1931."
    seen = {draft(Passage("1", "", text), seed=seed) for seed in range(30)}
    assert {one.answer for one in seen} == {"Clara Holm", "1931"}
    assert not any(has_answer(one.question, [one.answer]) for one in seen)


def test_others_where_nothing_stands_alone() -> None:
    one = draft(Passage("1", "", "It was opened in the spring of 1931 by them."))
    assert one == Draft("It was opened in the spring of _____ by them.", "1931")


def test_nothing_to_take_out() -> None:
    assert draft(Passage("1", "", "nothing here but small words and more of them and no stop"))
    for text in ("", "All of that is nothing but small words and more of them.", "Oslo is big."):
        assert draft(Passage("1", "", text)) == Draft(problem=NOTHING_TO_MASK)
    assert draft(Passage("1", "", "Here Oslo is big."), least=4).answer == "Oslo"
    assert draft(BRIDGE, most=9).problem == NOTHING_TO_MASK


def test_the_mask_is_a_setting() -> None:
    assert "[what]" in draft(BRIDGE, mask="[what]").question


def test_it_depends_on_seed_and_passage_alone() -> None:
    other = Passage("2", "x", "Before that the old harbour of Bergen was sold to Erik Lund.")
    together = Cloze(seed=3).make([BRIDGE, other], QUIET)
    assert list(together) == [draft(BRIDGE, seed=3), draft(other, seed=3)]
    assert isinstance(Cloze(), Generator)
    assert Cloze().plan(5000, QUIET).seconds == 5


@pytest.mark.parametrize(
    ("title", "text", "whole", "first"),
    [
        ("T", "T The one is. The two is.", ["The one is.", "The two is."], []),
        ("T", "T\nT The one is. The two is.", ["The one is.", "The two is."], []),
        ("T", "T T T is one. The two is.", ["T is one.", "The two is."], []),
        ("T", "T is one. The two is.", ["T is one.", "The two is."], []),
        ("T", "Rest of one. The two is. The th", ["The two is."], ["Rest of one."]),
        ("T", "The one is.", [], ["The one is."]),
        ("", "rest of it. The two is! “The three?” the", ["The two is!"], []),
        ("", "", [], []),
        ("T", "T", [], []),
    ],
)
def test_whole_sentences(title: str, text: str, whole: list[str], first: list[str]) -> None:
    assert whole_sentences(Passage("1", title, text)) == (whole, first)


def test_what_may_be_the_rest_of_a_sentence_is_asked_last() -> None:
    rest = "Erik Lund and the others saw the bridge of Oslo. "
    other = "Before that the old harbour of Bergen was sold to the town."
    assert {draft(Passage("1", "", rest + other), seed=n).answer for n in range(9)} == {"Bergen"}
    small = "Before that the old harbour of the town was sold to the bank."
    answers = {draft(Passage("1", "", rest + small), seed=n).answer for n in range(20)}
    assert answers == {"Erik Lund", "Oslo"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mask": " "}, "generator.mask: a text, got ' '"),
        ({"most": 3}, "generator.most: a whole number >= 8, got '3'"),
        ({"seed": -1}, "generator.seed: a whole number >= 0, got '-1'"),
    ],
)
def test_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Cloze(**settings)
