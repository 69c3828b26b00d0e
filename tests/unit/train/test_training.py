"""Training: lessons, losses, the same bytes every time, and going on after a kill."""

from __future__ import annotations

import gzip
import hashlib
import json
import logging
import lzma
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from extractive_models import dpr_reader, encoder, pointer, ranked

from qa_bench.errors import DataError, UserError
from qa_bench.models.source import Source
from qa_bench.reader.extractive.layout import Layout, Padding, Shape
from qa_bench.reader.extractive.lessons import Lesson, Text, lessons
from qa_bench.reader.extractive.objectives import OBJECTIVES, Dpr, Item, Spans, batch_of
from qa_bench.reader.extractive.part import Extractive
from qa_bench.train.loop import Settings, train
from qa_bench.types import Runtime

RUNTIME = Runtime(threads=1, device="cpu", progress=False)
SHAPE = Shape("none", max_length=64, stride=24, question_tokens=12)


def lesson(text: str, answer: str, question: str, negatives: Sequence[str] = ()) -> Lesson:
    start = text.index(answer)
    return Lesson(
        question,
        Text("the king", text),
        ((start, start + len(answer)),),
        tuple(Text("x", other) for other in negatives),
    )


LESSONS = [
    lesson(text.replace("*", who), who, f"who ruled {where}", ["a long river", "the river of "])
    for who in ("anna", "louis")
    for text, where in (
        ("* ruled france", "france"),
        ("the king of france was *", "france"),
        ("in england * was the queen", "england"),
        ("long ruled * in england", "england"),
    )
]


