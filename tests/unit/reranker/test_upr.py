"""UPR's scores against a plain loop: one pair at a time, nothing shared, nothing cut off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reranker_models import RUNTIME, MakeRanked, byte_tokenizer, save_cross_encoder

from qa_bench.errors import UserError
from qa_bench.reranker.upr import UPR, wording
from qa_bench.store.ranked import Ranked
from qa_bench.types import Runtime

PASSAGES = [
    ("faust", "faust is a play by goethe"),
    ("", "a passage without a title"),
    ("the seine", "the river is long, it is said. " * 4),
    ("paris", "paris is the capital of france"),
]
HITS = {"who wrote faust?": [2, 0, 1], "nothing": [], "what is the capital of france?": [3, 2, 0]}
AFTER = ". Please write a question based on this passage."


@pytest.fixture
def ranked(make_ranked: MakeRanked) -> Ranked:
    return make_ranked(HITS, PASSAGES)


def loop(folder: str, ranked: Ranked, end_token: bool) -> list[float]:
    """The mean of the log probabilities, token by token."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    two_parts = AutoConfig.from_pretrained(folder).is_encoder_decoder
    kind: Any = AutoModelForSeq2SeqLM if two_parts else AutoModelForCausalLM
    model = kind.from_pretrained(folder).eval()
    found = []
    for asked, title, text in zip(ranked.question_rows, ranked.titles, ranked.texts, strict=True):
        text = text.strip()
        prompt = f"Passage: {title} {text}{AFTER}" if title else f"Passage: {text}{AFTER}"
        question = ranked.questions.questions[asked].text
        question = f"Question: {question}" + "?" * (not question.endswith("?"))
        tokens = tokenizer(question if two_parts else f" {question}", add_special_tokens=False)
        targets = tokens["input_ids"] + [tokenizer.eos_token_id] * end_token
        read = tokenizer(prompt)["input_ids"]
        logs = []
        for place, target in enumerate(targets):
            said = targets[:place]
            with torch.inference_mode():
                if two_parts:
                    start = [model.config.decoder_start_token_id, *said]
                    given = {"decoder_input_ids": torch.tensor([start])}
                    logits = model(input_ids=torch.tensor([read]), **given).logits
                else:
                    logits = model(input_ids=torch.tensor([read + said])).logits
            logs.append(logits[0, -1].log_softmax(-1)[target].item())
        found.append(float(np.mean(logs)))
    return found


