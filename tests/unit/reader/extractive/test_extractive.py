"""The extractive reader on tiny checkpoints, against what transformers gives one by one."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from extractive_models import SMALL, dpr_reader, encoder, pointer
from ranked_hits import ranked

from qa_bench.errors import UserError
from qa_bench.protocols import Reader
from qa_bench.reader.extractive.model import ReaderModel
from qa_bench.reader.extractive.part import Extractive
from qa_bench.types import Runtime

RUNTIME = Runtime(threads=2, device="cpu", progress=False)
QUESTIONS = ["who ruled france", "who was the queen of england", "long river"]
HITS = [
    [("the king", "louis was the king of france, anna was the queen"), ("anna", "anna ruled")],
    [("england", "the queen of england was anna; the king was louis"), ("the river", "long")],
    [("the king", "louis was the king of france, anna was the queen"), ("x", "river in france")],
]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    return {
        "pointer": pointer(root / "pointer"),
        "dpr": dpr_reader(root / "dpr"),
        "encoder": encoder(root / "encoder"),
    }


def reader(model: Path, **settings: Any) -> Extractive:
    settings = {"question_tokens": 16, "max_length": 128, **settings}
    return Extractive(model=str(model), **settings)


@pytest.mark.parametrize("full_words", [False, True])
def test_dprs_reader_gives_transformers_spans(models: dict[str, Path], full_words: bool) -> None:
    """``DPRReader`` and ``decode_best_spans``, a question at a time.

    It takes the first separator for the second, so that titles could be answers; DPR's own code
    does not, and here their logits are put out of reach before.
    """
    import torch
    from transformers import DPRReader, DPRReaderTokenizer

    model = DPRReader.from_pretrained(models["dpr"]).eval()
    tokenizer = DPRReaderTokenizer.from_pretrained(models["dpr"])
    expected = []
    for question, hits in zip(QUESTIONS, HITS, strict=True):
        titles, texts = (list(column) for column in zip(*hits, strict=True))
        asked = [question] * len(hits)
        given = tokenizer(asked, titles, texts, padding=True, return_tensors="pt")
        with torch.inference_mode():
            found = model(**given)
            for row, ids in enumerate(given["input_ids"].tolist()):
                second = ids.index(tokenizer.sep_token_id, ids.index(tokenizer.sep_token_id) + 1)
                found.start_logits[row, : second + 1] = -1e9
        ids = {"input_ids": given["input_ids"].tolist()}
        [best, *_] = tokenizer.decode_best_spans(ids, found, max_answer_length=3)
        expected.append(best.text)
    settings = {"aggregation": "dpr", "title": "segment", "max_answer_tokens": 3}
    answers = reader(models["dpr"], full_words=full_words, **settings).read(
        ranked(QUESTIONS, HITS), RUNTIME
    )
    for answer, theirs, hits in zip(answers, expected, HITS, strict=True):
        assert any(answer in text for _, text in hits)
        pieces = tokenizer.tokenize(answer)
        if full_words:
            assert theirs.replace("##", "") in tokenizer.convert_tokens_to_string(pieces)
        else:
            spoken = theirs.replace("##", "").replace(" ", "")
            assert answer.replace(" ", "") == spoken


@pytest.mark.parametrize("aggregation", ["drqa", "multi_passage_bert", "gar"])
def test_a_pointer_gives_transformers_spans(models: dict[str, Path], aggregation: str) -> None:
    """Logits of transformers' own class, a passage at a time; the best span by plain loops."""
    import torch
    from transformers import AutoModelForQuestionAnswering, AutoTokenizer

    model = AutoModelForQuestionAnswering.from_pretrained(models["pointer"]).eval()
    tokenizer = AutoTokenizer.from_pretrained(models["pointer"])
    expected = []
    for question, hits in zip(QUESTIONS, HITS, strict=True):
        votes: dict[str, float] = {}
        for _, text in hits:
            given = tokenizer(question, text, return_tensors="pt", return_offsets_mapping=True)
            offsets = given.pop("offset_mapping")[0].tolist()
            with torch.inference_mode():
                found = model(**given)
            places = [n for n, segment in enumerate(given.sequence_ids(0)) if segment == 1]
            for start in places:
                for end in places:
                    if start <= end < start + 4:
                        logit = float(found.start_logits[0, start] + found.end_logits[0, end])
                        said = text[offsets[start][0] : offsets[end][1]]
                        if aggregation == "gar":
                            votes[said] = votes.get(said, 0) + float(np.exp(logit))
                        else:
                            votes[said] = max(votes.get(said, -np.inf), logit)
        expected.append(max(votes, key=lambda said: votes[said]))
    settings = {"aggregation": aggregation, "max_answer_tokens": 4, "full_words": False}
    answers = reader(models["pointer"], **settings).read(ranked(QUESTIONS, HITS), RUNTIME)
    if aggregation == "gar":  # looks at the best spans of a passage, which are most of its mass
        assert sum(a == b for a, b in zip(answers, expected, strict=True)) >= 2
    else:
        assert answers == expected


