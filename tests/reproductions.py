"""Makes `docs/reproductions.md`: what each experiment should give, beside what it gave here.

    python tests/reproductions.py

Published figures come from the package, ours from `docs/measured.csv`: experiment, system, dataset,
metric, how many questions were right of how many, and the version that measured them.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir

from qa_bench.line.published import repeats_of
from qa_bench.parts import make
from qa_bench.paths import CONF, register_resolvers
from qa_bench.report.comparable import candidates, comparable
from qa_bench.report.counts import distance
from qa_bench.report.published import Published
from qa_bench.report.record import Record
from qa_bench.types import Heading

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/reproductions.md"
MEASURED = ROOT / "docs/measured.csv"

TITLES = {"answer_recall@5": "Top-5", "answer_recall@20": "Top-20", "answer_recall@100": "Top-100",
          "em": "EM"}  # fmt: skip
_RECALL = ("answer_recall@20", "answer_recall@100")
EXPERIMENTS = {
    "table2": _RECALL,
    "dpr_table2": _RECALL,
    "dpr_table4": ("em",),
    "pyserini_dpr": ("answer_recall@5", *_RECALL),
}
"""What each experiment's tables show."""

HEAD = """\
# Reproductions

What each experiment should give by the figures that were published, and what it gave. After a run,
`qa-bench verify name=EXPERIMENT` compares yours with all of them, in questions:
[report](report.md#verify).

This page is generated: `python tests/reproductions.py` writes it of the published figures in the
package and of `docs/measured.csv`. A dash is a figure that was not published or not measured yet:
the whole of `psgs_w100` takes 13 GB and, for dense retrievers, days on a CPU
([recipes](recipes.md)).
"""

Cells = dict[str, dict[str, str]]
"""System: set: figure."""

Figures = dict[tuple[str, str], dict[str, Published]]
"""(our system, theirs): set: figure."""


@cache
def _composed(*words: str) -> Any:
    register_resolvers()
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        return compose("config", list(words), return_hydra_config=True)


def records(experiment: str) -> Iterator[Record]:
    """A record of each job of an experiment, on the published questions and passages."""
    config = _composed(f"experiment={experiment}")
    swept = {name: str(values).split(",") for name, values in config.hydra.sweeper.params.items()}
    retrievers, readers = swept.pop("retriever", ["bm25"]), swept.pop("reader", [""])
    for retriever, reader, dataset in product(retrievers, readers, swept.pop("dataset")):
        yield _record(config.mode, dataset, retriever, reader)
    assert not swept, f"{experiment} sweeps what this page does not know: {swept}"


def _record(mode: str, dataset: str, retriever: str, reader: str) -> Record:
    questions = _composed(f"dataset={dataset}").dataset
    searching = _composed(f"retriever={retriever}")
    searching.dataset = questions  # whose name a hybrid's weight may depend on
    same, unlike = repeats_of(
        dataset,
        make("retriever", searching.retriever),
        reader=make("reader", _composed(f"reader={reader}").reader) if reader else None,
    )
    return Record(
        system=f"{retriever}+{reader}" if reader else retriever,
        dataset=dataset,
        split="test",
        n=questions.splits.test.count,
        match=questions.match,
        mode=mode,
        questions="",
        published_set=True,
        corpus="psgs_w100",
        published_corpus=True,
        passages_key="",
        values=dict.fromkeys(TITLES, 0.0),
        headings={metric: Heading(title) for metric, title in TITLES.items()},
        published_as=same,
        published_unlike=unlike,
    )


def page() -> str:
    """The whole page."""
    measured: dict[tuple[str, ...], dict[str, str]]
    with MEASURED.open(encoding="utf-8", newline="") as file:
        measured = {
            (row["experiment"], row["system"], row["dataset"], row["metric"]): row
            for row in csv.DictReader(file)
        }
    parts, sources, unlike = [HEAD], dict[str, None](), dict[tuple[str, str], dict[str, None]]()
    for experiment, metrics in EXPERIMENTS.items():
        of = list(records(experiment))
        parts += [f"## {experiment}", "", "```bash", f"qa-bench run experiment={experiment}",
                  f"qa-bench verify name={experiment}", "```", ""]  # fmt: skip
        for metric in metrics:
            published = _comparable(of, metric, sources, unlike)
            ours = _ours(experiment, of, metric, published, measured)
            sets = list(dict.fromkeys(record.dataset for record in of))
            parts += [f"### {experiment}, {TITLES[metric]}", "", *_table(sets, published, ours), ""]
    parts += ["## Where the figures stand", "", "And of which kind each is: "
              "[what is expected of it](report.md#verify).", "", *sources, ""]  # fmt: skip
    parts += ["## Not comparable, and why", ""]
    parts += [f"- {system}: {reason}: {', '.join(cells)}"
              for (system, reason), cells in unlike.items()]  # fmt: skip
    return "\n".join(parts) + "\n"


def _comparable(
    of: Sequence[Record],
    metric: str,
    sources: dict[str, None],
    unlike: dict[tuple[str, str], dict[str, None]],
) -> Figures:
    """The figures that may stand beside ours; where they stand, and the others, are noted."""
    published: Figures = {}
    for record in of:
        for figure in candidates(record, metric):
            if (reason := comparable(record, figure)) is None:
                place = published.setdefault((record.system, figure.system), {})
                place[record.dataset] = figure
                sources[f"- {figure.system}: {figure.reference} (`{figure.kind}`)"] = None
            else:
                cell = f"{record.dataset} {TITLES[metric]} {figure.value}"
                unlike.setdefault((figure.system, reason), {})[cell] = None
    return published


def _ours(
    experiment: str,
    of: Sequence[Record],
    metric: str,
    published: Figures,
    measured: dict[tuple[str, ...], dict[str, str]],
) -> Cells:
    """What was measured here, with the distance from the first published figure."""
    ours: Cells = {}
    for record in of:
        row = measured.get((experiment, record.system, record.dataset, metric))
        ours.setdefault(record.system, {})
        if row:
            ours[record.system][record.dataset] = _figure(row, published, record.system)
    return ours


def _figure(row: dict[str, str], published: Figures, system: str) -> str:
    right, n = int(row["right"]), int(row["n"])
    of = [figures[row["dataset"]] for (ours, _), figures in published.items()
          if ours == system and row["dataset"] in figures]  # fmt: skip
    far = f" ({distance(right, of[0].value, n):+,})" if of else ""
    return f"{100 * right / n:.2f}{far}"


def _table(sets: Sequence[str], published: Figures, ours: Cells) -> list[str]:
    lines = ["| " + " | ".join(["system", "figure of", *sets]) + " |",
             "| " + " | ".join(["---", "---", *("---:" for _ in sets)]) + " |"]  # fmt: skip
    for system in ours:
        rows = {name: {at: figure.value for at, figure in figures.items()}
                for (of, name), figures in published.items() if of == system}  # fmt: skip
        rows["**qa_bench**"] = ours[system]
        for name, cells in rows.items():
            values = [cells.get(at, "–") for at in sets]
            lines.append("| " + " | ".join([f"`{system}`", name, *values]) + " |")
    return lines


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
