"""What is learnt: the heads that are trained, and their losses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from extractive_models import encoder, pointer
from reading_lessons import LESSONS, SHAPE, lesson

from qa_bench.models.source import Source
from qa_bench.reader.extractive.layout import Layout, Padding
from qa_bench.reader.extractive.objectives import (
    OBJECTIVES,
    DprObjective,
    Item,
    SpanObjective,
    batch_of,
)


def test_dprs_reader_starts_from_what_points(tmp_path: Path) -> None:
    """A base's encoder, and its head where it has one."""
    from safetensors.torch import load_file

    given = load_file(pointer(tmp_path / "pointer") / "model.safetensors")
    made = OBJECTIVES["dpr"].model(Source(str(tmp_path / "pointer"))).state_dict()
    head = made["span_predictor.qa_outputs.weight"]
    assert head.equal(given["qa_outputs.weight"])
    name = "embeddings.word_embeddings.weight"
    assert made[f"span_predictor.encoder.bert_model.{name}"].equal(given[f"bert.{name}"])
    encoder(tmp_path / "encoder")
    made = OBJECTIVES["dpr"].model(Source(str(tmp_path / "encoder"))).state_dict()
    assert not made["span_predictor.qa_outputs.weight"].equal(head)


def test_dprs_loss_is_its_formula(tmp_path: Path) -> None:
    """``compute_loss`` of DPR's code, spelled out for two questions of three passages each."""
    import torch

    random = np.random.default_rng(0)
    window = Layout(_tokenizer(tmp_path), SHAPE, 512, types=False).windows
    ids = [window(np.arange(3), np.zeros(0, int), np.arange(5, 5 + n))[0] for n in (9, 4, 7)]
    spans = [np.array([[6, 7], [9, 9]]), np.array([[5, 5]])]
    items = [Item(ids, spans[0]), Item(ids, spans[1])]
    batch = batch_of(items, Padding(0, 128), torch.device("cpu"))
    shape = tuple(batch.arguments["input_ids"].shape)
    starts, ends = (random.normal(size=shape).astype(np.float32) for _ in range(2))
    relevance = random.normal(size=shape[0]).astype(np.float32)

    class Found:
        start_logits, end_logits = torch.from_numpy(starts), torch.from_numpy(ends)
        relevance_logits = torch.from_numpy(relevance)

    there = batch.arguments["attention_mask"].numpy().astype(bool)

    def probability(logits: np.ndarray, kept: np.ndarray) -> np.ndarray:
        powers = np.exp(logits.astype(np.float64)) * kept
        return powers / powers.sum()

    expected = []
    for place, item in enumerate(items):
        row = 3 * place
        start, end = (probability(one[row], there[row]) for one in (starts, ends))
        chosen = probability(relevance[row : row + 3], np.ones(3))[0]
        expected.append(-np.log(chosen) - np.log(sum(start[a] * end[b] for a, b in item.spans)))
    assert float(DprObjective().loss(Found, batch)) == pytest.approx(np.mean(expected), rel=1e-5)


def test_spans_loss_is_transformers_own(tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForQuestionAnswering

    folder = pointer(tmp_path / "pointer")
    model = AutoModelForQuestionAnswering.from_pretrained(folder).eval()
    layout = Layout(_tokenizer(tmp_path), SHAPE, 512, types=True)
    items = SpanObjective().items(layout, LESSONS[:1], 0)
    batch = batch_of(items, Padding(0, len(items[0].windows[0].ids)), torch.device("cpu"))
    with torch.inference_mode():
        found = model(
            **batch.arguments,
            start_positions=torch.tensor([int(items[0].spans[0, 0])]),
            end_positions=torch.tensor([int(items[0].spans[0, 1])]),
        )
        ours = SpanObjective().loss(found, batch)
    assert float(ours) == pytest.approx(float(found.loss), rel=1e-6)


def test_windows_without_the_answer_point_at_the_first_token(tmp_path: Path) -> None:
    text = " ".join(["louis was the king of france"] * 20 + ["anna ruled"])
    long = lesson(text, "anna", "who ruled")
    layout = Layout(_tokenizer(tmp_path), SHAPE, 512, types=True)
    items = SpanObjective().items(layout, [long], 0)
    assert len(items) > 2
    assert [len(item.spans) for item in items[:-1]] == [0] * (len(items) - 1)
    assert len(items[-1].spans) == 1
    [of_dpr] = DprObjective().items(layout, [long], 1)
    assert of_dpr.windows[0].ids.tolist() == items[-1].windows[0].ids.tolist()


def _tokenizer(tmp_path: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(pointer(tmp_path / "for_tokens"))
