from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from qa_bench.line.labels import file_label, labels, swept_settings
from qa_bench.lm.local import Local
from qa_bench.lm.openai_server import OpenAIServer


def named(*overrides: str, swept: str = "", **settings: Any) -> Any:
    choices = {"retriever": "bm25", "reader": "redundancy", "chunker": "words"}
    config = {"system": None, "run": None, "predictions": None, "expander": {}, "reranker": {}}
    hydra = {"runtime": {"choices": choices}, "overrides": {"task": list(overrides)}}
    whole = OmegaConf.create({**config, "reader": {}, **settings})
    return labels(whole, OmegaConf.create(hydra), swept.split())


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("run.nq-test.bm25.trec", "run.nq-test.bm25"),
        ("a/run.nq-test.dpr-multi.txt.gz", "run.nq-test.dpr-multi"),
        ("theirs.json", "theirs"),
        ("theirs.JSONL.bz2", "theirs"),
        ("bm25.k1-1.2", "bm25.k1-1.2"),
        ("plain", "plain"),
        (".trec", ".trec"),
    ],
)
def test_a_file_is_called_by_its_name_without_its_formats_suffixes(name: str, label: str):
    assert file_label(Path(name)) == label
    assert named(run=name).system == label
    assert named(predictions=name).system == label


def test_what_was_changed_is_in_the_label_in_the_order_of_the_command():
    words = ("dataset=nq", "depth=20", "retriever.k1=1.2", "+reader.depth=5", "runtime.threads=1")
    assert named(*words).system == "bm25[depth=20,k1=1.2,reader.depth=5]"
    assert named(*words).changes == ("depth=20", "k1=1.2", "reader.depth=5")
    assert named("run_ids=articles", run="a.trec").system == "a[run_ids=articles]"


def test_what_a_sweep_escapes_is_as_it_was_written():
    assert named("retriever.model=wheel\\:a/b").system == "bm25[model=wheel:a/b]"


def test_what_only_a_search_of_ours_looks_at_is_not_in_the_label_of_a_run():
    words = ("depth=20", "retriever.k1=1.2", "mode=kilt", "retriever@retriever.parts.x=minilm")
    assert named(*words, run="a.trec").system == "a[mode=kilt]"
    reader = {"_target_": "x"}
    assert named(*words, run="a.trec", reader=reader).system == "a+redundancy[depth=20,mode=kilt]"


def test_settings_of_corpus_and_chunker_belong_to_the_passages():
    got = named("chunker.size=50", "corpus.name=mine", "corpus.path=a.jsonl", "chunker.stride=5")
    assert got.system == "bm25"
    assert got.passages == (
        ("chunker", "size=50"), ("corpus", "path=a.jsonl"), ("chunker", "stride=5"),
    )  # fmt: skip


def test_what_a_metric_asks_makes_no_other_system():
    words = ("lm@metrics.lm_judge.lm=local", "metrics.lm_judge.lm.model=x", "lm@reader.lm=local")
    words += ("reader@metrics.closed_book.reader=smollm2_closed_book",)
    assert named(*words).system == "bm25[reader.lm=local]"


@pytest.mark.parametrize(
    "word", ["dataset.match=regex", "dataset.path=a.jsonl", "runtime.threads=2", "metrics.em.x=1"]
)
def test_any_other_setting_is_in_the_label_where_it_is_swept(word: str):
    assert named(word).system == "bm25"
    assert named(word, swept=word.partition("=")[0]).system == f"bm25[{word}]"


def test_a_set_with_a_name_of_its_own_is_told_by_it():
    words = ("dataset=file", "dataset.path=a.jsonl", "dataset.fold=null", "retriever.k1=1")
    swept = "dataset dataset.path dataset.fold dataset.name retriever.k1"
    assert named(*words, "dataset.name=mine", swept=swept).system == "bm25[k1=1]"
    assert "dataset.path=a.jsonl" in named(*words, swept=swept).system


@pytest.mark.parametrize(
    "word",
    ["dataset=nq", "name=x", "run=a.trec", "dataset.split=dev", "json=true", "paths.results=r",
     "statistics=none", "statistics.alpha=0.1"],
)  # fmt: skip
def test_what_a_table_shows_elsewhere_is_not(word: str):
    assert named(word, swept=word.partition("=")[0]).system == "bm25"


@pytest.mark.parametrize(
    "word",
    ["reader.lm.url=http://h:1/v1", "retriever.parts.x.lm.url=h", "reader.lm.model=http://h/m"],
)
def test_a_servers_address_is_in_no_label(word: str):
    assert named(word, swept=word.partition("=")[0]).system == "bm25"


@pytest.mark.parametrize("last", sorted(OpenAIServer.labels | Local.labels))
def test_how_a_model_is_asked_is_in_no_label(last: str) -> None:
    words = ("reader.lm.model=m", f"reader.lm.{last}=2", "reader.lm.max_tokens=8")
    assert named(*words).system == "bm25[reader.lm.model=m,reader.lm.max_tokens=8]"


def test_what_predictions_have_not_gone_through_is_in_no_label() -> None:
    words = ("retriever=minilm", "retriever.k1=1", "depth=5", "reader.depth=2", "mode=drqa")
    assert named(*words, predictions="p1.jsonl").system == "p1[mode=drqa]"
    assert named(*words, predictions="p1.jsonl", swept="depth mode").system == "p1[mode=drqa]"


def test_parts_around_and_a_label_of_ones_own():
    assert named(reader={"_target_": "x"}).system == "bm25+redundancy"
    own = named("retriever.k1=1", system="mine")
    assert (own.system, own.changes) == ("mine", ())


def test_which_settings_are_swept():
    words = ["retriever=bm25,minilm", "+chunker.size=50,100", "depth=5", "mode=choice(dpr,kilt)"]
    parsed = OverridesParser.create().parse_overrides(words)
    assert swept_settings(parsed) == {"retriever", "chunker.size", "mode"}


def test_how_a_retriever_was_trained_is_in_the_label_but_not_where_its_files_lie() -> None:
    words = ("train=retriever", "train.data=a/b.json", "train.negatives=7", "train.checkpoint=5")
    assert named(*words).system == "bm25[train.negatives=7]"
    trained = {"train": {"part": "retriever"}}
    assert named("train=retriever", "train.data=a.json", **trained).system == "bm25[trained]"
    assert named(*words, **trained).system == "bm25[train.negatives=7]"
    swept = named(*words, swept="train.data train.negatives")
    assert swept.system == "bm25[train.data=a/b.json,train.negatives=7]"


def test_lines_that_mine_and_trainings_that_come_first_have_short_names() -> None:
    before = {"mlm": {"epochs": 3}, "retromae": None, "ict": {}}
    trained = {"train": {"part": "retriever", "before": before}}
    mines = (
        "+train.source={dataset: {split: train}}", "+train.sources.webq.dataset.split=train",
        "+retriever@train.source.retriever=bm25_native",
    )  # fmt: skip
    word = "+train.before={mlm:{epochs:3},retromae:null,ict:{}}"
    own = "train.before.mlm.epochs=3"
    assert named(*mines, **trained).system == "bm25[trained]"
    words = (*mines, "train.mixture=[squad,webq]", word, own)
    label = "bm25[train.mixture=[squad,webq],train.before=mlm+ict,train.before.mlm.epochs=3]"
    assert named(*words, **trained).system == label
    swept = named(*words, swept="train.before train.sources.webq.dataset.split", **trained).system
    assert f",{word[1:]}," in swept
    assert "[train.sources.webq.dataset.split=train," in swept
