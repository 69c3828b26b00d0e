"""A decoder in a GGUF file as a bi-encoder, and as what learns from passages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("gguf")
from pretraining_lessons import composed, rows
from tiny_gguf import write_gguf

from qa_bench.models.loading import language_model
from qa_bench.models.sentence_model import sentence_model
from qa_bench.models.source import Source
from qa_bench.train.loop import Settings
from qa_bench.train.pretraining import Masks, pretrain
from qa_bench.types import Runtime

TEXT = "who was the king of france"


def test_its_vectors_are_the_decoders(tmp_path: Path) -> None:
    import torch

    write_gguf(tmp_path / "tiny.gguf")
    source = Source(str(tmp_path / "tiny.gguf"), pooling="mean", max_length=16)
    tokenizer, decoder = language_model(source)
    ids = torch.tensor([tokenizer(TEXT)["input_ids"][:16]])
    with torch.inference_mode():
        states = decoder.base_model(input_ids=ids).last_hidden_state[0]
    vectors = sentence_model(source).encode([TEXT, "a"])
    assert np.allclose(vectors[0], states.mean(0).numpy(), atol=1e-5)
    both = Source(source.model, pooling="mean", max_length=16, bidirectional=True)
    assert not np.allclose(sentence_model(both).encode([TEXT]), vectors[:1], atol=1e-3)


def test_it_learns_and_the_folder_is_no_gguf(tmp_path: Path, make_passages: Any) -> None:
    write_gguf(tmp_path / "tiny.gguf")
    source = Source(str(tmp_path / "tiny.gguf"), max_length=16)
    how = Settings(objective="mntp", epochs=1, batch=4)
    runtime = Runtime(threads=1, device="cpu", progress=False)
    (tmp_path / "out").mkdir()
    counts = pretrain(
        source, make_passages(rows(12)), composed, Masks(), how, None, tmp_path / "out", runtime
    )
    assert counts["held_out_perplexity"] > 1
    files = {path.name for path in (tmp_path / "out/model").iterdir()}
    assert {"config.json", "tokenizer.json", "model.safetensors"} <= files
    vectors = sentence_model(Source(str(tmp_path / "out/model"), max_length=16)).encode([TEXT])
    assert vectors.shape == (1, 32)
