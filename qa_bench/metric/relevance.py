"""Relevance measures: how well a run ranks the passages that people judged relevant."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from qa_bench.errors import UserError
from qa_bench.metric.evidence import Evidence
from qa_bench.parts import Part
from qa_bench.settings import strings

_MEASURE = re.compile(r"(?P<name>[A-Za-z]\w*)(?P<settings>\([^()]*\))?(@(?P<cut>[1-9][0-9]{0,8}))?")
_OUR_NAMES = {"nDCG": "ndcg", "R": "recall", "AP": "map", "RR": "mrr", "P": "precision"}


class Relevance(Part):
    """Measures of ir_measures, computed by trec_eval's code through pytrec_eval.

    A passage that nobody judged counts as not relevant. So does one with a grade below 1; one
    below 0 is no judgement, as in trec_eval, which Bpref minds. Relevant
    passages that the corpus lacks stay in the denominators. A question without a relevant passage
    counts 0. A hit that has the question's own id and no judgement is left out, as BEIR does: some
    of its sets ask with passages of the corpus itself.
    """

    version = 2
    depends = ("ir-measures", "pytrec-eval-terrier")

    def __init__(
        self,
        measures: Sequence[str] = ("nDCG@10", "R@20", "R@100", "AP", "RR"),
    ) -> None:
        """Check how the measures are written; whether ir_measures knows them shows when scoring.

        Raises:
            UserError: no measure, or one that is not written as ``name``, ``name@k`` or with
                settings in brackets.
        """
        named = strings("metrics.relevance.measures", measures)
        matches = [(text, _MEASURE.fullmatch(text)) for text in named]
        if not matches:
            raise UserError("metric relevance: measures must name at least one, such as nDCG@10")
        self._measures: dict[str, tuple[str, int | None]] = {}
        for text, parts in matches:
            if parts is None:
                raise UserError(
                    f"metric relevance: cannot read the measure '{text}': write nDCG@10, AP or "
                    "P(rel=2)@5"
                )
            name = _OUR_NAMES.get(parts["name"], parts["name"].lower()) + (parts["settings"] or "")
            cut = parts["cut"]
            column = f"{name}@{cut}" if cut else name
            self._measures[column] = text, int(cut) if cut else None

    def score(self, evidence: Evidence) -> dict[str, np.ndarray]:
        """A column a measure, ``ndcg@10``, ``recall@20``, ``map``, ``mrr``: one value a question.

        There is no column for a cut-off that the search was not asked to reach, and none at all
        for a set with answers instead of judgements. Measures without a cut-off go down to the
        run's depth.

        Raises:
            UserError: ir_measures does not know a measure.
        """
        qrels, ranked = evidence.questions.qrels, evidence.ranked
        if qrels is None or ranked is None:
            return {}
        measures = {
            column: text
            for column, (text, cut) in self._measures.items()
            if evidence.searched is None or cut is None or cut <= evidence.searched
        }
        return _computed(measures, [question.qid for question in evidence.questions], qrels, ranked)


def _computed(
    measures: Mapping[str, str],
    qids: Sequence[str],
    qrels: Mapping[str, Mapping[str, int]],
    ranked: Mapping[str, Sequence[str]],
) -> dict[str, np.ndarray]:
    import ir_measures

    # trec_eval orders hits of one score by their pids; given ranks as scores, it keeps our order.
    run = {
        qid: {pid: -float(rank) for rank, pid in enumerate(_without_itself(qid, pids, qrels), 1)}
        for qid, pids in ranked.items()
    }
    # A grade below 0 means not judged to trec_eval; where a question has no other, it crashes.
    known = {
        qid: {pid: grade for pid, grade in grades.items() if grade >= 0}
        for qid, grades in qrels.items()
    }
    judged = {qid: grades for qid, grades in known.items() if grades}
    place = {qid: number for number, qid in enumerate(qids)}
    # Questions without a hit, or without a judgement, get no value: they stay 0.
    columns = {column: np.zeros(len(qids)) for column in measures}
    try:
        column_of = {_measure(text): column for column, text in measures.items()}
        for result in ir_measures.iter_calc(list(column_of), judged, run):
            columns[column_of[result.measure]][place[result.query_id]] = result.value
    except (NameError, ValueError, SyntaxError, KeyError, AssertionError) as error:
        reason = (str(error).splitlines() or ["no such measure"])[0]
        raise UserError(f"metric relevance: ir_measures refuses a measure ({reason})") from None
    return columns


def _measure(text: str) -> Any:
    """A measure of ir_measures, whose own parser needs ``ast.Num``, which Python 3.14 has not."""
    from ir_measures.measures import registry

    parts = _MEASURE.fullmatch(text)
    if parts is None or parts["name"] not in registry:
        raise NameError(f"measure not found: {text}")
    settings: dict[str, Any] = {}
    for setting in filter(None, (parts["settings"] or "()")[1:-1].split(",")):
        name, _, value = setting.partition("=")
        settings[name.strip()] = ast.literal_eval(value.strip())
    measure = registry[parts["name"]](**settings)
    return measure @ int(parts["cut"]) if parts["cut"] else measure


def _without_itself(
    qid: str, pids: Sequence[str], qrels: Mapping[str, Mapping[str, int]]
) -> list[str]:
    judged = qrels.get(qid, {})
    return [pid for pid in pids if pid != qid or pid in judged]
