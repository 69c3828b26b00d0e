"""Where lessons say that answers lie: by the matchers' rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qa_bench import has_answer
from qa_bench.reader.extractive.lessons import MOST_SPANS, Lesson, lessons

NO_COUNTS: dict[str, int] = {}


def read(path: Path, articles: Path | None = None) -> list[Lesson]:
    return list(lessons([path], articles, 2, dict(NO_COUNTS)))


def of_dpr(folder: Path, answers: list[str], *texts: str, **more: Any) -> list[Lesson]:
    contexts = [{"title": "t", "text": text, "passage_id": "7"} for text in texts]
    row = {
        "dataset": "d", "question": "q", "answers": answers, "positive_ctxs": contexts,
        "negative_ctxs": [], "hard_negative_ctxs": [], **more,
    }  # fmt: skip
    path = folder / "mined.json"
    path.write_text(json.dumps([row]))
    return read(path)


def of_rows(folder: Path, answers: list[str], *paragraphs: str) -> list[Lesson]:
    """The lessons of a question asked of the first paragraph of an article."""
    articles, path = folder / "articles.jsonl", folder / "train.jsonl"
    articles.write_text(json.dumps({"title": "A", "text": "\n\n".join(paragraphs)}))
    row = {"question": "q", "answers": answers, "article": "A", "paragraph": 0}
    path.write_text(json.dumps(row) + "\n")
    return read(path, articles)


def of_squad(folder: Path, answers: list[tuple[str, int]], *paragraphs: str) -> list[Lesson]:
    given = [{"text": text, "answer_start": start} for text, start in answers]
    qas = [[{"id": "1", "question": "q", "answers": given}], *([] for _ in paragraphs[1:])]
    made = [{"context": p, "qas": q} for p, q in zip(paragraphs, qas, strict=True)]
    path = folder / "train.json"
    path.write_text(json.dumps({"data": [{"title": "A", "paragraphs": made}]}))
    return read(path)


def marked(lesson: Lesson) -> list[str]:
    return [lesson.positive.text[start:end] for start, end in lesson.spans]


def test_every_place_of_every_answer_counts_in_a_passage_of_dprs(tmp_path: Path) -> None:
    [one] = of_dpr(tmp_path, ["York", "New York", "york city"], "New York City, York")
    assert marked(one) == ["New York", "York City", "York", "York"]
    [one] = of_dpr(tmp_path, ["a"], " ".join(["a"] * 20))
    assert one.spans == tuple((2 * place, 2 * place + 1) for place in range(MOST_SPANS))


def test_answers_as_they_are_cut_in_nq(tmp_path: Path) -> None:
    [one] = of_dpr(tmp_path, ["Greek - speaking"], "Some spoke.", "The Greek-speaking were many.")
    assert marked(one) == ["Greek-speaking"]


def test_answers_that_are_patterns(tmp_path: Path) -> None:
    text = "In Sept 1969 or 1970."
    [one] = of_dpr(tmp_path, [r"Sept(ember)? \d+|19[67]0"], text, match="regex")
    assert marked(one) == ["Sept 1969", "1970"]
    assert of_dpr(tmp_path, [r"Sept(ember)? \d+|19[67]0"], text) == []


def test_the_way_the_answer_is_written_comes_first_in_a_paragraph(tmp_path: Path) -> None:
    [one] = of_rows(tmp_path, ["may", "March"], "In March and May it may rain.")
    assert one.spans == ((20, 23),)
    [one] = of_rows(tmp_path, ["MAY", "March"], "In March and May it may rain.")
    assert one.spans == ((3, 8),)


def test_part_of_a_word_is_no_answer(tmp_path: Path) -> None:
    [one] = of_rows(tmp_path, ["1"], "By 100%, equal to 1.")
    assert one.spans == ((18, 19),)
    assert of_rows(tmp_path, ["large"], "the largest") == []
    assert of_squad(tmp_path, [("large", 9)], "the largest") == []
    [told] = of_squad(tmp_path, [("large", 4)], "the largest")
    assert told.spans == ((4, 9),), "but where the file says so"


def test_no_paragraph_with_an_answer_is_a_negative(tmp_path: Path) -> None:
    paragraphs = ("It is Zürich.", "Zu\u0308rich!", "in Zurich", "Zürichsee", "ZÜRICH")
    for lesson in (
        *of_rows(tmp_path, ["Zürich"], *paragraphs),
        *of_squad(tmp_path, [("Zürich", 6)], *paragraphs),
    ):
        assert [text for _, text in lesson.negatives] == ["in Zurich", "Zürichsee"]


@pytest.mark.parametrize("answers", [[], [""], [" ", "\u200b"]])
def test_an_answer_without_a_character_teaches_nothing(answers: list[str], tmp_path: Path) -> None:
    assert of_dpr(tmp_path, answers, "some text") == []
    assert of_rows(tmp_path, answers, "some text") == []
    assert of_squad(tmp_path, [(answer, 0) for answer in answers], "some text") == []


@given(
    st.lists(
        st.sampled_from(["New", "York", "new-york", "É", "E\u0301", "é", ",", "1"]), max_size=6
    ),
    st.lists(st.sampled_from(["York", "new york", "É ,", "1", "x"]), min_size=1, max_size=2),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_lesson_comes_of_what_has_an_answer(
    tmp_path: Path, words: list[str], answers: list[str]
) -> None:
    text = " ".join(words)
    found = of_dpr(tmp_path, answers, text)
    assert bool(found) is has_answer(text, answers)
    assert bool(of_rows(tmp_path, answers, text)) is has_answer(text, answers)
    for lesson in found:
        assert all(has_answer(place, answers) for place in marked(lesson))
