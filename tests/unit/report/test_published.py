from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import published_figures
import pytest

from qa_bench.report.published import FILE, KINDS, SOURCES, SYSTEMS, find, of_systems, published


def test_all_figures_are_there():
    figures = published()
    assert len(figures) == 1884
    assert [figure.row for figure in figures] == list(range(1884))
    assert {figure.kind for figure in figures} == {*KINDS}
    assert {figure.dataset for figure in figures} == {
        *("nq", "nq_open", "triviaqa", "webq", "curatedtrec", "squad")
    }
    assert {figure.split for figure in figures} == {"test", "dev", "n/a", "unstated"}
    assert all(figure.system and figure.source and figure.paper for figure in figures)
    assert all(float(figure.value) <= 100 for figure in figures if figure.split != "n/a")


def test_no_figure_stands_twice():
    places = Counter(
        (f.system, f.source, f.corpus, f.dataset, f.split, f.metric, f.topics) for f in published()
    )
    assert {place for place, number in places.items() if number > 1} == set()


def test_they_are_small():
    assert sum(path.stat().st_size for path in (FILE, SYSTEMS, SOURCES)) < 200_000


def test_figures_are_found_by_their_cell():
    (figure,) = find(["BM25 (DPR)"], "psgs_w100", "nq", "test", "answer_recall@20")
    assert (figure.system, figure.value, figure.n) == ("BM25 (DPR)", "59.1", 3610)
    assert figure.reference == ("Karpukhin et al. 2020 (EMNLP), DPR; arXiv 2004.04906, Table 2")
    assert find(["BM25 (DPR)"], "psgs_w100", "nq", "dev", "answer_recall@20") == []
    assert find([], "psgs_w100", "nq", "test", "answer_recall@20") == []
    assert of_systems(["no such system"]) == []


def test_zeros_at_the_end_are_there_again():
    values = {
        (f.dataset, f.metric): f.value
        for f in of_systems(["BM25 (pyserini)"])
        if f.corpus == "psgs_w100"
    }
    assert values["webq", "answer_recall@20"] == "62.40"
    assert values["nq", "answer_recall@20"] == "62.94"
    (squad,) = find(["BM25 (DPR)"], "psgs_w100", "squad", "test", "answer_recall@100")
    assert squad.value == "80.0"


def test_the_two_files_of_nq_are_two_sets():
    official = {f.dataset for f in of_systems(["BM25 (anserini)"]) if f.topics == "nq-test"}
    assert official == {"nq_open"}
    assert {f.dataset for f in of_systems(["DPR (single, pyserini)"])} == {"nq"}


@pytest.mark.parametrize(
    ("system", "kind"),
    [
        ("BM25 (pyserini)", "same_engine"),
        ("BM25 (DPR)", "released_exact"),
        ("DPR (multi, pyserini)", "released_exact"),
        ("DPR (single)", "trained"),
        ("DPR + reader (multi)", "released_reader"),
        ("FiD-large (released, DKRR passages)", "released_reader"),
        ("RocketQA", "copied"),
        ("FiD-base", "copied"),
        ("PathRetriever", "copied"),
        ("AR2-G", "trained"),
    ],
)
def test_kinds(system: str, kind: str):
    """By the rules of tests/published_figures.py."""
    assert {figure.kind for figure in of_systems([system])} == {kind}


def test_a_kind_that_is_looser_says_why():
    kinds = {figure.dataset: figure.kind for figure in of_systems(["DPR (multi)"])}
    assert kinds.pop("curatedtrec") == "trained"
    assert {*kinds.values()} == {"released_approximate"}
    (figure,) = find(["DPR (multi)"], "psgs_w100", "curatedtrec", "test", "answer_recall@20")
    assert figure.note.endswith("pyserini's figure of this system is 3 or 4 questions less")


def figure(**changes: Any) -> dict[str, Any]:
    return {
        "system": "X",
        "paper": "P",
        "dataset": "nq",
        "split": "test",
        "metric": "em",
        "value": 40.0,
        "corpus": "c",
        "source": "s",
        **changes,
    }


def test_digits_are_those_of_most_of_a_source():
    values = [62.94, 78.25, 62.4, 80.69, 71.0]
    assert published_figures.digits([figure(value=v) for v in values]) == {"s": 1}
    assert published_figures.digits([figure(value=v) for v in [*values, 1.23]]) == {"s": 2}
    assert published_figures.digits([figure(value=v) for v in (80.0, 79.0)]) == {"s": 0}


@pytest.mark.shared
def test_the_files_are_those_that_the_list_makes(shared: Path, tmp_path: Path):
    path = shared / "reference/published.json"
    if not path.is_file():
        pytest.skip("the list of published figures is not there")
    published_figures.write(json.loads(path.read_text(encoding="utf-8")), tmp_path)
    for file in (FILE, SYSTEMS, SOURCES):
        assert (tmp_path / file.name).read_bytes() == file.read_bytes(), file.name
