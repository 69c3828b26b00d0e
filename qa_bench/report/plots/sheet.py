"""How plots look, and how they are written: the same points give the same bytes.

Colours: Okabe and Ito 2008, Color Universal Design, https://jfly.uni-koeln.de/color/. Markers and
dashes differ too, so that a print in black and white can be read.
"""

from __future__ import annotations

import csv
import io
import logging
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from qa_bench.engine.files import whole
from qa_bench.errors import UserError
from qa_bench.report.files import write
from qa_bench.settings import number, one_of

log = logging.getLogger(__name__)

COLOURS = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7"),
    *("#E69F00", "#56B4E9", "#000000", "#F0E442"),
)
"""Okabe-Ito; the yellow last, which is faint on white."""
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_DASHES = ("-", "--", "-.", ":")
GREY = "#777777"

FONTS = ("path", "none")
_NARROW = 5.0
"""Inches; panels of a narrower figure stand one below the other."""
_PANEL = 2.1
"""Inches: height of a panel."""
_LINE = 0.155
"""Inches: height of a line of text."""
_ROW = 0.2
"""Inches: height of a forest's row."""
_LETTERS = {True: (44, 24), False: (52, 40)}
"""Letters of a label, in a legend and beside an axis, by whether the figure is narrow."""

Point = Mapping[str, Any]
"""A row of a plot's CSV; it has a ``set`` and a ``system``."""


class Look(NamedTuple):
    """How a figure is made.

    Attributes:
        width: inches.
        font: path, letters as lines; none, letters as text of the SVG.
    """

    width: float = 3.3
    font: str = "path"

    @classmethod
    def of(cls, width: Any, font: Any) -> Look:
        """Check the settings.

        Raises:
            UserError: one is not what it must be.
        """
        number("plot.width", width, least=2, most=40)
        one_of("plot.font", font, FONTS)
        return cls(float(width), str(font))


class Style(NamedTuple):
    """What tells a system from the others."""

    color: str
    marker: str
    linestyle: Any


class Sheet:
    """A figure with a panel a set, and a legend below.

    Attributes:
        panels: the axes by set.
        styles: by system, alike in all panels.
    """

    def __init__(
        self, look: Look, points: Sequence[Point], *, lines: int = 0, legend: bool = True
    ) -> None:
        """Lay out the panels.

        Args:
            look: how wide.
            points: what will be drawn.
            lines: rows of the tallest panel; 0 for an ordinary one.
            legend: whether systems are told below.
        """
        from matplotlib.figure import Figure

        sets = list(dict.fromkeys(point["set"] for point in points))
        systems = list(dict.fromkeys(point["system"] for point in points))
        self.look = look
        self.styles = {system: style(place) for place, system in enumerate(systems)}
        columns = 1 if look.width < _NARROW else min(len(sets), 2 if len(sets) in (2, 4) else 3)
        rows = math.ceil(len(sets) / columns)
        height = 0.6 + _ROW * lines if lines else _PANEL
        self._entries_a_line = 1 if look.width < _NARROW else 2
        below = math.ceil(len(systems) / self._entries_a_line) if legend else 0
        self.figure = Figure(
            figsize=(look.width, rows * height + 0.1 + _LINE * below), layout="constrained"
        )
        grid = self.figure.subplots(rows, columns, squeeze=False)
        axes = [axis for row in grid for axis in row]
        self.panels = dict(zip(sets, axes, strict=False))
        for name, axis in self.panels.items():
            if len(sets) > 1:
                axis.set_title(self.shown(name), loc="left", fontsize="medium")
        for axis in axes[len(sets) :]:
            axis.remove()

    def shown(self, label: str, *, beside: bool = False) -> str:
        """A label as plots can show it: in one line, not too long, and no formula.

        Args:
            label: whatever people call things.
            beside: whether it stands beside an axis, where there is less room.
        """
        signs = "".join(sign if sign.isprintable() else " " for sign in label)
        text = " ".join(signs.split()) or "?"
        limit = _LETTERS[self.look.width < _NARROW][beside]
        if len(text) > limit:
            half = (limit - 1) // 2
            text = f"{text[:half]}…{text[-half:]}"
        return text.replace("$", r"\$")

    def tell(self) -> None:
        """Add the legend."""
        from matplotlib.lines import Line2D

        handles = [
            Line2D([], [], color=one.color, marker=one.marker, linestyle=one.linestyle)
            for one in self.styles.values()
        ]
        # A label with an underscore in front would be left out: the text comes afterwards.
        legend = self.figure.legend(
            handles,
            [f"{place}" for place in range(len(handles))],
            loc="outside lower center",
            ncols=self._entries_a_line,
            frameon=False,
        )
        for text, system in zip(legend.get_texts(), self.styles, strict=True):
            text.set_text(self.shown(system))