def digest_of(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def trained(base: Path, folder: Path, **settings: Any) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    given = {"epochs": 2, "batch": 3, "negatives": 1, "checkpoint": 2, **settings}
    return train(Source(str(base)), SHAPE, LESSONS, Settings(**given), folder, RUNTIME)


@pytest.mark.parametrize("objective", ["spans", "dpr"])
def test_the_same_bytes_twice_and_after_a_kill(
    objective: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = encoder(tmp_path / "base")
    counts = trained(base, tmp_path / "once", objective=objective)
    assert trained(base, tmp_path / "twice", objective=objective) == counts
    once = digest_of(tmp_path / "once" / "model")
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= set(once)
    assert digest_of(tmp_path / "twice" / "model") == once
    assert counts["steps"] == 6
    assert not list((tmp_path / "once").glob("checkpoint*.safetensors"))

    from qa_bench.train import loop as training

    step, asked = training._Run._step, []

    def killed(self: Any, number: int) -> float:
        asked.append(number)
        if len(asked) == 4:
            raise KeyboardInterrupt
        return step(self, number)

    monkeypatch.setattr(training._Run, "_step", killed)
    with pytest.raises(KeyboardInterrupt):
        trained(base, tmp_path / "killed", objective=objective)
    assert not (tmp_path / "killed" / "model").exists()
    assert trained(base, tmp_path / "killed", objective=objective) == counts
    assert asked == [0, 1, 2, 3, 2, 3, 4, 5], "on from the checkpoint after step 2"
    assert digest_of(tmp_path / "killed" / "model") == once


def test_another_seed_gives_another_model(tmp_path: Path) -> None:
    base = encoder(tmp_path / "base")
    trained(base, tmp_path / "a", epochs=1)
    trained(base, tmp_path / "b", epochs=1, seed=1)
    one, other = (digest_of(tmp_path / name / "model") for name in "ab")
    assert one["config.json"] == other["config.json"]
    assert one["model.safetensors"] != other["model.safetensors"]


def test_nothing_is_pickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pickle

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("pickled")

    for name in ("dump", "dumps", "load", "loads"):
        monkeypatch.setattr(pickle, name, refuse)
    base = encoder(tmp_path / "base")
    trained(base, tmp_path / "out", epochs=1)
    suffixes = {path.suffix for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert suffixes <= {".json", ".safetensors", ".txt", ".done"}


@pytest.mark.parametrize(("objective", "aggregation"), [("spans", "drqa"), ("dpr", "dpr")])
def test_it_learns_and_reads(objective: str, aggregation: str, tmp_path: Path) -> None:
    """A tiny model learns eight examples by heart, and the reader reads with it."""
    base = encoder(tmp_path / "base", initializer_range=0.1)
    settings = {"epochs": 40, "batch": 4, "learning_rate": 5e-3, "dropout": 0.0}
    counts = trained(base, tmp_path / "out", objective=objective, **settings)
    assert counts["loss"] < 0.2
    reader = Extractive(
        model=str(tmp_path / "out" / "model"), aggregation=aggregation, max_answer_tokens=2,
        max_length=64, stride=24, question_tokens=12,
    )  # fmt: skip
    answers = reader.read(
        ranked(
            [one.question for one in LESSONS],
            [[("x", "a long river")] * (objective == "dpr") + [one.positive] for one in LESSONS],
        ),
        RUNTIME,
    )
    assert answers == [one.positive.text[slice(*one.spans[0])] for one in LESSONS]


def test_the_cost_is_told_beforehand(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        counts = trained(encoder(tmp_path / "base"), tmp_path / "out", epochs=1)
    [told] = [r.getMessage() for r in caplog.records if "a second" in r.getMessage()]
    assert f"{counts['sequences']} sequences" in told
    assert f"{counts['steps']} steps to go" in told
    assert "min" in told


def test_a_reader_is_trained_further(tmp_path: Path) -> None:
    trained(dpr_reader(tmp_path / "dpr"), tmp_path / "a", epochs=1, objective="dpr")
    trained(pointer(tmp_path / "pointer"), tmp_path / "b", epochs=1)
    for name, kind in (("a", "DPRReader"), ("b", "BertForQuestionAnswering")):
        config = json.loads((tmp_path / name / "model/config.json").read_text())
        assert config["architectures"] == [kind]


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


# Losses


def test_dprs_loss_is_its_formula(tmp_path: Path) -> None:
    """``compute_loss`` of DPR's code, spelled out for two questions of three passages each."""
    import torch

    random = np.random.default_rng(0)
    window = Layout(_tokenizer(tmp_path), SHAPE, 128, types=False).windows
    ids = [window(np.arange(3), np.zeros(0, int), np.arange(5, 5 + n))[0] for n in (9, 4, 7)]
    spans = [np.array([[6, 7], [9, 9]]), np.array([[5, 5]])]
    items = [Item(ids, spans[0]), Item(ids, spans[1])]
    batch = batch_of(items, Padding(0, 128), torch.device("cpu"))
    shape = tuple(batch.given["input_ids"].shape)
    starts, ends = (random.normal(size=shape).astype(np.float32) for _ in range(2))
    relevance = random.normal(size=shape[0]).astype(np.float32)

    class Found:
        start_logits, end_logits = torch.from_numpy(starts), torch.from_numpy(ends)
        relevance_logits = torch.from_numpy(relevance)

    there = batch.given["attention_mask"].numpy().astype(bool)

    def probability(logits: np.ndarray, kept: np.ndarray) -> np.ndarray:
        powers = np.exp(logits.astype(np.float64)) * kept
        return powers / powers.sum()

    expected = []
    for place, item in enumerate(items):
        row = 3 * place
        start, end = (probability(one[row], there[row]) for one in (starts, ends))
        chosen = probability(relevance[row : row + 3], np.ones(3))[0]
        expected.append(-np.log(chosen) - np.log(sum(start[a] * end[b] for a, b in item.spans)))
    assert float(Dpr().loss(Found, batch)) == pytest.approx(np.mean(expected), rel=1e-5)


def test_spans_loss_is_transformers_own(tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForQuestionAnswering

    folder = pointer(tmp_path / "pointer")
    model = AutoModelForQuestionAnswering.from_pretrained(folder).eval()
    layout = Layout(_tokenizer(tmp_path), SHAPE, 128, types=True)
    items = Spans().items(layout, LESSONS[:1], 0)
    batch = batch_of(items, Padding(0, len(items[0].windows[0].ids)), torch.device("cpu"))
    with torch.inference_mode():
        found = model(
            **batch.given,
            start_positions=torch.tensor([int(items[0].spans[0, 0])]),
            end_positions=torch.tensor([int(items[0].spans[0, 1])]),
        )
        ours = Spans().loss(found, batch)
    assert float(ours) == pytest.approx(float(found.loss), rel=1e-6)


def test_windows_without_the_answer_point_at_the_first_token(tmp_path: Path) -> None:
    text = " ".join(["louis was the king of france"] * 20 + ["anna ruled"])
    long = lesson(text, "anna", "who ruled")
    layout = Layout(_tokenizer(tmp_path), SHAPE, 128, types=True)
    items = Spans().items(layout, [long], 0)
    assert len(items) > 2
    assert [len(item.spans) for item in items[:-1]] == [0] * (len(items) - 1)
    assert len(items[-1].spans) == 1
    [of_dpr] = Dpr().items(layout, [long], 1)
    assert of_dpr.windows[0].ids.tolist() == items[-1].windows[0].ids.tolist()


def _tokenizer(tmp_path: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(pointer(tmp_path / "for_tokens"))


# What goes wrong


def test_a_loss_that_is_no_number(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    base = pointer(tmp_path / "base")
    weights = load_file(base / "model.safetensors")
    weights["qa_outputs.bias"] = torch.full_like(weights["qa_outputs.bias"], float("nan"))
    save_file(weights, base / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"the loss of step 1 is nan"):
        trained(base, tmp_path / "out")


def test_dpr_is_a_bert(tmp_path: Path) -> None:
    import torch
    from extractive_models import tokenizer
    from transformers import DistilBertConfig, DistilBertModel

    torch.manual_seed(0)
    config = DistilBertConfig(vocab_size=200, dim=32, n_layers=1, n_heads=4, hidden_dim=48)
    DistilBertModel(config).save_pretrained(tmp_path / "base")
    tokenizer().save_pretrained(tmp_path / "base")
    with pytest.raises(UserError, match="'distilbert': take train"):
        trained(tmp_path / "base", tmp_path / "out", objective="dpr")


def test_no_lessons(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no example to train on"):
        train(Source(str(encoder(tmp_path / "b"))), SHAPE, [], Settings(), tmp_path, RUNTIME)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"objective": "mlm"}, "spans, dpr"),
        ({"precision": "fp16"}, "fp32, bf16"),
        ({"epochs": 0}, "train.epochs"),
        ({"seed": -1}, "train.seed"),
        ({"learning_rate": 2}, "train.learning_rate"),
        ({"dropout": "half"}, "train.dropout"),
    ],
)
def test_settings_out_of_range(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told):
        Settings(**settings)


# What is learnt from

SQUAD = {
    "version": "1.1",
    "data": [
        {
            "title": "Kings_of%20old",
            "paragraphs": [
                {
                    "context": "Anna and anna. Then Louis.",
                    "qas": [
                        {"id": "1", "question": "a?",
                         "answers": [{"text": "anna", "answer_start": 9}]},
                        {"id": "2", "question": "b?",
                         "answers": [{"text": "anna", "answer_start": 3}]},
                        {"id": "3", "question": "c?",
                         "answers": [{"text": "Oslo", "answer_start": 0}]},
                    ],
                },
                {"context": "Louis again.", "qas": []},
                {"context": "Of ANNA.", "qas": []},
            ],
        }
    ],
}  # fmt: skip


def written(path: Path, value: Any) -> Path:
    data = json.dumps(value).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def read(path: Path, articles: Path | None = None, negatives: int = 2) -> tuple[list[Lesson], Any]:
    counts: dict[str, int] = {}
    return list(lessons([path], articles, negatives, counts)), counts


def test_squad(tmp_path: Path) -> None:
    found, counts = read(written(tmp_path / "train.json.gz", SQUAD))
    assert counts == {"questions": 3, "without_answer": 1}
    title = "Kings of old"
    assert [one.spans for one in found] == [((9, 13),), ((0, 4),)], "as told; else the first"
    assert found[0].positive == Text(title, "Anna and anna. Then Louis.")
    assert found[0].negatives == (Text(title, "Louis again."),), "the answer is in the other"


def test_dprs_files(tmp_path: Path) -> None:
    def context(text: str) -> dict[str, Any]:
        return {"title": "t", "text": text, "score": 1, "title_score": 0, "passage_id": "7"}

    row = {
        "dataset": "x", "question": "q", "answers": ["New  York", "NY"],
        "positive_ctxs": [context("Newyork"), context("In new york, NY; new york")],
        "negative_ctxs": [context("c")], "hard_negative_ctxs": [context("a"), context("b")],
    }  # fmt: skip
    path = written(tmp_path / "mined.json", [row, {**row, "answers": ["Oslo"]}])
    found, counts = read(path, negatives=3)
    assert counts == {"questions": 2, "without_answer": 1}
    [one] = found
    assert [one.positive.text[a:b] for a, b in one.spans] == ["new york", "NY", "new york"]
    assert [text for _, text in one.negatives] == ["a", "b", "c"]


def test_json_lines_with_paragraph_numbers(tmp_path: Path) -> None:
    articles = tmp_path / "articles.jsonl"
    articles.write_text(json.dumps({"title": "A b", "text": "One two.\n\nTwo Two.\n\nThree."}))
    rows = tmp_path / "train.jsonl"
    row = {"question": "q", "answers": ["Two"], "article": "A_b", "paragraph": 1}
    rows.write_text(json.dumps(row) + "\n")
    [one], counts = read(rows, articles)
    assert (one.spans, counts["without_answer"]) == (((0, 3),), 0)
    assert [text for _, text in one.negatives] == ["Three."]
    with pytest.raises(UserError, match=r"train\.articles"):
        read(rows)
    rows.write_text(json.dumps({**row, "paragraph": 3}))
    with pytest.raises(DataError, match=r"train.jsonl:1: .* has no paragraph 3 of 'A b'"):
        read(rows, articles)


@pytest.mark.parametrize("value", [{"data": [{}]}, {"data": 3}, "text", 7, {"x": 1}])
def test_other_structures(value: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"other.json"):
        read(written(tmp_path / "other.json", value))


def test_what_is_no_text(tmp_path: Path) -> None:
    for name, value in (("question", 3), ("answers", [{"text": 3}])):
        squad = json.loads(json.dumps(SQUAD))
        squad["data"][0]["paragraphs"][0]["qas"][0][name] = value
        with pytest.raises(DataError, match=r"other.json"):
            read(written(tmp_path / "other.json", squad))


@pytest.mark.parametrize("suffix", [".gz", ".xz"])
def test_a_corrupt_file(suffix: str, tmp_path: Path) -> None:
    whole = {".gz": gzip.compress, ".xz": lzma.compress}[suffix](json.dumps(SQUAD).encode())
    path = tmp_path / f"train.json{suffix}"
    path.write_bytes(whole[:-30])
    with pytest.raises(DataError, match=r"train\.json"):
        read(path)


@pytest.mark.shared
def test_real_squad_has_nearly_every_answer(shared: Path) -> None:
    data = shared / "data"
    found = lessons(
        [data / "squad/train.jsonl.gz"], data / "squad_corpus/articles.jsonl.gz", 0, counts := {}
    )
    for _, one in zip(range(2000), found, strict=False):
        assert one.positive.text[slice(*one.spans[0])]
    assert counts == {"questions": 2007, "without_answer": 7}, "seven are parts of words"


@pytest.mark.shared
def test_real_rows_of_dpr(shared: Path) -> None:
    found, counts = read(shared / "data/dpr_rows/biencoder-nq-dev.first5.json.gz", negatives=7)
    assert counts["questions"] == 5
    assert len(found) >= 4
    assert all(len(one.negatives) == 7 for one in found)


# The verb

Cli = Callable[..., Any]


def test_the_verb_trains_once_and_the_reader_takes_it(cli: Cli, tmp_path: Path) -> None:
    base = encoder(tmp_path / "base")
    data = written(tmp_path / "train.json", SQUAD)
    words = (
        "train", "reader=extractive", f"++train.base={base}", f"++train.data={data}",
        "++train.epochs=1", "reader.question_tokens=16", "reader.max_length=64",
        "runtime.device=cpu",
    )  # fmt: skip
    done = cli(*words)
    assert done.returncode == 0, done.stderr
    folder = done.stdout.split("reader.model=")[1].strip()
    assert Extractive(model=str(tmp_path / folder)).sources()
    manifest = json.loads((tmp_path / folder).parent.joinpath("manifest.json").read_text())
    assert manifest["counts"]["without_answer"] == 1
    assert manifest["counts"]["examples"] == 2
    again = cli(*words, "reader.aggregation=gar", "++train.checkpoint=5")
    assert "reusing" in again.stderr, "what only chooses answers is not trained for"
    other = cli(*words, "++train.seed=1")
    assert "train.seed was 0, is 1" in other.stderr
    two = cli(*words, f"++train.data=[{data},{data}]")
    folder = two.stdout.split("reader.model=")[1].strip()
    manifest = json.loads((tmp_path / folder).parent.joinpath("manifest.json").read_text())
    assert manifest["counts"]["examples"] == 4
    assert set(manifest["inputs"]) == {"data", "data.1", "reader_model"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("train",), "train needs reader="),
        (("train", "reader=extractive"), "train needs train.data="),
        (("train", "reader=extractive", "++train.data=none.json"), "none.json: no such file"),
        (("train", "reader=extractive", "++train.epoch=1"), "train.epoch: no such setting"),
    ],
)
def test_the_verbs_errors(words: tuple[str, ...], told: str, cli: Cli) -> None:
    done = cli(*words)
    assert done.returncode == 2
    assert told in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
