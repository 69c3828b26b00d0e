"""Two systems compared on all their sets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from qa_bench.analysis.apart import Apart, apart, headline
from qa_bench.analysis.contrast import Contrast, adjusted, contrasts
from qa_bench.analysis.kinds import Kind, kinds
from qa_bench.analysis.pairing import Pair, Pairing
from qa_bench.analysis.rankings import Agreement, agreement
from qa_bench.analysis.subject import Subject


@dataclass(frozen=True, eq=False)
class OnSet:
    """Two systems on one set.

    Attributes:
        pair: their values.
        contrasts: every metric and every k.
        agreement: of the rankings; None where one has none.
        kinds: differences by kinds of questions.
        metric: the one whose questions are listed.
        apart: the questions with other values in it.
    """

    pair: Pair
    contrasts: list[Contrast]
    agreement: Agreement | None
    kinds: list[Kind]
    metric: str
    apart: list[Apart]

    def title(self, metric: str) -> str:
        """What a table calls a metric."""
        name, _, k = metric.partition("@")
        if metric not in self.pair.metrics and name == "answer_recall":
            return f"Top-{k}"
        return self.pair.a.record.heading(metric).title

    def per_cent(self, metric: str) -> bool:
        """Whether a metric is a share."""
        return metric not in self.pair.metrics or self.pair.a.record.heading(metric).unit == "%"

    def signature(self, contrast: Contrast, alpha: float, family: str) -> str:
        """How a difference came about, in sacrebleu's manner."""
        keys = [one.record.key or one.record.row for one in (self.pair.a, self.pair.b)]
        groups = "none" if self.pair.groups is None else int(self.pair.groups.max()) + 1
        return (
            f"{self.pair.a.record.signature(contrast.metric)}|a:{keys[0]}|b:{keys[1]}"
            f"|test:{contrast.test or 'none'}|ci:{100 * (1 - alpha):g}|fam:{family}-holm"
            f"|groups:{groups}"
        )


@dataclass(frozen=True, eq=False)
class TwoSystems:
    """Two systems on all sets that both have.

    Attributes:
        pairing: who they are, and what is not compared.
        sets: a set each.
        notes: what a reader must know.
        alpha: 1 − the level of the intervals.
        together: whether the metrics of all sets are one family; else those of each set.
    """

    pairing: Pairing
    sets: list[OnSet]
    notes: list[str]
    alpha: float
    together: bool

    @property
    def family(self) -> str:
        """What p is adjusted for, in words."""
        counts = [sum(c.p_holm is not None for c in one.contrasts) for one in self.sets]
        if self.together:
            return f"{sum(counts)} comparisons, all metrics of all sets"
        low, high = min(counts), max(counts)
        several = f"{low}" if low == high else f"{low} to {high}"
        return f"{several} comparison{'' if high == 1 else 's'}, all metrics of a set"


def two_systems(
    pairing: Pairing,
    subject: Callable[[Pair], Subject],
    breakdowns: Sequence[str],
    alpha: float = 0.05,
    together: bool = False,
    metric: str | None = None,
) -> TwoSystems:
    """Compare two systems in all that their per-question files tell.

    Args:
        pairing: their records side by side.
        subject: the questions of a pair, for the breakdowns.
        breakdowns: names of ``breakdown.BREAKDOWNS``.
        alpha: 1 − the level of the intervals.
        together: whether the metrics of all sets are one family.
        metric: whose questions are listed; None for answer_recall@20, or em.

    Raises:
        UserError: there is no such metric.
        DataError: a file is not what a run writes.
    """
    families = adjusted([contrasts(pair, alpha) for pair in pairing.pairs], together)
    notes = list(pairing.refusals)
    sets = []
    for pair, own in zip(pairing.pairs, families, strict=True):
        summary, reasons = kinds(pair, subject(pair), breakdowns, alpha) if breakdowns else ([], [])
        at = metric or headline(pair)
        sets.append(OnSet(pair, own, agreement(pair.a, pair.b), summary, at, apart(pair, at)))
        notes += [*_cautions(pair), *reasons]
    return TwoSystems(pairing, sets, list(dict.fromkeys(notes)), alpha, together)


def _cautions(pair: Pair) -> list[str]:
    """What makes a difference something else than one of systems."""
    one, other = pair.a.record, pair.b.record
    notes = []
    for record, twin in ((one, other), (other, one)):
        lacking = [m for m in record.values if m not in twin.values]
        if lacking:
            notes.append(f"{pair.name}: {', '.join(lacking)} of {record.system} alone")
    if one.passages_key != other.passages_key and one.corpus and other.corpus:
        first, second = (f"{r.corpus} {r.passages_key[:8]}" for r in (one, other))
        notes.append(f"{pair.name}: other passages: {first} and {second}")
    if one.version != other.version:
        notes.append(f"{pair.name}: by qa_bench {one.version} and {other.version}")
    return notes
