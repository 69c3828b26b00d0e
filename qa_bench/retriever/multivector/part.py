"""Late interaction: a vector a token, MaxSim over all passages or over another's candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from qa_bench.errors import UserError
from qa_bench.models.encoder import loaded_encoder
from qa_bench.models.outputs import Ragged
from qa_bench.models.passage_files import PassageFiles
from qa_bench.models.sides import Side
from qa_bench.models.token_model import DOCUMENT, QUERY
from qa_bench.models.token_output import TokenOutput
from qa_bench.parts import Part
from qa_bench.protocols import Indexed
from qa_bench.retriever.multivector.late import Late
from qa_bench.retriever.multivector.store import (
    SHARD_PASSAGES,
    STEM,
    SUFFIX,
    Tokens,
    TokenVectors,
    save_tokens,
)
from qa_bench.runtime.estimates import (
    PASSAGE_TOKENS,
    QUESTION_TOKENS,
    model_memory,
    token_rate,
)
from qa_bench.runtime.progress import progress
from qa_bench.settings import flag, one_of, whole_number
from qa_bench.store.passages import Passages
from qa_bench.store.vectors import DTYPES, bytes_per_vector
from qa_bench.types import QuestionSet, Run, Runtime, Step

MOST_POOLED = 4
"""Beyond it quality falls: Clavié et al. 2024, Reducing the Footprint of Multi-Vector Retrieval."""


class MultiVector(Part):
    """A late-interaction model: the score is a sum of the best products of token vectors.

    Source: Khattab and Zaharia 2020, ColBERT (SIGIR); Santhanam et al. 2022, ColBERTv2 (NAACL).
    """

    search_only = frozenset({"question", "score", "candidates", "parts"})
    labels = frozenset({"sha256"})

    def __init__(
        self,
        model: str | None = None,
        revision: str | None = None,
        precision: str = "fp32",
        trust_remote_code: bool = False,
        projection: str = "saved",
        question: Mapping[str, Any] | None = None,
        passage: Mapping[str, Any] | None = None,
        pool_factor: int = 1,
        dtype: str = "int8",
        score: str = "sum",
        candidates: str | int = "all",
        sha256: Mapping[str, str] | None = None,
        parts: Mapping[str, Any] | None = None,
    ) -> None:
        """Check the settings.

        Args:
            model: see ``Source``, as revision, precision and trust_remote_code.
            revision: see ``Source``.
            precision: see ``Source``.
            trust_remote_code: see ``Source``.
            projection: saved, the model's own; or none, plain token vectors of length 1.
            question: prompt, suffix and max_length of questions; the model's own where nothing is
                set.
            passage: the same of passages; title: none, or what stands between title and text.
            pool_factor: one vector is kept for so many tokens of a passage, 1 to 4.
            dtype: of the vectors on the disk: fp32, fp16 or int8.
            score: sum over the question's tokens, or their mean.
            candidates: all passages, or so many hits of ``parts.base`` are scored.
            sha256: see ``Source``.
            parts: ``base``, the retriever whose hits are the candidates; none for all.

        Raises:
            UserError: a setting is out of range.
        """
        flag("retriever.trust_remote_code", trust_remote_code)
        common = {
            "model": model,
            "revision": revision,
            "max_length": None,
            "precision": precision,
            "trust_remote_code": trust_remote_code,
            "sha256": sha256 or {},
        }
        self._question = Side.of("question", common, question or {})
        self._passage = Side.of("passage", common, passage or {})
        if self._passage.title == "pair":
            raise UserError(
                "retriever.passage.title: token vectors are of one segment: none, or what stands "
                "between title and text, got 'pair'"
            )
        one_of("retriever.projection", projection, ("saved", "none"))
        one_of("retriever.dtype", dtype, DTYPES)
        whole_number("retriever.pool_factor", pool_factor, 1, MOST_POOLED)
        self._asks = TokenOutput(QUERY, projection)
        self._reads = TokenOutput(DOCUMENT, projection, pool_factor, dtype)
        if parts and candidates == "all":
            raise UserError(
                "retriever.candidates=all scores every passage and asks nobody for candidates: set "
                "their number, or leave parts.base out"
            )
        self._late = Late(score, candidates, parts or {})

    def sources(self) -> dict[str, str]:
        """Identity of the model's content as passages are read with it."""
        return {"passage_model": self._passage.identity()}

    def search_sources(self) -> dict[str, str]:
        """The same for questions; and what the search for candidates reads."""
        return {"question_model": self._question.identity(), **self._late.search_sources()}

    def index(self, passages: Passages, folder: Path, runtime: Runtime) -> int:
        """Encode all passages into ``tokens-*.bin``, going on from what is finished.

        Raises:
            UserError: a passage has no tokens, or vectors are not finite.
        """

        def pack(start: int, window: Ragged) -> tuple[np.ndarray, np.ndarray]:
            lengths = np.diff(window.pointers)
            if (empty := np.flatnonzero(lengths == 0)).size:
                pid = passages[start + int(empty[0])].pid
                raise UserError(f"passage {pid} has no vectors: its model drops all of its tokens")
            return lengths, window.columns[0]

        files = PassageFiles(folder, STEM, SUFFIX, SHARD_PASSAGES)
        encoder = loaded_encoder(self._passage.source, runtime, self._reads)
        return files.encode(passages, self._passage, encoder, pack, save_tokens, runtime)

    def search(
        self,
        folder: Path,
        passages: Passages,
        questions: QuestionSet,
        depth: int,
        runtime: Runtime,
        **parts: Indexed,
    ) -> Run:
        """The best of all passages, or of the candidates, by exact MaxSim."""
        vectors, encoded = self._opened(folder, passages, questions, runtime)
        return self._late.search(
            vectors, encoded, passages, questions, depth, runtime, parts.get("base")
        )

    def score(
        self,
        folder: Path,
        passages: Passages,
        questions: QuestionSet,
        question_rows: np.ndarray,
        rows: np.ndarray,
        runtime: Runtime,
        **parts: Indexed,
    ) -> np.ndarray:
        """MaxSim of every (question, passage) pair, a candidate or not."""
        vectors, encoded = self._opened(folder, passages, questions, runtime)
        return self._late.score(vectors, encoded, question_rows, rows, runtime)

    def plan(
        self, passages: float, questions: int, depth: int, runtime: Runtime
    ) -> tuple[Step, Step]:
        """From ``about.parameters`` and ``about.dimension``, that of a token's vector.

        Raises:
            UserError: they are not there.
        """
        parameters, dimension = self.about.parameters, self.about.dimension
        if parameters is None or dimension is None:
            raise UserError(
                "plan needs the model's size: ++retriever.about.parameters=110e6 "
                "++retriever.about.dimension=128"
            )
        rate = token_rate(parameters, 0, runtime)
        memory = model_memory(parameters, self._passage.source.precision)
        a_passage = PASSAGE_TOKENS / self._reads.pool_factor
        disk = passages * a_passage * bytes_per_vector(dimension, self._reads.dtype)
        seconds = questions * QUESTION_TOKENS / rate
        seconds += self._late.seconds(passages, questions, a_passage * dimension, runtime)
        return (
            Step("encode", disk, passages * PASSAGE_TOKENS / rate, memory),
            Step("search", 0, seconds, memory),
        )

    def _opened(
        self, folder: Path, passages: Passages, questions: QuestionSet, runtime: Runtime
    ) -> tuple[TokenVectors, Tokens]:
        encode = partial(self._encoded, runtime=runtime)
        return self._late.opened(folder, passages, questions, encode, self._question.source.model)

    def _encoded(self, texts: Sequence[str], runtime: Runtime) -> Ragged:
        """The questions' vectors.

        Raises:
            UserError: vectors are not finite.
        """
        encoder = loaded_encoder(self._question.source, runtime, self._asks)
        with progress(len(texts), "encode", "questions", runtime) as bar:
            windows = [self._question.questions(texts)]
            ragged: Ragged = next(
                encoder.encode(windows, update=bar.update, **self._question.options())
            )
        return ragged
