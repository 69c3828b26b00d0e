"""DrQA's P@5: whether an answer stands in one of the first articles, wherever in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa

from qa_bench.metric.evidence import Evidence
from qa_bench.metric.matching import answer_test, get_mode
from qa_bench.parts import Part
from qa_bench.settings import whole_numbers
from qa_bench.store.passages import Passages
from qa_bench.types import Heading


class ArticleRecall(Part):
    """1 where one of the first k articles holds an answer in any of its passages.

    Of a run of passages, articles stand in the order of their first hits, and each is searched as a
    whole, all passages that the corpus has of it: what was retrieved is not all that counts.

    Source: Chen et al. 2017, Reading Wikipedia (DrQA; ACL), table 3: "P@5", the questions for which
    the answer appears in one of the top 5 pages.
    """

    def __init__(self, k: Sequence[int] = (5,)) -> None:
        """Check the cut-offs.

        Raises:
            UserError: no k, or one below 1.
        """
        self._k = sorted(set(whole_numbers("metrics.article_recall.k", k)))

    def heading(self, column: str) -> Heading:
        """DrQA's name."""
        return Heading(f"article P@{column.partition('@')[2]}")

    def score(self, evidence: Evidence) -> dict[str, np.ndarray]:
        """``article_recall@k``: 0 or 1 a question.

        Nothing where the passages are those of the run alone: nobody knows the rest of an article.
        There is no column for a k where a question without an answer has hits of fewer articles,
        and a deeper search might find more.
        """
        rows, passages, questions = evidence.rows, evidence.passages, evidence.questions
        if rows is None or passages is None or evidence.run is None:
            return {}
        if questions.qrels is not None or evidence.collection == "hits":
            return {}
        keys, rows_of = _articles(evidence, passages, rows)
        titled = get_mode(evidence.mode).titles
        slices, most = evidence.run.slices(), max(self._k)
        ranks, known = np.zeros(len(questions), dtype=np.int64), most
        for number, (qid, _, answers) in enumerate(questions):
            hits = slices.get(qid, slice(0, 0))
            several = list(dict.fromkeys(keys[hits].tolist()))
            test = answer_test(answers, questions.match, evidence.mode, qid)
            for rank, article in enumerate(several[:most], 1):
                texts = passages.texts(rows_of[article])
                titles = passages.titles(rows_of[article]) if titled else [""] * len(texts)
                if any(test(text, title) for text, title in zip(texts, titles, strict=True)):
                    ranks[number] = rank
                    break
            if not ranks[number] and hits.stop - hits.start == evidence.searched:
                known = min(known, len(several))
        return {
            f"article_recall@{k}": ((ranks > 0) & (ranks <= k)).astype(np.float64)
            for k in self._k
            if k <= known
        }


def _articles(
    evidence: Evidence, passages: Passages, rows: np.ndarray
) -> tuple[np.ndarray, Sequence[np.ndarray]]:
    """The article of each hit, int64 (hits,), and the rows of every article's passages.

    An article is known by its id, where passages have one (``source``), else by its title; a
    passage without a title is one of its own.
    """
    if evidence.collection == "articles":
        names: Iterable[str] = ()
    elif passages.has_sources:
        names = passages.sources(rows)
    else:
        names = passages.titles(rows)
    listed = list(names) or [""] * len(rows)
    unique = [name for name in dict.fromkeys(listed) if name]
    numbers = {name: number for number, name in enumerate(unique)}
    groups: list[np.ndarray] = []
    if unique:
        of_names = passages.of_sources if passages.has_sources else passages.of_titles
        all_rows, places = of_names(pa.array(unique, pa.string()))
        order = np.argsort(places, kind="stable")
        cuts = np.searchsorted(places[order], np.arange(1, len(unique)))
        groups = np.split(all_rows[order], cuts)
    keys = np.zeros(len(rows), dtype=np.int64)
    for place, (name, row) in enumerate(zip(listed, rows.tolist(), strict=True)):
        if not name:
            name = f"row {row}"
            if name not in numbers:
                numbers[name] = len(groups)
                groups.append(np.array([row]))
        keys[place] = numbers[name]
    return keys, groups
