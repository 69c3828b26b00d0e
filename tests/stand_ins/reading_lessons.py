"""What readers are taught in tests: a few lessons, and a file in SQuAD's format."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qa_bench.reader.extractive.layout import Shape
from qa_bench.reader.extractive.lessons import Lesson, Text

SHAPE = Shape("none", max_length=64, stride=24, question_tokens=12)


def lesson(text: str, answer: str, question: str, negatives: Sequence[str] = ()) -> Lesson:
    start = text.index(answer)
    return Lesson(
        question,
        Text("the king", text),
        ((start, start + len(answer)),),
        tuple(Text("x", other) for other in negatives),
    )


LESSONS = [
    lesson(text.replace("*", who), who, f"who ruled {where}", ["a long river", "the river of "])
    for who in ("anna", "louis")
    for text, where in (
        ("* ruled france", "france"),
        ("the king of france was *", "france"),
        ("in england * was the queen", "england"),
        ("long ruled * in england", "england"),
    )
]
SQUAD = {
    "version": "1.1",
    "data": [
        {
            "title": "Kings_of%20old",
            "paragraphs": [
                {
                    "context": "Anna and anna. Then Louis.",
                    "qas": [
                        {"id": "1", "question": "a?",
                         "answers": [{"text": "anna", "answer_start": 9}]},
                        {"id": "2", "question": "b?",
                         "answers": [{"text": "anna", "answer_start": 3}]},
                        {"id": "3", "question": "c?",
                         "answers": [{"text": "Oslo", "answer_start": 0}]},
                    ],
                },
                {"context": "Louis again.", "qas": []},
                {"context": "Of ANNA.", "qas": []},
            ],
        }
    ],
}  # fmt: skip


def written(path: Path, value: Any) -> Path:
    """The value as a JSON file, compressed where the name ends in .gz."""
    data = json.dumps(value).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path
