"""BGE-M3's base: encodes once, writes what its three ways to search read; searches by vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from qa_bench.engine.shards import Shards
from qa_bench.models.encoder import loaded_encoder
from qa_bench.models.m3_model import M3Output, Three
from qa_bench.models.passage_files import PassageFiles
from qa_bench.models.sides import Side
from qa_bench.retriever.dense.part import Dense
from qa_bench.retriever.multivector import store as tokens
from qa_bench.retriever.sparse import index as terms
from qa_bench.runtime.estimates import PASSAGE_TOKENS
from qa_bench.runtime.progress import progress
from qa_bench.settings import one_of
from qa_bench.store.passages import Passages
from qa_bench.store.vectors import DTYPES, STEM, bytes_per_vector, packed
from qa_bench.train.loop import Settings, TrainingFiles
from qa_bench.types import Runtime, Step

TERMS, TERMS_SUFFIX = "weights", ".npz"
"""Names of the files of terms, as ``retriever/sparse`` has them before it makes postings."""
_TERM_BYTES = 8


class M3(Dense):
    """BGE-M3, encoded once: vectors, vectors of tokens and weights of terms in one index.

    Searched by itself it is a bi-encoder; ``M3Sparse`` and ``M3Multi`` are built on it.

    Source: Chen et al. 2024, M3-Embedding (Findings of ACL).
    """

    reading_only = Dense.reading_only - {"similarity", "truncate_dim"} | {"tokens"}

    def __init__(
        self,
        model: str | None = None,
        revision: str | None = None,
        max_length: int | None = None,
        precision: str = "fp32",
        question: Mapping[str, Any] | None = None,
        passage: Mapping[str, Any] | None = None,
        dtype: str = "fp32",
        tokens: str = "int8",
        sha256: Mapping[str, str] | None = None,
    ) -> None:
        """Check the settings.

        Args:
            model: see ``Source``, as revision, max_length and precision.
            revision: see ``Source``.
            max_length: see ``Source``.
            precision: see ``Source``.
            question: see ``Dense``.
            passage: see ``Dense``.
            dtype: of the vectors on the disk: fp32, fp16 or int8.
            tokens: of the vectors of tokens: the same.
            sha256: see ``Source``.

        Raises:
            UserError: a setting is out of range.
        """
        super().__init__(
            model=model,
            revision=revision,
            pooling="cls",
            max_length=max_length,
            precision=precision,
            question=question,
            passage=passage,
            dtype=dtype,
            sha256=sha256,
        )
        self._tokens = one_of("retriever.tokens", tokens, DTYPES)

    def training(self, options: Mapping[str, Any]) -> Settings:
        """See ``Dense``; its heads learn from their sum (``train.losses.m3``).

        Raises:
            UserError: a setting is out of range, or of models with one vector a text.
        """
        from qa_bench.retriever.m3.teach import check

        settings: Any = super().training(options)
        check(settings)
        return settings  # type: ignore[no-any-return]

    def train(
        self, files: TrainingFiles, settings: Any, folder: Path, runtime: Runtime
    ) -> dict[str, Any]:
        """Train encoder and heads; a base without heads gets new ones."""
        from qa_bench.retriever.m3.teach import teach

        return teach((self._asked_as, self._read_as), files, settings, folder, runtime)

    def index(self, passages: Passages, folder: Path, runtime: Runtime) -> int:
        """Encode all passages into three kinds of files, going on from what is finished.

        Raises:
            UserError: a vector is zero or not finite.
        """
        vectors = Shards(folder, STEM, ".npy")
        words = Shards(folder, tokens.STEM, tokens.SUFFIX)
        # The last file of a window to be finished is that of terms.
        whole = min(len(vectors.finished()), len(words.finished()))
        weights = Shards(folder, TERMS, TERMS_SUFFIX)
        for number in range(whole, len(weights.finished())):
            weights.data(number).unlink()

        def pack(start: int, window: Three) -> tuple[np.ndarray, ...]:
            number = start // tokens.SHARD_PASSAGES
            note = {"passages": len(window.vectors)}
            finished = self._finished(
                window.vectors, lambda row: f"passage {passages[start + row].pid}"
            )
            with vectors.write(number, note) as path, path.open("wb") as file:
                np.save(file, packed(finished, self._dtype), allow_pickle=False)
            lengths = np.diff(window.tokens.pointers)
            with words.write(number, note) as path, path.open("wb") as file:
                tokens.save_tokens(file, (lengths, window.tokens.columns[0]))
            total = window.terms.columns[1].sum(dtype=np.float64, keepdims=True)
            return window.terms.pointers, *window.terms.columns, total

        files = PassageFiles(folder, TERMS, TERMS_SUFFIX, tokens.SHARD_PASSAGES)
        encoder = loaded_encoder(self._passage, runtime, M3Output(self._tokens))
        return files.encode(passages, self._read_as, encoder, pack, terms.save, runtime)

    def encode_questions(self, texts: Sequence[str], runtime: Runtime) -> np.ndarray:
        """Vectors of questions; float32 of shape (questions, dimension).

        Raises:
            UserError: a vector is zero or not finite.
        """
        vectors = self.encode_three(texts, runtime).vectors
        return self._finished(vectors, lambda row: f"question '{texts[row][:60]}'")

    def encode_three(self, texts: Sequence[str], runtime: Runtime) -> Three:
        """All that the model makes of questions."""
        return _questions(self._asked_as, tuple(texts), runtime)

    def plan(
        self, passages: float, questions: int, depth: int, runtime: Runtime
    ) -> tuple[Step, Step]:
        """See ``Dense``; the vectors of tokens are nearly all that is stored."""
        encode, search = super().plan(passages, questions, depth, runtime)
        dimension = self.about.dimension or 0
        a_passage = bytes_per_vector(dimension, self._tokens) + _TERM_BYTES
        disk = encode.disk + passages * PASSAGE_TOKENS * a_passage
        return encode._replace(disk=disk), search


@lru_cache(maxsize=1)
def _questions(side: Side, texts: tuple[str, ...], runtime: Runtime) -> Three:
    """Kept for the next of the three ways to search the same questions."""
    encoder = loaded_encoder(side.source, runtime, M3Output())
    with progress(len(texts), "encode", "questions", runtime) as bar:
        windows = [side.questions(texts)]
        three: Three = next(encoder.encode(windows, update=bar.update, **side.options()))
    return three
