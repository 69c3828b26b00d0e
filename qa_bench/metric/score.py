"""Score a run from Python, without folders or configuration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from qa_bench.errors import UserError
from qa_bench.metric.matching import answer_test, get_mode
from qa_bench.types import Match


def score_run(
    questions: Mapping[str, Sequence[str]],
    run: Mapping[str, Iterable[str | tuple[str, str]]],
    k: Sequence[int] = (1, 5, 20, 100),
    match: Match = "string",
    mode: str = "dpr",
) -> dict[str, float]:
    """Answer recall and MRR of ranked passages, over *all* questions.

    Args:
        questions: gold answers by qid.
        run: ranked passages by qid, best first: texts, or (title, text) pairs.
        k: cut-offs.
        match: how answers are compared.
        mode: whose rules, see ``has_answer``.

    Returns:
        ``answer_recall@k`` for each k, and ``mrr``; fractions.

    Raises:
        UserError: no questions, a question without answers, or a run for an unknown question.
    """
    if not questions:
        raise UserError("there are no questions to score")
    if not k or min(k) < 1:
        raise UserError(f"k must be a list of numbers >= 1, got {list(k)}")
    if texts := [qid for qid, ranked in run.items() if isinstance(ranked, str)]:
        raise UserError(f"the run of '{texts[0]}' must be a list of passages, not one string")
    if unknown := [qid for qid in run if qid not in questions]:
        raise UserError(f"the run answers a question that is not in the set: '{unknown[0]}'")
    titles = get_mode(mode).titles
    ranks = []
    for qid, answers in questions.items():
        test = answer_test(answers, match, mode, qid)
        rank = 0
        for place, passage in enumerate(run.get(qid, ()), 1):
            title, text = ("", passage) if isinstance(passage, str) else passage
            if test(text, title if titles else ""):
                rank = place
                break
        ranks.append(rank)
    scores = {
        f"answer_recall@{cut}": sum(0 < rank <= cut for rank in ranks) / len(ranks)
        for cut in sorted(set(k))
    }
    return {**scores, "mrr": sum(1 / rank for rank in ranks if rank) / len(ranks)}
