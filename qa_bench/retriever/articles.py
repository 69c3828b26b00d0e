"""Articles first: a retriever over whole articles, whose passages are the hits."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from qa_bench.errors import DataError, UserError
from qa_bench.parts import Part
from qa_bench.protocols import PairScorer, Planned, Retriever
from qa_bench.settings import whole_number
from qa_bench.store.passages import Passages, describe_passages, open_passages, write_passages
from qa_bench.store.runs import rows_of
from qa_bench.types import QuestionSet, Run, Runtime, Step

_ARTICLES, _STARTS, _BASE = "articles", "starts.npy", "base"
_BYTES_PER_PASSAGE = 600
"""Of its copy in its article."""


class Articles(Part):
    """The passages of the best articles, in the order of the articles, then of the corpus.

    The corpus' passages are put together to the articles that they were cut from: those of one
    article stand one behind the other, with its id (``source``), or where none is known, with its
    title. ``base`` indexes and searches these, and each of an article's passages gets its score.

    So DrQA works: the five best articles by TF-IDF, cut into paragraphs. Source: Chen et al. 2017,
    Reading Wikipedia (ACL), section 3; drqa/pipeline/drqa.py.
    """

    search_only = frozenset({"articles"})

    def __init__(self, base: Retriever, articles: int = 5) -> None:
        """Check the settings.

        Args:
            base: the retriever that indexes and searches articles.
            articles: how many of them are taken.

        Raises:
            UserError: a setting is out of range, or the base is itself made of retrievers.
        """
        if not isinstance(base, Retriever) or getattr(base, "parts", None):
            raise UserError(
                "retriever.base: a retriever that stands alone, such as tfidf or bm25, got "
                f"{type(base).__name__}"
            )
        self._articles = whole_number("retriever.articles", articles)
        self._base: Any = base

    def sources(self) -> dict[str, str]:
        """Those of the base."""
        return self._base.sources()  # type: ignore[no-any-return]

    def search_sources(self) -> dict[str, str]:
        """Those of the base."""
        return self._base.search_sources()  # type: ignore[no-any-return]

    def index(self, passages: Passages, folder: Path, runtime: Runtime) -> int:
        """Write the articles, and the base's index of them.

        Raises:
            UserError: the base has not indexed all articles.
        """
        store, inner = folder / _ARTICLES, folder / _BASE
        for left_by_a_kill in (store, inner):
            shutil.rmtree(left_by_a_kill, ignore_errors=True)
            left_by_a_kill.mkdir()
        starts: list[int] = []
        path = store / "passages-00000.arrow"
        count = write_passages(path, _joined(passages, starts))
        describe_passages(store, [path])
        np.save(folder / _STARTS, np.array([*starts, len(passages)], dtype=np.int64))
        if (indexed := self._base.index(Passages(store), inner, runtime)) != count:
            raise UserError(f"retriever.base: {indexed} of {count} articles were indexed")
        return len(passages)

    def search(
        self, folder: Path, passages: Passages, questions: QuestionSet, depth: int, runtime: Runtime
    ) -> Run:
        """The passages of each question's best articles, as many as the run may hold."""
        store, starts = _opened(folder, len(passages))
        run = self._base.search(folder / _BASE, store, questions, self._articles, runtime)
        articles = rows_of(run, store, "retriever.base")
        of_articles = run.table.column("score").to_numpy()
        slices = run.slices()
        rows: list[np.ndarray] = []
        scores: list[np.ndarray] = []
        for question in questions:
            hits = slices.get(question.qid, slice(0, 0))
            spans = [range(starts[one], starts[one + 1]) for one in articles[hits]]
            several = [np.zeros(0, np.int64), *(np.array(span, np.int64) for span in spans)]
            rows.append(np.concatenate(several)[:depth])
            of_each = np.repeat(of_articles[hits], [len(span) for span in spans])
            scores.append(of_each[:depth].astype(np.float32))
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
        """The scores of (question, passage) pairs: those of the passages' articles.

        Raises:
            UserError: the base cannot tell them.
        """
        if not isinstance(self._base, PairScorer):
            raise UserError(
                f"retriever.base: {type(self._base).__name__} cannot tell the score of an article "
                "that it did not find: choose a fusion that does without, such as rrf"
            )
        store, starts = _opened(folder, len(passages))
        articles = np.searchsorted(starts, rows, side="right") - 1
        pairs = (question_rows, articles)
        return self._base.score(folder / _BASE, store, questions, *pairs, runtime)

    def plan(
        self, passages: float, questions: int, depth: int, runtime: Runtime
    ) -> tuple[Step, Step]:
        """The base's, as if each passage were an article, and the articles."""
        if not isinstance(self._base, Planned):
            return Step("index", 0, None, "not known"), Step("search", 0, None, "not known")
        index, search = self._base.plan(passages, questions, self._articles, runtime)
        return index._replace(disk=index.disk + passages * _BYTES_PER_PASSAGE), search


def _joined(passages: Passages, starts: list[int]) -> Iterator[tuple[str, str, str]]:
    """(id, title, its passages' texts a line each) of every article; notes its first row."""
    name: str | None = None
    article, title = "", ""
    texts: list[str] = []
    for first, pids, titles, of_batch in passages.batches():
        rows = np.arange(first, first + len(pids))
        columns = (pids.to_pylist(), titles.to_pylist(), of_batch.to_pylist())
        sources = passages.sources(rows) if passages.has_sources else columns[1]
        for row, source, pid, its_title, text in zip(rows.tolist(), sources, *columns, strict=True):
            if source != name or not source:
                if texts:
                    yield article, title, "\n".join(texts)
                starts.append(row)
                name, title, texts = source, its_title, []
                article = source if passages.has_sources and source else pid
            texts.append(text)
    if texts:
        yield article, title, "\n".join(texts)


def _opened(folder: Path, passages: int) -> tuple[Passages, np.ndarray]:
    """The articles, and the first row of each, and the end: int64 (articles + 1,).

    Raises:
        DataError: the index is damaged, or of another corpus.
    """
    store, path = open_passages(folder / _ARTICLES), folder / _STARTS
    try:
        starts: np.ndarray = np.load(path)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"missing or cut short; delete {folder} to build it again", path) from error
    if starts.shape != (len(store) + 1,) or starts[-1] != passages or (np.diff(starts) < 1).any():
        raise DataError(
            f"an index of other passages than the corpus'; delete {folder} to build it again", path
        )
    return store, starts
