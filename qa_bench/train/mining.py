"""Files to train retrievers with, by DPR's rules and later ones (Karpukhin et al. 2020, 4.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from qa_bench.errors import UserError
from qa_bench.formats.dpr_training import GOLD_SCORE, Example, TrainingPassage
from qa_bench.formats.gold import Gold
from qa_bench.metric.matching import answer_test, get_mode
from qa_bench.metric.string_tests import Test
from qa_bench.runtime.progress import progress
from qa_bench.store.passages import Passages
from qa_bench.train.drawing import draw
from qa_bench.train.golds import GoldPassages
from qa_bench.train.judging import Judge, Judged, Ranking, blocks, places
from qa_bench.train.negatives import CHOSEN, REASONS, Candidates, HitChoice, choose
from qa_bench.types import Passage, Question, QuestionSet, Run, Runtime

DRAWN = ("gold", "random")
"""Sources of negatives beside the hits, in the order of the file."""

Score = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Gives the scores of pairs, float32 (pairs,), from places of questions, ascending, and rows of
passages."""

_Unscored = list[tuple[int, np.ndarray, np.ndarray]]
"""Pairs without a score: a question's place, rows of passages, and where their scores go."""


class Teacher(NamedTuple):
    """Tells the score of any (question, passage) pair.

    Attributes:
        name: who it is, for the file.
        score: does it.
        approximate: whether the run's own scores are others.
    """

    name: str
    score: Score
    approximate: bool = False


@dataclass(frozen=True)
class Mining:
    """What is mined.

    Attributes:
        choice: which hits are hard negatives.
        gold: positives of other questions among the negatives, at most.
        random: passages taken at random among them, at most.
        with_answers: passages that hold an answer may be negatives.
        scored: every passage has the teacher's score, not hits alone.
        rules: names of ``rules.RULES``.
        mode: whose matching rules.
    """

    choice: HitChoice = field(default_factory=HitChoice)
    gold: int = 0
    random: int = 50
    with_answers: bool = False
    scored: bool = False
    rules: tuple[str, ...] = ()
    mode: str = "dpr"


class _Passages(NamedTuple):
    """Some passages of a question with their scores: rows (n,) int64, scores (n,) float32."""

    rows: np.ndarray
    scores: np.ndarray


