"""a set of the hub ─pairs─► questions with passages, to train with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from qa_bench.engine.context import Context
from qa_bench.engine.stage import Stage
from qa_bench.fetch.hub import HubSplit
from qa_bench.formats.pair_columns import PairColumns
from qa_bench.types import Folder, Step

VERSION = 1
FILE = "pairs.jsonl"


def pairs(split: HubSplit, columns: PairColumns, context: Context) -> Stage:
    """Pairs in JSON Lines, as ``train.examples`` reads them, of a split's rows in their order.

    What identifies the split is the note of its files, which names the commit.

    Args:
        split: the rows.
        columns: what is what in a row.
        context: where and how.
    """

    def build(folder: Path, inputs: Mapping[str, Folder]) -> dict[str, Any]:
        split.fetch()
        counts = {"rows": 0, "without_positive": 0, "negatives": 0}
        with (folder / FILE).open("w", encoding="utf-8") as file:
            for row, path, number in split.rows():
                pair = columns.pair(row, path, number)
                counts["rows"] += 1
                counts["without_positive"] += not pair["positives"]
                counts["negatives"] += len(pair["negatives"])
                file.write(json.dumps(pair, ensure_ascii=False) + "\n")
        return counts

    def digests() -> dict[str, str]:
        (note,) = context.digests.of([split.note()])
        return {"set": note}

    return Stage(
        "pairs",
        VERSION,
        f"{split.name.rpartition('/')[2]}-{split.split}",
        {"columns": asdict(columns)},
        {},
        digests,
        build,
        lambda load: Step("pairs", 0, None, "not known"),
    )
