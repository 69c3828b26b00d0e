"""The graph of a line as text, and that docs/architecture.md shows what the code says."""

from __future__ import annotations

import re
from pathlib import Path

from lines import line_of

from qa_bench.engine.stage import Stage
from qa_bench.errors import UserError
from qa_bench.line.graph import drawn
from qa_bench.types import Step

PAGE = Path(__file__).parents[3] / "docs/architecture.md"
BLOCK = re.compile(r"^<!-- graph: ([^\n]+) -->\n```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def missing() -> dict[str, str]:
    raise UserError("no such model")


def stage(name: str, title: str = "", *inputs: Stage, missing_model: bool = False) -> Stage:
    return Stage(
        name, 1, name, {}, {f"input {n}": one for n, one in enumerate(inputs)},
        missing if missing_model else lambda: {"questions": "q"},
        lambda folder, inputs: {}, lambda load: Step(name, 0, 0, ""), title,
    )  # fmt: skip


def test_a_line_a_stage() -> None:
    chunk = stage("chunk")
    index = stage("index", "index bm25", chunk, missing_model=True)
    score = stage("score", "", index, chunk, index)
    assert drawn([chunk, index, score]) == (
        "chunk       ← questions\nindex bm25  ← chunk\nscore       ← index bm25, chunk"
    )
    assert drawn([]) == ""


def test_the_page_shows_the_graph_of_the_code(tmp_path: Path) -> None:
    """Where it fails: copy the text that follows into the block of docs/architecture.md."""
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    assert len(blocks) == 1
    [(overrides, text)] = blocks
    graph = drawn(line_of(tmp_path, *overrides.split()).stages())
    assert text == f"{graph}\n", f"docs/architecture.md, the block of the graph should be\n{graph}"
    assert not list((tmp_path / "data/cache").glob("*/*/")), "nothing ran"
