"""What rerankers and fusion-in-decoder are taught in tests: examples, and a file of them."""

from __future__ import annotations

from pathlib import Path

from qa_bench.formats.dpr_training import Example, TrainingPassage, write_examples
from qa_bench.types import Passage

WORDS = ["faust", "paris", "seine", "goethe", "river", "queen"]


def _passages(*texts: str, score: float) -> list[TrainingPassage]:
    return [
        TrainingPassage(Passage(str(place), "on " + text.split()[-1], text), score - place)
        for place, text in enumerate(texts)
    ]


EXAMPLES = [
    Example(
        "set",
        f"what is {word}?",
        [word, f"the {word}"],
        _passages(f"so it is {word}", score=9.0),
        _passages("nothing", score=1.0),
        _passages(*(f"is it not {other}" for other in WORDS if other != word), score=7.0),
    )
    for word in WORDS
]
"""Each question's positive ends in the question's word, its negatives in other words."""


def file_of(path: Path, examples: list[Example]) -> Path:
    with path.open("w", encoding="utf-8") as file:
        write_examples(file, examples)
    return path
