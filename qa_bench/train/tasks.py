"""Examples of three tasks, made of questions with their passages.

Source of the tasks: Huang et al. 2024 (Piccolo2), section 3.2, which has data of its own for each:
retrieval, pairs with graded labels, and texts of classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from qa_bench.errors import UserError
from qa_bench.formats.dpr_training import GOLD_SCORE, Example, TrainingPassage
from qa_bench.train.losses.piccolo2 import TASKS
from qa_bench.types import Passage

_Maker = Callable[[Sequence[Example], int, np.random.Generator], list[Example]]


def by_task(
    examples: Sequence[Example],
    tasks: Sequence[str],
    negatives: int,
    seed: int,
    counts: dict[str, int],
) -> list[Example]:
    """An example of each task for each question, task by task; ``dataset`` names the task.

    - retrieval: the question and its passages, as they are;
    - pairs: the same, as pairs whose labels are a teacher's scores;
    - classes: another question whose passage has the same title, drawn, against ``negatives``
      questions of other titles, drawn. A question that is alone with its title has none.

    Args:
        examples: of the files, each with a positive.
        tasks: which of ``TASKS``.
        negatives: of a question, in the task classes.
        seed: of what is drawn.
        counts: gets how many examples each task has.

    Raises:
        UserError: pairs have no teacher's scores, or there are no two titles.
    """
    made: list[Example] = []
    for task in tasks:
        random = np.random.default_rng([seed, TASKS.index(task)])
        several = _MAKERS[task](examples, negatives, random)
        counts[f"task_{task}"] = len(several)
        made += [replace(one, dataset=task) for one in several]
    return made


def _retrieval(
    examples: Sequence[Example], negatives: int, random: np.random.Generator
) -> list[Example]:
    return list(examples)


def _pairs(
    examples: Sequence[Example], negatives: int, random: np.random.Generator
) -> list[Example]:
    if not all(one.teacher for one in examples):
        raise UserError(
            "train.tasks: pairs have a teacher's scores for labels, and the files have none: mine "
            "with mine.scores=true"
        )
    return list(examples)


def _classes(
    examples: Sequence[Example], negatives: int, random: np.random.Generator
) -> list[Example]:
    titles = [one.positives[0].passage.title for one in examples]
    names, codes = np.unique(titles, return_inverse=True)
    if len(names) < 2:
        there = f"no other title than '{names[0]}'" if any(titles) else "no titles"
        raise UserError(
            "train.tasks: classes are the questions whose passages have one title, and the files "
            f"have {there}"
        )
    members = [np.flatnonzero(codes == code) for code in range(len(names))]
    made = []
    for place, example in enumerate(examples):
        own = members[codes[place]]
        others = own[[examples[at].question != example.question for at in own.tolist()]]
        if not titles[place] or not len(others):
            continue
        positive = examples[int(random.choice(others))]
        rest = _others(codes, int(codes[place]), negatives, random)
        texts = [_text(examples[at], 0, 0) for at in rest]
        first = [_text(positive, GOLD_SCORE, 1)]
        made.append(replace(example, answers=[], positives=first, negatives=texts,
                            hard_negatives=texts, teacher=""))  # fmt: skip
    return made


def _others(codes: np.ndarray, own: int, count: int, random: np.random.Generator) -> list[int]:
    """At most so many places of another class; fewer where there are hardly any others."""
    places = np.flatnonzero(codes != own)
    return random.choice(places, min(count, len(places)), replace=False).tolist()  # type: ignore[no-any-return]


def _text(example: Example, score: float, title_score: float) -> TrainingPassage:
    """A question, to stand where passages do."""
    return TrainingPassage(Passage("", "", example.question), score, title_score)


_MAKERS: dict[str, _Maker] = {"retrieval": _retrieval, "pairs": _pairs, "classes": _classes}
