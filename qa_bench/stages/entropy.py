"""questions + passages ─contrast─► pairs ─entropy─► contrastive entropy of each question.

Source: Fang et al. 2024, Scaling Laws for Dense Retrieval, section 3.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import xxhash

from qa_bench.engine.context import Context
from qa_bench.engine.stage import Stage
from qa_bench.errors import UserError
from qa_bench.metric.matching import answer_test
from qa_bench.runtime.progress import progress
from qa_bench.stages.expand import question_digest
from qa_bench.stages.pair_scores import PairScores
from qa_bench.store.columns import read_columns, write_columns
from qa_bench.store.passages import open_passages
from qa_bench.train.golds import GoldPassages, Golds
from qa_bench.types import Folder, QuestionSet, Step

VERSION = 1
ENTROPY_FILE = "entropy.parquet"
METRIC = "contrastive_entropy"
_PAIRS_FILE = "pairs.parquet"
_SEED = 0
"""Of the drawing; with it, a question's id and the number of passages decide."""


@runtime_checkable
class Contrastive(Protocol):
    """A retriever whose similarities, times a scale, are what a softmax is taken of."""

    def scale(self, trained: Any | None) -> float:
        """What its similarities were multiplied with when it was trained.

        Args:
            trained: the settings of a training that comes before on the line; None for none.
        """
        ...


def contrast(
    questions: QuestionSet,
    passages: Stage,
    golds: Golds,
    negatives: int,
    mode: str,
    context: Context,
) -> Stage:
    """``pairs.parquet``: for each question with a gold passage, that and so many others.

    Columns ``question``, its place, and ``passage``, a row of the corpus: the gold one first, then
    the drawn ones, each once; whether they hold an answer is not looked at. The pairs are the same
    for all systems.

    Args:
        questions: the set.
        passages: the corpus.
        golds: the gold paragraphs that are known.
        negatives: passages that are drawn a question.
        mode: whose rules tell which of an article's passages is a gold paragraph.
        context: where and how.
    """

    def build(folder: Path, inputs: Mapping[str, Folder]) -> dict[str, Any]:
        collection = open_passages(inputs["passages"].path)
        size = len(collection)
        if size <= negatives:
            raise UserError(
                f"contrastive_entropy={negatives} draws so many passages beside the gold one, and "
                f"the corpus has {size:,}: at most {max(size - 1, 0)}"
            )
        counts = {"gold_unknown": 0, "gold_not_found": 0}
        finder = GoldPassages(golds.of, collection, counts)
        places, rows = [], []
        with progress(len(questions), "contrast", "questions", context.runtime) as bar:
            for place, question in enumerate(questions):
                test = answer_test(question.answers, questions.match, mode, question.qid)
                gold = finder.row(question, test)
                if gold is not None:
                    places.append(place)
                    rows.append(others(question.qid, gold, size, negatives))
                bar.update(1)
        if not places:
            raise UserError(
                f"contrastive_entropy: no question of {questions.name} has a gold passage in the "
                f"corpus ({counts['gold_unknown']} gold paragraphs are not known, "
                f"{counts['gold_not_found']} not found): mine.gold=<a file that names them>, or a "
                "corpus that holds them"
            )
        columns = {"question": np.repeat(places, negatives + 1), "passage": np.concatenate(rows)}
        write_columns(folder / _PAIRS_FILE, columns)
        return {"questions": len(questions), "with_gold": len(places), **counts}

    def digests() -> dict[str, str]:
        contents = context.digests.of(golds.files)
        return {
            "questions": questions.digest,
            "ids": question_digest(questions),
            **{f"gold{number}": content for number, content in enumerate(contents)},
        }

    return Stage(
        "contrast",
        VERSION,
        f"{questions.name}-{questions.split}",
        {"negatives": negatives, "mode": mode, "match": questions.match},
        {"passages": passages},
        digests,
        build,
        lambda load: Step("contrast", load.questions * negatives * 4, None, "0.3 GB"),
    )


def others(qid: str, gold: int, size: int, count: int) -> np.ndarray:
    """A gold passage and passages drawn from the rest, each once; int64 (count + 1,).

    Args:
        qid: of the question, which decides what is drawn.
        gold: row of the gold passage.
        size: passages of the corpus.
        count: how many are drawn.
    """
    random = np.random.default_rng([_SEED, xxhash.xxh3_64_intdigest(qid.encode())])
    drawn = random.choice(size - 1, count, replace=False)
    return np.concatenate([[gold], drawn + (drawn >= gold)]).astype(np.int64)


def entropy(
    pairs: Stage,
    passages: Stage,
    questions: QuestionSet,
    scores: PairScores,
    scale: float,
    name: str,
    context: Context,
) -> Stage:
    """``entropy.parquet``: ``qid`` and ``contrastive_entropy`` in nats; null without gold passage.

    Args:
        pairs: see ``contrast``.
        passages: the corpus.
        questions: the set.
        scores: scores the pairs.
        scale: what scores are multiplied with.
        name: of the retriever.
        context: where and how.
    """

    def build(folder: Path, inputs: Mapping[str, Folder]) -> dict[str, Any]:
        columns = read_columns(inputs["pairs"].path / _PAIRS_FILE)
        places, rows = (np.array(columns[of], np.int64) for of in ("question", "passage"))
        raw = scores.open(inputs, context.runtime)(places, rows).astype(np.float64)
        if len(bad := np.flatnonzero(~np.isfinite(raw))):
            qid = questions.questions[int(places[bad[0]])].qid
            raise UserError(
                f"contrastive_entropy: {name} gives {len(bad)} of {len(raw)} pairs no finite "
                f"score, the first of question '{qid}'"
            )
        own = np.unique(places)
        values: list[float | None] = [None] * len(questions)
        each = entropies(scale * raw.reshape(len(own), -1))
        for place, value in zip(own.tolist(), each.tolist(), strict=True):
            values[place] = value
        qids = [question.qid for question in questions]
        write_columns(folder / ENTROPY_FILE, {"qid": qids, METRIC: values})
        return {"mean": float(each.mean()), "questions": len(own), "scale": scale}

    return Stage(
        "entropy",
        VERSION,
        f"{questions.name}-{questions.split}-{name}",
        {"scale": scale, **scores.config},
        {"pairs": pairs, "passages": passages, **scores.inputs},
        lambda: {"ids": question_digest(questions), **scores.digests()},
        build,
        lambda load: Step("entropy", load.questions * 20, None, "not known"),
    )


def entropies(scores: np.ndarray) -> np.ndarray:
    """−log softmax of the first column of each row: log Σ e^s − s⁺, float64 (questions,), in nats.

    Args:
        scores: scaled, of the gold passage and of the others; (questions, 1 + negatives).
    """
    gains = scores - scores[:, :1]
    most = gains.max(axis=1, keepdims=True)  # at least 0: the positive's own
    sums: np.ndarray = most[:, 0] + np.log(np.exp(gains - most).sum(axis=1))
    return sums
