"""The pages of the docs, their fenced blocks and what stands in back-ticks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    page
    for page in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "data/README.md",
        ROOT / "results/README.md",
        *sorted(ROOT.glob("docs/*.md")),
        *sorted(ROOT.glob("examples/*/README.md")),
    )
    if page.exists()
]


@dataclass(frozen=True)
class Block:
    """A fenced block, and the comment in the line before it."""

    marker: str
    language: str
    text: str
    line: int

    @property
    def runs(self) -> bool:
        return self.marker.split(":")[0] == "run"

    def argument(self, marker: str) -> str | None:
        """What follows ``marker:`` in the comment."""
        found = re.fullmatch(rf"{marker}: (.+)", self.marker)
        return found and found.group(1)


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@cache
def blocks(page: Path) -> tuple[Block, ...]:
    found = re.finditer(
        r"(?:^<!-- (?P<marker>[^\n]*) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$",
        page.read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    text = page.read_text(encoding="utf-8")
    return tuple(
        Block(
            match["marker"] or "",
            match["language"],
            match["text"],
            text.count("\n", 0, match.start()) + 1,
        )
        for match in found
    )


@cache
def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    text = page.read_text(encoding="utf-8")
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def spans(page: Path) -> list[str]:
    """What stands in back-ticks."""
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose(page))]


def logical_lines(text: str) -> list[str]:
    return text.replace("\\\n", " ").splitlines()


def each(pairs: Iterator[tuple[Path, str]]) -> list[object]:
    """pytest parameters (page, text), each text once."""
    seen: dict[str, Path] = {}
    for page, text in pairs:
        seen.setdefault(text, page)
    return [pytest.param(text, id=f"{name_of(page)}: {text}") for text, page in seen.items()]
