"""What is learnt: the heads that are trained, and their losses."""

from __future__ import annotations

from collections.abc import Sequence
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


@pytest.mark.parametrize("name", OBJECTIVES)
def test_half_precision_is_trained_in_full(name: str, tmp_path: Path) -> None:
    import torch
    from transformers import BertForQuestionAnswering

    folder = pointer(tmp_path / "half")
    half = BertForQuestionAnswering.from_pretrained(folder, dtype=torch.bfloat16)
    half.save_pretrained(folder)
    model = OBJECTIVES[name].model(Source(str(folder)))
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}


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


def test_the_global_loss_is_its_formula(tmp_path: Path) -> None:
    """One softmax over the passages' own tokens of a question's three sequences."""
    import torch

    random = np.random.default_rng(0)
    window = Layout(_tokenizer(tmp_path), SHAPE, 512, types=False).windows
    windows = [window(np.arange(3), np.zeros(0, int), np.arange(5, 5 + n))[0] for n in (9, 4, 7)]
    items = [
        Item(windows, np.array([[6, 7], [5, 5]]), np.array([0, 2])),
        Item(windows[:1], np.array([[9, 9]]), np.array([0])),
    ]
    batch = batch_of(items, Padding(0, 128), torch.device("cpu"))
    shape = tuple(batch.arguments["input_ids"].shape)
    starts, ends = (random.normal(size=shape).astype(np.float32) for _ in range(2))

    class Found:
        start_logits, end_logits = torch.from_numpy(starts), torch.from_numpy(ends)

    def probabilities(logits: np.ndarray, row: int, some: Sequence[Any]) -> np.ndarray:
        """(sequences, tokens), 0 outside the passages."""
        powers = np.zeros((len(some), shape[1]))
        for place, one in enumerate(some):
            own = slice(one.at, one.at + one.size)
            powers[place, own] = np.exp(logits[row + place, own].astype(np.float64))
        return powers / powers.sum()

    expected = []
    for row, item in zip((0, 3), items, strict=True):
        start, end = (probabilities(one, row, item.windows) for one in (starts, ends))
        homes = [] if item.homes is None else item.homes.tolist()
        likely = [
            start[home, a] * end[home, b]
            for home, (a, b) in zip(homes, item.spans.tolist(), strict=True)
        ]
        expected.append(-np.log(sum(likely)))
    loss = OBJECTIVES["global"].loss(Found, batch)
    assert float(loss) == pytest.approx(np.mean(expected), rel=1e-5)


def test_the_likeliest_span_of_the_global_loss_is_the_readers(tmp_path: Path) -> None:
    """What is normalised in training is what the reader's aggregation sums up."""
    import torch

    from qa_bench.reader.extractive.aggregation import log_probabilities, multi_passage_bert
    from qa_bench.reader.extractive.spans import Spans, log_total

    random = np.random.default_rng(3)
    window = Layout(_tokenizer(tmp_path), SHAPE, 512, types=False).windows
    windows = [window(np.arange(3), np.zeros(0, int), np.arange(5, 5 + n))[0] for n in (4, 3)]
    pairs = [(home, at, at + 1) for home, one in enumerate(windows)
             for at in range(one.at, one.at + one.size - 1)]  # fmt: skip
    items = [Item(windows, np.array([[a, b]]), np.array([home])) for home, a, b in pairs]
    batch = batch_of(items[:1], Padding(0, 128), torch.device("cpu"))
    starts, ends = (torch.from_numpy(random.normal(size=(2, 16))).float() for _ in range(2))
    assert batch.arguments["input_ids"].shape == starts.shape

    class Found:
        start_logits, end_logits = starts, ends

    losses = [
        float(OBJECTIVES["global"].loss(Found, batch_of([one], Padding(0, 128), "cpu")))
        for one in items
    ]
    own = [slice(one.at, one.at + one.size) for one in windows]
    totals = [log_total([starts[n, o].numpy()], [ends[n, o].numpy()]) for n, o in enumerate(own)]
    logits = np.array([float(starts[home, a] + ends[home, b]) for home, a, b in pairs])
    homes = np.array([home for home, _, _ in pairs])
    spans = Spans(homes, logits, [""] * len(pairs), np.array(totals), None)
    assert multi_passage_bert(spans) == int(np.argmin(losses))
    apart = log_probabilities(spans, spans.total) + np.array(losses)
    assert np.ptp(apart) < 1e-5, "they differ by what is the same for all spans of a question"


def test_global_reads_all_windows(tmp_path: Path) -> None:
    """An answer that two windows show is right in both; a negative is read to its end."""
    text = " ".join(["louis was the king of france"] * 9 + ["anna ruled"] + ["of the king"] * 6)
    long = lesson(text, "anna", "who ruled", ["the long river " * 30])
    layout = Layout(_tokenizer(tmp_path), SHAPE, 512, types=True)
    [item] = OBJECTIVES["global"].items(layout, [long], 1)
    [alone] = OBJECTIVES["global"].items(layout, [long], 0)
    assert len(item.windows) > len(alone.windows) + 1
    assert item.homes is not None
    assert len(item.homes) == 2
    ids = {
        int(item.windows[home].ids[at])
        for home, (at, _) in zip(item.homes, item.spans, strict=True)
    }
    assert len(ids) == 1, "the same word"
