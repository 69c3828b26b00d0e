"""Negatives that are drawn: passages at random, and positives of other questions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import xxhash

from qa_bench.metric.string_tests import Test
from qa_bench.store.passages import Passages
from qa_bench.train.judging import Judged, blocks
from qa_bench.types import Question

_SPARE = 20
"""Draws beyond twice as many as are wanted, for those that hold an answer or were drawn already."""


class Drawn(NamedTuple):
    """What was drawn.

    Attributes:
        rows: of passages, for each question; each once.
        with_answer: how many of all hold an answer of their question.
    """

    rows: list[np.ndarray]
    with_answer: int


def draw(
    judged: Sequence[Judged],
    source: str,
    count: int,
    seed: int,
    passages: Passages,
    test: Callable[[Question], Test],
    *,
    with_answers: bool,
) -> Drawn:
    """At most ``count`` passages for each question, the same every time: its id decides.

    A question's own positive is none of them, and, unless ``with_answers``, neither is a passage
    that holds an answer of it.

    Args:
        judged: the questions.
        source: "gold", the positives of other questions, or "random", any passage.
        count: how many of each question.
        seed: of the drawing.
        passages: the corpus.
        test: makes the test whether a passage holds an answer of a question.
        with_answers: take those too.
    """
    pool = np.array([one.positive for one in judged]) if source == "gold" else None
    size = len(passages) if pool is None else len(pool)
    tries = 2 * count + _SPARE
    before, behind = f"{seed}/" if seed else "", "gold/" if pool is not None else ""
    drawn, with_answer = [], 0
    for block in blocks(len(judged)):
        lots = np.array(
            [
                xxhash.xxh3_64_intdigest(
                    f"{before}{judged[number].question.qid}/{behind}{n}".encode()
                )
                % size
                for number in block
                for n in range(tries)
            ],
            dtype=np.int64,
        )
        rows = lots if pool is None else pool[lots]
        titles, texts = passages.titles(rows), passages.texts(rows)
        for at, number in zip(range(0, len(rows), tries), block, strict=True):
            one = judged[number]
            holds_answer = test(one.question)
            seen, taken = {one.positive}, dict[int, bool]()
            for place in range(at, at + tries):
                row = int(rows[place])
                if row in seen:
                    continue
                seen.add(row)
                holds = bool(holds_answer(texts[place], titles[place]))
                if with_answers or not holds:
                    taken[row] = holds
                if len(taken) == count:
                    break
            drawn.append(np.fromiter(taken, dtype=np.int64, count=len(taken)))
            with_answer += sum(taken.values())
    return Drawn(drawn, with_answer)