@pytest.mark.parametrize("kind", ["decoder", "encoder_decoder"])
@pytest.mark.parametrize("end_token", [False, True])
def test_scores_are_the_loops(
    kind: str, end_token: bool, ranked: Ranked, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(kind)
    found = UPR(model=folder, end_token=end_token).rerank(ranked, RUNTIME)
    assert found.dtype == np.float32
    assert (found < 0).all()
    assert np.ptp(found) > 0.01
    np.testing.assert_allclose(found, loop(folder, ranked, end_token), atol=1e-4)


@pytest.mark.parametrize("kind", ["decoder", "encoder_decoder"])
@pytest.mark.parametrize("batch_size", [1, 2, 100])
def test_questions_of_all_lengths_in_one_batch(
    kind: str, batch_size: int, make_ranked: MakeRanked, request: pytest.FixtureRequest
) -> None:
    """Rows of one length whose questions are longer and shorter: padding must not be counted."""
    folder = request.getfixturevalue(kind)
    passages = [("", "a" * n) for n in (20, 15, 10)]
    questions = {"b" * n: [row] for row, n in enumerate((2, 7, 12))}
    if kind == "encoder_decoder":  # rows are the prompts: of one length too
        passages = [("", letter * 10) for letter in "abc"]
    ranked = make_ranked(questions, passages)
    runtime = Runtime(threads=1, device="cpu", progress=False, batch_size=batch_size)
    found = UPR(model=folder).rerank(ranked, runtime)
    np.testing.assert_allclose(found, loop(folder, ranked, False), atol=1e-4)


def test_long_passages_are_cut_and_the_prompt_is_not(decoder: str, make_ranked: MakeRanked) -> None:
    """A byte is a token here: what the limit leaves can be counted."""
    question = "who wrote faust?"
    room = 128 - len("Passage: ") - len(AFTER) - len(f"Question: {question}") - 1
    whole, cut = "x" * 300, "x" * room
    long, short = (
        UPR(model=decoder, max_length=128).rerank(make_ranked({question: [0]}, [("", t)]), RUNTIME)
        for t in (whole, cut)
    )
    assert long == short
    [shorter] = UPR(model=decoder, max_length=128).rerank(
        make_ranked({question: [0]}, [("", cut[1:])]), RUNTIME
    )
    assert long[0] != shorter


def test_prompt_and_title(decoder: str, ranked: Ranked, make_ranked: MakeRanked) -> None:
    said = [("", f"{title} | {text}" if title else text) for title, text in PASSAGES]
    found = UPR(model=decoder, title=" | ").rerank(ranked, RUNTIME)
    np.testing.assert_allclose(
        found, UPR(model=decoder).rerank(make_ranked(HITS, said), RUNTIME), atol=1e-6
    )
    other = UPR(model=decoder, before="Text: ", after=". A question:").rerank(ranked, RUNTIME)
    assert not np.allclose(found, other)


@pytest.mark.parametrize(
    ("template", "question", "said"),
    [
        ("Question: {}?", "who wrote faust", "Question: who wrote faust?"),
        ("Question: {}?", " who wrote faust? ", "Question: who wrote faust?"),
        ("Question: {}", "who wrote faust", "Question: who wrote faust"),
        ("{}", "who?", "who?"),
    ],
)
def test_what_is_scored(template: str, question: str, said: str) -> None:
    assert wording(template, question) == said


def test_the_template_of_the_question_is_scored(decoder: str, ranked: Ranked) -> None:
    usual, bare = (
        UPR(model=decoder, question=template).rerank(ranked, RUNTIME)
        for template in ("Question: {}?", "{}")
    )
    assert not np.allclose(usual, bare)


def test_interpolation(decoder: str, ranked: Ranked) -> None:
    alone = UPR(model=decoder).rerank(ranked, RUNTIME)
    found = UPR(model=decoder, interpolate=2).rerank(ranked, RUNTIME)
    np.testing.assert_allclose(found, alone + 2 * ranked.scores, atol=1e-5)


def test_no_hits(decoder: str, make_ranked: MakeRanked) -> None:
    assert UPR(model=decoder).rerank(make_ranked({"who?": []}, PASSAGES), RUNTIME).shape == (0,)


# What goes wrong


def test_settings_out_of_range() -> None:
    with pytest.raises(UserError, match=r"reranker\.model: name a model"):
        UPR()
    with pytest.raises(UserError, match=r"reranker\.depth"):
        UPR(model="organisation/model", depth=-1)
    with pytest.raises(UserError, match=r"reranker\.question: one \{\} for the question"):
        UPR(model="organisation/model", question="Question:")


def test_a_model_that_says_nothing(tmp_path: Path, ranked: Ranked) -> None:
    save_cross_encoder(tmp_path)
    with pytest.raises(UserError, match="is a BertForSequenceClassification, which lacks"):
        UPR(model=str(tmp_path)).rerank(ranked, RUNTIME)


def test_no_more_tokens_than_the_model_has_positions(tmp_path: Path, ranked: Ranked) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    tokenizer = byte_tokenizer()
    sizes = {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 200}
    GPT2LMHeadModel(GPT2Config(vocab_size=len(tokenizer), **sizes)).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    told = r"^reranker\.max_length=512, but the model has 200 positions$"
    with pytest.raises(UserError, match=told):
        UPR(model=str(tmp_path)).sources()
    with pytest.raises(UserError, match=told):
        UPR(model=str(tmp_path)).rerank(ranked, RUNTIME)
    assert np.isfinite(UPR(model=str(tmp_path), max_length=200).rerank(ranked, RUNTIME)).all()


def test_a_question_that_fills_the_model(decoder: str, make_ranked: MakeRanked) -> None:
    ranked = make_ranked({"who" * 40: [0]}, PASSAGES)
    with pytest.raises(UserError, match=r"question of 132 tokens .* reranker\.max_length=128"):
        UPR(model=decoder, max_length=128).rerank(ranked, RUNTIME)


def test_a_question_without_text(decoder: str, make_ranked: MakeRanked) -> None:
    with pytest.raises(UserError, match="a question has no text"):
        UPR(model=decoder).rerank(make_ranked({" ": [0]}, PASSAGES), RUNTIME)


def test_a_passage_without_text(decoder: str, make_ranked: MakeRanked) -> None:
    with pytest.raises(UserError, match=r"passage 'empty' .* has no text"):
        UPR(model=decoder).rerank(make_ranked({"who?": [0]}, [("empty", "")]), RUNTIME)
