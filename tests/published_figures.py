"""Makes `qa_bench/report/published*.csv` of a JSON list of published figures.

    python tests/published_figures.py published.json

Run it when figures are added to the list. It holds the rules by which they are read: what our names
of sets and corpora are, how many digits were printed, of which kind a figure is, and whose number
of questions is unknown. `docs/report.md` tells them to people.
"""

from __future__ import annotations

import csv
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1] / "qa_bench/report"

FIGURES = ("system", "dataset", "split", "metric", "value", "n")
SYSTEMS = ("id", "system", "kind", "corpus", "topics", "source", "note")
SOURCES = ("id", "paper", "source")

Figure = Mapping[str, Any]

SIZES = {
    ("nq", "test"): 3610,
    ("nq", "dev"): 8757,
    ("nq_open", "test"): 3610,
    ("triviaqa", "test"): 11313,
    ("triviaqa", "dev"): 8837,
    ("webq", "test"): 2032,
    ("webq", "dev"): 361,
    ("curatedtrec", "test"): 694,
    ("curatedtrec", "dev"): 133,
    ("squad", "test"): 10570,
    ("squad", "dev"): 8886,
}
"""Questions of each split, as in `conf/dataset`."""

OTHER_QUESTIONS = ("Sawarkar et al. 2024",)
"""Papers whose sets are others of the same name: Blended RAG's NQ Top-10, 88.77, is no count of
3,610 questions."""

CORPORA = {
    "psgs_w100 (enwiki 2018-12-20, 21,015,324 x 100-word passages)": "psgs_w100",
    "wiki-all-6-3-tamber (76,680,040 passages, 6-sentence window stride 3, with tables/lists)": (
        "wiki-all-6-3-tamber"
    ),
}
"""Ours by the sources' names; all others keep theirs."""

METRICS = {"doc_p5": "article_recall@5"}
"""Ours by the list's names: DrQA's P@5 is `qa_bench/metric/article_recall.py`."""

TEST_SETS = {("Chen et al. 2017, DrQA (repo README)", "squad", "dev"): "test"}
"""Splits that are another's name for one of ours: SQuAD's published dev set, 10,570 questions."""

TOPICS = {
    "Karpukhin et al. 2020 (EMNLP), DPR": "dpr-nq-test",
    "facebookresearch/DPR README": "dpr-nq-test",
    "Izacard et al. 2022 (repo README)": "nq-test",
    "facebookresearch/FiD README": "nq-test",
}
"""The file of NQ's test questions of papers that say it elsewhere than beside the figure."""

SYSTEM = {
    ("BM25", "Karpukhin et al. 2020 (EMNLP), DPR"): "BM25 (DPR)",
    ("BM25", "Tamber et al. 2023 (ECIR), Pre-Processing Matters"): "BM25 (Tamber et al.)",
    **{
        (name, paper): ours
        for paper in ("Ma et al. 2021/2022 (A Replication Study of DPR / Another Look at DPR), "
                      "pyserini",)
        for name, ours in (("DPR-Multi (pyserini)", "DPR (multi, pyserini)"),
                           ("DPR-Single-NQ (pyserini)", "DPR (single, pyserini)"))
    },
}  # fmt: skip
"""Systems that two sources call alike, or that had a name here before."""

SOURCE = {
    "(full text of arXiv 2004.04906) Table 2;  and": "arXiv 2004.04906, Table 2",
    "and 52988402434 (two copies of the RAG paper), Table 1": "the RAG paper, Table 1",
}
"""Where a figure stands, in fewer words."""

BEGINNINGS = {
    "(full text of arXiv 2004.04906) ": "arXiv 2004.04906, ",
    "(full text of REALM, ": "(the REALM paper, ",
    "pages corpus: ": "",
}


def source_of(figure: Figure) -> str:
    """Where a figure stands."""
    text = str(SOURCE.get(figure["source"], figure["source"]))
    for old, new in BEGINNINGS.items():
        if text.startswith(old):
            text = new + text.removeprefix(old)
    whole = text.startswith("(") and text.find(")") == len(text) - 1
    return text[1:-1] if whole else text


LOOSER = ("DPR (multi)", "DPR-Multi (Spider paper)", "BM25 (Spider paper)")
"""Systems whose figures on CuratedTREC's 694 questions lie 3 or 4 questions above pyserini's of the
same system: that is more than their kind allows, so ``trained`` stands in for it there."""


def is_looser(figure: Figure) -> bool:
    """Whether a figure is one of those."""
    return figure["dataset"] == "curatedtrec" and figure["system"] in LOOSER


def note_of(figure: Figure) -> str:
    """The note without where its copy lies, and why a kind is another than by the rules."""
    notes = [str(figure.get("note", "")).partition(" (stored full text")[0]]
    if is_looser(figure):
        notes.append("bounds of trained: pyserini's figure of this system is 3 or 4 questions less")
    return "; ".join(note for note in notes if note)


def topics_of(figure: Figure) -> str:
    """The file of the questions; empty where none is told."""
    if topics := figure.get("topics"):
        return str(topics)
    if figure["dataset"] == "nq" and figure["split"] == "test":
        return TOPICS.get(figure["paper"], "")
    return ""


def dataset_of(figure: Figure) -> str:
    """Our name of the set: NQ's test questions are two files, of which DPR's is ``nq``."""
    official = topics_of(figure) == "nq-test" and figure["split"] == "test"
    return "nq_open" if official else str(figure["dataset"])


def split_of(figure: Figure) -> str:
    """Our name of the split."""
    key = figure["paper"], figure["dataset"], figure["split"]
    return str(TEST_SETS.get(key, figure["split"]))


