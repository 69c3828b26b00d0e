"""The search of late interaction, whoever made the vectors: all passages, or candidates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from qa_bench.errors import UserError
from qa_bench.models.outputs import Ragged
from qa_bench.protocols import Indexed, Planned, Retriever
from qa_bench.retriever.multivector.maxsim import exact_maxsim
from qa_bench.retriever.multivector.scoring import pair_scores
from qa_bench.retriever.multivector.store import Tokens, TokenVectors
from qa_bench.retriever.vectors.similarity import single
from qa_bench.runtime.estimates import QUESTION_TOKENS
from qa_bench.runtime.progress import progress
from qa_bench.runtime.warm import opened
from qa_bench.settings import one_of, whole_number
from qa_bench.store.passages import Passages
from qa_bench.store.runs import rows_of
from qa_bench.types import QuestionSet, Run, Runtime

_ALL = "all"
_RATE = 5e10
"""Products a second of a core, the search for the largest with them (measured)."""


class Late:
    """How token vectors are searched: the settings of it, and the retriever of candidates."""

    def __init__(self, score: str, candidates: str | int, parts: Mapping[str, Any]) -> None:
        """Check the settings.

        Args:
            score: sum or mean.
            candidates: all, or how many hits of the base.
            parts: ``base``; none where all passages are scored.

        Raises:
            UserError: a setting is out of range, or there is a base and nothing for it to do.
        """
        self.mean = one_of("retriever.score", score, ("sum", "mean")) == "mean"
        if candidates != _ALL:
            _whole(candidates)
        self._count = None if candidates == _ALL else int(candidates)
        if set(parts) - {"base"}:
            raise UserError(f"retriever.parts: base alone, got {', '.join(sorted(parts))}")
        self.base: Any = parts.get("base")
        if self._count is None:
            return
        if not isinstance(self.base, Retriever) or self.base.identity.get("parts"):
            what = "none" if self.base is None else "one that is made of others"
            raise UserError(
                f"retriever.candidates={candidates} are the hits of a retriever with an index of "
                f"its own, parts.base, which is {what}: add +retriever@retriever.parts.base=bm25, "
                "or set retriever.candidates=all"
            )

    def search_sources(self) -> dict[str, str]:
        """What the search of the base reads."""
        if self._count is None:
            return {}
        return {f"base.{name}": value for name, value in self.base.search_sources().items()}

    def opened(
        self,
        folder: Path,
        passages: Passages,
        questions: QuestionSet,
        encode: Callable[[Sequence[str]], Ragged],
        model: str,
    ) -> tuple[TokenVectors, Tokens]:
        """The vectors in a folder, which stay open in a warm process, and the questions'.

        Args:
            folder: of the vectors.
            passages: the corpus.
            questions: the set.
            encode: encodes their texts.
            model: what they are encoded with, for messages.

        Raises:
            DataError: a file is damaged.
            UserError: the vectors are of other passages or of another model, or a question has
                none.
        """
        texts = [question.text for question in questions]
        # Closing is unmapping, when the last array over the map goes.
        with opened((id(self), folder), lambda: nullcontext(TokenVectors(folder))) as vectors:
            vectors.check(folder, len(passages))
        ragged = encode(texts)
        encoded = Tokens.of_questions(ragged.columns[0], ragged.pointers, texts)
        vectors.check_pair(encoded, model)
        return vectors, encoded

    def search(
        self,
        vectors: TokenVectors,
        encoded: Tokens,
        passages: Passages,
        questions: QuestionSet,
        depth: int,
        runtime: Runtime,
        base: Indexed | None,
    ) -> Run:
        """The run of the best ``depth``; of candidates, no more than there are.

        Args:
            vectors: the passages'.
            encoded: the questions'.
            passages: the corpus.
            questions: the set.
            depth: hits a question.
            runtime: threads and devices.
            base: who finds the candidates.
        """
        qids = [question.qid for question in questions]
        if self._count is None or base is None:
            with progress(len(questions), "search", "questions", runtime) as bar:
                rows, scores = exact_maxsim(vectors, encoded, depth, runtime, bar, self.mean)
            return Run.of_rows(qids, rows, scores, passages.pids)
        run = base.retriever.search(base.folder, passages, questions, self._count, runtime)
        slices, every = run.slices(), rows_of(run, passages, "the candidates")
        hits = [np.sort(every[slices.get(qid, slice(0, 0))]) for qid in qids]
        counts = np.array([len(some) for some in hits], dtype=np.int64)
        flat = np.concatenate(hits) if hits else np.zeros(0, dtype=np.int64)
        question_rows = np.repeat(np.arange(len(qids)), counts)
        values = self.score(vectors, encoded, question_rows, flat, runtime)
        rows, scores = [], []
        for some, several in zip(hits, np.split(values, np.cumsum(counts)[:-1]), strict=True):
            order = np.lexsort((some, -several))[:depth]
            rows.append(some[order])
            scores.append(several[order])
        return Run.of_rows(qids, rows, scores, passages.pids)

    def score(
        self,
        vectors: TokenVectors,
        encoded: Tokens,
        question_rows: np.ndarray,
        rows: np.ndarray,
        runtime: Runtime,
    ) -> np.ndarray:
        """The scores of (question, passage) pairs, see ``PairScorer``; float32 (pairs,)."""
        with progress(len(rows), "score", "passages", runtime) as bar:
            scores = pair_scores(
                vectors, encoded, question_rows, rows, runtime, self.mean, bar.update
            )
        return single(scores)

    def seconds(self, passages: float, questions: int, numbers: float, runtime: Runtime) -> float:
        """What the search of so many questions takes.

        Args:
            passages: of the corpus.
            questions: of the set.
            numbers: in a passage's vectors.
            runtime: threads.
        """
        count = passages if self._count is None else min(passages, self._count)
        seconds = questions * QUESTION_TOKENS * count * numbers / (_RATE * runtime.workers)
        if self._count is not None and isinstance(self.base, Planned):
            seconds += self.base.plan(passages, questions, self._count, runtime)[1].seconds or 0.0
        return seconds


def _whole(candidates: object) -> None:
    try:
        whole_number("retriever.candidates", candidates)
    except UserError as error:
        raise UserError(str(error).replace("a whole", "all, or a whole")) from None
