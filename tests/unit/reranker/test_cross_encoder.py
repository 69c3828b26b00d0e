"""Scores are those of sentence-transformers' CrossEncoder; what is done with them is ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reranker_models import RUNTIME, MakeRanked, save_cross_encoder

from qa_bench.errors import UserError
from qa_bench.models import pairs as pairs_module
from qa_bench.reranker.cross_encoder import CrossEncoder
from qa_bench.store.ranked import Ranked
from qa_bench.types import Runtime

PASSAGES = [
    ("faust", "faust is a play by goethe."),
    ("", "a passage without a title."),
    ("the seine", "the river is long, it is said. " * 9),
    ("paris", "paris is the capital of france."),
    ("twin", "faust is a play by goethe."),
]
HITS = {
    "who wrote faust?": [2, 0, 1, 4],
    "nothing is found": [],
    "what is the capital of france, of which the river is the seine?": [3, 2, 0],
}


@pytest.fixture
def ranked(make_ranked: MakeRanked) -> Ranked:
    return make_ranked(HITS, PASSAGES)


def texts(ranked: Ranked, between: str = ". ") -> list[tuple[str, str]]:
    said = zip(ranked.question_rows, ranked.titles, ranked.texts, strict=True)
    return [
        (ranked.questions.questions[asked].text, (title + between if title else "") + text)
        for asked, title, text in said
    ]


def predicted(folder: str, pairs: list[tuple[str, str]], **settings: Any) -> np.ndarray:
    """What sentence-transformers makes of pairs: raw scores."""
    import torch
    from sentence_transformers import CrossEncoder as Theirs

    model = Theirs(folder, device="cpu", **settings)
    found: np.ndarray = model.predict(pairs, activation_fn=torch.nn.Identity())
    return found


@pytest.mark.parametrize("kind", ["bert", "xlmr"])
@pytest.mark.parametrize("max_length", [None, 80, 40])
def test_scores_are_predicts(
    kind: str, max_length: int | None, ranked: Ranked, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(kind)
    limited = {} if max_length is None else {"max_length": max_length}
    if max_length == 40:
        long = ranked.questions.questions[2].text
        ranked = Ranked(
            type(ranked.questions)(
                "set", "test", "string",
                tuple(q._replace(text=q.text[:30]) for q in ranked.questions.questions), "0",
            ),
            ranked.question_rows, ranked.rows, ranked.scores, ranked.texts, ranked.titles,
        )  # fmt: skip
        assert len(long) > 40
    found = CrossEncoder(model=folder, **limited).rerank(ranked, RUNTIME)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, predicted(folder, texts(ranked), **limited), atol=1e-5)
    assert np.ptp(found) > 0.01


@pytest.mark.parametrize("title", ["none", " ", " | "])
def test_title(bert: str, ranked: Ranked, title: str) -> None:
    found = CrossEncoder(model=bert, title=title).rerank(ranked, RUNTIME)
    pairs = texts(ranked, title)
    if title == "none":
        pairs = [(q, text) for (q, _), text in zip(pairs, ranked.texts, strict=True)]
    np.testing.assert_allclose(found, predicted(bert, pairs), atol=1e-5)


def test_a_model_that_frames_nothing_is_given_whole_pairs(
    bert: str, ranked: Ranked, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qa_bench.reranker import scorer

    wanted = CrossEncoder(model=bert).rerank(ranked, RUNTIME)
    monkeypatch.setattr(scorer, "frame_of", lambda tokenizer: None)
    scorer.loaded_scorer.cache_clear()
    found = CrossEncoder(model=bert).rerank(ranked, RUNTIME)
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    with pytest.raises(UserError, match=r"reranker\.overlap"):
        CrossEncoder(model=bert, overlap=4).rerank(ranked, RUNTIME)
    scorer.loaded_scorer.cache_clear()


@pytest.mark.parametrize(
    "runtime",
    [
        Runtime(threads=1, device="cpu", progress=False),
        Runtime(threads=4, device="cpu", progress=False, batch_size=1),
        Runtime(threads=2, device="cpu", progress=False, batch_size=100),
    ],
)
def test_what_else_is_in_a_batch_changes_nothing(
    bert: str, ranked: Ranked, make_ranked: MakeRanked, runtime: Runtime
) -> None:
    wanted = CrossEncoder(model=bert).rerank(ranked, RUNTIME)
    np.testing.assert_allclose(CrossEncoder(model=bert).rerank(ranked, runtime), wanted, atol=1e-6)
    alone = make_ranked({"who wrote faust?": [4]}, PASSAGES)
    np.testing.assert_allclose(
        CrossEncoder(model=bert).rerank(alone, runtime), wanted[3], atol=1e-6
    )


def test_the_same_text_has_the_same_score(bert: str, make_ranked: MakeRanked) -> None:
    ranked = make_ranked({"who?": [4, 0], "who": [0]}, PASSAGES)
    found = CrossEncoder(model=bert, title="none").rerank(ranked, RUNTIME)
    assert found[0] == found[1]
    assert found[2] != found[0]


def test_each_passage_is_tokenised_once(
    bert: str, make_ranked: MakeRanked, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qa_bench.reranker import scorer

    ranked = make_ranked({"who?": [0, 1], "what?": [1, 0], "when?": [0]}, PASSAGES)
    CrossEncoder(model=bert).rerank(ranked, RUNTIME)  # loads, which tokenises too
    seen: list[str] = []

    def watched(tokenizer: Any, texts: list[str]) -> list[np.ndarray]:
        seen.extend(texts)
        return pairs_module.tokenised(tokenizer, texts)

    monkeypatch.setattr(scorer, "tokenised", watched)
    CrossEncoder(model=bert).rerank(ranked, RUNTIME)
    assert sorted(seen) == sorted({*seen})
    assert len(seen) == 5


def test_several_classes(two_classes: str, ranked: Ranked) -> None:
    logits = predicted(two_classes, texts(ranked)).astype(np.float64)
    for label in (0, 1):
        found = CrossEncoder(model=two_classes, label=label).rerank(ranked, RUNTIME)
        np.testing.assert_allclose(found, logits[:, label] - logits[:, 1 - label], atol=1e-5)
    found = CrossEncoder(model=two_classes, label=1, activation="sigmoid").rerank(ranked, RUNTIME)
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(found, shares[:, 1], atol=1e-5)


def test_threshold_drops_hits(bert: str, ranked: Ranked) -> None:
    scores = 1 / (1 + np.exp(-predicted(bert, texts(ranked)).astype(np.float64)))
    middle = float(np.sort(scores)[2:4].mean())
    settings: dict[str, Any] = {"model": bert, "activation": "sigmoid", "threshold": middle}
    found = CrossEncoder(**settings).rerank(ranked, RUNTIME)
    assert np.isneginf(found).tolist() == (scores < middle).tolist()
    assert np.isneginf(found).sum() == 3
    np.testing.assert_allclose(found[scores >= middle], scores[scores >= middle], atol=1e-5)
    mixed = CrossEncoder(**settings, interpolate=10).rerank(ranked, RUNTIME)
    assert np.isneginf(mixed).tolist() == np.isneginf(found).tolist()


def test_interpolation_adds_the_retrievers_score(bert: str, ranked: Ranked) -> None:
    alone = CrossEncoder(model=bert).rerank(ranked, RUNTIME)
    found = CrossEncoder(model=bert, interpolate=0.25).rerank(ranked, RUNTIME)
    np.testing.assert_allclose(found, alone + 0.25 * ranked.scores, atol=1e-6)


def test_long_passages_have_the_score_of_their_best_piece(bert: str, ranked: Ranked) -> None:
    """By hand: the passage's tokens in steps, each piece with the question through the model."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(bert)
    model = AutoModelForSequenceClassification.from_pretrained(bert).eval()
    wanted = []
    limit, overlap = 80, 6
    for question, passage in texts(ranked):
        head = tokenizer(question)["input_ids"]
        tail = tokenizer(passage, add_special_tokens=False)["input_ids"]
        room = limit - len(head) - 1
        shared, start, scores = min(overlap, room // 4), 0, []
        while start < len(tail):
            piece = [*tail[start : start + room], tokenizer.sep_token_id]
            types = torch.tensor([[0] * len(head) + [1] * len(piece)])
            with torch.inference_mode():
                logits = model(torch.tensor([head + piece]), token_type_ids=types).logits
            scores.append(logits.item())
            if start + room >= len(tail):
                break
            start += room - shared
        wanted.append(max(scores))
    found = CrossEncoder(model=bert, max_length=limit, overlap=overlap).rerank(ranked, RUNTIME)
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    cut = CrossEncoder(model=bert, max_length=limit).rerank(ranked, RUNTIME)
    assert not np.allclose(cut, found)


def test_no_hits(bert: str, make_ranked: MakeRanked) -> None:
    found = CrossEncoder(model=bert).rerank(make_ranked({"who?": []}, PASSAGES), RUNTIME)
    assert (found.dtype, found.shape) == (np.float32, (0,))


def test_a_chat_model_with_its_own_preprocessing(decoder: str, ranked: Ranked) -> None:
    """A causal model with LogitScore, as sentence-transformers saves them."""
    import torch
    from sentence_transformers import CrossEncoder as Theirs
    from sentence_transformers.cross_encoder.modules import LogitScore, Transformer

    folder = Path(decoder).parent / "logit_score"
    if not folder.exists():
        transformer = Transformer(decoder, transformer_task="text-generation")
        transformer.tokenizer.pad_token = transformer.tokenizer.eos_token
        Theirs(modules=[transformer, LogitScore(60, 61)], device="cpu").save_pretrained(str(folder))
    found = CrossEncoder(model=str(folder)).rerank(ranked, RUNTIME)
    theirs = Theirs(str(folder), device="cpu")
    wanted = theirs.predict(texts(ranked), activation_fn=torch.nn.Identity(), batch_size=1)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


# Language models that are asked

ASKED = {
    "question": "A: {}",
    "between": ["\n"],
    "passage": "B: {}",
    "after": ["\n", "Yes or No?"],
    "answer": "Yes",
}


def answered(folder: str, ranked: Ranked, against: str | None) -> list[float]:
    """By hand, as FlagEmbedding does it: pieces tokenised one by one, the last token's logits."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    found = []
    for question, passage in texts(ranked):
        said = (f"A: {question}", "\n", f"B: {passage}", "\n", "Yes or No?")
        pieces = [tokenizer(one, add_special_tokens=False)["input_ids"] for one in said]
        ids = [tokenizer.bos_token_id, *(i for piece in pieces for i in piece)]
        with torch.inference_mode():
            logits = model(torch.tensor([ids])).logits[0, -1]
        yes, no = (tokenizer(word)["input_ids"][0] for word in ("Yes", "No"))
        found.append((logits[yes] - (logits[no] if against else 0)).item())
    return found


@pytest.mark.parametrize("against", [None, "No"])
def test_a_decoder_is_asked(decoder: str, ranked: Ranked, against: str | None) -> None:
    template = {**ASKED, "against": against}
    found = CrossEncoder(model=decoder, template=template).rerank(ranked, RUNTIME)
    np.testing.assert_allclose(found, answered(decoder, ranked, against), atol=1e-4)


def test_an_encoder_decoder_is_asked(encoder_decoder: str, ranked: Ranked) -> None:
    """monoT5's way, the whole text tokenised at once."""
    import torch
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(encoder_decoder)
    model = AutoModelForSeq2SeqLM.from_pretrained(encoder_decoder).eval()
    wanted = []
    for question, passage in texts(ranked):
        whole = f"Query: {question} Document: {passage} Relevant:"
        start = torch.tensor([[model.config.decoder_start_token_id]])
        with torch.inference_mode():
            ids = tokenizer(whole, return_tensors="pt")["input_ids"]
            logits = model(input_ids=ids, decoder_input_ids=start).logits[0, -1]
        words = [tokenizer(w, add_special_tokens=False)["input_ids"][0] for w in ("true", "false")]
        assert words[0] == words[1]  # both begin with the mark of a space: the test takes others
        wanted.append((logits[words[0]] - logits[tokenizer.eos_token_id]).item())
    template = {
        "question": "Query: {}",
        "passage": "Document: {}",
        "after": ["Relevant:"],
        "answer": "true",
        "against": "</s>",
    }
    found = CrossEncoder(model=encoder_decoder, template=template).rerank(ranked, RUNTIME)
    np.testing.assert_allclose(found, wanted, atol=1e-4)


# What goes wrong


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": None}, r"reranker\.model: name a model"),
        ({"depth": 0}, r"reranker\.depth: a whole number >= 1, got '0'"),
        ({"keep": 0}, r"reranker\.keep"),
        ({"keep": 50, "depth": 20}, r"keep=50 is more than reranker\.depth=20"),
        ({"activation": "tanh"}, r"reranker\.activation"),
        ({"threshold": "high"}, r"reranker\.threshold: a number"),
        ({"interpolate": float("nan")}, r"reranker\.interpolate: a number"),
        ({"interpolate": True}, r"reranker\.interpolate: a number, got 'true'"),
        ({"interpolate": None}, r"reranker\.interpolate: a number, got 'null'"),
        ({"label": True}, r"reranker\.label: a whole number >= 0, got 'true'"),
        ({"trust_remote_code": "no"}, r"reranker\.trust_remote_code: true or false, got 'no'"),
        ({"overlap": -1}, r"reranker\.overlap"),
        ({"max_length": 2}, r"reranker\.max_length"),
        ({"precision": "fp8"}, r"reranker\.precision"),
        ({"template": {**ASKED, "tone": "kind"}}, r"reranker\.template\.tone: no such setting"),
        ({"template": {**ASKED, "answer": None}}, r"reranker\.template\.answer: a text is needed"),
        ({"template": {**ASKED, "passage": "B:"}}, r"reranker\.template\.passage: one {}"),
    ],
)
def test_settings_out_of_range(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        CrossEncoder(**{"model": "organisation/model", **settings})


def test_a_model_without_the_head(tmp_path: Path, ranked: Ranked, bert: str) -> None:
    from transformers import AutoTokenizer, BertModel

    BertModel.from_pretrained(bert).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(bert).save_pretrained(tmp_path)
    with pytest.raises(UserError, match=r"is a BertModel, which lacks the head") as told:
        CrossEncoder(model=str(tmp_path)).rerank(ranked, RUNTIME)
    assert "\n" not in str(told.value)
    with pytest.raises(UserError, match=r"is a BertModel, .* take a language model"):
        CrossEncoder(model=str(tmp_path), template=ASKED).rerank(ranked, RUNTIME)


def test_a_checkpoint_without_all_weights(tmp_path: Path, ranked: Ranked) -> None:
    """transformers makes them up, and only says so."""
    from safetensors.torch import load_file, save_file

    save_cross_encoder(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    del weights["classifier.weight"]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"lacks weights .* \(classifier\.weight\)") as told:
        CrossEncoder(model=str(tmp_path)).rerank(ranked, RUNTIME)
    assert "\n" not in str(told.value)


def test_a_folder_that_holds_no_model(tmp_path: Path, ranked: Ranked) -> None:
    with pytest.raises(UserError, match=f"model {tmp_path}") as told:
        CrossEncoder(model=str(tmp_path)).rerank(ranked, RUNTIME)
    assert "\n" not in str(told.value)


def test_classes_without_a_label(two_classes: str, bert: str, ranked: Ranked) -> None:
    with pytest.raises(UserError, match=r"has 2 classes: which one means relevant"):
        CrossEncoder(model=two_classes).rerank(ranked, RUNTIME)
    with pytest.raises(UserError, match=r"reranker\.label \(0 to 1\), got 2"):
        CrossEncoder(model=two_classes, label=2).rerank(ranked, RUNTIME)
    with pytest.raises(UserError, match="gives one score only"):
        CrossEncoder(model=bert, label=1).rerank(ranked, RUNTIME)


def test_a_score_that_is_no_number(tmp_path: Path, ranked: Ranked) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    save_cross_encoder(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    weights["classifier.bias"] = torch.tensor([float("nan")])
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"no finite score to passage 'the seine' of question 'q0'"):
        CrossEncoder(model=str(tmp_path)).rerank(ranked, RUNTIME)


def test_a_passage_without_text(bert: str, make_ranked: MakeRanked) -> None:
    ranked = make_ranked({"who?": [0, 1]}, [("faust", "a play."), ("empty", " ")])
    with pytest.raises(UserError, match=r"passage 'empty' \(row 1 of the corpus.* has no text"):
        CrossEncoder(model=bert).rerank(ranked, RUNTIME)


def test_a_question_longer_than_the_model(bert: str, make_ranked: MakeRanked) -> None:
    ranked = make_ranked({"a b " * 65: [0]}, PASSAGES)
    with pytest.raises(UserError, match="a question of 130 tokens leaves no room"):
        CrossEncoder(model=bert).rerank(ranked, RUNTIME)


def test_an_argument_the_model_does_not_take(encoder_decoder: str, ranked: Ranked) -> None:
    template = {**ASKED, "arguments": {"cutoff_layers": [2]}}
    with pytest.raises(UserError, match=r"reranker\.template\.arguments\.cutoff_layers"):
        CrossEncoder(model=encoder_decoder, template=template).rerank(ranked, RUNTIME)


def test_the_key_knows_the_models_content(tmp_path: Path) -> None:
    save_cross_encoder(tmp_path)
    first = CrossEncoder(model=str(tmp_path)).sources()
    assert first == CrossEncoder(model=str(tmp_path)).sources()
    (tmp_path / "added.json").write_text("{}")
    assert CrossEncoder(model=str(tmp_path)).sources() != first
