"""The Inverse Cloze Task: a sentence is the question, its passage without it the answer.

Source: Lee et al. 2019, Latent Retrieval for Weakly Supervised Open Domain Question Answering
(ACL), section 5: a sentence of a block is drawn; in 90 % it is taken out of the block, so that to
match words is not enough, in 10 % it stays, so that this is learnt too. The title stays beside.

What is drawn for a passage follows from the seed and the passage's id alone: it is the same in
every epoch, whatever other passages there are.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xxhash

from qa_bench.errors import UserError
from qa_bench.formats.dpr_training import GOLD_SCORE, Example, TrainingPassage
from qa_bench.formats.sentence_split import sentence_spans
from qa_bench.store.passages import Passages
from qa_bench.types import Passage

KEEP = 0.1
"""How often the sentence stays in its passage."""
_LABEL = "passages"
"""What examples are called that no set has asked."""
_ROWS = 4096
"""Passages that are looked up at once."""


def pseudo_questions(
    passages: Passages,
    rows: np.ndarray,
    seed: int,
    keep: float = KEEP,
    counts: dict[str, int] | None = None,
) -> Iterator[Example]:
    """A question for each passage of two sentences or more; without answers and negatives.

    Args:
        passages: the corpus.
        rows: those of it that are taken, int64.
        seed: of what is drawn.
        keep: how often the sentence stays in its passage, from 0 to 1.
        counts: gets ``one_sentence``, passages that were left out, and ``kept_sentences``.

    Raises:
        UserError: once all are seen, that no passage has two sentences.
    """
    tally = {} if counts is None else counts
    tally |= {"one_sentence": 0, "kept_sentences": 0}
    count = 0
    for passage in _passages(passages, rows):
        spans = sentence_spans(passage.text)
        if len(spans) < 2:
            tally["one_sentence"] += 1
            continue
        place, stays = drawn(passage.pid, len(spans), seed, keep)
        start, end = spans[place]
        tally["kept_sentences"] += stays
        count += 1
        rest = passage.text if stays else without(passage.text, start, end)
        positive = TrainingPassage(passage._replace(text=rest), GOLD_SCORE, 1)
        yield Example(_LABEL, passage.text[start:end], [], [positive], [], [])
    if not count:
        raise UserError(
            f"train.objective=ict: none of {len(rows)} passages has two sentences: take a chunker "
            "that makes longer ones"
        )


def same_sentences(passages: Passages, rows: np.ndarray, seed: int) -> Iterator[Example]:
    """A sentence of each passage as question and, without a title, as its own positive.

    Dropout alone makes two vectors of it: SimCSE's unsupervised pairs (Gao et al. 2021, EMNLP,
    section 3; there, a million sentences of Wikipedia).

    Args:
        passages: the corpus.
        rows: those of it that are taken, int64.
        seed: of which sentence is drawn.
    """
    for passage in _passages(passages, rows):
        spans = sentence_spans(passage.text)
        if spans:
            start, end = spans[drawn(passage.pid, len(spans), seed, 0.0)[0]]
            sentence = passage.text[start:end]
            positive = TrainingPassage(Passage(passage.pid, "", sentence), GOLD_SCORE, 1)
            yield Example(_LABEL, sentence, [], [positive], [], [])


def _passages(passages: Passages, rows: np.ndarray) -> Iterator[Passage]:
    for first in range(0, len(rows), _ROWS):
        some = rows[first : first + _ROWS]
        pids = passages.pids(some).to_pylist()
        yield from map(Passage, pids, passages.titles(some), passages.texts(some))


def drawn(pid: str, sentences: int, seed: int, keep: float) -> tuple[int, bool]:
    """Which sentence of a passage is the question, and whether it stays in the passage."""
    digest = xxhash.xxh3_128_intdigest(f"{seed}/{pid}".encode())
    high, low = divmod(digest, 1 << 64)
    return low % sentences, high < keep * (1 << 64)


def without(text: str, start: int, end: int) -> str:
    """The text without a piece of it, and without the white space around that."""
    parts = (text[:start].rstrip(), text[end:].lstrip())
    return " ".join(part for part in parts if part)
