"""What a line trains first: which part, its stage among the index' inputs, keys without folders."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from tiny_lessons import pairs
from tiny_towers import plain_bert

from qa_bench.engine.stage import graph
from qa_bench.errors import UserError
from qa_bench.line.line import Line
from qa_bench.paths import CONF, register_resolvers


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return plain_bert(tmp_path_factory.mktemp("models") / "base")


def line(tmp_path: Path, *words: str) -> Line:
    register_resolvers()
    cache = f"paths.cache={tmp_path}/cache"
    data = f"train.data={pairs(tmp_path / 'pairs.jsonl')}"
    common = ("corpus=sample", "dataset=squad", "dataset.split=sample", cache, data)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", [*common, *words])
    return Line(config, {"retriever": "some"}, "some")


def test_training_stands_before_the_index(base: Path, tmp_path: Path) -> None:
    words = ("retriever=dense", "train=retriever", f"train.base={base}")
    one = line(tmp_path, *words)
    names = [stage.name for stage in graph(one.run)]
    assert names.index("train") < names.index("index") < names.index("search")
    assert not (tmp_path / "cache/train").exists(), "nothing runs"
    other = line(tmp_path, *words, "train.negatives=2")
    assert one.run.key != other.run.key
    assert one.retrieval.index.config == other.retrieval.index.config
    assert str(tmp_path) not in str(one.retrieval.index.config)
    moved = tmp_path / "moved"
    moved.mkdir()
    assert line(moved, *words).run.key == one.run.key, "a key names no folder"


def test_what_only_searches_trains_nothing_anew(base: Path, tmp_path: Path) -> None:
    def key(*words: str) -> str:
        common = ("retriever=dense", "train=retriever", f"train.base={base}")
        training = line(tmp_path, *common, *words).training
        assert training is not None
        return training.stage.key

    assert key("retriever.dtype=fp16") == key("retriever.truncate_dim=8") == key()
    assert key("train.checkpoint=7") == key("retriever.precision=bf16") == key()
    assert key("retriever.similarity=dot") != key(), "it is what is learnt"
    assert key("retriever.question.prompt=x") != key()
    assert key("retriever.max_length=16") != key()


def test_a_later_setting_that_changes_nothing_is_in_no_key(base: Path, tmp_path: Path) -> None:
    def said(*words: str) -> dict[str, object]:
        common = ("retriever=dense", "train=retriever", f"train.base={base}")
        training = line(tmp_path, *common, *words).training
        assert training is not None
        settings: dict[str, object] = training.stage.config["train"]
        return settings

    assert "tasks" not in said()
    tasks = said("train.objective=piccolo2", "train.tasks=[pairs,classes]")["tasks"]
    assert tasks == ["pairs", "classes"]


def test_the_one_part_of_a_hybrid_that_learns(base: Path, tmp_path: Path) -> None:
    words = (
        "retriever=hybrid_rrf", "retriever@retriever.parts.bm25=bm25_native",
        "retriever@retriever.parts.dense=dense", "train=retriever", f"train.base={base}",
    )  # fmt: skip
    one = line(tmp_path, *words)
    assert one.training is not None
    assert one.training.place == "retriever.parts.dense"
    assert [stage.name for stage in graph(one.run)].count("train") == 1
    trained = one.retrieval.part.parts["dense"]
    assert trained.sources is not None
    with pytest.raises(UserError, match=r"retriever\.parts\.bm25, retriever\.parts\.dense can all"):
        _ = line(tmp_path, *words, "retriever@retriever.parts.bm25=minilm").training


def test_parts_that_are_alike_are_trained_once(base: Path, tmp_path: Path) -> None:
    """BGE-M3's base stands three times in the hybrid of its three ways to search."""
    common = ("train=retriever", f"train.base={base}", "train.objective=m3_heads")

    def of(name: str, *words: str) -> Line:
        return line(tmp_path, f"retriever={name}", *common, *words)

    dense, sparse, multi, whole = map(of, ("m3", "bge_m3_sparse", "bge_m3_multi", "bge_m3_all"))
    assert whole.training is not None
    assert whole.training.places == (
        "retriever.parts.dense",
        "retriever.parts.sparse.parts.base",
        "retriever.parts.multi.parts.base",
    )
    assert [stage.name for stage in graph(whole.run)].count("train") == 1
    assert {one.training.stage.key for one in (dense, sparse, multi, whole) if one.training} == {
        whole.training.stage.key
    }
    indexes = {stage.key for one in (dense, sparse, multi) for stage in one.indexes}
    assert {stage.key for stage in whole.indexes} == indexes
    for stage in graph(whole.run):
        assert str(tmp_path / "cache") not in str(stage.config), "a key names no folder"
    longer = of("bge_m3_all", "retriever.parts.dense.max_length=16")
    with pytest.raises(UserError, match="can all be trained, one at a time"):
        _ = longer.training


def test_a_part_whose_index_is_inside_of_another_is_not_trained_on_a_line(
    base: Path, tmp_path: Path
) -> None:
    words = ("retriever=drqa", "retriever@retriever.base=dense", "train=retriever")
    with pytest.raises(UserError, match=r"retriever\.base\.model=<the folder that it names>"):
        _ = line(tmp_path, *words, f"train.base={base}").retrieval


def test_a_hash_of_the_base_is_not_asked_of_what_was_trained(base: Path, tmp_path: Path) -> None:
    one = line(tmp_path, "retriever=minilm", "train=retriever", f"train.base={base}")
    assert one.training is not None
    used = one.training.used(Path("x"))
    assert used == {"model": "x/model", "sha256": None}
    assert not one.retrieval.part._question.sha256
    minilm = line(tmp_path, "retriever=minilm", "train=retriever")
    assert minilm.training is not None
    assert minilm.training.used(Path("x")) == {"model": "x/model", "sha256": None}
    assert minilm.retrieval.part is not None
