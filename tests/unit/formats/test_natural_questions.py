"""Natural Questions in both its forms: a page made by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from qa_bench.errors import DataError
from qa_bench.formats.gold import Gold, read_gold
from qa_bench.formats.qa import read_questions

PAGE = "<H1> Swing Bridge </H1> <P> It was opened on May 18 , 1887 by Clara Holm . </P>"
WORDS = PAGE.split(" ")
URL = "https://en.wikipedia.org//w/index.php?title=Swing_Bridge_(%C3%85)&amp;oldid=814071202"


def annotation(long: tuple[int, int], *short: tuple[int, int], yes: str = "NONE") -> dict[str, Any]:
    def span(pair: tuple[int, int]) -> dict[str, int]:
        return {"start_token": pair[0], "end_token": pair[1]}

    return {"long_answer": span(long), "short_answers": [span(pair) for pair in short],
            "yes_no_answer": yes}  # fmt: skip


def simplified(*annotations: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "example_id": 1234567890123456789, "question_text": "when was it opened",
        "document_url": URL, "document_text": " ".join(WORDS), "long_answer_candidates": [],
        "annotations": list(annotations), **more,
    }  # fmt: skip


def original(*annotations: dict[str, Any]) -> dict[str, Any]:
    row = simplified(*annotations, document_title="Swing Bridge (Å)")
    del row["document_text"]
    tokens = [{"token": word, "html_token": word[0] == "<", "start_byte": 0} for word in WORDS]
    return {**row, "document_tokens": tokens}


ANNOTATIONS = (annotation((-1, -1)), annotation((4, 17), (9, 13), (14, 16)),
               annotation((4, 17), (9, 13)))  # fmt: skip
PARAGRAPH = "It was opened on May 18 , 1887 by Clara Holm ."


def written(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("form", [simplified, original])
def test_short_answers_are_the_answers(tmp_path: Path, form: Any) -> None:
    rows = form(*ANNOTATIONS), form(annotation((4, 17))), form(annotation((4, 17), yes="YES"))
    path = written(tmp_path / "nq-train.jsonl", *rows)
    [row] = read_questions(path)
    assert (row.qid, row.question) == ("1234567890123456789", "when was it opened")
    assert row.answers == ["May 18 , 1887", "Clara Holm"]


@pytest.mark.parametrize("form", [simplified, original])
def test_long_answers_are_gold_paragraphs(tmp_path: Path, form: Any) -> None:
    """That of the annotator who gave a short one too, where there is one."""
    other = annotation((0, 4))
    path = written(tmp_path / "nq.jsonl", form(other, *ANNOTATIONS), form(ANNOTATIONS[0]))
    assert list(read_gold(path, str)) == [
        ("1234567890123456789", Gold("Swing Bridge (Å)", PARAGRAPH))
    ]
    path = written(tmp_path / "nq.jsonl", form(other))
    assert next(iter(read_gold(path, str)))[1].text == "Swing Bridge"


@pytest.mark.parametrize(
    "row",
    [
        simplified(annotation((4, 99), (9, 13))),
        simplified({"long_answer": {}, "short_answers": []}),
        simplified(annotation((4, 17), (9, 13)), document_url="https://en.wikipedia.org/wiki/X"),
        simplified(annotation((4, 17), (9, 13)), question_text=7),
        {**original(*ANNOTATIONS), "document_tokens": [{"token": "a"}]},
        simplified("none"),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_example(tmp_path: Path, row: dict[str, Any]) -> None:
    path = written(tmp_path / "nq.jsonl", row)
    with pytest.raises(DataError, match=r"no example of Natural Questions \("):
        list(read_questions(path))
