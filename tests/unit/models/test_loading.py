"""Every kind of model is loaded whole or not at all; what is new is so on purpose."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from extractive_models import dpr_reader, encoder, pointer
from gguf_files import save_gguf
from reranker_models import byte_tokenizer, save_cross_encoder, save_decoder, save_encoder_decoder

from qa_bench.errors import UserError
from qa_bench.lm.local import Local
from qa_bench.models.encoder import Encoder
from qa_bench.models.loading import (
    cross_encoder,
    language_model,
    question_answering,
    tokenizer_of,
)
from qa_bench.models.new_heads import dpr_reader_to_train, pointer_to_train
from qa_bench.models.sentence_model import sentence_model
from qa_bench.models.source import Place, Source, model_folder
from qa_bench.types import Runtime

CPU = Runtime(device="cpu", threads=1, progress=False)


def without(folder: Path, *names: str) -> Path:
    """The checkpoint, but for the weights whose names begin so; its config says nothing of it."""
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    kept = {name: value for name, value in weights.items() if not name.startswith(names)}
    assert len(kept) < len(weights)
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def tied(folder: Path) -> Path:
    """A decoder saved without its head, whose weights are those of its words."""
    import transformers

    config = transformers.LlamaConfig(
        hidden_size=32, num_hidden_layers=1, num_attention_heads=4, intermediate_size=48,
        vocab_size=257, tie_word_embeddings=True, architectures=["LlamaForCausalLM"],
    )  # fmt: skip
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    byte_tokenizer().save_pretrained(folder)
    return folder


def bi_encoder(source: Source) -> Any:
    return Encoder(source, CPU)


def local_model(source: Source) -> Any:
    return Local(source.model, chat=False, max_tokens=2).generate(["a"], CPU)


LAYER = "encoder.layer.1.attention."
KINDS: list[tuple[Callable[[Source], Any], Callable[[Path], Path], str, str, dict[str, Any]]] = [
    # loader, a whole checkpoint, what is taken out of it, what is missing then, settings
    (sentence_model, encoder, LAYER, r"encoder\.layer\.1\.attention", {}),
    (bi_encoder, encoder, LAYER, r"encoder\.layer\.1\.attention", {}),
    (sentence_model, encoder, "pooler.", r"pooler\.dense", {"architecture": "BertModel"}),
    (cross_encoder, save_cross_encoder, "classifier.", r"\(classifier\.bias, cl", {}),
    (language_model, save_decoder, "lm_head.", r"\(lm_head\.weight\)", {}),
    (local_model, save_decoder, "lm_head.", r"\(lm_head\.weight\)", {}),
    (local_model, save_encoder_decoder, "decoder.final", r"decoder\.final_layer_norm", {}),
    (question_answering, pointer, "qa_outputs.", r"\(qa_outputs\.bias, qa_outputs", {}),
    (question_answering, dpr_reader, "span_predictor.qa_cl", r"qa_classifier", {}),
    (pointer_to_train, encoder, LAYER, r"bert\.encoder\.layer\.1\.attention", {}),
    (dpr_reader_to_train, encoder, LAYER, r"bert\.encoder\.layer\.1\.attention", {}),
    (dpr_reader_to_train, dpr_reader, "span_predictor.qa_outputs", r"qa_outputs\.bias", {}),
]


@pytest.mark.parametrize(("load", "make", "taken", "missing", "settings"), KINDS)
def test_a_model_without_the_head_is_refused(
    load: Any, make: Any, taken: str, missing: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    folder = make(tmp_path / "model")
    assert load(Source(str(folder), **settings)) is not None
    without(folder, taken)
    with pytest.raises(UserError, match=f"lacks weights that its class .* needs .*{missing}") as no:
        load(Source(str(folder), **settings))
    assert "\n" not in str(no.value)


def test_of_many_missing_weights_some_are_named(tmp_path: Path) -> None:
    folder = without(encoder(tmp_path / "model"), "encoder.layer.1.")
    with pytest.raises(UserError, match=r"LayerNorm\.weight, encoder[^,]*, … 16 in all\): does it"):
        sentence_model(Source(str(folder)))


def test_a_head_may_share_its_weights(tmp_path: Path) -> None:
    """Then none is missing; a class that was trained without a head is refused all the same."""
    folder = tied(tmp_path / "model")
    language_model(Source(str(folder)))
    path = folder / "config.json"
    config = json.loads(path.read_text())
    for classes, refused in ((["LlamaModel"], True), (["FiDT5"], False), (None, False)):
        path.write_text(json.dumps({**config, "architectures": classes}))
        if refused:
            with pytest.raises(UserError, match=r"is a LlamaModel, which lacks the head"):
                local_model(Source(str(folder)))
        else:
            language_model(Source(str(folder)))


def test_a_pooler_that_nobody_reads_may_be_missing(tmp_path: Path) -> None:
    """Many encoders that are pooled otherwise come without: it is taken out, not made up."""
    texts = ["who was the king", "of england"]
    folder = encoder(tmp_path / "model")
    whole = next(Encoder(Source(str(folder)), CPU).encode([texts]))
    without(folder, "pooler.")
    lean = sentence_model(Source(str(folder)))
    assert lean[0].model.pooler is None
    np.testing.assert_array_equal(next(Encoder(Source(str(folder)), CPU).encode([texts])), whole)


def test_nothing_stays_changed(tmp_path: Path) -> None:
    from transformers import PreTrainedModel
    from transformers.utils import logging as transformers_logging

    theirs: Any = transformers_logging
    before = PreTrainedModel.__dict__["from_pretrained"], theirs.is_progress_bar_enabled()
    folder = pointer(tmp_path / "model")
    question_answering(Source(str(folder)))
    with pytest.raises(UserError):
        question_answering(Source(str(without(folder, "qa_outputs."))))
    after = PreTrainedModel.__dict__["from_pretrained"], theirs.is_progress_bar_enabled()
    assert after == before


# Heads that are new on purpose


def test_new_heads_are_for_training(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    folder = encoder(tmp_path / "model")
    given = load_file(folder / "model.safetensors")
    name = "encoder.layer.0.output.dense.weight"
    for load, prefix in (
        (pointer_to_train, "bert."),
        (dpr_reader_to_train, "span_predictor.encoder.bert_model."),
    ):
        torch.manual_seed(5)
        one = load(Source(str(folder))).state_dict()
        torch.manual_seed(5)
        other = load(Source(str(folder))).state_dict()
        assert all(torch.equal(value, other[key]) for key, value in one.items())
        assert torch.equal(one[prefix + name], given[name])


# GGUF


def test_a_gguf_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It is loaded whole, says nothing, and has the identity of its bytes."""
    pytest.importorskip("gguf")
    path = save_gguf(tmp_path / "tiny.gguf")
    source = Source(str(path))
    capfd.readouterr()
    tokenizer, model = language_model(source)
    assert capfd.readouterr() == ("", "")
    words = [1, *map(tokenizer.get_vocab().get, ("▁a", "b", "▁c"))]
    assert tokenizer("ab c")["input_ids"] == words
    assert model.config.num_hidden_layers == 2
    [reply] = local_model(source)
    assert (reply.prompt_tokens, reply.completion_tokens) == (2, 2)
    identity = source.identity()
    (tmp_path / "beside.txt").write_text("not its own")
    assert source.identity() == identity
    sha256 = (("tiny.gguf", hashlib.sha256(path.read_bytes()).hexdigest()),)
    language_model(Source(str(path), sha256=sha256))
    with pytest.raises(UserError, match=r"sha256 of tiny\.gguf is .*, not 0"):
        language_model(Source(str(path), sha256=(("tiny.gguf", "0" * 64),)))


