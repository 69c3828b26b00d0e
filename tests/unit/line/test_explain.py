"""Hydra's complaints, with what exists and the nearest word."""

from __future__ import annotations

import pytest

from qa_bench.api.jobs import lines
from qa_bench.errors import UserError
from qa_bench.line.names import listed, near


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["retriever=minilim"], "retriever= is one of ance, "),
        (["retriever=minilim"], "; did you mean minilm?"),
        (["retriever.K1=1"], "keep_stopwords, about; did you mean k1?"),
        (["fusion@retriever.fusio=rrf"], "did you mean fusion@retriever.fusion?"),
        (["experiment=sample", "retriever.k1=1"], "retriever=minilm has no k1, bm25 has"),
        (["retriever=bm25,bm25_rm3,minilm", "retriever.k1=1"], "bm25, bm25_rm3 has"),
        (["lm=local"], "no lm stands by itself: write lm@expander.lm=, lm@generator.lm=, "),
        (["retriver.k1=1"], "'retriver.k1'. There is no such setting; did you mean retriever?"),
        (["runtime.cores=1"], "There is no such setting: runtime has threads, "),
        (["retriever=hybrid_rrf", "retriever.fusion.weights.x=1"], "+retriever.fusion.weights.x=…"),
        (["metrics.foo=1"], "+metric@metrics.foo=<one of `qa-bench list metric`>"),
        (["dataset=null"], "dataset=null: the name of a choice, such as beir, "),
        (["reader=null"], "; reader=none is none"),
        (["paths=null"], "paths: settings of its own (paths.…)"),
        (["metrics=[em]"], "metrics=[em]: metrics has settings of its own"),
        (["metrics={}"], "metrics={}: adds nothing and takes nothing away: ~metrics.NAME"),
        (["+corpus=sample"], "corpus is chosen twice: write corpus=, without a plus"),
    ],
)  # fmt: skip
def test_what_exists(words: list[str], told: str) -> None:
    with pytest.raises(UserError) as caught:
        lines(words)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_near() -> None:
    assert near("MINILM", ["bm25", "minilm"]) == "; did you mean minilm?"
    assert near("zzz", ["bm25", "minilm"]) == ""


def test_a_long_list_is_cut() -> None:
    assert listed(map(str, range(40))).endswith("29 and 10 more")


@pytest.mark.parametrize("word", ["runtime.cores=1", "retriever.foo=1", "paths.foo=x"])
def test_a_plus_is_offered_where_names_are_free_alone(word: str) -> None:
    with pytest.raises(UserError) as caught:
        lines([word])
    assert "+" not in str(caught.value)
