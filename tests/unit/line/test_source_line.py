"""``train.source``: the line whose mined data are learnt from; nothing is run here."""

from __future__ import annotations

from pathlib import Path

import pytest
from lines import SAMPLE, line_of
from tiny_towers import plain_bert

from qa_bench.engine.stage import Stage, graph
from qa_bench.errors import UserError
from qa_bench.line.line import Line
from qa_bench.line.source import source_choices, source_config


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return plain_bert(tmp_path_factory.mktemp("models") / "base")


BM25 = "+retriever@train.source.retriever=bm25_native"


def line(tmp_path: Path, base: Path, *words: str) -> Line:
    return line_of(
        tmp_path, *SAMPLE, "retriever=dense", "train=retriever", f"train.base={base}", *words
    )


def stages(one: Line) -> dict[str, list[Stage]]:
    names: dict[str, list[Stage]] = {}
    for stage in graph(one.run):
        names.setdefault(stage.name, []).append(stage)
    return names


def test_one_graph_leads_from_the_questions_to_the_run(base: Path, tmp_path: Path) -> None:
    made = stages(line(tmp_path, base, BM25))
    (mine,), (train,) = made["mine"], made["train"]
    assert train.inputs == {"data": mine}
    assert len(made["index"]) == len(made["search"]) == 2
    assert len(made["chunk"]) == 1, "the same passages are cut once"
    assert mine.slug.endswith("-bm25_native")
    assert "train" not in {stage.name for stage in graph(mine)}


def test_what_is_named_there_differs_and_nothing_else(base: Path, tmp_path: Path) -> None:
    one = line(tmp_path, base, BM25, "+train.source.dataset.limit=7", "+train.source.mine.skip=2")
    config = source_config(one.config)
    assert (config.dataset.limit, one.config.dataset.limit) == (7, None)
    assert (config.mine.skip, one.config.mine.skip) == (2, 0)
    assert config.corpus == one.config.corpus
    assert "model" not in config.retriever, "a part that is chosen counts as a whole"
    assert config.train == {"part": None}


@pytest.mark.parametrize(
    "word",
    ["+train.source.dataset.limit=7", "+train.source.mine.skip=2", "+train.source.depth=20"],
)
def test_other_data_make_another_model(base: Path, tmp_path: Path, word: str) -> None:
    plain, other = (stages(line(tmp_path, base, BM25, *more)) for more in ((), (word,)))
    assert plain["train"][0].key != other["train"][0].key


def test_choices_of_the_source_are_the_lines() -> None:
    choices = {"retriever": "dense", "retriever@train.source.retriever": "hybrid"}
    choices["retriever@train.source.retriever.parts.bm25"] = "bm25_native"
    own = source_choices(choices)
    assert own["retriever"] == "hybrid"
    assert own["retriever@retriever.parts.bm25"] == "bm25_native"


def test_what_makes_no_difference_is_refused(base: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"train\.source\.reader: there are only dataset, "):
        _ = line(tmp_path, base, "+train.source.reader.depth=3").training


def test_data_and_a_source_are_two(base: Path, tmp_path: Path) -> None:
    words = (BM25, "train.data=x.json")
    with pytest.raises(UserError, match=r"train\.data and train\.source both"):
        _ = line(tmp_path, base, *words).training


BOTH = ("+train.sources={a: {dataset: {limit: 7}}, b: {dataset: {name: other, limit: 9}}}",)


def test_several_sources_are_learnt_from_together(base: Path, tmp_path: Path) -> None:
    one = line(tmp_path, base, BM25, *BOTH)
    made = stages(one)
    (train,), mines = made["train"], made["mine"]
    assert train.inputs == {"data0": mines[0], "data1": mines[1]}
    assert [mine.slug for mine in mines] == ["nq-sample-bm25_native", "other-sample-bm25_native"]
    assert train.slug == "nq-sample-bm25_native+other-sample-bm25_native-contrastive"
    assert len(made["index"]) == 2, "what train.source says is true of each of them"
    assert source_config(one.config, "b").dataset.limit == 9
    keys = {
        mixture: stages(line(tmp_path, base, BM25, *BOTH, f"train.mixture={mixture}"))["train"][0]
        for mixture in ("[a,b]", "[b,a]", "a", "[a,a]", "[b]")
    }
    assert keys["[a,b]"].key == train.key
    assert len({stage.key for stage in keys.values()}) == 5
    assert list(keys["[a,a]"].inputs) == ["data0", "data1"], "it counts twice"
    alone = stages(line(tmp_path, base, BM25, "+train.source.dataset.limit=7"))["train"][0]
    assert keys["a"].key == alone.key, "the name of a source is in no key"


def test_a_part_is_chosen_for_one_of_several_sources(base: Path, tmp_path: Path) -> None:
    word = "+retriever@train.sources.b.retriever=bm25_robertson"
    mines = stages(line(tmp_path, base, BM25, word, *BOTH))["mine"]
    assert [mine.slug.rpartition("-")[2] for mine in mines] == ["bm25_native", "bm25_robertson"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("train.mixture=[a,c]",), r"train\.mixture: no source is called 'c': there are a, b"),
        (("train.mixture=[]",), r"train\.mixture: names of train\.sources, \[a,b\], got '\[\]'"),
        (("+train.sources.line={mode: dpr}",), r"train\.passages=line means the line itself"),
        (("+train.sources.b.reader={}",), r"train\.sources\.b\.reader: there are only dataset"),
        (("+train.sources.c=7",), r"train\.sources\.c: what the line that mines has of its own"),
    ],
)
def test_what_is_wrong_with_several(
    words: tuple[str, ...], message: str, base: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=message):
        _ = line(tmp_path, base, BM25, *BOTH, *words).training


@pytest.mark.parametrize("value", ["7", "{}", "{a: null}"])
def test_no_sources(value: str, base: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"train\.sources: .*squad: {…}, webq: {…}"):
        _ = line(tmp_path, base, f"train.sources={value}").training
