"""Models whose tokenizer is missing, another model's, or has no padding."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import extractive_models
import numpy as np
import pytest
import tiny_models
from ranked_hits import ranked
from reranker_models import RUNTIME, save_cross_encoder, save_encoder_decoder

from qa_bench.errors import UserError
from qa_bench.lm.local import Local
from qa_bench.reader.extractive.part import Extractive
from qa_bench.reader.fid.part import FusionInDecoder
from qa_bench.reranker.cross_encoder import CrossEncoder
from qa_bench.retriever.dense.part import Dense

HITS = ranked(["who?"], [[("a title", "some text")]])


def save_encoder(folder: Path, name: str = "e5_small") -> Path:
    folder.mkdir(exist_ok=True)
    tiny_models.make(name, folder, folder)
    return folder


KINDS: dict[str, tuple[Callable[[Path], Path], Callable[[str], Any]]] = {
    "encoder": (save_encoder, lambda name: Dense(model=name).encode_questions(["who?"], RUNTIME)),
    "class": (
        save_encoder,
        lambda name: Dense(model=name, architecture="BertModel").encode_questions(["a"], RUNTIME),
    ),
    "cross-encoder": (
        save_cross_encoder,
        lambda name: CrossEncoder(model=name).rerank(HITS, RUNTIME),
    ),
    "reader": (
        extractive_models.pointer,
        lambda name: Extractive(model=name).read(HITS, RUNTIME),
    ),
    "fid": (save_encoder_decoder, lambda name: FusionInDecoder(model=name).read(HITS, RUNTIME)),
    "lm": (save_encoder_decoder, lambda name: Local(model=name).generate(["who?"], RUNTIME)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_without_a_tokenizer(kind: str, tmp_path: Path) -> None:
    """transformers makes one of the special tokens: every word would be unknown."""
    save, use = KINDS[kind]
    save(tmp_path)
    for path in tmp_path.glob("*token*"):
        path.unlink()
    with pytest.raises(UserError, match="its tokenizer has no words: is a file missing") as told:
        use(str(tmp_path))
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("kind", ["encoder", "cross-encoder", "reader"])
def test_the_tokenizer_of_another_model(kind: str, tmp_path: Path) -> None:
    """Told while loading, not when the first text comes with a token that has no vector."""
    import transformers

    save, use = KINDS[kind]
    save(tmp_path)
    config = transformers.AutoConfig.from_pretrained(tmp_path)
    model = getattr(transformers, config.architectures[0]).from_pretrained(tmp_path)
    model.resize_token_embeddings(30)
    model.save_pretrained(tmp_path)
    with pytest.raises(UserError, match=r"knows 30 tokens, its tokenizer \d+: are the two of one"):
        use(str(tmp_path))


def test_pooling_that_nothing_says_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """sentence-transformers takes the mean then, right or wrong."""
    save_encoder(tmp_path)
    Dense(model=str(tmp_path)).encode_questions(["who?"], RUNTIME)
    assert "pooled" not in caplog.text
    (tmp_path / "modules.json").unlink()
    Dense(model=str(tmp_path), pooling="mean").encode_questions(["who?"], RUNTIME)
    assert "pooled" not in caplog.text
    Dense(model=f"{tmp_path}/").encode_questions(["who?"], RUNTIME)
    assert "does not say how its tokens' vectors are pooled: the mean is taken" in caplog.text


def test_a_tokenizer_without_padding(tmp_path: Path) -> None:
    """Padding is masked, and taken off: any token will do."""
    save_encoder(tmp_path, "e5_mistral")
    texts, settings = ["who?", "who is it then"], {"pooling": "lasttoken"}
    usual = Dense(model=str(tmp_path), **settings).encode_questions(texts, RUNTIME)
    other = save_encoder(tmp_path / "other", "e5_mistral")
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        if (other / name).exists():
            config = json.loads((other / name).read_text())
            config.pop("pad_token", None)
            (other / name).write_text(json.dumps(config))
    found = Dense(model=str(other), **settings).encode_questions(texts, RUNTIME)
    np.testing.assert_array_equal(found, usual)
