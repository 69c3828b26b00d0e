"""What bi-encoders are taught in tests: a few pairs of tiny texts, and a file of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

ROWS: list[dict[str, Any]] = [
    {"question": question, "answers": [answer], "positive": {"title": "the king", "text": text},
     "negatives": ["The one and only being.", "A thing of many."]}
    for question, answer, text in [
        ("the king of what", "things", "The king is the one of things"),
        ("is it the one", "it", "It is."),
        ("who is it", "kings", "Of the many 12 kings !"),
        ("the being of", "being", "all being of things"),
        ("of what is it", "it", "It is."),
        ("is the king many", "many", "Of the many one"),
    ]
]  # fmt: skip


def pairs(path: Path, rows: list[dict[str, Any]] = ROWS) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def nearest(questions: np.ndarray, passages: np.ndarray) -> list[int]:
    """The best passage of each question by cosine."""
    scores = (questions / np.linalg.norm(questions, axis=1, keepdims=True)) @ passages.T
    best: list[int] = (scores / np.linalg.norm(passages, axis=1)).argmax(1).tolist()
    return best