class Miner:
    """Makes the examples of a set, and counts what becomes of questions and hits."""

    def __init__(
        self,
        questions: QuestionSet,
        run: Run,
        passages: Passages,
        golds: Mapping[str, Gold],
        mining: Mining,
        label: str,
        runtime: Runtime,
        teacher: Teacher | None = None,
    ) -> None:
        """Look up the hits' passages, and those of gold paragraphs' articles.

        Args:
            questions: the set.
            run: what was retrieved for it.
            passages: the corpus.
            golds: the gold paragraph of a question, by qid or text; empty where none is known.
            mining: what is mined.
            label: names the set in each example.
            runtime: progress.
            teacher: tells scores of pairs that are no hits; None where nobody can.

        Raises:
            UserError: the run names passages the corpus lacks.
        """
        self._questions, self._mining, self._label = questions, mining, label
        self._passages, self._runtime, self._teacher = passages, runtime, teacher
        self._ranking = Ranking(run, passages)
        self.counts: dict[str, int] = dict.fromkeys(
            ("questions", "examples", *mining.rules, "gold_unknown", "gold_not_found",
             "without_positive", "without_hard_negative", "fewer_hard_negatives", "positives",
             "hard_negatives", "gold_negatives", "random_negatives", "negatives_with_answer",
             "positive_unscored", "hits", "hits_with_answer",
             *(f"hits_{reason}" for reason in REASONS)), 0
        )  # fmt: skip
        self._golds = GoldPassages(golds, passages, self.counts) if golds else None

    def examples(self) -> Iterator[Example]:
        """The examples, in the set's order.

        Raises:
            UserError: there is none.
        """
        judge = (self._ranking, self._passages, self._golds, self._mining.rules, self._test)
        titles = get_mode(self._mining.mode).titles
        judged = Judge(*judge, self.counts, titles).judged(self._questions, self._runtime)
        self.counts |= {"questions": len(self._questions), "examples": len(judged)}
        drawn = {source: self._draw(source, judged) for source in DRAWN}
        positives = self._scores(judged, drawn)
        fates = self._fates(judged, positives)
        with progress(len(judged), "write", "questions", self._runtime) as bar:
            for block in blocks(len(judged)):
                lists: list[_Passages] = []
                for number in block:
                    lists += self._chosen(judged[number], positives[number], fates[number])
                    lists += [drawn[source][number] for source in DRAWN]
                yield from self._written([judged[number] for number in block], lists)
                bar.update(len(block))

    def _test(self, question: Question) -> Test:
        match, mode = self._questions.match, self._mining.mode
        return answer_test(question.answers, match, mode, question.qid)

    def _draw(self, source: str, judged: list[Judged]) -> list[_Passages]:
        """Negatives that are no hits; their scores are 0 as yet."""
        count, seed = getattr(self._mining, source), self._mining.choice.seed
        if not count:
            return [_Passages(np.zeros(0, np.int64), np.zeros(0, np.float32))] * len(judged)
        common = (judged, source, count, seed, self._passages, self._test)
        drawn = draw(*common, with_answers=self._mining.with_answers)
        self.counts[f"{source}_negatives"] = sum(map(len, drawn.rows))
        self.counts["negatives_with_answer"] += drawn.with_answer
        return [_Passages(rows, np.zeros(len(rows), np.float32)) for rows in drawn.rows]

    def _scores(self, judged: list[Judged], drawn: Mapping[str, list[_Passages]]) -> np.ndarray:
        """The positives' scores, NaN where nobody knows; (judged,) float32.

        Where all passages shall be scored, those that were drawn get their scores here; where the
        run is approximate, its hits theirs.
        """
        positives = np.array([self._score_in_run(one) for one in judged], dtype=np.float32)
        mining, teacher = self._mining, self._teacher
        if teacher is not None and (mining.scored or mining.choice.by_positive):
            unscored: _Unscored = []
            for number, one in enumerate(judged):
                if teacher.approximate:
                    own = self._ranking.rows[one.hits], self._ranking.scores[one.hits]
                    unscored.append((one.place, *own))
                if teacher.approximate or np.isnan(positives[number]):
                    here = positives[number : number + 1]
                    unscored.append((one.place, np.array([one.positive]), here))
                if mining.scored:
                    unscored += [(one.place, *drawn[source][number]) for source in DRAWN]
            self._ask(teacher, unscored)
        if mining.choice.by_positive:
            self.counts["positive_unscored"] = int(np.isnan(positives).sum())
        return positives

    def _score_in_run(self, one: Judged) -> float:
        at = np.flatnonzero(self._ranking.rows[one.hits] == one.positive)
        return float(self._ranking.scores[one.hits][at[0]]) if len(at) else np.nan

    def _ask(self, teacher: Teacher, unscored: _Unscored) -> None:
        """Have all pairs scored at once: a teacher may encode its questions each time.

        Raises:
            UserError: a score is not finite.
        """
        sizes = [len(rows) for _, rows, _ in unscored]
        if not sum(sizes):
            return
        of_questions = np.repeat([place for place, _, _ in unscored], sizes)
        scores = teacher.score(of_questions, np.concatenate([rows for _, rows, _ in unscored]))
        if len(bad := np.flatnonzero(~np.isfinite(scores))):
            qid = self._questions.questions[int(of_questions[bad[0]])].qid
            raise UserError(
                f"{teacher.name} gives {len(bad)} of {len(scores)} pairs no finite score, the "
                f"first of question '{qid}': a reranker must drop none (reranker.threshold=null)"
            )
        ends = np.cumsum(sizes)
        for (_, _, into), end in zip(unscored, ends.tolist(), strict=True):
            into[:] = scores[end - len(into) : end]

    def _fates(self, judged: list[Judged], positives: np.ndarray) -> list[np.ndarray]:
        """What becomes of every question's hits: places in ``REASONS``."""
        sizes = [len(one.holds) for one in judged]
        at = places([one.hits for one in judged])
        holds = np.concatenate([one.holds for one in judged])
        rows, choice = self._ranking.rows[at], self._mining.choice
        candidates = Candidates(
            np.repeat(np.arange(len(judged)), sizes),
            rows,
            self._ranking.scores[at],
            rows == np.repeat([one.positive for one in judged], sizes),
            np.zeros_like(holds) if self._mining.with_answers else holds,
        )
        # A positive that was not found is below all hits, and so no margin leaves one of them.
        known = np.where(np.isnan(positives), -np.inf, positives)
        fate = choose(candidates, known, [one.question.qid for one in judged], choice)
        chosen = np.bincount(candidates.questions[fate == CHOSEN], minlength=len(judged))
        outcomes = np.bincount(fate, minlength=len(REASONS)).tolist()
        self.counts |= {
            **{f"hits_{reason}": count for reason, count in zip(REASONS, outcomes, strict=True)},
            "hits": len(fate),
            "hits_with_answer": int(holds.sum()),
            "hard_negatives": int(chosen.sum()),
            "without_hard_negative": int((chosen == 0).sum()),
            "fewer_hard_negatives": int((chosen < (choice.count or 0)).sum()),
        }
        self.counts["negatives_with_answer"] += int((holds & (fate == CHOSEN)).sum())
        return np.split(fate, np.cumsum(sizes)[:-1])

    def _chosen(self, one: Judged, score: float, fate: np.ndarray) -> tuple[_Passages, _Passages]:
        """Positives, the one to learn first, and hard negatives."""
        rows, scores = self._ranking.rows[one.hits], self._ranking.scores[one.hits]
        also = one.holds & (rows != one.positive)
        if self._mining.with_answers:
            also[:] = False  # they are negatives, or none
        if one.gold and not self._mining.scored:
            score = GOLD_SCORE
        first = np.append(one.positive, rows[also]), np.append(np.float32(score), scores[also])
        chosen = fate == CHOSEN
        return _Passages(*first), _Passages(rows[chosen], scores[chosen])

    def _written(self, judged: list[Judged], lists: list[_Passages]) -> Iterator[Example]:
        """Some examples, four lists each; their passages are looked up for all at once."""
        rows = np.concatenate([one.rows for one in lists])
        pids = self._passages.pids(rows).to_pylist()
        passages = map(Passage, pids, self._passages.titles(rows), self._passages.texts(rows))
        contexts = iter([_contexts(passages, one.scores) for one in lists])
        teacher = self._teacher.name if self._teacher is not None and self._mining.scored else ""
        for one in judged:
            positives, hard, golds, random = (next(contexts) for _ in range(4))
            if one.gold:
                positives[0] = TrainingPassage(positives[0].passage, positives[0].score, 1)
            self.counts["positives"] += len(positives)
            yield Example(
                self._label,
                one.question.text,
                list(one.question.answers),
                positives,
                [TrainingPassage(gold.passage, gold.score, 0, "gold") for gold in golds] + random,
                hard,
                self._questions.match,
                teacher,
            )


def _contexts(passages: Iterator[Passage], scores: np.ndarray) -> list[TrainingPassage]:
    """The next passages with their scores, written as short as float32 allows."""
    values = map(float, scores.astype(str).tolist())
    whole = (0, GOLD_SCORE)
    return [TrainingPassage(next(passages), int(v) if v in whole else v) for v in values]
