"""LaTeX's tables, for papers: booktabs, siunitx's S columns, marks as bold and underline.

Layouts: ``dpr``, the columns of DPR's tables (Top-20 of every set, then Top-100), and ``families``,
a table a family of metrics with intervals.
"""

from __future__ import annotations

from collections.abc import Sequence

from qa_bench.errors import UserError
from qa_bench.report.captions import captions
from qa_bench.report.comparison import BEST, BETTER, TIED, WORSE
from qa_bench.report.markdown import families, pieces
from qa_bench.report.rows import Row
from qa_bench.report.table import STALE, Column, Table, half_width, unique

PACKAGES = "% needs \\usepackage{booktabs,siunitx}"
_DPR = ("answer_recall@20", "answer_recall@100")
_ESCAPES = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    BEST: r"bold:", TIED: r"underlined:", BETTER: r"$^{+}$", WORSE: r"$^{-}$",
    "±": r"$\pm$", "α": r"$\alpha$", "≥": r"$\geq$", STALE: r"\dag{}",
}  # fmt: skip


def latex(table: Table, layout: str) -> str:
    """The tables of a layout, one after the other, as part of a document.

    Args:
        table: the table.
        layout: dpr or families.

    Raises:
        UserError: there is no such layout, or no figure for it.
    """
    if layout not in LAYOUTS:
        raise UserError(f"layout: {' or '.join(LAYOUTS)}, got '{layout}'")
    groups, widths = LAYOUTS[layout](table)
    if not any(groups):
        raise UserError(f"layout={layout}: these results have none of {', '.join(_DPR)}")
    tables = [_one(table, columns, widths) for columns in groups]
    return "\n".join([PACKAGES, *tables])


def _dpr(table: Table) -> tuple[list[list[Column]], bool]:
    there = table.columns()
    columns = [c for metric in _DPR for c in there if c.metric == metric]
    return [columns] if columns else [], False


def _families(table: Table) -> tuple[list[list[Column]], bool]:
    return [piece for _, by_k in families(table) for piece in pieces(by_k)], True


LAYOUTS = {"dpr": _dpr, "families": _families}


def _one(table: Table, columns: Sequence[Column], intervals: bool) -> str:
    rows = [row for row in table.rows if any(table.figure(row, column) for column in columns)]
    kinds = "".join("r" if intervals else "S[table-format=3.2]" for _ in columns)
    metrics = unique(column.metric for column in columns)
    over, rules, at = [""], [], 2
    for metric in metrics:
        several = [column for column in columns if column.metric == metric]
        title = escaped(table.headings[metric].title)
        over.append(f"\\multicolumn{{{len(several)}}}{{c}}{{{title}}}")
        rules.append(f"\\cmidrule(lr){{{at}-{at + len(several) - 1}}}")
        at += len(several)
    sets = ["system", *(f"{{{escaped(column.set)}}}" for column in columns)]
    lines = [
        r"\begin{table}",
        r"\centering",
        f"\\begin{{tabular}}{{l{kinds}}}",
        r"\toprule",
        _line(over),
        " ".join(rules),
        _line(sets),
        r"\midrule",
        *(_line([escaped(table.labels[row]), *(_cell(table, row, c, intervals) for c in columns)])
          for row in rows),
        r"\bottomrule",
        r"\end{tabular}",
        f"\\caption{{{_caption(table)}}}",
        r"\end{table}",
        "",
    ]  # fmt: skip
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def _cell(table: Table, row: Row, column: Column, intervals: bool) -> str:
    """A figure; a marked one is text in braces, since no S column takes fonts of every version."""
    if table.value(row, column) is None:
        return "{--}"
    figure, mark = escaped(table.figure(row, column)), table.mark(row, column)
    text = f"\\textbf{{{figure}}}" if BEST in mark else figure
    text = f"\\underline{{{figure}}}" if TIED in mark else text
    text += "$^{+}$" if BETTER in mark else "$^{-}$" if WORSE in mark else ""
    if intervals:
        return text + escaped(half_width(table, row, column)).replace(" ", "\\,")
    number = text == table.figure(row, column) and table.headings[column.metric].unit == "%"
    return figure if number else f"{{{text}}}"


def _caption(table: Table) -> str:
    """What is measured, of whom, and by which test."""
    counts = unique(
        f"{name} {'/'.join(unique(str(record.n) for record in table.of_set(name)))}"
        for name in table.sets
    )
    shared = [f"All rows: {table.shared}."] if table.shared else []
    whole = [f"Per cent of all questions ({', '.join(counts)}).", *shared]
    notes = [f"{note.rstrip('.')}." for note in table.notes()]
    return escaped(" ".join([*whole, *notes, *captions(table)]))


def escaped(text: str) -> str:
    """Text as LaTeX prints it."""
    return "".join(_ESCAPES.get(sign, sign) for sign in text)
