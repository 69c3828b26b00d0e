"""Are two engines the same? Rankings passage by passage, and which differences are ruled out."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator

from qa_bench.analysis.contrast import Contrast
from qa_bench.analysis.rankings import CLASSES, PERSISTENCE, Agreement
from qa_bench.analysis.two_systems import OnSet, TwoSystems
from qa_bench.analysis.two_systems_text import WIDTH, caption, cut, figure, row, span

NO_RANKINGS = "no rankings of both: one of the records names no passages"


def largest(contrast: Contrast) -> float:
    """The largest difference, of either sign, that the interval does not rule out.

    That the interval lies within ±δ is the two one-sided tests' verdict "equivalent within δ", each
    at α/2: Schuirmann 1987, Journal of Pharmacokinetics and Biopharmaceutics 15:657-680.
    """
    return max(abs(contrast.low), abs(contrast.high))


def terminal(comparison: TwoSystems) -> str:
    """The report, 80 columns wide at most."""
    pairing = comparison.pairing
    lines = [cut(f"a: {pairing.a}"), cut(f"b: {pairing.b}")]
    lines += [piece for note in comparison.notes for piece in textwrap.wrap(note, WIDTH)]
    for one in comparison.sets:
        lines += ["", f"{one.pair.name}, {len(one.pair):,} questions"]
        if one.agreement is None:
            lines.append(NO_RANKINGS)
        else:
            for name, values in _by_k(one.agreement):
                cells = "".join(f"  @{k} {100 * v:6.2f} %" for k, v in values.items())
                lines.append(f"{name:24}{cells}")
            lines += [f"  {count:>7,}  {CLASSES[name]}" for name, count in
                      one.agreement.classes.items()]  # fmt: skip
            lines += textwrap.wrap(_correlations(one.agreement), WIDTH)
        lines += [f"{one.title(c.metric)[:12]:12} {text}" for c, text in _ruled_out(one)]
    lines += ["", *(piece for line in _notes(comparison) for piece in textwrap.wrap(line, WIDTH))]
    return "\n".join(lines)


def markdown(comparison: TwoSystems) -> str:
    """The report as Markdown."""
    pairing = comparison.pairing
    lines = [f"# Are these the same: {pairing.a} and {pairing.b}", ""]
    lines += [f"> {note}\n" for note in comparison.notes]
    for one in comparison.sets:
        lines += [f"## {one.pair.name}, {len(one.pair):,} questions", ""]
        if one.agreement is None:
            lines += [NO_RANKINGS, ""]
        else:
            summary = one.agreement
            lines += [row(["rankings", *(f"@{k}" for k in summary.overlap)])]
            lines += [row(["---", *["---:"] * len(summary.overlap)])]
            for name, values in _by_k(summary):
                lines.append(row([name, *(f"{100 * v:.2f} %" for v in values.values())]))
            lines += [
                "",
                row(["best passages", "questions", "share"]),
                row(["---", "---:", "---:"]),
            ]
            for name, count in summary.classes.items():
                share = f"{100 * count / summary.n:.2f} %" if summary.n else ""
                lines.append(row([CLASSES[name], f"{count:,}", share]))
            lines += ["", _correlations(summary), ""]
        lines += [row(["metric", "a − b, and what is ruled out"]), row(["---", "---"])]
        lines += [row([one.title(c.metric), text]) for c, text in _ruled_out(one)]
        lines.append("")
    return "\n".join([*lines, *_notes(comparison)]) + "\n"


def _by_k(summary: Agreement) -> Iterator[tuple[str, dict[int, float]]]:
    yield "passages in common", summary.overlap
    yield "the same in this order", summary.equal


def _correlations(summary: Agreement) -> str:
    words = f"RBO (p = {PERSISTENCE:g}) {summary.rbo:.4f}"
    if not summary.shared:
        return f"{words}; no question with two shared passages"
    return (
        f"{words}; of shared passages ({summary.shared:,} questions with two or more) Kendall's τ "
        f"{summary.kendall:.4f}, Spearman's ρ {summary.spearman:.4f}"
    )


def _ruled_out(one: OnSet) -> Iterator[tuple[Contrast, str]]:
    for c in one.contrasts:
        if not c.recorded:
            continue
        share = one.per_cent(c.metric)
        text = f"{figure(c.difference, share, True)} ({span(c, share)})"
        if math.isfinite(c.low):
            text += f"; more than {figure(largest(c), share)} either way is ruled out"
        yield c, text


def _notes(comparison: TwoSystems) -> list[str]:
    depths = {one.agreement.depth for one in comparison.sets if one.agreement}
    return [
        *(
            f"Rankings: by the {depth} best passages of each question, which is what per-question "
            "files name; they hold no scores, so near ties are told by places."
            for depth in sorted(depths)
        ),
        caption(comparison)[0],
        *caption(comparison)[2:],
    ]
