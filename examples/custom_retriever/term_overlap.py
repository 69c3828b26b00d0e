"""A retriever of one's own: passages ranked by how many of the question's words they hold."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np

from qa_bench.parts import Part
from qa_bench.settings import whole_number
from qa_bench.store.passages import Passages
from qa_bench.text import dpr_tokens, nfd
from qa_bench.types import QuestionSet, Run, Runtime


class TermOverlap(Part):
    """Counts the different question words, at least ``min_length`` letters long, in a passage."""

    # The index is the same whatever min_length is: another one only searches it again.
    search_only = frozenset({"min_length"})

    def __init__(self, min_length: int = 1) -> None:
        """Keep the settings; anything heavy waits until ``index`` or ``search``."""
        self._min_length = whole_number("retriever.min_length", min_length)

    def index(self, passages: Passages, folder: Path, runtime: Runtime) -> int:
        """Write each word's rows into ``folder``; return how many passages were indexed."""
        rows_of: dict[str, list[int]] = {}
        for row, (_, title, text) in enumerate(passages):
            for word in set(dpr_tokens(nfd(f"{title} {text}"))):
                rows_of.setdefault(word, []).append(row)
        (folder / "rows.json").write_text(json.dumps(rows_of, sort_keys=True), encoding="utf-8")
        return len(passages)

    def search(
        self, folder: Path, passages: Passages, questions: QuestionSet, depth: int, runtime: Runtime
    ) -> Run:
        """The best ``depth`` passages of every question: score descending, then corpus order."""
        rows_of = json.loads((folder / "rows.json").read_text(encoding="utf-8"))
        rows, scores = [], []
        for question in questions:
            overlap: Counter[int] = Counter()
            for word in set(dpr_tokens(nfd(question.text))):
                if len(word) >= self._min_length:
                    overlap.update(rows_of.get(word, ()))
            best = sorted(overlap.items(), key=lambda hit: (-hit[1], hit[0]))[:depth]
            rows.append(np.array([row for row, _ in best], dtype=np.int64))
            scores.append(np.array([score for _, score in best], dtype=np.float32))
        return Run.of_rows([q.qid for q in questions], rows, scores, passages.pids)
