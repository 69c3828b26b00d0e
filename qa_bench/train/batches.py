"""Which questions make a step, where the passages of one are negatives of the others."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Batches(NamedTuple):
    """The steps of an epoch, and what it cost that no passage answers two questions of one.

    Attributes:
        places: of the examples of each step.
        moved: examples that are in a later step than they would be in.
        left_out: examples that fit into no step: their passage has more questions than there are
            steps.
    """

    places: list[np.ndarray]
    moved: int
    left_out: int


def contrastive(
    golds: np.ndarray, batch: int, random: np.random.Generator, distinct: bool
) -> Batches:
    """Examples in random order, in as many steps as they fill.

    Length plays no part: the texts of a step are encoded in pieces of like length, so that nothing
    would be won by steps of like length, and negatives would be told from positives by it.

    Args:
        golds: the passage that answers each example; (examples,) int.
        batch: examples a step at most.
        random: what the order is drawn from.
        distinct: no two examples of one passage in a step. Two such would be taught that the
            passage that answers both is wrong for either.
    """
    order = random.permutation(len(golds))
    steps = -(-len(order) // batch)
    if not distinct:
        places = [order[step * batch : (step + 1) * batch] for step in range(steps)]
        return Batches([places[step] for step in random.permutation(steps)], 0, 0)
    members: list[list[int]] = [[] for _ in range(steps)]
    passages: list[set[int]] = [set() for _ in range(steps)]
    first = moved = left_out = 0
    for place, gold in zip(order.tolist(), golds[order].tolist(), strict=True):
        while first < steps and len(members[first]) == batch:
            first += 1
        for step in range(first, steps):
            if len(members[step]) < batch and gold not in passages[step]:
                members[step].append(place)
                passages[step].add(gold)
                moved += step != first
                break
        else:
            left_out += 1
    places = [np.array(one, dtype=np.int64) for one in members]
    return Batches([places[step] for step in random.permutation(steps)], moved, left_out)
