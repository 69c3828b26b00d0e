"""Architectures of our own give what their authors' forward passes give, on tiny random models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import author_checkpoints as checkpoints
import author_models as authors
import pytest
import torch
import transformers

from qa_bench.errors import UserError
from qa_bench.models.checkpoint import checkpoint
from qa_bench.models.native.layer_heads import chosen_layers, compressed
from qa_bench.models.source import Source

WORDS = 60
IDS = [[3, 17, 4, 4, 51, 8, 29], [5, 9, 3, 44, 12, 13, 2]]
NTK = {"type": "ntk", "factor": 8.0}
ENCODERS = {
    "nv_embed": lambda: checkpoints.nv_embed(WORDS),
    "mgte": lambda: checkpoints.new(WORDS, scaling=NTK),
    "stella_400m": lambda: checkpoints.new(WORDS, types=2, scaling={"type": "ntk", "factor": 2.0}),
    "arctic_embed_m_v2": lambda: checkpoints.new(WORDS, model_type="gte"),
    "no token types": lambda: checkpoints.new(WORDS, types=0),
    "nomic_v2_moe": lambda: checkpoints.nomic(WORDS),
    "voyage_4_nano": lambda: checkpoints.voyage(WORDS),
}


def loaded(folder: Path, kind: str) -> Any:
    with checkpoint(Source(str(folder)), "retriever", unread="pooler") as place:
        return getattr(transformers, kind).from_pretrained(place.name).eval()


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("name", ENCODERS)
def test_tokens_have_the_authors_vectors(name: str, tmp_path: Path) -> None:
    ENCODERS[name]().save_pretrained(tmp_path)
    model, by_authors = loaded(tmp_path, "AutoModel"), authors.AuthorModel(tmp_path)
    ids = torch.tensor(IDS)
    with torch.inference_mode():
        vectors = model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
        expected = torch.cat([by_authors(row[None]).last_hidden_state for row in ids])
        padded = torch.cat((ids, torch.ones_like(ids)), 1)
        seen = torch.cat((torch.ones_like(ids), torch.zeros_like(ids)), 1)
        masked = model(input_ids=padded, attention_mask=seen).last_hidden_state[:, : ids.shape[1]]
    assert expected.std(1).mean() > 1e-2, "all tokens alike would show nothing"
    torch.testing.assert_close(vectors, expected, atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(masked, vectors, atol=2e-5, rtol=1e-4)


def test_mgte_reranker(tmp_path: Path) -> None:
    made = checkpoints.new(WORDS, task="ForSequenceClassification", scaling=NTK)
    made.save_pretrained(tmp_path)
    model = loaded(tmp_path, "AutoModelForSequenceClassification")
    ids = torch.tensor(IDS)
    with torch.inference_mode():
        scores = model(input_ids=ids).logits
        expected = torch.cat([authors.AuthorModel(tmp_path)(row[None]).logits for row in ids])
    torch.testing.assert_close(scores, expected, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("task", ["ForTokenClassification", "ForMaskedLM"])
def test_mgte_as_a_sparse_model(task: str, tmp_path: Path) -> None:
    checkpoints.new(WORDS, task=task, scaling=NTK).save_pretrained(tmp_path)
    model = loaded(tmp_path, f"AutoModel{task}")
    ids = torch.tensor(IDS)
    with torch.inference_mode():
        logits = model(input_ids=ids).logits
        expected = torch.cat([authors.AuthorModel(tmp_path)(row[None]).logits for row in ids])
    assert logits.std(1).mean() > 1e-2, "all tokens alike would show nothing"
    torch.testing.assert_close(logits, expected, atol=2e-5, rtol=1e-4)


def test_layers_of_minicpm(tmp_path: Path) -> None:
    checkpoints.minicpm(WORDS, layers=10).save_pretrained(tmp_path)
    model, by_authors = loaded(tmp_path, "AutoModelForCausalLM"), authors.AuthorModel(tmp_path)
    ids = torch.tensor(IDS)
    with torch.inference_mode():
        scores = model(input_ids=ids, cutoff_layers=[10, 8]).logits
        padded = torch.cat((torch.ones_like(ids), ids), 1)
        seen = torch.cat((torch.zeros_like(ids), torch.ones_like(ids)), 1)
        left = model(input_ids=padded, attention_mask=seen, cutoff_layers=[8, 10]).logits
        for place, layer in enumerate((8, 10)):
            expected = torch.stack([by_authors(row[None], layer=layer).logits for row in ids])
            torch.testing.assert_close(scores[place][:, 0], expected, atol=2e-5, rtol=1e-4)
            torch.testing.assert_close(left[place][:, 0], expected, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize(("ratio", "layers"), [(1, ()), (2, (7,)), (3, (2, 7))])
def test_layers_of_gemma2(ratio: int, layers: tuple[int, ...], tmp_path: Path) -> None:
    checkpoints.gemma2(WORDS, layers=10, sliding_window=3).save_pretrained(tmp_path)
    model, by_authors = loaded(tmp_path, "AutoModelForCausalLM"), authors.AuthorModel(tmp_path)
    ids, before = torch.tensor(IDS), torch.tensor([1, 2])
    how = {"compress_ratio": ratio, "compress_layers": layers, "query_lengths": before}
    how["prompt_lengths"] = 2
    with torch.inference_mode():
        [scores] = model(input_ids=ids, cutoff_layers=[9], **how).logits
        [own] = model(input_ids=ids, cutoff_layers=[9], own_heads=True, **how).logits
    for head, ours in ((0, scores), (1, own)):
        expected = [
            by_authors(
                row[None], layer=9, head=head, ratio=ratio, shrinks=layers, before=b, after=2
            ).logits
            for row, b in zip(ids, before.tolist(), strict=True)
        ]
        torch.testing.assert_close(ours[:, 0], torch.stack(expected), atol=2e-5, rtol=1e-4)


def test_means_in_place_of_a_passage() -> None:
    hidden = torch.arange(7.0).reshape(1, 7, 1).repeat(2, 1, 1)
    counts = torch.tensor([7, 7]), torch.tensor([1, 3]), torch.tensor([1, 2])
    states, lengths = compressed(hidden, *counts, 2)
    assert lengths.tolist() == [5, 6]
    assert states[0, :, 0].tolist() == [0, 1.5, 3.5, 5, 6, 0]
    assert states[1, :, 0].tolist() == [0, 1, 2, 3.5, 5, 6]


def test_a_layer_without_a_head() -> None:
    assert chosen_layers(None, range(8, 11)) == [10]
    with pytest.raises(UserError, match=r"cutoff_layers=\[7\]: .* layers 8 to 10"):
        chosen_layers([7, 9], range(8, 11))


def test_other_checkpoints_of_the_kind_are_left_alone(tmp_path: Path) -> None:
    """A MiniCPM that talks; and afterwards transformers knows the kind no more."""
    checkpoints.minicpm(WORDS, layers=10).save_pretrained(tmp_path)
    loaded(tmp_path, "AutoModelForCausalLM")
    config = json.loads((tmp_path / "config.json").read_text())
    del config["start_layer"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="runs code of its own"):
        loaded(tmp_path, "AutoModelForCausalLM")


def test_jinas_listwise_reranker_is_refused_with_the_reason(tmp_path: Path) -> None:
    config = {"model_type": "qwen3", "architectures": ["JinaForRanking"]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="all passages of a question in one row"):
        loaded(tmp_path, "AutoModel")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"logn_attention_scale": True}, "logn_attention_scale=True"),
        ({"rope_scaling": {"type": "ntk", "factor": 2.0, "mixed_b": 0.5}}, "rope_scaling="),
    ],
)
def test_what_is_not_written_is_refused(
    settings: dict[str, Any], words: str, tmp_path: Path
) -> None:
    checkpoints.new(WORDS, **settings).save_pretrained(tmp_path)
    with pytest.raises(UserError, match=words):
        loaded(tmp_path, "AutoModel")
