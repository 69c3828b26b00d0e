"""Learned sparse retrieval on tiny random models, held against sentence-transformers itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tiny_sparse import (  # noqa: E402
    inference_free,
    masked_language_model,
    splade,
    token_weights,
)
from tiny_tokenizers import bert_tokenizer  # noqa: E402

from qa_bench.errors import DataError, UserError  # noqa: E402
from qa_bench.models import encoder as encoder_module  # noqa: E402
from qa_bench.models import max_pooling  # noqa: E402
from qa_bench.models.source import Source  # noqa: E402
from qa_bench.models.sparse_model import sparse_model  # noqa: E402
from qa_bench.retriever.dense.part import Dense  # noqa: E402
from qa_bench.retriever.sparse import part as module  # noqa: E402
from qa_bench.retriever.sparse.part import Sparse  # noqa: E402
from qa_bench.store.passages import Passages  # noqa: E402
from qa_bench.types import Question, QuestionSet, Runtime  # noqa: E402

RUNTIME = Runtime(threads=1, device="cpu", progress=False)
ROWS = [
    ("1", "Mars", "the fourth planet is red"),
    ("2", "", "a heron stands in shallow water"),
    ("3", "Venus", "the second planet"),
    ("4", "", ""),
    ("5", "Mars", "the fourth planet is red"),
    ("6", "Faust", "a play of the year 1808, " * 9),
]
ASKED = ("which planet is red", "heron", "")
MakePassages = Callable[..., Passages]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Any]]:
    folder = tmp_path_factory.mktemp("models")
    made = {"splade": splade, "free": inference_free}
    return {name: (folder / name, make(folder / name)) for name, make in made.items()}


@pytest.fixture(autouse=True)
def _no_model_is_kept() -> None:
    encoder_module.loaded_encoder.cache_clear()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "index").mkdir()
    return tmp_path / "index"


def ask(*texts: str) -> QuestionSet:
    questions = tuple(Question(f"q{n}", text, ("x",)) for n, text in enumerate(texts))
    return QuestionSet("made", "test", "string", questions, "0" * 64)


def expected(whole: Any, prompt: str = "") -> np.ndarray:
    """Scores of all pairs by the library, one text at a time, float64 (questions, passages)."""
    texts = [f"{title}. {text}" if title else text for _, title, text in ROWS]

    def alone(encode: Any, text: str, **more: Any) -> np.ndarray:
        return encode([text], convert_to_sparse_tensor=False, **more)[0].numpy().astype(float)

    passages = np.stack([alone(whole.encode_document, text) for text in texts])
    asked = [alone(whole.encode_query, prompt + text) for text in ASKED]
    return np.stack(asked) @ passages.T


@pytest.mark.parametrize("name", ["splade", "free"])
@pytest.mark.parametrize("prompt", ["", "query: "])
def test_hits_and_scores_are_the_librarys(
    name: str, prompt: str, models: Any, folder: Path, make_passages: MakePassages
) -> None:
    path, whole = models[name]
    true = expected(whole, prompt)
    passages, made = make_passages(ROWS), Sparse(str(path), question={"prompt": prompt})
    assert made.index(passages, folder, RUNTIME) == len(ROWS)
    assert not list(folder.glob("weights-*"))
    run = made.search(folder, passages, ask(*ASKED), 99, RUNTIME)
    hits: list[dict[int, float]] = [{}, {}, {}]
    for row in run.table.to_pylist():
        hits[int(row["qid"][1:])][row["row"]] = row["score"]
    for found, scores in zip(hits, true, strict=True):
        assert set(found) == set(np.flatnonzero(scores > 0))
        np.testing.assert_allclose(list(found.values()), scores[list(found)], rtol=2e-5)
        assert list(found.values()) == sorted(found.values(), reverse=True)
    assert name == "splade" or prompt or not hits[2]  # a table gives an empty question no term
    assert hits[0][0] == hits[0][4]
    pairs = np.repeat(np.arange(3), len(ROWS)), np.tile(np.arange(len(ROWS)), 3)
    scores = made.score(folder, passages, ask(*ASKED), *pairs, RUNTIME)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, true.ravel(), rtol=2e-5, atol=1e-6)
    for question, found in enumerate(hits):  # the same bits as the search's
        for row, score in found.items():
            assert scores[question * len(ROWS) + row] == np.float32(score)


def test_a_splade_without_files_of_the_library(
    models: Any, folder: Path, make_passages: MakePassages
) -> None:
    path, _ = models["splade"]
    passages = make_passages(ROWS)
    runs = []
    for number, model in enumerate([path, path.with_name("splade-base")]):
        place = folder / str(number)
        place.mkdir()
        made = Sparse(str(model))
        made.index(passages, place, RUNTIME)
        runs.append(made.search(place, passages, ask(*ASKED), 5, RUNTIME).table)
    assert len(runs[0])
    assert runs[0].equals(runs[1])


def test_logits_are_never_made_whole(models: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles of the vocabulary give the maxima; a head that none can be made of stays."""
    path, whole = models["splade"]
    full = whole.encode_query([ASKED[0]], convert_to_sparse_tensor=False)[0].numpy()
    shapes = []
    for tile, close in ((50, 0.01), (1024, 0.01), (50, -1)):
        monkeypatch.setattr(max_pooling, "_TILE", tile)
        monkeypatch.setattr(max_pooling, "_CLOSE", close)
        model = sparse_model(Source(str(path)), "query")
        features = model.preprocess([ASKED[0]])
        shapes.append(tuple(model.steps[0](dict(features))["token_embeddings"].shape))
        weights = model(dict(features))["sentence_embedding"][0].detach().numpy()
        np.testing.assert_allclose(weights, full, rtol=1e-5, atol=1e-6)
    tokens = features["input_ids"].shape[1]
    assert shapes == [(1, 1, len(full)), (1, 1, len(full)), (1, tokens, len(full))]


