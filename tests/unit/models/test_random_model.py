"""Models of random weights: the same bytes every time, and what takes them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from extractive_models import encoder

from qa_bench.errors import UserError
from qa_bench.models.random_model import RandomModel
from qa_bench.models.sentence_model import sentence_model
from qa_bench.models.source import Source, model_path
from qa_bench.models.word_heads import word_model

NAME = "random:1x8x2"


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def written(folder: Path, name: str, tokens: Path) -> Path:
    folder.mkdir()
    RandomModel.parse(name).write(folder, tokens)
    return folder


def test_the_same_bytes_whatever_was_drawn_before(tmp_path: Path) -> None:
    import torch

    tokens = encoder(tmp_path / "tokens")
    first = digests(written(tmp_path / "a", NAME, tokens))
    torch.manual_seed(7)
    before = torch.random.get_rng_state()
    second = digests(written(tmp_path / "b", NAME, tokens))
    assert first == second
    assert torch.equal(torch.random.get_rng_state(), before), "nobody else's draws change"
    other = digests(written(tmp_path / "c", f"{NAME}:seed=1", tokens))
    assert {name for name in first if first[name] != other[name]} == {"model.safetensors"}


def test_weights_are_those_of_bert_before_its_first_step(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    folder = written(tmp_path / "a", "random:1x64x2", encoder(tmp_path / "tokens"))
    weights = load_file(folder / "model.safetensors")
    table = weights["bert.embeddings.word_embeddings.weight"].numpy()
    assert not table[0].any(), "padding"
    assert np.std(table[1:]) == pytest.approx(0.02, rel=0.05)
    assert not weights["cls.predictions.bias"].any()
    assert (weights["bert.embeddings.LayerNorm.weight"] == 1).all()
    query, key = (weights[f"bert.encoder.layer.0.attention.self.{name}.weight"] for name in
                  ("query", "key"))  # fmt: skip
    assert not (query == key).all()
    config = json.loads((folder / "config.json").read_text())
    assert "transformers_version" not in config, "the bytes outlive a version of the library"
    assert (config["num_hidden_layers"], config["intermediate_size"]) == (1, 256)


def test_libraries_take_it(tmp_path: Path) -> None:
    tokens = encoder(tmp_path / "tokens")
    name = f"{NAME}:positions=32:pooling=cls:vocabulary={tokens}"
    source = Source(name)
    model = sentence_model(source)
    assert model.max_seq_length == 32
    assert model[1].pooling_mode == "cls"
    [vector] = model.encode(["who ruled france"])
    assert vector.shape == (8,)
    words, new_head = word_model(source)
    assert not new_head
    assert words.get_output_embeddings().weight is words.get_input_embeddings().weight
    assert model_path(name) == model_path(name), "made once a process"


def test_identity_reads_no_file_but_a_vocabulary_of_ones_own(tmp_path: Path) -> None:
    tokens = encoder(tmp_path / "tokens")
    names = (NAME, f"{NAME}:seed=1", "random:2x8x2", f"{NAME}:vocabulary={tokens}")
    identities = [Source(name).identity() for name in names]
    assert len(set(identities)) == len(names)
    assert Source("random:1x8x2:intermediate=32").identity() != identities[0]
    (tokens / "tokenizer_config.json").write_text("{}")
    changed = [Source(name).identity() for name in names]
    assert changed[:3] == identities[:3]
    assert changed[3] != identities[3]


def test_a_mapping_has_a_name() -> None:
    mapping = {"layers": 2, "hidden": 128, "heads": 2}
    assert RandomModel.of(mapping).name == "random:2x128x2"
    model = RandomModel.of({**mapping, "seed": 3, "pooling": "cls", "vocabulary": "a:b=c"})
    assert model.name == "random:2x128x2:pooling=cls:seed=3:vocabulary=a:b=c"
    assert RandomModel.parse(model.name) == model


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"layers": 2, "hidden": 128}, r"train\.base\.heads is missing"),
        ({"layers": 2, "hidden": 128, "heads": 3}, "3 heads cannot share a width of 128"),
        ({"layers": True, "hidden": 8, "heads": 2}, r"train\.base\.layers: a whole number >= 1"),
        ({"layers": 1, "hidden": 8, "heads": 2, "width": 8}, r"train\.base\.width: no such"),
        ({"layers": 1, "hidden": 8, "heads": 2, "pooling": "max"}, "pooling: mean or cls"),
    ],
)
def test_shapes_that_are_none(mapping: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        RandomModel.of(mapping)


@pytest.mark.parametrize(
    "name", ["random:", "random:2x128", "random:2x128x2:seed", "random:2x128xa"]
)
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(UserError, match="write random:<layers>x<width>x<heads>"):
        RandomModel.parse(name)


def test_no_such_vocabulary() -> None:
    with pytest.raises(UserError, match="vocabulary: no folder nowhere with a tokenizer"):
        model_path("random:1x8x2:vocabulary=nowhere")