def test_models_without_segments(tmp_path: Path) -> None:
    """RoBERTa's kind: two separators, no segment numbers, positions from behind the padding's."""
    import torch
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import RobertaConfig, RobertaForQuestionAnswering, RobertaTokenizer

    letters = sorted(ByteLevel.alphabet())
    words = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *letters, "Ġa", "Ġr"]
    tokenizer = RobertaTokenizer(
        vocab={word: place for place, word in enumerate(words)}, merges=[("Ġ", "a"), ("Ġ", "r")]
    )
    torch.manual_seed(4)
    model = RobertaForQuestionAnswering(
        RobertaConfig(vocab_size=len(words), pad_token_id=1, **{**SMALL, "hidden_size": 16})
    ).eval()
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    question, text = "who?", "King anna ruled France, é, and louis ruled."
    given = tokenizer(question, text, return_tensors="pt", return_offsets_mapping=True)
    offsets = given.pop("offset_mapping")[0].tolist()
    with torch.inference_mode():
        found = model(**given)
    places = [n for n, segment in enumerate(given.sequence_ids(0)) if segment == 1]
    _, start, end = max(
        (float(found.start_logits[0, a] + found.end_logits[0, b]), a, b)
        for a in places
        for b in range(a, min(a + 10, places[-1] + 1))
    )
    one = reader(tmp_path, full_words=False, max_length=510)
    assert one.read(ranked([question], [[("x", text)]]), RUNTIME) == [
        text[offsets[start][0] : offsets[end][1]].strip()
    ]
    long = " ".join([text] * 20)
    [answer] = one.read(ranked([question], [[("x", long)]]), RUNTIME)
    assert answer
    assert answer in long, "in windows of 126 tokens, the most the model has positions for"


def test_a_reader_is_one(models: dict[str, Path]) -> None:
    one = reader(models["pointer"])
    assert isinstance(one, Reader)
    assert one.sources() == reader(models["pointer"], aggregation="gar").sources()
    assert one.sources() != reader(models["dpr"]).sources()


def test_answers_do_not_depend_on_neighbours_threads_or_batches(models: dict[str, Path]) -> None:
    one = reader(models["pointer"], aggregation="gar")
    together = one.read(ranked(QUESTIONS, HITS), RUNTIME)
    runtime = Runtime(threads=1, batch_size=1, device="cpu", progress=False)
    alone = [
        one.read(ranked([question], [hits]), runtime)[0]
        for question, hits in zip(QUESTIONS, HITS, strict=True)
    ]
    assert together == alone


