"""Articles first: a retriever over whole articles, whose passages are the hits."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import pairwise
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

_ARTICLES, _STARTS, _ROWS, _BASE = "articles", "starts.npy", "rows.npy", "base"
_BYTES_PER_PASSAGE = 610
"""Of its copy in its article."""
_AT_ONCE = 4096
"""Articles whose passages are looked up together."""


class Articles(Part):
    """The passages of the best articles, in the order of the articles, then of the corpus.

    The corpus' passages are put together to the articles that they were cut from: those that have
    its id (``source``), or where none is known, its title, wherever they stand. ``base`` indexes
    and searches these, and each of an article's passages gets its score.

    So DrQA works: the five best articles by TF-IDF, cut into paragraphs. Source: Chen et al. 2017,
    Reading Wikipedia (ACL), section 3; drqa/pipeline/drqa.py.
    """

    version = 2
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
        numbers = passages.article_numbers()
        rows = np.argsort(numbers, kind="stable")
        starts = np.concatenate([[0], np.cumsum(np.bincount(numbers))]).astype(np.int64)
        path = store / "passages-00000.arrow"
        count = write_passages(path, _joined(passages, rows, starts))
        describe_passages(store, [path])
        np.save(folder / _STARTS, starts)
        np.save(folder / _ROWS, rows.astype(np.int64))
        if (indexed := self._base.index(Passages(store), inner, runtime)) != count:
            raise UserError(f"retriever.base: {indexed} of {count} articles were indexed")
        return len(passages)

    def search(
        self, folder: Path, passages: Passages, questions: QuestionSet, depth: int, runtime: Runtime
    ) -> Run:
        """The passages of each question's best articles, as many as the run may hold."""
        store, starts, of_articles = _opened(folder, len(passages))
        run = self._base.search(folder / _BASE, store, questions, self._articles, runtime)
        articles = rows_of(run, store, "retriever.base")
        values = run.table.column("score").to_numpy()
        slices = run.slices()
        rows: list[np.ndarray] = []
        scores: list[np.ndarray] = []
        for question in questions:
            hits = slices.get(question.qid, slice(0, 0))
            several = [of_articles[starts[one] : starts[one + 1]] for one in articles[hits]]
            rows.append(np.concatenate([np.zeros(0, np.int64), *several])[:depth])
            of_each = np.repeat(values[hits], [len(some) for some in several])
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
        store, starts, of_articles = _opened(folder, len(passages))
        article = np.empty(len(passages), dtype=np.int64)
        article[of_articles] = np.repeat(np.arange(len(store)), np.diff(starts))
        pairs = (question_rows, article[rows])
        return self._base.score(folder / _BASE, store, questions, *pairs, runtime)

    def plan(
        self, passages: float, questions: int, depth: int, runtime: Runtime
    ) -> tuple[Step, Step]:
        """The base's, as if each passage were an article, and the articles."""
        if not isinstance(self._base, Planned):
            return Step("index", 0, None, "not known"), Step("search", 0, None, "not known")
        index, search = self._base.plan(passages, questions, self._articles, runtime)
        return index._replace(disk=index.disk + passages * _BYTES_PER_PASSAGE), search


def _joined(
    passages: Passages, rows: np.ndarray, starts: np.ndarray
) -> Iterator[tuple[str, str, str]]:
    """(id, title, its passages' texts a line each) of every article.

    Args:
        passages: the corpus.
        rows: of the passages, article after article; (passages,).
        starts: where those of each article start in ``rows``, and the end; (articles + 1,).
    """
    for first in range(0, len(starts) - 1, _AT_ONCE):
        bounds = starts[first : first + _AT_ONCE + 1]
        heads = rows[bounds[:-1]]
        pids, titles = passages.pids(heads).to_pylist(), passages.titles(heads)
        names = passages.sources(heads) if passages.has_sources else pids
        texts = passages.texts(rows[bounds[0] : bounds[-1]])
        for place, (start, end) in enumerate(pairwise((bounds - bounds[0]).tolist())):
            text = "\n".join(texts[at] for at in range(start, end))
            yield names[place] or pids[place], titles[place], text


def _opened(folder: Path, passages: int) -> tuple[Passages, np.ndarray, np.ndarray]:
    """The articles, and of what passages each is.

    Returns:
        The articles; where the passages of each start in what follows, and the end, int64
        (articles + 1,); the rows of the passages, article after article, int64 (passages,).

    Raises:
        DataError: the index is damaged, or of another corpus.
    """
    store = open_passages(folder / _ARTICLES)
    starts, rows = (_array(folder / name) for name in (_STARTS, _ROWS))
    whole = starts.shape == (len(store) + 1,) and rows.shape == (passages,)
    if not whole or starts[-1] != passages or (np.diff(starts) < 1).any():
        raise DataError(
            f"an index of other passages than the corpus'; delete {folder} to build it again",
            folder / _STARTS,
        )
    return store, starts, rows


def _array(path: Path) -> np.ndarray:
    try:
        array: np.ndarray = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(
            f"missing or cut short; delete {path.parent} to build it again", path
        ) from error
    return array
