"""What a comparison of two systems is written as: terminal, Markdown, CSV, JSON lines."""

from __future__ import annotations

import csv
import io
import json
import math
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from qa_bench.analysis.apart import Apart
from qa_bench.analysis.contrast import CUTS, Contrast
from qa_bench.analysis.rankings import Agreement
from qa_bench.analysis.two_systems import OnSet, TwoSystems
from qa_bench.statistics.paired import CLUSTER_T, MCNEMAR, T

WIDTH = 80
_TESTS = {
    MCNEMAR: "McNemar, mid-p, with Tango's interval",
    T: "paired t",
    CLUSTER_T: "paired t by groups",
}
_NOTHING = "–"


def figure(value: float, per_cent: bool, signed: bool = False) -> str:
    """A value as tables show it; a dash where there is none."""
    if not math.isfinite(value):
        return _NOTHING
    return f"{100 * value if per_cent else value:{'+' if signed else ''}.2f}"


def probability(p: float | None) -> str:
    """``.0013``; ``<.0001`` below what four decimals show."""
    if p is None or not math.isfinite(p):
        return _NOTHING
    if p < 0.0001:
        return "<.0001"
    return f"{p:.4f}".lstrip("0") if p < 0.99995 else "1"


def span(contrast: Contrast, per_cent: bool) -> str:
    """The interval of a difference."""
    ends = (figure(end, per_cent, signed=True) for end in (contrast.low, contrast.high))
    return " to ".join(ends) if math.isfinite(contrast.low) else _NOTHING


def cut(text: str, width: int = WIDTH) -> str:
    """One line, not longer than ``width``."""
    line = " ".join(text.split())
    return line if len(line) <= width else f"{line[: width - 1]}…"


def caption(comparison: TwoSystems) -> list[str]:
    """What intervals, p and counts are."""
    tests = {c.test for one in comparison.sets for c in one.contrasts} - {""}
    names = ", ".join(words for test, words in _TESTS.items() if test in tests)
    lines = [
        f"a−b: in points, with the {100 * (1 - comparison.alpha):g} % interval of each alone; "
        f"paired ({names or 'no test'}).",
        f"a only, b only: questions at which the one has the higher value. Holm: p adjusted "
        f"for {comparison.family}.",
    ]
    for one in comparison.sets:
        if one.pair.groups is not None:
            count = int(one.pair.groups.max()) + 1
            lines.append(f"{one.pair.name}: by the {count} groups its questions were drawn in.")
    return lines


def terminal(comparison: TwoSystems, listed: int) -> str:
    """A summary, 80 columns wide at most.

    Args:
        comparison: two systems.
        listed: how many questions of each side are printed.
    """
    pairing = comparison.pairing
    lines = [cut(f"a: {pairing.a}"), cut(f"b: {pairing.b}")]
    if pairing.passages:
        lines.append(cut(f"both on {pairing.passages}"))
    lines += [piece for note in comparison.notes for piece in _wrapped(note)]
    for one in comparison.sets:
        lines += ["", *_drawn(one)]
        if one.agreement:
            lines += _wrapped(agreement_words(one.agreement))
        lines += _some(one, listed)
    lines += ["", *(piece for line in caption(comparison) for piece in _wrapped(line))]
    return "\n".join(lines)


def _wrapped(line: str) -> list[str]:
    return textwrap.wrap(line, WIDTH, break_on_hyphens=False)


def _drawn(one: OnSet) -> Iterator[str]:
    yield f"{one.pair.name}, {len(one.pair):,} questions"
    yield (
        f"{'':9}{'a':>7} {'b':>7} {'a−b':>7} {'interval':>17} "
        f"{'a only':>6} {'b only':>6} {'p':>6} {'Holm':>6}"
    )
    for c in one.contrasts:
        if not c.recorded:
            continue
        share = one.per_cent(c.metric)
        a, b = (figure(value, share) for value in (c.a, c.b))
        yield (
            f"{one.title(c.metric)[:9]:9}{a:>7} {b:>7} {figure(c.difference, share, True):>7} "
            f"{span(c, share):>17} {c.a_only:>6} {c.b_only:>6} "
            f"{probability(c.p):>6} {probability(c.p_holm):>6}"
        )


