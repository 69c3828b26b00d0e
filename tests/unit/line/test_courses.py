"""``train.before``: trainings whose model the next one goes on with; nothing is run here."""

from __future__ import annotations

from pathlib import Path

import pytest
from lines import SAMPLE, line_of
from tiny_lessons import pairs

from qa_bench.cli.plan import plan
from qa_bench.engine.stage import Stage, graph
from qa_bench.errors import UserError
from qa_bench.line.line import Line

BEFORE = "+train.before={mlm: {epochs: 3, learning_rate: 2e-3}, ict: {batch: 64}}"
SOURCE = (
    "+retriever@train.source.retriever=bm25_native",
    "+train.source.chunker={size: 50, stride: 50}",
)
BASE = "train.base={layers: 1, hidden: 8, heads: 2}"


def line(folder: Path, *words: str) -> Line:
    return line_of(folder, *SAMPLE, "retriever=dense", "train=retriever", BASE, *words)


def trainings(one: Line) -> list[Stage]:
    return [stage for stage in graph(one.run) if stage.name == "train"]


def test_each_goes_on_with_the_model_before(tmp_path: Path) -> None:
    one = line(tmp_path, *SOURCE, BEFORE)
    mlm, ict, last = trainings(one)
    assert [stage.title for stage in (mlm, ict, last)] == ["train mlm", "train ict", ""]
    assert (list(mlm.inputs), list(ict.inputs)) == (["passages"], ["passages", "base"])
    assert last.inputs["base"] is ict
    assert ict.inputs["base"] is mlm
    assert mlm.config["train"]["epochs"] == 3
    assert (ict.config["train"]["batch"], last.config["train"]["batch"]) == (64, 32)
    assert set(mlm.contents) == {"passage_model", "question_model"}
    assert ict.contents == last.contents == {}
    assert str(tmp_path) not in str(last.identified), "a key names no folder"
    assert ict.slug.endswith("-ict")
    assert one.retrieval.index.inputs["model"] is last


def test_they_learn_from_the_passages_of_the_source(tmp_path: Path) -> None:
    def read(*words: str) -> Stage:
        return trainings(line(tmp_path, *words))[0].inputs["passages"]

    one = line(tmp_path)
    assert read(*SOURCE, BEFORE).config["chunker"]["size"] == 50
    assert read(*SOURCE, BEFORE, "train.passages=source").key == read(*SOURCE, BEFORE).key
    assert read(*SOURCE, BEFORE, "train.passages=line").key == one.passages.key
    own = "+train.before={mlm: {passages: line}}"
    assert read(*SOURCE, own).key == one.passages.key
    data = f"train.data={pairs(tmp_path / 'pairs.jsonl')}"
    assert read(data, BEFORE).key == one.passages.key, "there are no others"


def test_sources_with_other_passages_each(tmp_path: Path) -> None:
    words = (*SOURCE, BEFORE, "+train.sources={a: {}, b: {chunker: {size: 20, stride: 20}}}")
    with pytest.raises(UserError, match=r"^train\.before\.mlm: train\.passages: a, b have passage"):
        _ = line(tmp_path, *words).training
    (first, *_) = trainings(line(tmp_path, *words, "train.passages=b"))
    assert first.inputs["passages"].config["chunker"]["size"] == 20
    (first, *_) = trainings(line(tmp_path, *words, "train.mixture=[a]"))
    assert first.inputs["passages"].config["chunker"]["size"] == 50


def test_seeds_are_those_of_the_whole_unless_said(tmp_path: Path) -> None:
    def seeds(*words: str) -> list[int]:
        several = trainings(line(tmp_path, *SOURCE, BEFORE, *words))
        return [stage.config["train"]["seed"] for stage in several]

    assert seeds() == [0, 0, 0]
    assert seeds("train.seed=2") == [2, 2, 2]
    assert seeds("train.seed=2", "+train.before.mlm.seed=0") == [0, 2, 2]


def test_one_of_them_is_taken_away_or_changed(tmp_path: Path) -> None:
    keys = {
        words: trainings(line(tmp_path, *SOURCE, BEFORE, *words))[-1].key
        for words in ((), ("train.before.ict=null",), ("train.before.mlm.epochs=9",))
    }
    assert len(set(keys.values())) == 3
    assert len(trainings(line(tmp_path, *SOURCE, BEFORE, "train.before.ict=null"))) == 2


def test_questions_before_questions(tmp_path: Path) -> None:
    data = pairs(tmp_path / "pairs.jsonl")
    word = (
        f"+train.before={{first: {{objective: triplet, data: {data}}}, second: {{objective: kl}}}}"
    )
    first, second, last = trainings(line(tmp_path, *SOURCE, word))
    assert set(first.contents) == {"data0", "passage_model", "question_model"}
    assert second.inputs["data"] is last.inputs["data"]
    assert second.config["train"]["objective"] == "kl"


def test_a_hash_of_the_first_base_is_asked_of_no_other(tmp_path: Path) -> None:
    words = (*SAMPLE, "retriever=minilm", "train=retriever", *SOURCE, "+train.before={mlm: {}}")
    training = line_of(tmp_path, *words).training
    assert training is not None
    assert training.used(Path("x")) == {"model": "x/model", "sha256": None}
    assert set(trainings(line_of(tmp_path, *words))[0].contents)


def test_a_plan_tells_each(tmp_path: Path) -> None:
    told = plan(line_of(
        tmp_path, *SAMPLE, "retriever=dense", "train=retriever", BASE, *SOURCE, BEFORE,
        "++retriever.about.parameters=1e6", "++retriever.about.dimension=8",
    ))  # fmt: skip
    rows = {row.split("  ")[0]: row for row in told.splitlines()}
    assert {"train mlm", "train ict", "train"} < set(rows)
    assert "not known" in rows["mine"]
    assert not any("not known" in rows[name] for name in rows if name.startswith("train"))


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("train.before=7", r"^train\.before: a name and its settings each, .*, got '7'"),
        ("+train.before={mlm: 7}", r"^train\.before\.mlm: settings of its own"),
        ("+train.before={mlm: {base: x}}", r"^train\.before\.mlm\.base: it stands once"),
        ("+train.before={mlm: {source: {}}}", r"^train\.before\.mlm\.source: it stands once"),
        ("+train.before={mlm: {epoch: 3}}", r"^train\.before\.mlm: train\.epoch: no such"),
        ("+train.before={mlm: {data: a}}", r"^train\.before\.mlm: .* leave train\.data and"),
        ("+train.before={nix: {}}", r"^train\.before\.nix: train\.objective: .*got 'nix'"),
        ("train.passages=other", r"^train\.before\.mlm: train\.passages: no source is called"),
    ],
)
def test_what_is_wrong(word: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        _ = line(tmp_path, *SOURCE, *([] if "before" in word else [BEFORE]), word).training