def test_keep(models: Any, folder: Path, make_passages: MakePassages) -> None:
    path, whole = models["splade"]
    passages, made = make_passages(ROWS), Sparse(str(path), keep=5, question={"keep": 3})
    made.index(passages, folder, RUNTIME)
    counts = made.loss(folder)
    assert counts["weights"] == 5 * len(ROWS)
    assert 0 < counts["percent_of_weight_cut"] < 100
    assert counts["percent_largest_error"] == counts["weights_too_small"] == 0
    pointers, (terms, weights) = made.encode_questions(ASKED, RUNTIME)
    assert np.diff(pointers).tolist() == [3, 3, 3]
    full = whole.encode_query([ASKED[0]], convert_to_sparse_tensor=False)[0].numpy()
    assert terms[:3].tolist() == sorted(np.argsort(-full)[:3])
    np.testing.assert_allclose(weights[:3], full[terms[:3]], rtol=1e-5)


@pytest.mark.parametrize("weights", ["fp16", "uint8"])
def test_smaller_weights_tell_their_loss(
    weights: str, models: Any, folder: Path, make_passages: MakePassages
) -> None:
    path, whole = models["splade"]
    passages, made = make_passages(ROWS), Sparse(str(path), weights=weights)
    made.index(passages, folder, RUNTIME)
    counts = made.loss(folder)
    assert 0 < counts["percent_mean_error"] <= counts["percent_largest_error"]
    scores = made.score(folder, passages, ask(*ASKED), np.zeros(6, int), np.arange(6), RUNTIME)
    np.testing.assert_allclose(
        scores, expected(whole)[0], rtol={"fp16": 1e-3, "uint8": 0.02}[weights]
    )


@pytest.mark.parametrize("name", ["splade", "free"])
def test_a_question_of_10000_words(
    name: str, models: Any, folder: Path, make_passages: MakePassages
) -> None:
    path, _ = models[name]
    passages, made = make_passages(ROWS), Sparse(str(path))
    made.index(passages, folder, RUNTIME)
    run = made.search(folder, passages, ask("heron " * 10_000, "heron"), 3, RUNTIME)
    assert [row["qid"] for row in run.table.to_pylist()].count("q0") == 3