def agreement_words(summary: Agreement) -> str:
    """How far the rankings agree, in a sentence."""
    deepest = max(summary.overlap)
    shared = "no question with two shared passages"
    if summary.shared:
        shared = (
            f"Kendall's τ {summary.kendall:.2f} and Spearman's ρ {summary.spearman:.2f} of the "
            f"shared ones ({summary.shared:,} questions)"
        )
    return (
        f"rankings (the {summary.depth} best passages are known): the first {deepest} share "
        f"{100 * summary.overlap[deepest]:.1f} %, RBO {summary.rbo:.2f}, {shared}"
    )


def _some(one: OnSet, listed: int) -> Iterator[str]:
    for side in ("a", "b"):
        own = [entry for entry in one.apart if entry.better == side]
        if own and listed:
            yield f"{one.title(one.metric)}: {side} is better at {len(own):,}, such as"
            for entry in own[:listed]:
                yield "  " + cut(f"{places(entry)} | {entry.qid}: {entry.question}", WIDTH - 2)


def places(entry: Apart) -> str:
    """What each system made of a question, in short."""
    first, second = (made(entry, side, 20) for side in "ab")
    return f"a {first}, b {second}"


def made(entry: Apart, side: str, width: int = WIDTH) -> str:
    """The rank of the first passage with an answer, or of a metric of answers the answer."""
    rank, prediction = getattr(entry, f"{side}_rank"), getattr(entry, f"{side}_prediction")
    if prediction and "@" not in entry.metric and entry.metric != "mrr":
        return f'"{cut(prediction, width)}"'
    return _NOTHING if rank == "" else f"rank {rank}" if rank else "none"


def markdown(comparison: TwoSystems, listed: int) -> str:
    """All of it for people; of the questions the first ``listed`` of each side."""
    pairing = comparison.pairing
    lines = [f"# {pairing.a} and {pairing.b}", "", f"- a: `{pairing.a}`", f"- b: `{pairing.b}`"]
    lines += [f"- both on {pairing.passages}"] if pairing.passages else []
    lines += ["", *(f"> {note}\n" for note in comparison.notes)]
    for one in comparison.sets:
        lines += [f"## {one.pair.name}, {len(one.pair):,} questions", ""]
        shown = sorted((c for c in one.contrasts if c.recorded or c.k in CUTS), key=_recalls_first)
        lines += [*_table(one, "metric", [(one.title(c.metric), c) for c in shown]), ""]
        if one.agreement:
            lines += [f"{agreement_words(one.agreement)}.", ""]
        lines += _by_kinds(one)
        lines += _questions(one, listed)
    lines += caption(comparison)
    lines.append("k without p under Holm: from the first ranks, in no family; the CSV has every k.")
    return "\n".join(lines) + "\n"


def _recalls_first(contrast: Contrast) -> int:
    """Recall by k, then the other metrics as they stand."""
    recall = contrast.metric.startswith("answer_recall@")
    return contrast.k or 0 if recall else 1 << 30


def _by_kinds(one: OnSet) -> Iterator[str]:
    title = one.title(one.metric)
    for breakdown in dict.fromkeys(kind.breakdown for kind in one.kinds):
        rows = [
            (f"{kind.subset} ({c.n:,})", c)
            for kind in one.kinds
            if kind.breakdown == breakdown
            for c in kind.contrasts
            if c.metric == one.metric
        ]
        if rows:
            yield from (f"### {title} by {breakdown}", "", *_table(one, "subset", rows), "")
            yield f"Holm: adjusted for the {len(rows)} subsets."
            yield ""


