"""Learned sparse retrieval: a model weighs terms of its vocabulary, postings are searched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from qa_bench.errors import UserError
from qa_bench.models.encoder import loaded_encoder
from qa_bench.models.loading import tokenizer_of
from qa_bench.models.outputs import Ragged
from qa_bench.models.passage_files import PassageFiles
from qa_bench.models.sides import Side
from qa_bench.models.sparse_model import TermWeights
from qa_bench.parts import Part
from qa_bench.retriever.postings.hits import Index, hits, scores_of_pairs
from qa_bench.retriever.postings.search import Questions
from qa_bench.retriever.sparse import index as stored
from qa_bench.retriever.sparse.weights import DTYPES, strongest
from qa_bench.runtime.estimates import (
    PASSAGE_TOKENS,
    QUESTION_TOKENS,
    model_memory,
    token_rate,
)
from qa_bench.runtime.progress import progress
from qa_bench.settings import one_of, whole_number
from qa_bench.store.passages import Passages
from qa_bench.store.vectors import SHARD_PASSAGES
from qa_bench.types import QuestionSet, Run, Runtime, Step

STEM = "weights"
_PASSAGE_TERMS, _QUESTION_TERMS = 215, 30
"""Terms of a passage (measured with a SPLADE of two layers) and of a question (a guess)."""
_POSTING_BYTES = {"fp32": 6, "fp16": 4, "uint8": 3}
"""On the disk: the weight, and the gap to the row before, packed."""
_SEARCHED = 2e8
"""Postings a second and core, while a search runs through them."""


class Sparse(Part):
    """One model for questions and passages, or two, or one with a table of weights for questions.

    Passages are encoded once; a score is the sum of question weight times passage weight over the
    terms that both have, in double precision. A passage that shares no term is no hit.

    Source: Formal et al. 2021 (SPLADE v2); Geng et al. 2024 (inference-free, OpenSearch).
    """

    search_only = frozenset({"question"})
    labels = frozenset({"sha256"})

    def __init__(
        self,
        model: str | None = None,
        revision: str | None = None,
        architecture: str | None = None,
        max_length: int | None = None,
        precision: str = "fp32",
        trust_remote_code: bool = False,
        question: Mapping[str, Any] | None = None,
        passage: Mapping[str, Any] | None = None,
        weights: str = "fp32",
        keep: int | None = None,
        sha256: Mapping[str, str] | None = None,
    ) -> None:
        """Check the settings; ``question`` and ``passage`` may override those of the model.

        Args:
            model: see ``Source``, as the others up to ``trust_remote_code``.
            revision: see ``Source``.
            architecture: class of transformers that gives one weight a token, see ``token_head``;
                null: a SparseEncoder.
            max_length: see ``Source``.
            precision: see ``Source``.
            trust_remote_code: see ``Source``.
            question: prompt and suffix of questions; keep: how many of their strongest terms are
                searched with, null for all.
            passage: prompt and suffix of passages; title: none, or what stands between title and
                text.
            weights: of terms on the disk: fp32, fp16 or uint8.
            keep: how many of a passage's strongest terms are stored; null for all.
            sha256: see ``Source``.

        Raises:
            UserError: a setting is out of range.
        """
        shared = {
            "model": model,
            "revision": revision,
            "architecture": architecture,
            "max_length": max_length,
            "precision": precision,
            "trust_remote_code": trust_remote_code,
            "sha256": sha256 or {},
        }
        self._question = Side.of("question", shared, question or {}, ("keep",))
        self._passage = Side.of("passage", shared, passage or {})
        if self._passage.title == "pair":
            raise UserError("retriever.passage.title: none or what stands between, got 'pair'")
        self._weights = one_of("retriever.weights", weights, DTYPES)
        self._keep = whole_number("retriever.keep", keep, optional=True)
        self._question_keep = whole_number(
            "retriever.question.keep", (question or {}).get("keep"), optional=True
        )

    def sources(self) -> dict[str, str]:
        """Identity of the passage model's content: what the index depends on beside passages."""
        return {"passage_model": self._passage.identity()}

    def search_sources(self) -> dict[str, str]:
        """Identity of the question model's content."""
        return {"question_model": self._question.identity()}

    def index(self, passages: Passages, folder: Path, runtime: Runtime) -> int:
        """Encode all passages, going on from what is finished, and make postings of them.

        Raises:
            UserError: the model is of another family, the two models are no pair, or a weight is
                none or does not fit ``weights``.
        """
        self._check_pair()
        files = PassageFiles(folder, STEM, ".npz", SHARD_PASSAGES)

        def pack(start: int, window: Ragged) -> tuple[np.ndarray, ...]:
            terms, weights = window.columns
            whole = weights.sum(dtype=np.float64, keepdims=True)
            return *strongest(window.pointers, terms, weights, self._keep), whole

        encoder = loaded_encoder(self._passage.source, runtime, TermWeights("document"))
        count = files.encode(passages, self._passage, encoder, pack, stored.save, runtime)
        stored.write_postings(folder, files.paths, count, self._weights, runtime.workers)
        files.forget()
        return count

    def loss(self, folder: Path) -> dict[str, float]:
        """How far the stored weights are from the model's, for the index's manifest.

        Raises:
            DataError: the index is damaged.
        """
        return dict(stored.noted(folder)["counts"])

    def search(
        self, folder: Path, passages: Passages, questions: QuestionSet, depth: int, runtime: Runtime
    ) -> Run:
        """The passages with the best scores, of those that share a term with the question."""
        with self._opened(folder, passages, questions, runtime) as (index, encoded):
            return hits(index, encoded, passages, questions, depth, runtime)

    def score(
        self,
        folder: Path,
        passages: Passages,
        questions: QuestionSet,
        question_rows: np.ndarray,
        rows: np.ndarray,
        runtime: Runtime,
    ) -> np.ndarray:
        """The score of every (question, passage) pair; 0 where they share no term."""
        with self._opened(folder, passages, questions, runtime) as (index, encoded):
            return scores_of_pairs(index, encoded, question_rows, rows, runtime)

    def encode_questions(self, texts: Sequence[str], runtime: Runtime) -> Ragged:
        """The terms (int32) and weights (float32) of questions, terms ascending.

        Raises:
            UserError: the model is of another family, or a weight is none.
        """
        encoder = loaded_encoder(self._question.source, runtime, TermWeights("query"))
        bar = progress(len(texts), "encode", "questions", runtime)
        with bar:
            windows = [self._question.questions(texts)]
            window = next(encoder.encode(windows, update=bar.update, **self._question.options()))
        terms, weights = window.columns
        pointers, terms, weights = strongest(window.pointers, terms, weights, self._question_keep)
        return Ragged(pointers, (terms, weights))

    def plan(
        self, passages: float, questions: int, depth: int, runtime: Runtime
    ) -> tuple[Step, Step]:
        """From ``about.parameters``; terms a passage are guessed, or ``keep``.

        Raises:
            UserError: they are not there.
        """
        parameters = self.about.parameters
        if parameters is None:
            raise UserError("plan needs the model's size: ++retriever.about.parameters=110e6")
        # The vocabulary's vectors are multiplied too: every token's logits are.
        rate = token_rate(parameters, 0, runtime)
        memory = model_memory(parameters, self._passage.source.precision)
        terms = min(self._keep or _PASSAGE_TERMS, _PASSAGE_TERMS)
        size = passages * terms * _POSTING_BYTES[self._weights]
        # A question's terms are in a tenth of the passages (a guess).
        postings = questions * _QUESTION_TERMS * passages / 10
        seconds = questions * QUESTION_TOKENS / rate + postings / _SEARCHED / runtime.workers
        return (
            Step("encode", size, passages * PASSAGE_TOKENS / rate, memory),
            Step("search", 0, seconds, memory),
        )

    @contextmanager
    def _opened(
        self, folder: Path, passages: Passages, questions: QuestionSet, runtime: Runtime
    ) -> Iterator[tuple[Index, Questions]]:
        """The index, and the questions' terms and weights.

        Raises:
            DataError: the index is damaged or of another version.
            UserError: it is of other passages, or the two models are no pair.
        """
        self._check_pair()
        with stored.warm_index(self, folder, len(passages), runtime.workers) as index:
            pointers, columns = self.encode_questions([q.text for q in questions], runtime)
            terms, values = columns
            yield index, Questions(pointers, index.postings.find(terms), values)

    def _check_pair(self) -> None:
        """Refuse two models whose terms are not the same."""
        ours, theirs = self._question.source, self._passage.source
        if (ours.model, ours.revision) == (theirs.model, theirs.revision):
            return
        if tokenizer_of(ours).get_vocab() != tokenizer_of(theirs).get_vocab():
            raise UserError(
                f"the terms of questions ({ours.model}) are not those of passages "
                f"({theirs.model}): are the two a pair?"
            )
