"""Which published systems the configured parts repeat."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir

from qa_bench.line.published import repeats_of
from qa_bench.parts import make
from qa_bench.paths import CONF, register_resolvers
from qa_bench.report.counts import counts, distance
from qa_bench.report.published import find, published
from qa_bench.report.verify import status


def repeated(*words: str) -> tuple[list[str], dict[str, str]]:
    register_resolvers()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", list(words))

    def part(group: str) -> Any:
        return make(group, config[group]) if "_target_" in config[group] else None

    groups = ("retriever", "expander", "reranker", "reader")
    return repeats_of(config.dataset.name, *(part(group) for group in groups))


def test_a_setting_keeps_it_from_being_the_same():
    same, unlike = repeated("retriever=bm25")
    assert same[0] == "BM25 (pyserini)"
    assert unlike["BM25 (DPR)"] == "its title and text are two fields of the index, ours are one"
    same, unlike = repeated("retriever=bm25", "retriever.k1=1.2")
    assert same == []
    assert unlike["BM25 (pyserini)"] == "k1 is 1.2, theirs 0.9"
    assert repeated("retriever=bm25_rm3") == ([], {})
    assert repeated("retriever=minilm") == ([], {})


def test_a_model_of_another_set_is_another():
    assert "DPR (single, pyserini)" in repeated("retriever=dpr_single", "dataset=nq")[0]
    _, unlike = repeated("retriever=dpr_single", "dataset=triviaqa")
    assert unlike["DPR (single)"] == "on triviaqa theirs is another model"


@pytest.mark.parametrize(("dataset", "alpha"), [("nq", 1.3), ("squad", 2.0), ("webq", 0.95)])
def test_pyserinis_hybrid_weighs_by_set(dataset: str, alpha: float):
    words = ("retriever=hybrid_pyserini", f"dataset={dataset}")
    assert "DPR-Multi + BM25 hybrid (pyserini)" in repeated(*words)[0]
    _, unlike = repeated(*words, "retriever.fusion.weights.bm25=1.1")
    assert unlike["DPR-Multi + BM25 hybrid (pyserini)"] == (
        f"fusion.weights.bm25 is 1.1, theirs {alpha}"
    )


def test_a_weight_that_was_not_published_is_said():
    _, unlike = repeated("retriever=hybrid_pyserini", "dataset=nq_open")
    assert unlike["DPR-Multi + BM25 hybrid (pyserini)"] == (
        "fusion.weights.bm25 was not published for nq_open"
    )


def test_what_stands_behind_counts():
    reranked, unlike = repeated("reranker=msmarco_minilm")
    assert reranked == []
    assert unlike["BM25 (pyserini)"] == "the hits are reranked"
    words = ("retriever=dpr_multi", "reader=dpr_reader_multi", "dataset=triviaqa")
    same, unlike = repeated(*words)
    assert {"DPR (multi)", "DPR + reader (multi)"} <= {*same}
    assert "BM25+DPR + reader (multi)" not in {*same, *unlike}
    _, unlike = repeated(*words, "reader.depth=20")
    assert unlike["DPR + reader (multi)"] == "depth is 20, theirs 50"
    _, unlike = repeated("retriever=bm25", "reader=dpr_reader_single")
    assert unlike["BM25 + DPR reader (single)"].startswith("its title and text are two fields")
    _, unlike = repeated(*words, "reranker=msmarco_minilm")
    assert unlike["DPR + reader (multi)"] == "the hits are reranked"


def about(group: str, name: str) -> dict[str, Any]:
    """What a YAML itself says of its part."""
    text = (CONF / group / f"{name}.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text).get("about") or {}


@pytest.mark.parametrize("group", ["retriever", "reranker", "reader"])
def test_every_name_is_one_of_the_published(group: str):
    names = {figure.system for figure in published()}
    there = 0
    for path in sorted((CONF / group).glob("*.yaml")):
        said = about(group, path.stem)
        there += len(said.get("published", ()))
        for field in ("published", "published_on", "published_unlike", "published_after"):
            assert {*said.get(field, ())} <= names, f"{path.stem}: {field}"
        assert {*said.get("published_after", {}).values()} <= names, path.stem
    assert there


@pytest.mark.parametrize("retriever", ["bm25", "dpr_single", "dpr_multi", "hybrid_pyserini"])
@pytest.mark.parametrize("dataset", ["nq", "triviaqa", "webq", "curatedtrec", "squad"])
def test_figures_of_one_system_agree(retriever: str, dataset: str):
    """Where ours is the first published one, none of the others is OFF."""
    said = about("retriever", retriever)
    same = [name for name in said["published"]
            if dataset in said.get("published_on", {}).get(name, [dataset])
            and name not in said.get("published_unlike", {})]  # fmt: skip
    for metric in ("answer_recall@5", "answer_recall@20", "answer_recall@100"):
        figures = [figure for figure in find(same, "psgs_w100", dataset, "test", metric)
                   if dataset != "nq" or figure.topics]  # fmt: skip
        for figure in figures:
            n = figure.n or 0
            far = distance(counts(figures[0].value, n)[0], figure.value, n)
            assert far is not None
            assert status(figure.kind, far, n) != "OFF", figure