def _table(one: OnSet, first: str, rows: Sequence[tuple[str, Contrast]]) -> Iterator[str]:
    heads = [first, "a", "b", "a−b", "interval", "a only", "b only", "ties", "p", "Holm"]
    yield row([*heads, "seen from"])
    yield row(["---", *["---:"] * len(heads)])
    for label, c in rows:
        share = one.per_cent(c.metric)
        numbers = [figure(c.a, share), figure(c.b, share), figure(c.difference, share, True)]
        counts = [str(count) for count in (c.a_only, c.b_only, c.ties)]
        tests = [probability(c.p), probability(c.p_holm), figure(c.detectable, share)]
        yield row([label, *numbers, span(c, share), *counts, *tests])


def _questions(one: OnSet, listed: int) -> Iterator[str]:
    for side in ("a", "b"):
        own = [entry for entry in one.apart if entry.better == side]
        if not own or not listed:
            continue
        yield from (f"### {one.title(one.metric)}: {side} is better at {len(own):,} questions", "")
        yield row(["qid", "question", "a", "b", "a's best passage", "b's best passage"])
        yield row(["---"] * 6)
        for entry in own[:listed]:
            both = (made(entry, side) for side in "ab")
            yield row([entry.qid, entry.question, *both, entry.a_top, entry.b_top])
        yield ""


def row(cells: Sequence[str]) -> str:
    """A row of a Markdown table."""
    texts = (" ".join(cell.split()).replace("\\", "\\\\").replace("|", "\\|") for cell in cells)
    return "| " + " | ".join(text.replace("<", "&lt;") for text in texts) + " |"


def figures_csv(comparison: TwoSystems) -> str:
    """A line a set, subset and metric, every k too; fractions with six decimals."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    head = ["set", "breakdown", "subset", "metric", "k", "n", "a", "b", "difference", "low", "high"]
    counts = ["a_only", "b_only", "ties"]
    writer.writerow([*head, "p", "p_holm", *counts, "detectable", "test", "signature"])
    for one in comparison.sets:
        whole = [("all", "all", c, comparison.family) for c in one.contrasts]
        parts = [
            (kind.breakdown, kind.subset, c, f"{kind.breakdown} of a metric")
            for kind in one.kinds
            for c in kind.contrasts
        ]
        for breakdown, subset, c, family in [*whole, *parts]:
            values = [_six(v) for v in (c.a, c.b, c.difference, c.low, c.high)]
            where = [one.pair.name, breakdown, subset, c.metric, c.k, c.n]
            numbers = [_p(c.p), _p(c.p_holm), c.a_only, c.b_only, c.ties, _six(c.detectable)]
            words = family if c.p_holm is not None else "none"
            signature = one.signature(c, comparison.alpha, words)
            writer.writerow([*where, *values, *numbers, c.test, signature])
    return file.getvalue()


def _six(value: float) -> str:
    return f"{value:.6f}" if math.isfinite(value) else ""


def _p(p: float | None) -> str:
    return "" if p is None or not math.isfinite(p) else f"{p:.6g}"


def questions_csv(comparison: TwoSystems) -> str:
    """A line a question at which the systems differ, in the metric that is listed."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(Apart._fields)
    for one in comparison.sets:
        writer.writerows(one.apart)
    return file.getvalue()


def json_lines(comparison: TwoSystems) -> Iterator[str]:
    """A line a set and metric, with every k; fractions."""
    names = {"a": "a_value", "b": "b_value"}
    for one in comparison.sets:
        head = {"set": one.pair.name, "a": comparison.pairing.a, "b": comparison.pairing.b}
        summary = None if one.agreement is None else one.agreement._asdict()
        for c in one.contrasts:
            fields = {names.get(name, name): value for name, value in c._asdict().items()}
            first = {"metric": c.metric, "k": c.k}
            beside = {"rankings": summary} if summary and c.metric == one.metric else {}
            yield json.dumps(plain(head | first | fields | beside), ensure_ascii=False)


def plain(value: Any) -> Any:
    """What JSON can hold: null for what is no finite number."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
