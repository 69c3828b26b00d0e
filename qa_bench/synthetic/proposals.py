"""Drafts with the passages that they were made of, as they lie in ``drafts.jsonl``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

DRAFTS_FILE = "drafts.jsonl"


class Proposal(NamedTuple):
    """A draft and its passage.

    Attributes:
        row: the passage's place in the corpus.
        pid: the passage.
        title: its title.
        article: the id of its article, or its title where no id is known.
        question: empty where there is none.
        answer: likewise.
        problem: why there is no question; None where there is one.
    """

    row: int
    pid: str
    title: str
    article: str
    question: str
    answer: str
    problem: str | None = None

    @property
    def qid(self) -> str:
        """What the question is called: one passage has one question."""
        return f"synthetic-{self.pid}"


def json_lines(rows: Iterable[dict[str, Any]]) -> str:
    """One object a line."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def read_proposals(folder: Path) -> list[Proposal]:
    """Those of a finished stage, in corpus order."""
    with (folder / DRAFTS_FILE).open(encoding="utf-8") as file:
        return [Proposal(**json.loads(line)) for line in file]