def test_a_head_on_tokens(tmp_path: Path, folder: Path, make_passages: MakePassages) -> None:
    expected_of = token_weights(tmp_path / "model")
    made = Sparse(str(tmp_path / "model"), architecture="BertForTokenClassification")
    texts = [*ASKED, ROWS[5][2]]
    pointers, (terms, weights) = made.encode_questions(texts, RUNTIME)
    for number, text in enumerate(texts):
        part = slice(*pointers[number : number + 2])
        by_hand = expected_of(text)
        assert terms[part].tolist() == sorted(by_hand)
        np.testing.assert_allclose(weights[part], [by_hand[t] for t in sorted(by_hand)], rtol=1e-4)
    assert len(terms)
    passages = make_passages(ROWS)
    made.index(passages, folder, RUNTIME)
    assert len(made.search(folder, passages, ask(*ASKED), 5, RUNTIME))


def test_a_class_without_one_weight_a_token_is_told(models: Any) -> None:
    path = models["splade"][0].with_name("splade-base")
    with pytest.raises(UserError, match="as BertForMaskedLM gives 197 logits a token, not one"):
        encoded(Sparse(str(path), architecture="BertForMaskedLM"))
    with pytest.raises(UserError, match=r"lacks weights that its class .* needs"):
        encoded(Sparse(str(path), architecture="BertForTokenClassification"))
    with pytest.raises(UserError, match="transformers has no class 'Bert'"):
        encoded(Sparse(str(path), architecture="Bert"))


def test_max_length_cuts(models: Any) -> None:
    path, whole = models["splade"]
    for length in (None, 5):
        made = Sparse(str(path), max_length=length)
        _, (_, weights) = made.encode_questions([ROWS[5][2]], RUNTIME)
        whole.max_seq_length = length or 64
        full = whole.encode_query([ROWS[5][2]], convert_to_sparse_tensor=False)[0].numpy()
        np.testing.assert_allclose(weights, full[full > 0], rtol=1e-5)
    with pytest.raises(
        UserError, match=r"retriever\.max_length=65, but the model has 64 positions"
    ):
        Sparse(str(path), max_length=65).encode_questions(["?"], RUNTIME)


