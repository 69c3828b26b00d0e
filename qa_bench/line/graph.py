"""The graph of a line, to be read."""

from __future__ import annotations

from collections.abc import Sequence

from qa_bench.engine.stage import Stage


def drawn(stages: Sequence[Stage]) -> str:
    """One line a stage: its title, and what it is made of.

    That is the titles of stages, in the order of the stage's ``inputs``, then the names by which
    its manifest has the rest (questions, files, models), where that is not missing.

    Args:
        stages: as ``engine.stage.graph`` lists them.
    """
    rows = [(_title(stage), ", ".join(_ingredients(stage))) for stage in stages]
    wide = max((len(title) for title, _ in rows), default=0)
    return "\n".join(f"{title:{wide}}  ← {ingredients}" for title, ingredients in rows)


def _ingredients(stage: Stage) -> list[str]:
    known = [] if stage.missing else list(stage.identified["inputs"])
    others = [name for name in known if name not in stage.inputs]
    return list(dict.fromkeys([*map(_title, stage.inputs.values()), *others]))


def _title(stage: Stage) -> str:
    return stage.title or stage.name
