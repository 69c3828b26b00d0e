"""Rows of wikitext's tables and fields of its infoboxes as lines, in time linear in the text."""

from __future__ import annotations

import re

_TABLE_LINE = re.compile(r"[ \t:]*(\{\||\|\}|\|-|\|\+|[|!])(.*)")
_CELL_END = re.compile(r"\|\||!!")
_CELL_STYLE = re.compile(r"[^|\"=]*=[^|]*\|")


def rows(text: str) -> str:
    """The text with a line a row and a line a field.

    Cells of a row are joined with " | ". A table inside of a cell ends the row: its own rows
    follow, then what is left of the outer one.
    """
    lines: list[str] = []
    row: list[list[str]] = []  # the lines of each cell

    def end_row() -> None:
        if cells := [
            " ".join(filled) for cell in row if (filled := [line for line in cell if line])
        ]:
            lines.append(" | ".join(cells))
        row.clear()

    matches = [(line, _TABLE_LINE.match(line)) for line in text.split("\n")]
    closed = _closed([match[1] if match else "" for _, match in matches])
    inside = False
    depth = 0  # tables around, those that are never closed left out
    for number, (line, match) in enumerate(matches):
        if not match:
            if inside and row and line.strip():
                row[-1].append(line.strip())
                continue
            lines.append(line)
            continue
        sign, rest = match.groups()
        if sign in ("{|", "|}", "|-"):
            end_row()
            depth += (number in closed) - (sign == "|}" and depth > 0)
            inside = sign != "|}" or depth > 0
        elif sign == "|+":
            lines.append(rest.strip())
        elif not inside:
            name, _, value = (part.strip() for part in rest.partition("="))
            if sign == "!":
                lines.append(line)
            elif name and value:
                lines.append(f"{name}: {value}")
        else:
            row += [[_without_style(cell).strip()] for cell in _CELL_END.split(rest)]
    end_row()
    return "\n".join(lines)


def _closed(signs: list[str]) -> set[int]:
    """The lines that open a table to which an end belongs."""
    opened: list[int] = []
    closed: set[int] = set()
    for number, sign in enumerate(signs):
        if sign == "{|":
            opened.append(number)
        elif sign == "|}" and opened:
            closed.add(opened.pop())
    return closed


def _without_style(cell: str) -> str:
    style = _CELL_STYLE.match(cell)
    return cell[style.end() :] if style else cell
