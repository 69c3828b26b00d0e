"""What ``mine.…`` means, who scores pairs, and what makes another file."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from lines import first, line_of

from qa_bench.engine.stage import Stage
from qa_bench.errors import UserError
from qa_bench.line.line import Line
from qa_bench.line.mining import mined, mining_of, pair_scores
from qa_bench.train.mining import Mining
from qa_bench.train.negatives import HitChoice

SAMPLE = ("corpus=sample", "dataset=webq", "dataset.split=sample")


@pytest.fixture
def line(tmp_path: Path) -> Callable[..., Line]:
    """``line("retriever=minilm", "mine.skip=3")``: a line over the sample's questions."""
    return partial(line_of, tmp_path, *SAMPLE)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Line:
    """A line whose configuration is changed as an override would: composing takes long."""
    return line_of(tmp_path_factory.mktemp("plain"), *SAMPLE, "retriever=bm25_native")


def changed(config: Any, words: tuple[str, ...]) -> Any:
    """The configuration with the overrides' values."""
    from omegaconf import OmegaConf

    config = copy.deepcopy(config)
    for word in words:
        place, _, value = word.partition("=")
        OmegaConf.update(config, place, yaml.safe_load(value))
    return config


def other(line: Line, word: str) -> Line:
    """The same line with another configuration."""
    line = copy.copy(line)
    line.config = changed(line.config, (word,))
    return line


def of(config: Any) -> Mining:
    from omegaconf import OmegaConf

    options: Any = OmegaConf.to_container(config.mine)
    return mining_of(options, "dpr", config.depth)


@pytest.mark.parametrize(
    ("words", "mining"),
    [
        ((), Mining()),
        (("mine.from=hits",), Mining(random=0)),
        (("mine.from=random",), Mining(HitChoice(0))),
        (("mine.from=[hits,gold]",), Mining(gold=50, random=0)),
        (("mine.from={hits: 7, gold: 3}", "mine.sampled=true", "mine.seed=4"),
         Mining(HitChoice(7, sampled=True, seed=4), gold=3, random=0)),
        (("mine.skip=5", "mine.until=40", "mine.answers=keep", "mine.scores=true"),
         Mining(HitChoice(skip=5, until=40), with_answers=True, scored=True)),
        (("mine.percentage=0.95", "mine.margin=0.1", "mine.max_score=0.7", "mine.min_score=0"),
         Mining(HitChoice(percentage=0.95, margin=0.1, max_score=0.7, min_score=0))),
        (("mine.rules=[dpr_discard]",), Mining(rules=("dpr_discard",))),
    ],
)  # fmt: skip
def test_what_settings_mean(plain: Line, words: tuple[str, ...], mining: Mining) -> None:
    assert of(changed(plain.config, words)) == mining


def test_counts_stand_on_the_command_line(line: Callable[..., Line]) -> None:
    for word, mining in (
        ("mine.from={hits: 7}", Mining(HitChoice(7), random=0)),
        ("mine.from=[random]", Mining(HitChoice(0))),
    ):
        assert of(line(word).config) == mining


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("mine.from=bm25",), "mine.from: hits, random or gold, got 'bm25'"),
        (("mine.from={hits: 7, dense: 3}",), "mine.from: hits, random or gold, got 'dense'"),
        (("mine.from={random: null}",), "mine.from.random: a whole number >= 0, got 'null'"),
        (("mine.from={hits: 0}",), "mine.from: one of hits, random and gold, with a count above 0"),
        (("mine.answers=maybe",), "mine.answers: drop or keep, got 'maybe'"),
        (("mine.scores=1",), "mine.scores: true or false, got '1'"),
        (("mine.skip=100",), "mine.skip=100 leaves none of depth=100 hits"),
        (("mine.until=101",), "mine.until=101 is deeper than depth=100"),
        (("depth=50", "mine.rules=[dpr_discard]"),
         "mine.rules: dpr_discard looks at the first 100 hits, and depth=50"),
    ],
)  # fmt: skip
def test_what_is_refused(plain: Line, words: tuple[str, ...], message: str) -> None:
    with pytest.raises(UserError) as error:
        of(changed(plain.config, words))
    assert str(error.value) == message


def test_who_scores_pairs(line: Callable[..., Line], plain: Line) -> None:
    native = pair_scores(plain)
    assert native is not None
    assert not native.approximate
    approximate = pair_scores(line("retriever=faiss_hnsw"))
    assert approximate is not None
    assert approximate.approximate
    assert set(approximate.inputs) == {"index", "index.base"}
    assert pair_scores(line("retriever=hybrid_rrf")) is None
    assert pair_scores(line(retriever=first())) is None
    reranked = ("retriever=hybrid_rrf", "reranker=cross_encoder", "reranker.model=some/model")
    assert pair_scores(line(*reranked)) is not None
    assert pair_scores(line(*reranked, "reranker.interpolate=0.5")) is None


def test_all_passages_scored_by_one_that_cannot(line: Callable[..., Line]) -> None:
    made = line("retriever=hybrid_rrf", "mine.scores=true")
    with pytest.raises(UserError, match=r"mine\.scores: hybrid_rrf cannot score a pas"):
        mined(made)


def stage(line: Line) -> Stage:
    return mined(line).stage


def test_every_setting_makes_another_file(plain: Line) -> None:
    words = ("mine.skip=1", "mine.until=50", "mine.from=[hits]", "mine.from=[hits,gold]",
             "mine.percentage=0.9", "mine.margin=0.9", "mine.max_score=9", "mine.min_score=9",
             "mine.answers=keep", "mine.scores=true", "mine.rules=[orqa_train]", "mine.seed=1",
             "mode=drqa")  # fmt: skip
    keys = [mined(plain).stage.key]
    keys += [mined(other(plain, word)).stage.key for word in words]
    assert len(set(keys)) == len(keys)


def test_what_was_trained_mines_anew(line: Callable[..., Line], tmp_path: Path) -> None:
    """Of one folder with other weights nothing is reused: not the vectors, not the hits."""
    model = tmp_path / "model"
    model.mkdir()
    words = ("retriever=dense", f"retriever.model={model}", "mine.percentage=0.95")

    def keys() -> dict[str, str]:
        made = stage(line(*words))
        search = made.inputs["run"]
        return {"mine": made.key, "search": search.key, "index": search.inputs["index"].key}

    (model / "model.safetensors").write_bytes(b"first")
    before = keys()
    assert keys() == before
    (model / "model.safetensors").write_bytes(b"trained further")
    after = keys()
    assert all(after[name] != before[name] for name in before)
