"""Whether retrievers find the passage again that a question was made of, and how unlike they are.

Source: Alberti et al. 2019, Synthetic QA corpora generation with roundtrip consistency (ACL), and
Dai et al. 2023, Promptagator (ICLR), whose filter is the retriever that is trained with what stays.
Here a question stays if either of two unlike ones finds its passage, and what each finds is told:
whatever is measured with the set is as biased towards the two as the set is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from qa_bench.store.passages import Passages
from qa_bench.store.runs import rows_of
from qa_bench.types import Question, Run


def ranks(
    run: Run, questions: Sequence[Question], rows: Sequence[int], passages: Passages
) -> list[int | None]:
    """The rank of each question's own passage, from 1; None where the run has it not.

    Args:
        run: the hits of the questions.
        questions: in order.
        rows: of their passages.
        passages: the corpus.
    """
    hit_rows = rows_of(run, passages)
    slices = run.slices()
    places: list[int | None] = []
    for question, row in zip(questions, rows, strict=True):
        hits = slices.get(question.qid, slice(0, 0))
        at = np.flatnonzero(hit_rows[hits] == row)
        places.append(int(at[0]) + 1 if len(at) else None)
    return places


def shares(ranks_of: Mapping[str, Sequence[int | None]]) -> dict[str, float]:
    """What part of the questions each of two retrievers finds, alone, both and neither; in percent.

    Args:
        ranks_of: by retriever, see ``ranks``.
    """
    (one, of_one), (other, of_other) = ranks_of.items()
    pairs = [(a is not None, b is not None) for a, b in zip(of_one, of_other, strict=True)]
    total = max(len(pairs), 1)

    def percent(count: int) -> float:
        return round(100 * count / total, 2)

    return {
        one: percent(sum(a for a, _ in pairs)),
        other: percent(sum(b for _, b in pairs)),
        "both": percent(sum(a and b for a, b in pairs)),
        f"{one} alone": percent(sum(a and not b for a, b in pairs)),
        f"{other} alone": percent(sum(b and not a for a, b in pairs)),
        "neither": percent(sum(not a and not b for a, b in pairs)),
    }