COPIES = ("AR2, Zhang", "AR2 Table 6", "EAR thesis", "SimANS", "MVR", "DPR-PAQ", "Weng 2020",
          "RocketQA paper, Chinese", "full text of REALM", "(paper column)", '"orig" column',
          "copied into")  # fmt: skip
"""Of sources and notes: what stands there may be another paper's."""

AUTHORS = {"AR2": "Zhang et al. 2022, AR2", "EAR thesis": "Chuang et al. 2023, EAR",
           "SimANS": "Zhou et al. 2022, SimANS", "MVR": "Zhang et al. 2022, MVR",
           "DPR-PAQ": "Oguz et al. 2021",
           "full text of REALM": "Guu et al. 2020, Table 2"}  # fmt: skip
"""Whose own figures stand in those sources."""


def is_copied(figure: Figure) -> bool:
    """Whether a figure stands in another paper than its own."""
    text = f"{figure['source']} {figure.get('note', '')}"
    own = any(mark in text and figure["paper"] == paper for mark, paper in AUTHORS.items())
    return not own and any(mark in text for mark in COPIES)


def kind_of(figure: Figure) -> str:
    """What another run of the same system may be expected to repeat.

    The first rule that holds, but for ``LOOSER``:

    - ``copied``: from another paper than the system's own;
    - ``released_reader``: EM of a reader whose weights can be had;
    - ``same_engine``: BM25 by pyserini or Anserini itself, which is deterministic;
    - ``released_approximate``: weights that can be had, searched approximately, by a compressed
      index, or in a way that is not told;
    - ``released_exact``: weights that can be had, in an exact index; also BM25 of other engines or
      of versions that are not told;
    - ``trained``: all others, which one would have to train oneself.
    """
    system, paper, source = figure["system"], figure["paper"], figure["source"]
    if is_copied(figure):
        return "copied"
    if is_looser(figure):
        return "trained"
    if figure["metric"] == "em":
        public = "released" in system or "pygaggle" in source or (
            paper.startswith("Karpukhin") and "reader (" in system) or (
            system.startswith("T5-"))  # fmt: skip
        return "released_reader" if public else "trained"
    if figure["split"] == "n/a":  # numbers of questions
        return "same_engine"
    if "BM25" in system and not any(sign in system for sign in ("+", "hybrid")):
        lucene = ("pyserini", "Anserini", "Ma et al.", "Tamber")
        return "same_engine" if paper.startswith(lucene) else "released_exact"
    if paper.startswith("Karpukhin"):  # the multi model of Table 2 is the one released
        return "released_approximate" if figure.get("setting") == "multi" else "trained"
    if any(sign in system for sign in ("PQ2", "HNSW", "BPR", "PCA")):
        return "released_approximate"
    if paper == "facebookresearch/DPR README":  # does not say how it searched
        return "released_approximate"
    if source.startswith("castorini/") or paper.startswith("Tamber"):
        return "released_exact"
    own = ("facebookresearch/contriever", "facebookresearch/FiD", "microsoft/ANCE")
    if source.startswith(own) or "(released)" in system:
        return "released_exact"
    if "(UPR paper)" in system or system in ("DPR-Multi (Spider paper)", "Spider",
                                             "Contriever (unsupervised)"):  # fmt: skip
        return "released_approximate"
    return "trained"


def decimals(value: float) -> int:
    """How many decimals a number needs; JSON has lost trailing zeros."""
    return len(repr(float(value)).removesuffix(".0").partition(".")[2])


def digits(figures: Iterable[Figure]) -> dict[str, int]:
    """Source: how many decimals it prints.

    The most that two thirds of its figures need: one in ten ends in a zero by chance, so a source
    of two decimals has some that need one, and one of mixed digits keeps each as it stands.
    """
    needs: dict[str, list[int]] = defaultdict(list)
    for figure in figures:
        needs[figure["source"]].append(decimals(figure["value"]))
    return {
        source: max(d for d in (0, 1, 2) if 3 * sum(n >= d for n in all_) >= 2 * len(all_))
        for source, all_ in needs.items()
    }


def tables(figures: list[Figure]) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of the three files: figures in the order of the list, what several share apart."""
    printed = digits(figures)
    sources: dict[tuple[str, str], int] = {}
    systems: dict[tuple[Any, ...], int] = {}
    rows = []
    for figure in figures:
        source = sources.setdefault((figure["paper"], source_of(figure)), len(sources) + 1)
        name = SYSTEM.get((figure["system"], figure["paper"]), figure["system"])
        corpus = CORPORA.get(figure["corpus"], figure["corpus"])
        system = (name, kind_of(figure), corpus, topics_of(figure), source, note_of(figure))
        number = systems.setdefault(system, len(systems) + 1)
        dataset, split = dataset_of(figure), split_of(figure)
        digits_ = max(printed[figure["source"]], decimals(figure["value"]))
        n = "" if figure["paper"] in OTHER_QUESTIONS else SIZES.get((dataset, split), "")
        value = f"{figure['value']:.{digits_}f}"
        metric = METRICS.get(figure["metric"], figure["metric"])
        rows.append((number, dataset, split, metric, value, n))
    return {
        "published.csv": [FIGURES, *rows],
        "published_systems.csv": [SYSTEMS, *((i, *row) for row, i in systems.items())],
        "published_sources.csv": [SOURCES, *((i, *row) for row, i in sources.items())],
    }


def write(figures: list[Figure], folder: Path = FOLDER) -> None:
    """Write the three files."""
    for name, rows in tables(figures).items():
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)


if __name__ == "__main__":
    write(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
