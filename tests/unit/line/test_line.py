"""Which stage feeds which, for a composed configuration; described first, then run."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from lines import SAMPLE, first, line_of

from qa_bench.engine.context import Context
from qa_bench.engine.stage import Stage
from qa_bench.errors import UserError
from qa_bench.line.line import Line
from qa_bench.line.record import record
from qa_bench.stages.score import SCORES_FILE
from qa_bench.store.columns import read_columns

LM = "expander.lm.model=m"


@pytest.fixture
def sample(tmp_path: Path) -> Callable[..., Line]:
    """``sample("reader=oracle")``: a line over the sample's NQ questions."""
    return partial(line_of, tmp_path, *SAMPLE)


def titles(stages: list[Stage]) -> list[str]:
    return [stage.title or stage.name for stage in stages]


def test_a_description_builds_nothing(
    sample: Callable[..., Line], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Context, "run", lambda *_: pytest.fail("ran"))
    line = sample("reader=oracle", "ceiling=true")
    assert titles(line.stages()) == [
        "chunk", "index bm25", "search bm25", "read", "score", "ceiling",
    ]  # fmt: skip
    assert not list((tmp_path / "data/cache").glob("*/*/"))


def test_keys_are_those_of_the_manifests(sample: Callable[..., Line]) -> None:
    described = sample("reader=oracle", "ceiling=true", retriever=first())
    keys = {stage.name: stage.key for stage in described.stages()}
    line = sample("reader=oracle", "ceiling=true", retriever=first())
    record(line)
    manifests = {}
    for stage in line.stages():
        folder = line.context.find(stage)
        assert folder is not None, stage.name
        manifests[stage.name] = folder.manifest
    assert {name: manifest["key"] for name, manifest in manifests.items()} == keys
    inputs = {name: manifest["inputs"] for name, manifest in manifests.items()}
    assert inputs["index"] == {"passages": keys["chunk"]}
    assert inputs["read"].items() >= {"run": keys["search"], "passages": keys["chunk"]}.items()
    assert inputs["score"].items() >= {
        "run": keys["search"], "passages": keys["chunk"], "answers": keys["read"],
    }.items()  # fmt: skip
    assert inputs["ceiling"]["passages"] == keys["chunk"]


def test_a_figure_leads_back_to_who_answered(sample: Callable[..., Line], tmp_path: Path) -> None:
    line = sample("reader=oracle", retriever=first())
    row = record(line)
    folder = line.context.find(line.scores)
    assert folder is not None
    assert row.scores == folder.path.name
    assert folder.manifest["inputs"]["answers"] == line.context.run(line.answers).key
    columns = read_columns(folder.path / SCORES_FILE)
    answers = [json.loads(text) for text in columns["answers"]]
    for prediction, gold in zip(columns["prediction"], answers, strict=True):
        assert prediction == "" or prediction in gold, "an oracle's"
    assert row.values["em"] == folder.manifest["counts"]["means"]["em"] > 0
    other = sample("reader=oracle", "reader.depth=1", retriever=first())
    assert other.scores.key != line.scores.key


def test_predictions_need_neither_corpus_nor_retriever(
    sample: Callable[..., Line], tmp_path: Path
) -> None:
    (tmp_path / "p.jsonl").write_text('{"id": "nq-sample-0", "prediction": "x"}\n')
    line = sample(
        f"predictions={tmp_path / 'p.jsonl'}", "corpus=jsonl", "corpus.path=none.jsonl",
        "retriever=dpr_multi", "ceiling=true",
    )  # fmt: skip
    assert titles(line.stages()) == ["score"]
    assert line.scores.missing is None


def test_a_foreign_run_stands_for_searching(sample: Callable[..., Line], tmp_path: Path) -> None:
    pids = tmp_path / "run.trec"
    pids.write_text("nq-sample-0 Q0 1 1 2.0 x\n")
    line = sample(f"run={pids}", "ceiling=true")
    assert titles(line.stages()) == ["import", "chunk", "score", "ceiling"]
    texts = tmp_path / "run.json"
    context = {"docid": "a", "score": 2, "text": "T\nParis"}
    texts.write_text(json.dumps({"nq-sample-0": {"contexts": [context]}}))
    line = sample(f"run={texts}", "reader=oracle", "ceiling=true")
    assert titles(line.stages()) == ["import", "read", "score"], "it brings its passages"
    assert line.run_passages is line.run