def test_parts_of_a_run_give_the_same(
    models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = reader(models["dpr"], aggregation="dpr")
    whole = one.read(ranked(QUESTIONS, HITS), RUNTIME)
    for most in (1, 2, 3):
        monkeypatch.setattr("qa_bench.reader.extractive.part._HITS_AT_ONCE", most)
        assert one.read(ranked(QUESTIONS, HITS), RUNTIME) == whole


@pytest.mark.parametrize(
    ("aggregation", "model"),
    [("drqa", "pointer"), ("multi_passage_bert", "pointer"), ("dpr", "dpr")],
)
@pytest.mark.parametrize("draft", ["bf16", "fp16"])
def test_a_draft_gives_the_same_answers(
    draft: str,
    aggregation: str,
    model: str,
    models: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Passages that it puts far behind are not read again; with any margin, all are."""
    rng = np.random.default_rng(0)
    words = ["louis", "was", "the", "king", "of", "france", "anna", "ruled", "long", "river"]
    hits = [[("", " ".join(rng.choice(words, 12))) for _ in range(20)] for _ in QUESTIONS]
    asked = ranked(QUESTIONS, hits)
    whole = reader(models[model], aggregation=aggregation).read(asked, RUNTIME)
    read: list[tuple[str | None, int]] = []
    plain = ReaderModel.read

    def counting(self: ReaderModel, windows: Any) -> Any:
        read.append((str(next(self._replicas._copies[0].parameters()).dtype), len(windows)))
        return plain(self, windows)

    monkeypatch.setattr(ReaderModel, "read", counting)
    drafted = reader(models[model], aggregation=aggregation, draft=draft)
    assert drafted.read(asked, RUNTIME) == whole
    kinds = {"bf16": "torch.bfloat16", "fp16": "torch.float16"}
    [(first, all_windows), (second, again)] = read
    assert (first, second) == (kinds[draft], "torch.float32")
    assert all_windows == 60
    assert 3 <= again < 30
    monkeypatch.setattr("qa_bench.reader.extractive.part._MARGIN", 2)
    read.clear()
    assert drafted.read(asked, RUNTIME) == whole
    assert [count for _, count in read] == [60, 60]


def test_long_passages_are_read_to_their_end(models: dict[str, Path]) -> None:
    """Windows of one passage: the answer is the best span of any of them."""
    text = " ".join(["louis was the king of france"] * 30 + ["anna ruled"])
    settings = {"max_length": 40, "stride": 8, "max_answer_tokens": 2}
    [answer] = reader(models["pointer"], **settings).read(
        ranked(["who ruled france"], [[("x", text)]]), RUNTIME
    )
    assert answer
    assert answer in text
    # A window of just its end gives that end's spans the logits they have in the last window.
    from qa_bench.models.source import Source
    from qa_bench.reader.extractive.layout import Layout, Shape
    from qa_bench.reader.extractive.model import loaded_reader

    source = Source(str(models["pointer"]))
    model = loaded_reader(source, source.identity(), RUNTIME)
    layout = Layout(model.tokenizer, Shape("none", 40, 8, 16), model.limit, model.types)
    ids = np.array(layout.encodings([text])[0].ids)
    windows = layout.windows(layout.questions(["who ruled france"])[0], ids[:0], ids)
    assert len(windows) > 10
    best = max(
        (float(logits.start[a] + logits.end[b]), place, a, b)
        for place, logits in model.read(windows)
        for a in range(len(logits.start))
        for b in range(a, min(a + 2, len(logits.end)))
    )
    window = windows[best[1]]
    said = model.tokenizer.decode(window.ids[window.at + best[2] : window.at + best[3] + 1])
    assert said.split()[0] in answer.lower()


def test_no_more_tokens_than_the_model_has_positions(models: dict[str, Path]) -> None:
    long = reader(models["pointer"], max_length=600)
    told = r"^reader\.max_length=600, but the model has 512 positions$"
    with pytest.raises(UserError, match=told):
        long.sources()
    with pytest.raises(UserError, match=told):
        long.read(ranked(QUESTIONS, [[("x", "anna ruled")]]), RUNTIME)


def test_empty_passages_are_left_out_and_told(
    models: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    hits = [[("the king", ""), ("x", "anna ruled")], [("y", " \n")], []]
    with caplog.at_level(logging.WARNING):
        answers = reader(models["pointer"]).read(ranked(QUESTIONS, hits), RUNTIME)
    assert answers[0] in "anna ruled"
    assert answers[0]
    assert answers[1:] == ["", ""]
    assert [record.getMessage() for record in caplog.records] == [
        "read: 2 passages have no text and were not read"
    ]


def test_no_questions(models: dict[str, Path]) -> None:
    assert reader(models["pointer"]).read(ranked([], []), RUNTIME) == []


def test_long_questions_are_told(models: dict[str, Path], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        [answer] = reader(models["pointer"], question_tokens=4).read(
            ranked(["who was the queen of england"], [[("x", "anna ruled")]]), RUNTIME
        )
    assert answer
    assert "1 questions are longer than reader.question_tokens=4" in caplog.text


def test_a_model_that_gives_no_numbers(models: dict[str, Path], tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    broken = pointer(tmp_path / "broken")
    weights = load_file(broken / "model.safetensors")
    weights["qa_outputs.bias"] = torch.full_like(weights["qa_outputs.bias"], float("nan"))
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"gives no numbers for question 'q\d' and") as told:
        reader(broken).read(ranked(QUESTIONS, HITS), RUNTIME)
    assert "\n" not in str(told.value)


def test_a_model_without_a_head(models: dict[str, Path]) -> None:
    with pytest.raises(UserError, match="has no head for answers: name one") as told:
        reader(models["encoder"]).read(ranked(QUESTIONS, HITS), RUNTIME)
    assert "\n" not in str(told.value)


def test_a_model_that_only_says_it_has_a_head(models: dict[str, Path], tmp_path: Path) -> None:
    folder = encoder(tmp_path / "claims")
    config = json.loads((folder / "config.json").read_text())
    config["architectures"] = ["BertForQuestionAnswering"]
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match=r"lacks weights .*\(qa_outputs\.bias, .*: name one"):
        reader(folder).read(ranked(QUESTIONS, HITS), RUNTIME)


def test_dprs_way_needs_a_model_that_selects(models: dict[str, Path]) -> None:
    with pytest.raises(UserError, match="selects passages"):
        reader(models["pointer"], aggregation="dpr").read(ranked(QUESTIONS, HITS), RUNTIME)


def test_no_such_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="no such folder"):
        reader(tmp_path / "none").read(ranked(QUESTIONS, HITS), RUNTIME)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"model": None}, "reader.model"),
        (
            {"aggregation": "max"},
            "aggregation: dpr, multi_passage_bert, drqa or gar, got",
        ),
        ({"precision": "int8"}, "reader.precision: fp32, bf16 or fp16, got 'int8'"),
        ({"depth": 0}, "reader.depth"),
        ({"depth": True}, "reader.depth: a whole number >= 1, got 'true'"),
        ({"full_words": "no"}, "reader.full_words: true or false, got 'no'"),
        ({"max_answer_tokens": 1.5}, "reader.max_answer_tokens"),
        ({"title": "pair"}, "reader.title"),
        ({"draft": "int8"}, "reader.draft: bf16, fp16 or null, got"),
        ({"draft": "bf16", "aggregation": "gar"}, r"reader.draft: not for .*\(gar\)"),
    ],
)
def test_settings_out_of_range(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told):
        Extractive(**{"model": "x", **settings})