def style(place: int) -> Style:
    """The look of the system at a place: 56 differ in colour or marker."""
    return Style(
        COLOURS[place % len(COLOURS)],
        _MARKERS[place % len(_MARKERS)],
        _DASHES[place // len(COLOURS) % len(_DASHES)],
    )


def plain_ticks(axis: Any, values: Sequence[float]) -> None:
    """Ticks at some of the values of a logarithmic x-axis, as plain numbers."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    axis.xaxis.set_major_locator(FixedLocator(list(values)))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, place: f"{value:g}"))


def logarithmic(axis: Any) -> None:
    """A logarithmic x-axis with plain numbers at 1, 2 and 5."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, place: f"{value:g}"))
    axis.xaxis.set_minor_formatter(NullFormatter())


def percent(point: Point, name: str) -> float:
    """A value in its unit; of a fraction, in per cent."""
    value: float = point[name]
    return 100 * value if point.get("unit", "%") == "%" else value


def pictures(
    stem: Path, points: Sequence[Point], draw: Callable[[Look, Sequence[Point]], Any], look: Look
) -> list[Path]:
    """Draw ``stem``.svg and .png.

    Raises:
        ModuleNotFoundError: matplotlib is not there.
        UserError: a file cannot be written.
    """
    made = []
    with _own_style(look), _words_for_warnings():
        figure = draw(look, points)
        for suffix, metadata in (
            ("svg", {"Date": None, "Creator": None}),
            ("png", {"Software": None}),
        ):
            content = io.BytesIO()
            figure.savefig(content, format=suffix, metadata=metadata)
            made.append(Path(f"{stem}.{suffix}"))
            _write_bytes(made[-1], content.getvalue())
    return made


def table(stem: Path, points: Sequence[Point]) -> Path:
    """Write the points as ``stem``.csv; fractions stay fractions, with six decimals."""
    names = [name for name in points[0] if any(point[name] != "" for point in points)]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_cell(point[name]) for name in names] for point in points)
    path = Path(f"{stem}.csv")
    _folder(path)
    write(path, file.getvalue())
    return path


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:.6f}" if math.isfinite(value) else ""
    return value


def _write_bytes(path: Path, content: bytes) -> None:
    _folder(path)
    try:
        with whole(path) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error


def _folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error


@contextmanager
def _own_style(look: Look) -> Iterator[None]:
    """Matplotlib's defaults and ours, whatever the user's matplotlibrc says."""
    import matplotlib as mpl
    from matplotlib import style as styles

    ours: dict[Any, Any] = {
        "axes.grid": True,
        "axes.linewidth": 0.6,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "font.family": "DejaVu Sans",
        "font.size": 7,
        "grid.alpha": 0.3,
        "grid.linewidth": 0.4,
        "legend.handlelength": 2.6,
        "lines.linewidth": 1.1,
        "lines.markersize": 3.5,
        "savefig.dpi": 300,
        "svg.fonttype": look.font,
        "svg.hashsalt": "qa_bench",  # names in the SVG are hashes, by default of a random number
    }
    with styles.context("default"):
        mpl.rcParams.update(ours)
        yield


@contextmanager
def _words_for_warnings() -> Iterator[None]:
    """Matplotlib's warnings in our words, once."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    messages = {str(warning.message) for warning in caught}
    if any("Glyph" in message for message in messages):
        log.warning(
            "the plot's font lacks letters of some labels; plot.font=none leaves them to the "
            "reader of the SVG"
        )
    for message in sorted(messages):
        if "Glyph" not in message:
            log.warning("plot: %s", " ".join(message.split()))
