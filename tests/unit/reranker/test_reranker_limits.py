"""What a reranker's model cannot take, told before it scores anything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from reranker_models import RUNTIME, MakeRanked, save_cross_encoder

from qa_bench.errors import UserError
from qa_bench.reranker.cross_encoder import CrossEncoder
from qa_bench.store.ranked import Ranked


@pytest.fixture
def ranked(make_ranked: MakeRanked) -> Ranked:
    return make_ranked({"who wrote faust?": [0]}, [("faust", "a play by goethe.")])


@pytest.mark.parametrize(("kind", "most"), [("bert", 512), ("xlmr", 510)])
def test_no_more_tokens_than_the_model_has_positions(
    kind: str, most: int, ranked: Ranked, request: pytest.FixtureRequest
) -> None:
    """Told when keys are made, before anything runs; and by loading, which knows every model."""
    folder = request.getfixturevalue(kind)
    made = CrossEncoder(model=folder, max_length=600)
    told = rf"^reranker\.max_length=600, but the model has {most} positions$"
    with pytest.raises(UserError, match=told):
        made.sources()
    with pytest.raises(UserError, match=told):
        made.rerank(ranked, RUNTIME)
    assert CrossEncoder(model=folder, max_length=most).sources()


def test_an_answer_without_a_token(decoder: str, ranked: Ranked) -> None:
    asked = {"question": "A: {}", "passage": "B: {}", "answer": ""}
    with pytest.raises(UserError, match=r"reranker\.template\.answer: '' has no token"):
        CrossEncoder(model=decoder, template=asked).rerank(ranked, RUNTIME)


def test_a_tokenizer_that_knows_no_end(tmp_path: Path, make_ranked: MakeRanked) -> None:
    """Pairs are cut to the model's positions, where nothing else says how long they may be."""
    save_cross_encoder(tmp_path, kind="xlmr")
    path = tmp_path / "tokenizer_config.json"
    config = {**json.loads(path.read_text()), "model_max_length": 10**30}
    path.write_text(json.dumps(config))
    long = make_ranked({"who?": [0]}, [("", "goethe " * 400)])
    unset, most = (
        CrossEncoder(model=str(tmp_path), max_length=length).rerank(long, RUNTIME)
        for length in (None, 510)
    )
    assert unset == most
