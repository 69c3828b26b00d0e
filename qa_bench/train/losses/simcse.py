"""SimCSE: a text is near itself, encoded with other dropout."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from qa_bench.formats.dpr_training import Example, TrainingPassage
from qa_bench.train.losses.nll import Nll
from qa_bench.types import Passage


@dataclass(frozen=True)
class SimCse(Nll):
    """``Nll`` with cosines and a temperature of 0.05: SimCSE is about which texts are encoded.

    Unsupervised, a text's positive is the text itself (``with_themselves``), the two encoded with
    different dropout: without dropout both vectors are one, and only the other texts are learnt
    from. Supervised, question, positive and hard negative are a premise, what follows from it and
    what contradicts it. Source: Gao et al. 2021, equations 1, 4 and 5 (without the weight of hard
    negatives, which appendix B finds best at 1).
    """

    similarity: str = "cosine"
    scale: float = 20.0


def with_themselves(examples: Iterable[Example]) -> Iterator[Example]:
    """The examples, those without a positive with their own text for it.

    Both must be encoded by the same tower, as the same side: a prompt for questions alone would
    tell them apart.
    """
    for example in examples:
        if example.positives:
            yield example
        else:
            text = TrainingPassage(Passage("", "", example.question))
            yield replace(example, positives=[text])