def test_a_reranker_stands_between(sample: Callable[..., Line]) -> None:
    words = ("reranker=rankgpt", "reranker.lm.model=m", "reranker.depth=20", "reader=oracle")
    line = sample(*words)
    assert titles(line.stages()) == [
        "chunk", "index bm25", "search bm25", "rerank", "read", "score",
    ]  # fmt: skip
    assert line.answers is not None
    assert line.answers.inputs["run"] is line.scores.inputs["run"] is line.ranked
    assert line.scores.config["depth"] == 20
    assert line.searches == [line.run], "reranking is not searching"
    assert sample(*words, "depth=10").scores.config["depth"] == 10


def test_an_expander_words_every_search(sample: Callable[..., Line]) -> None:
    line = sample("expander=multi_query", LM, "expander.count=1", "retriever=hybrid_linear")
    stages = {stage.title or stage.name: stage for stage in line.stages()}
    assert list(stages) == [
        "chunk", "expand multi_query", "index bm25", "search bm25 (question)", "index minilm",
        "search minilm (question)", "complete hybrid_linear (question)",
        "fuse hybrid_linear (question)", "search bm25 (wording_1)", "search minilm (wording_1)",
        "complete hybrid_linear (wording_1)", "fuse hybrid_linear (wording_1)",
        "fuse hybrid_linear+multi_query", "score",
    ]  # fmt: skip
    for title, stage in stages.items():
        worded = title.startswith(("search", "complete"))
        assert (stages["expand multi_query"] in stage.inputs.values()) is worded, title
        assert ("search" in stage.config) is worded, title
    end = stages["fuse hybrid_linear+multi_query"]
    assert [stage.title for label, stage in end.inputs.items() if label != "passages"] == [
        "fuse hybrid_linear (question)", "fuse hybrid_linear (wording_1)",
    ]  # fmt: skip
    assert [stage.title for stage in line.searches] == [
        title for title in stages if title.startswith(("search", "complete", "fuse"))
    ]
    assert line.ranked is end


def test_how_an_expanders_runs_are_fused_expands_nothing_anew(
    sample: Callable[..., Line],
) -> None:
    def keys(*words: str) -> dict[str, str]:
        stages = sample("expander=gar", LM, *words).stages()
        return {stage.title or stage.name: stage.key for stage in stages}

    usual, other = keys(), keys("fusion@expander.fusion=combsum")
    assert {title for title in usual if usual[title] != other[title]} == {"fuse bm25+gar", "score"}


def test_an_expander_that_averages_wants_a_bi_encoder(sample: Callable[..., Line]) -> None:
    with pytest.raises(UserError, match="this expander averages vectors: choose a bi-encoder"):
        sample("expander=hyde", LM).stages()
    assert titles(sample("expander=hyde", LM, "retriever=minilm").stages()) == [
        "chunk", "index minilm", "expand hyde", "search minilm (hyde)", "score",
    ]  # fmt: skip
    words = ("retriever=hybrid_rrf", "retriever@retriever.parts.dense=bm25_rm3")
    with pytest.raises(UserError, match="choose a bi-encoder"):
        sample("expander=hyde", LM, *words).stages()


def test_only_the_parts_that_average_search_with_passages(sample: Callable[..., Line]) -> None:
    words = ("expander=hyde", LM, "retriever=hybrid_linear")
    stages = {stage.title or stage.name: stage for stage in sample(*words).stages()}
    assert list(stages) == [
        "chunk", "expand hyde", "index bm25", "search bm25", "index minilm", "search minilm (hyde)",
        "complete hybrid_linear (hyde)", "fuse hybrid_linear (hyde)", "score",
    ]  # fmt: skip
    plain = {stage.title: stage for stage in sample("retriever=hybrid_linear").stages()}
    assert stages["search bm25"].key == plain["search bm25"].key, "its run is the same without"


