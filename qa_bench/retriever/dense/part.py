"""Bi-encoders: a vector a passage, a vector a question, exact nearest neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from qa_bench.errors import UserError
from qa_bench.models.encoder import loaded_encoder
from qa_bench.models.passage_files import PassageFiles
from qa_bench.models.sides import Side
from qa_bench.models.source import model_path
from qa_bench.parts import Part
from qa_bench.retriever.vectors.exact import exact_search
from qa_bench.retriever.vectors.similarity import pair_scores
from qa_bench.runtime.estimates import (
    PASSAGE_TOKENS,
    QUESTION_TOKENS,
    SEARCH_RATE,
    model_memory,
    token_rate,
)
from qa_bench.runtime.progress import progress
from qa_bench.settings import flag, one_of, whole_number
from qa_bench.store.passages import Passages
from qa_bench.store.vectors import (
    DTYPES,
    SHARD_PASSAGES,
    STEM,
    Vectors,
    bytes_per_vector,
    packed,
)
from qa_bench.train.loop import MODEL_FOLDER, Settings, TrainingFiles, settings_of
from qa_bench.train.seen import seen
from qa_bench.types import QuestionSet, Run, Runtime, Step

_PAIRS = 1 << 16
"""Pairs a thread scores at once."""


class Dense(Part):
    """One encoder for questions and passages (siamese), or one each (asymmetric, as DPR).

    Passages are encoded once into memory-mapped vectors; a search passes them all by all questions
    (``exact.py``). Its hits are those of float64 scores of the stored vectors.

    Source: Karpukhin et al. 2020 (DPR); Reimers and Gurevych 2019 (siamese); Kusupati et al. 2022
    (``truncate_dim``).
    """

    search_only = frozenset({"question"})
    labels = frozenset({"sha256"})
    later: ClassVar[Mapping[str, Any]] = {"adapters": []}
    # Training sees the model's content, texts and how vectors are made; its similarity and
    # precision are settings of its own.
    reading_only = frozenset(
        {
            *("model", "revision", "precision", "similarity", "truncate_dim", "dtype"),
            *(f"{s}.{n}" for s in ("question", "passage") for n in ("model", "revision")),
            *(f"{side}.precision" for side in ("question", "passage")),
        }
    )
    averages = True
    """It can search with passages beside the question."""

    def __init__(
        self,
        model: str | None = None,
        revision: str | None = None,
        architecture: str | None = None,
        pooling: str | None = None,
        pool_prompt: bool | None = None,
        max_length: int | None = None,
        precision: str = "fp32",
        trust_remote_code: bool = False,
        end_token: bool = False,
        bidirectional: bool = False,
        adapters: Sequence[str] = (),
        layer_norm: bool = False,
        question: Mapping[str, Any] | None = None,
        passage: Mapping[str, Any] | None = None,
        similarity: str = "cosine",
        truncate_dim: int | None = None,
        dtype: str = "fp32",
        sha256: Mapping[str, str] | None = None,
    ) -> None:
        """Check the settings; ``question`` and ``passage`` may override those of the model.

        Args:
            model: see ``Source``, as the others up to ``adapters``.
            revision: see ``Source``.
            architecture: see ``Source``.
            pooling: see ``Source``.
            pool_prompt: see ``Source``.
            max_length: see ``Source``.
            precision: see ``Source``.
            trust_remote_code: see ``Source``.
            end_token: see ``Source``.
            bidirectional: see ``Source``.
            adapters: see ``Source``.
            layer_norm: subtract a vector's mean and divide by its deviation, before anything else.
            question: prompt and suffix of questions, and more: see ``Side``.
            passage: the same of passages; title: pair (two segments), none, or what stands
                between title and text; untitled: what stands for a missing title.
            similarity: cosine, dot or l2.
            truncate_dim: keep only the first so many dimensions.
            dtype: of the vectors on the disk: fp32, fp16 or int8.
            sha256: see ``Source``.

        Raises:
            UserError: a setting is out of range.
        """
        shared = {
            "model": model,
            "revision": revision,
            "architecture": architecture,
            "pooling": pooling,
            "pool_prompt": pool_prompt,
            "max_length": max_length,
            "precision": precision,
            "trust_remote_code": trust_remote_code,
            "sha256": sha256 or {},
            "end_token": end_token,
            "bidirectional": bidirectional,
            "adapters": adapters,
        }
        self._asked_as = Side.of("question", shared, question or {})
        self._read_as = Side.of("passage", shared, passage or {})
        self._question, self._passage = self._asked_as.source, self._read_as.source
        own = {"question": question or {}, "passage": passage or {}}
        self._apart = frozenset(name for name, side in own.items() if side.get("model"))
        self._similarity = one_of("retriever.similarity", similarity, ("cosine", "dot", "l2"))
        self._dtype = one_of("retriever.dtype", dtype, DTYPES)
        self._truncate_dim = whole_number("retriever.truncate_dim", truncate_dim, optional=True)
        self._layer_norm = flag("retriever.layer_norm", layer_norm)

    @property
    def similarity(self) -> str:
        """How vectors are compared: dot (and cosine, whose vectors have length 1) or l2."""
        return self._similarity

    def sources(self) -> dict[str, str]:
        """Identity of the passage model's content: what the index depends on beside passages."""
        return {"passage_model": self._read_as.identity()}

    def search_sources(self) -> dict[str, str]:
        """Identity of the question model's content."""
        return {"question_model": self._asked_as.identity()}

    def training(self, options: Mapping[str, Any]) -> Settings:
        """See ``settings.BiEncoderSettings``; the similarity is the retriever's, where none is set.

        Raises:
            UserError: one is out of range, or there is no such setting.
        """
        from qa_bench.retriever.dense.passages import learns_words, passage_settings
        from qa_bench.retriever.dense.settings import BiEncoderSettings

        if learns_words(options.get("objective")):
            return passage_settings(options)
        settings = settings_of(BiEncoderSettings, options)
        if settings.similarity is None and settings.looks_at("similarity"):
            return replace(settings, similarity=self._similarity)
        return settings

    def train(
        self, files: TrainingFiles, settings: Any, folder: Path, runtime: Runtime
    ) -> dict[str, Any]:
        """Train the model further, with texts as this retriever makes them; see ``teach``.

        Raises:
            UserError: a setting makes no sense in training.
        """
        from qa_bench.retriever.dense.passages import PassageSettings, learn_passages
        from qa_bench.retriever.dense.teach import teach

        for name, side in (("question", self._asked_as), ("passage", self._read_as)):
            if side.marks or side.encode_kwargs:
                raise UserError(f"retriever.{name}: marks and encode_kwargs are not trained with")
        sides = (self._asked_as, self._read_as)
        if isinstance(settings, PassageSettings):
            return learn_passages(sides, files, settings, folder, runtime)
        return teach(sides, self._layer_norm, files, settings, folder, runtime)

    def trained(self, folder: Path, settings: Any) -> dict[str, Any]:
        """The settings that search with what was trained in a folder."""
        from qa_bench.retriever.dense.teach import DPR_FOLDER

        model = str(folder / MODEL_FOLDER)
        used: dict[str, Any] = {"model": model}
        for name, side in (("question", self._asked_as), ("passage", self._read_as)):
            if side.source.architecture is not None:
                used[f"{name}.model"] = str(folder / DPR_FOLDER / name)
            elif name in self._apart:
                used[f"{name}.model"] = model
        if settings.similarity not in (None, self._similarity):
            used["similarity"] = settings.similarity
        for name, nothing in (("revision", None), ("sha256", ()), ("adapters", ())):
            if any(getattr(source, name) != nothing for source in (self._question, self._passage)):
                used[name] = None
        return used

    def scale(self, trained: Any | None) -> float:
        """What similarities were multiplied with in training; see ``scale_of``."""
        from qa_bench.retriever.dense.scale import scale_of

        return scale_of(trained, self._question.model, self._similarity)

    def seen(self, questions: Sequence[str]) -> int:
        """How many of the questions its model was trained on, as far as its folder tells."""
        path = model_path(self._question.model)
        return 0 if path is None else seen(path, questions)

    def encode_questions(self, texts: Sequence[str], runtime: Runtime) -> np.ndarray:
        """Vectors of questions; float32 of shape (questions, dimension).

        Raises:
            UserError: a vector is zero or not finite.
        """
        encoder = loaded_encoder(self._question, runtime)
        bar = progress(len(texts), "encode", "questions", runtime)
        with bar:
            windows = [self._asked_as.questions(texts)]
            vectors = next(encoder.encode(windows, update=bar.update, **self._asked_as.options()))
        return self._finished(vectors, lambda row: f"question '{texts[row][:60]}'")

    def encode_passages(
        self, titles: Sequence[str], texts: Sequence[str], runtime: Runtime
    ) -> np.ndarray:
        """Vectors of passages; float32 of shape (passages, dimension).

        Raises:
            UserError: a vector is zero or not finite.
        """
        encoder = loaded_encoder(self._passage, runtime)
        windows = [self._read_as.passages(titles, texts)]
        vectors = next(encoder.encode(windows, **self._read_as.options()))
        return self._finished(vectors, lambda row: f"passage '{texts[row][:60]}'")

    def index(self, passages: Passages, folder: Path, runtime: Runtime) -> int:
        """Encode all passages into ``vectors-*.npy``, going on from what is finished.

        Raises:
            UserError: the two models are no pair, or a vector is zero or not finite.
        """
        files = PassageFiles(folder, STEM, ".npy", SHARD_PASSAGES)
        # What is wrong with a side is told now, not when all is encoded.
        if self._truncate_dim is not None:
            self.encode_passages(["?"], ["?"], runtime)
        if self._question.model != self._passage.model:
            dimension = self.encode_questions(["?"], runtime).shape[1]
            self._check_pair(dimension, self.encode_passages(["?"], ["?"], runtime).shape[1])

        def pack(start: int, vectors: np.ndarray) -> np.ndarray:
            finished = self._finished(vectors, lambda row: f"passage {passages[start + row].pid}")
            return packed(finished, self._dtype)

        encoder = loaded_encoder(self._passage, runtime)
        save = partial(np.save, allow_pickle=False)
        return files.encode(passages, self._read_as, encoder, pack, save, runtime)

    def search(
        self, folder: Path, passages: Passages, questions: QuestionSet, depth: int, runtime: Runtime
    ) -> Run:
        """The nearest passages of all questions, in one pass over the vectors."""
        vectors, question_vectors = self.opened(folder, passages, questions, runtime)
        bar = progress(len(questions), "search", "questions", runtime)
        with bar:
            rows, scores = exact_search(
                vectors, question_vectors, depth, self._similarity, runtime, bar
            )
        return Run.of_rows([q.qid for q in questions], rows, scores, passages.pids)

    def score(
        self,
        folder: Path,
        passages: Passages,
        questions: QuestionSet,
        question_rows: np.ndarray,
        rows: np.ndarray,
        runtime: Runtime,
    ) -> np.ndarray:
        """The similarity of every (question, passage) pair, from the stored vectors."""
        vectors, encoded = self.opened(folder, passages, questions, runtime)
        scores = np.empty(len(rows), dtype=np.float32)

        def some(first: int) -> int:
            part = slice(first, first + _PAIRS)
            pairs = question_rows[part], rows[part]
            scores[part] = pair_scores(vectors, encoded, *pairs, self._similarity)
            return len(pairs[0])

        bar = progress(len(rows), "score", "passages", runtime)
        with bar, ThreadPoolExecutor(runtime.workers) as pool:
            for count in pool.map(some, range(0, len(rows), _PAIRS)):
                bar.update(count)
        return scores

    def plan(
        self, passages: float, questions: int, depth: int, runtime: Runtime
    ) -> tuple[Step, Step]:
        """From ``about.parameters`` and ``about.dimension``.

        Raises:
            UserError: they are not there.
        """
        parameters, whole = self.about.parameters, self.about.dimension
        if parameters is None or whole is None:
            raise UserError(
                "plan needs the model's size: ++retriever.about.parameters=110e6 "
                "++retriever.about.dimension=768"
            )
        dimension = self._truncate_dim or whole
        rate = token_rate(parameters, whole, runtime)
        vectors = passages * bytes_per_vector(dimension, self._dtype)
        memory = model_memory(parameters, self._passage.precision)
        seconds = questions * QUESTION_TOKENS / rate
        seconds += 2 * questions * passages * dimension / SEARCH_RATE
        return (
            Step("encode", vectors, passages * PASSAGE_TOKENS / rate, memory),
            Step("search", 0, seconds, memory),
        )

    def opened(
        self, folder: Path, passages: Passages, questions: QuestionSet, runtime: Runtime
    ) -> tuple[Vectors, np.ndarray]:
        """The passages' vectors, and the questions' (float32; questions, dimension).

        Raises:
            DataError: a file of vectors is cut short.
            UserError: the two do not fit each other.
        """
        vectors = Vectors(folder)
        if len(vectors) != len(passages):
            raise UserError(
                f"{folder}: {len(vectors)} vectors for {len(passages)} passages; delete the folder "
                "to encode again"
            )
        encoded = self._question_vectors(questions, runtime)
        self._check_pair(encoded.shape[1], vectors.dimension)
        return vectors, encoded

    def _question_vectors(self, questions: QuestionSet, runtime: Runtime) -> np.ndarray:
        """The questions' vectors: the mean of each and of the passages beside it (HyDE)."""
        encoded = self.encode_questions([question.text for question in questions], runtime)
        counts = np.array([len(several) for several in questions.beside], dtype=np.int64)
        if not counts.any():
            return encoded
        flat = [text for several in questions.beside for text in several]
        total = encoded.astype(np.float64)
        beside = self.encode_passages([""] * len(flat), flat, runtime)
        self._check_pair(encoded.shape[1], beside.shape[1])
        np.add.at(total, np.repeat(np.arange(len(encoded)), counts), beside)
        total /= (np.linalg.norm(total, axis=1) if self._similarity == "cosine" else 1 + counts)[
            :, None
        ]
        return total.astype(np.float32)

    def _check_pair(self, of_questions: int, of_passages: int) -> None:
        if of_questions != of_passages:
            raise UserError(
                f"questions have {of_questions} dimensions ({self._question.model}), passages "
                f"{of_passages} ({self._passage.model}): are the two a pair?"
            )

    def _finished(self, vectors: np.ndarray, name: Any) -> np.ndarray:
        """Cut and normalised as set.

        Raises:
            UserError: a vector is zero or not finite.
        """
        if self._layer_norm:
            vectors = vectors - vectors.mean(axis=1, keepdims=True)
            vectors /= np.sqrt((vectors**2).mean(axis=1, keepdims=True) + 1e-5)
        if self._truncate_dim is not None:
            if len(vectors) and self._truncate_dim > vectors.shape[1]:
                raise UserError(
                    f"retriever.truncate_dim={self._truncate_dim}, but the model's vectors have "
                    f"{vectors.shape[1]} dimensions"
                )
            vectors = np.ascontiguousarray(vectors[:, : self._truncate_dim])
        lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
        bad = np.flatnonzero(~np.isfinite(lengths) | (lengths == 0))
        if len(bad):
            what = "zero" if lengths[bad[0]] == 0 else "not finite"
            raise UserError(
                f"the vector of {name(int(bad[0]))} is {what} ({len(bad)} such): is the model "
                "whole, and does its precision suit it (retriever.precision=fp32)?"
            )
        if self._similarity == "cosine":
            vectors = np.asarray(vectors / lengths[:, None], dtype=np.float32)
        return vectors