def test_a_killed_encoding_goes_on(
    models: Any, folder: Path, tmp_path: Path, make_passages: MakePassages,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(module, "SHARD_PASSAGES", 2)
    path, _ = models["splade"]
    passages, made = make_passages(ROWS), Sparse(str(path), weights="uint8")
    whole, write = tmp_path / "whole", module.stored.write_postings
    whole.mkdir()
    made.index(passages, whole, RUNTIME)

    def kill(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module.stored, "write_postings", kill)
    with pytest.raises(KeyboardInterrupt):
        made.index(passages, folder, RUNTIME)
    assert len(list(folder.glob("weights-*.npz"))) == 3
    monkeypatch.setattr(module.stored, "write_postings", write)
    monkeypatch.setattr(module, "loaded_encoder", lambda *_: Silent())
    assert made.index(passages, folder, RUNTIME) == len(ROWS)
    names = {file.name for file in whole.iterdir()}
    assert {file.name for file in folder.iterdir()} == names
    assert all((folder / name).read_bytes() == (whole / name).read_bytes() for name in names)


class Silent:
    """An encoder that has nothing left to do."""

    def encode(self, windows: Any, *_: Any, **__: Any) -> Any:
        assert not list(windows)
        return iter(())


def test_a_damaged_index_and_another_corpus_are_told(
    models: Any, folder: Path, make_passages: MakePassages
) -> None:
    path, _ = models["free"]
    passages, made = make_passages(ROWS), Sparse(str(path))
    made.index(passages, folder, RUNTIME)
    fewer: Any = ROWS[1:]
    with pytest.raises(UserError, match=r"6 passages, but there are 5; delete"):
        made.search(folder, fewer, ask("red"), 5, RUNTIME)
    file = folder / "postings.bin"
    whole = file.read_bytes()
    for content in (whole[:-3], bytes(len(whole))):
        file.write_bytes(content)
        with pytest.raises(DataError, match=f"delete {folder} to build it again"):
            made.search(folder, passages, ask("red"), 5, RUNTIME)


REFUSED = [
    ({}, r"retriever\.model: name a model"),
    ({"model": "m", "weights": "int8"}, r"retriever\.weights: fp32, fp16 or uint8, got 'int8'"),
    ({"model": "m", "keep": 0}, r"retriever\.keep: a whole number >= 1"),
    ({"model": "m", "question": {"keep": "x"}}, r"retriever\.question\.keep: a whole number"),
    ({"model": "m", "passage": {"keep": 5}}, r"retriever\.passage\.keep: no such setting"),
    ({"model": "m", "question": {"pooling": "cls"}}, r"retriever\.question\.pooling: no such"),
    ({"model": "m", "passage": {"title": "pair"}}, r"retriever\.passage\.title: none or what"),
    ({"model": "m", "precision": "int8"}, r"retriever\.precision: fp32, bf16 or fp16"),
]


@pytest.mark.parametrize(("settings", "message"), REFUSED)
def test_settings_are_checked(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Sparse(**settings)


def encoded(part: Any) -> None:
    part.encode_questions(["?"], RUNTIME)


def test_a_model_of_another_family_is_told(models: Any, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel

    for name in ("splade", "free"):
        path, _ = models[name]
        with pytest.raises(UserError, match=r"is a sparse encoder: retriever=sparse takes it, "):
            encoded(Dense(str(path)))
    small = BertConfig(vocab_size=len(bert_tokenizer()), hidden_size=16, intermediate_size=8,
                       num_hidden_layers=1, num_attention_heads=2)  # fmt: skip
    BertModel(small).save_pretrained(tmp_path / "bare")
    bert_tokenizer().save_pretrained(tmp_path / "bare")
    with pytest.raises(UserError, match="has no head that weighs terms: name a SPLADE"):
        encoded(Sparse(str(tmp_path / "bare")))
    whole = SentenceTransformer(
        modules=[Transformer(str(tmp_path / "bare")), Pooling(16)], device="cpu"
    )
    whole.save_pretrained(str(tmp_path / "dense"))
    with pytest.raises(UserError, match=r"is a bi-encoder: retriever=dense takes it, "):
        encoded(Sparse(str(tmp_path / "dense")))
    (tmp_path / "bare" / "artifact.metadata").write_text("{}")
    for part in (Sparse, Dense):
        with pytest.raises(UserError, match="a token-vector model: retriever=multivector takes it"):
            encoded(part(str(tmp_path / "bare")))


def test_two_models_with_other_terms_are_told(
    models: Any, folder: Path, tmp_path: Path, make_passages: MakePassages
) -> None:
    path, _ = models["splade"]
    twin, other = tmp_path / "twin", tmp_path / "other"
    masked_language_model(twin, seed=1)
    masked_language_model(other)
    tokenizer = other / "tokenizer.json"
    tokenizer.write_text(tokenizer.read_text().replace('"##ing"', '"##ink"'))
    passages = make_passages(ROWS)
    made = Sparse(str(path), question={"model": str(twin)})
    made.index(passages, folder, RUNTIME)
    assert len(made.search(folder, passages, ask("red"), 2, RUNTIME)) == 2
    made = Sparse(str(path), question={"model": str(other)})
    for attempt in (
        lambda: made.index(passages, tmp_path, RUNTIME),
        lambda: made.search(folder, passages, ask("red"), 2, RUNTIME),
    ):
        with pytest.raises(UserError, match=r"are not those of passages .*: are the two a pair\?"):
            attempt()


def test_a_broken_model_is_told(models: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path, _ = models["free"]
    from safetensors.torch import load_file, save_file

    file = path / "query_0_SparseStaticEmbedding" / "model.safetensors"
    weights = load_file(file)
    plain = weights["weight"].clone()
    try:
        for value in (-1.0, float("nan")):
            save_file({"weight": plain * value}, file)
            with pytest.raises(UserError, match="weight is negative or not finite"):
                encoded(Sparse(str(path)))
    finally:
        save_file({"weight": plain}, file)