def test_without_an_expander_questions_are_searched_as_they_are(
    sample: Callable[..., Line],
) -> None:
    line = sample()
    assert line.run.key == line.retrieval.run(100).key
    assert "search" not in line.run.config


@pytest.mark.parametrize(
    ("words", "built"),
    [
        (("retriever.k1=1.2",), {"search bm25", "score"}),
        (("retriever.stemmer=krovetz",), {"index bm25", "search bm25", "score"}),
        (("chunker=words", "chunker.size=50"), {"chunk", "index bm25", "search bm25", "score"}),
        (("mode=drqa",), {"score"}),
        (("depth=50",), {"search bm25", "score"}),
        (("runtime.threads=1", "name=other", "corpus.name=mine"), set()),
        (("statistics=resampling", "statistics.alpha=0.1", "statistics.against=x"), set()),
    ],
)
def test_what_a_change_makes_anew(
    sample: Callable[..., Line], words: tuple[str, ...], built: set[str]
) -> None:
    def keys(*words: str) -> dict[str, str]:
        return {stage.title or stage.name: stage.key for stage in sample(*words).stages()}

    usual, other = keys(), keys(*words)
    assert {title for title in usual if usual[title] != other[title]} == built


@pytest.mark.parametrize("depth", ["0", "true", "1.5"])
def test_a_depth_out_of_range(sample: Callable[..., Line], depth: str) -> None:
    with pytest.raises(UserError, match="depth"):
        sample(f"depth={depth}")


def test_a_runtime_that_is_none(sample: Callable[..., Line]) -> None:
    settings: dict[str, Any] = {"threads": 1, "speed": "high"}
    with pytest.raises(UserError, match=r"runtime\.speed: no such setting: runtime has threads, "):
        sample(runtime=settings)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("+retriver.k1=2", r"^retriver: no such setting: .*; did you mean retriever\?"),
        ("+dpeth=5", r"^dpeth: .*; did you mean depth\?"),
        ("+foo=1", r"^foo: no such setting: there are name, "),
        ("+fusion=rrf", r"^fusion: no such setting"),
        ("+tune.weight=[1]", r"^tune\.weight: .* tune has part, .*; did you mean weights\?"),
        ("+paths.foo=x", r"^paths\.foo: no such setting: paths has data, "),
        ("+runtime.thread=1", r"^runtime\.thread: .*; did you mean threads\?"),
        ("+reader.top=5", r"^reader\.top: no reader is chosen"),
        ("metrics=em", r"^metrics: a name and a metric each, got 'em': .*~metrics\.em"),
        ("metrics=null", r"^metrics: a name and a metric each, got 'null'"),
        ("metrics.em=null", r"^metrics\.em: .*take it away with ~metrics\.em"),
        ("tune=null", r"^tune: settings of its own"),
    ],
)
def test_a_setting_that_nobody_looks_at(
    sample: Callable[..., Line], words: str, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        sample(words)


def test_a_value_for_others_may_have_any_name(sample: Callable[..., Line]) -> None:
    assert sample("+own=7", "depth=${own}").depth == 7


@pytest.mark.parametrize("word", ["run=r.trec", "reader=oracle", "reranker=rankgpt"])
def test_predictions_are_scored_as_they_are(sample: Callable[..., Line], word: str) -> None:
    with pytest.raises(UserError, match=r"^predictions= "):
        sample("predictions=p.jsonl", word)


def test_a_run_without_texts_is_scored_with_a_corpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("r.trec", "r.trec.gz", "r.json"):
        Path(name).touch()

    def check(verb: str, *words: str) -> None:
        line_of(tmp_path, "dataset=nq", *words).check_corpus(verb)

    for verb in ("run", "score", "import"):
        with pytest.raises(UserError, match="no corpus is chosen"):
            check(verb, "run=r.trec.gz")
        check(verb, "run=r.json")
        check(verb, "run=r.trec", "corpus=sample")
        check(verb, "predictions=p.jsonl")
    check("export", "run=r.trec")
    with pytest.raises(UserError, match="or predictions=<a file of answers>"):
        check("score")


def test_a_run_that_is_a_folder(sample: Callable[..., Line], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a folder: name the run file"):
        _ = sample(f"run={tmp_path}").run