@pytest.mark.parametrize("tensor", ["blk.1.ffn_up", "output_norm"])
def test_a_gguf_file_that_lacks_weights(tensor: str, tmp_path: Path) -> None:
    pytest.importorskip("gguf")
    path = save_gguf(tmp_path / "tiny.gguf", [tensor])
    with pytest.raises(
        UserError, match=r"tiny\.gguf lacks weights that its class LlamaForCausalLM"
    ):
        local_model(Source(str(path)))


# Where models lie


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package with a model in a folder and a file, which must not be imported."""
    folder = tmp_path / "site" / "some_model"
    (folder / "model").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('it was run')")
    (folder / "model" / "config.json").write_text("{}")
    (folder / "m.gguf").write_bytes(b"no model")
    monkeypatch.syspath_prepend(folder.parent)
    return folder


def test_places(package: Path, tmp_path: Path) -> None:
    here, commit = str(package), "0" * 40
    places = {
        f"{here}/model": Place(f"{here}/model", None, None),
        f"{here}/m.gguf": Place(here, None, "m.gguf"),
        "wheel:some_model/model": Place(f"{here}/model", None, None),
        "wheel:some_model/m.gguf": Place(here, None, "m.gguf"),
        "some/model": Place("some/model", commit, None),
        "some/model/Q4/m.gguf": Place("some/model", commit, "Q4/m.gguf"),
    }
    for model, place in places.items():
        assert Source(model, revision=commit).place() == place
    assert model_folder("wheel:some_model/m.gguf") == package
    assert model_folder("some/model") is None


def test_identities(package: Path, tmp_path: Path) -> None:
    def identities() -> list[str]:
        models = ("wheel:some_model/model", "wheel:some_model/m.gguf")
        return [Source(model).identity() for model in models]

    folder, file = identities()
    copied = shutil.copytree(package / "model", tmp_path / "elsewhere")
    assert Source(str(copied)).identity() == folder
    assert Source(str(package / "m.gguf")).identity() == file
    (package / "__init__.py").write_text("raise RuntimeError('it was run again')")
    assert identities() == [folder, file], "what lies beside them is not theirs"
    (package / "model" / "more.txt").touch()
    (package / "m.gguf").write_bytes(b"another")
    assert not {*identities()} & {folder, file}
    assert Source("some/model", revision="0" * 40).identity() == "0" * 40


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("wheel:no_such_package/x", "not installed: pip install no-such-package"),
        ("wheel:cognition/none", "no such file|pip install 'qa-bench.splade.'"),
        ("wheel:..", "write wheel:<package>/<folder"),
        ("wheel:", "write wheel:<package>/<folder"),
        ("wheel:/x", "write wheel:<package>/<folder"),
        ("wheel:some_model.part/x", "write wheel:<package>/<folder"),
        ("wheel:some_model/none", "the installed package has no such file"),
        ("none.gguf", "model none.gguf: no such file"),
        ("{}/a/none.gguf", "no such file"),
    ],
)
def test_no_such_place(model: str, message: str, package: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        Source(model.format(tmp_path)).identity()


def test_a_tokenizer(tmp_path: Path) -> None:
    folder = encoder(tmp_path / "model")
    assert tokenizer_of(Source(str(folder))).tokenize("the king") == ["the", "king"]
    (tmp_path / "none").mkdir()
    with pytest.raises(UserError, match=f"model {tmp_path}/none: ") as caught:
        tokenizer_of(Source(str(tmp_path / "none")))
    assert "\n" not in str(caught.value)
