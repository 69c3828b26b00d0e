"""LoRA adapters are added to the weights, and those that are not plain are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from qa_bench.errors import UserError
from qa_bench.models.adapters import merge_adapters
from qa_bench.models.source import Source, adapter_place


class Model(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.q_proj = torch.nn.Linear(3, 4, bias=False)
        self.words = torch.nn.Embedding(5, 4)


def adapter(folder: Path, key: str = "q_proj", seed: int = 1, **settings: Any) -> str:
    folder.mkdir()
    torch.manual_seed(seed)
    down, up = torch.randn(2, 3), torch.randn(4, 2)
    name = f"base_model.model.{key}"
    tensors = {f"{name}.lora_A.weight": down, f"{name}.lora_B.weight": up}
    save_file(tensors, folder / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "r": 2, "lora_alpha": 6, "bias": "none", **settings}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return str(folder)


def change(seed: int, scale: float) -> torch.Tensor:
    torch.manual_seed(seed)
    down, up = torch.randn(2, 3), torch.randn(4, 2)
    return scale * up @ down


def test_two_adapters(tmp_path: Path) -> None:
    model = Model()
    before = model.q_proj.weight.detach().clone()
    plain = adapter(tmp_path / "one")
    other = adapter(tmp_path / "two", key="model.q_proj", seed=2, use_rslora=True)
    merge_adapters(model, Source("x", adapters=(plain, other)))
    expected = before + change(1, 3.0) + change(2, 6 / 2**0.5)
    torch.testing.assert_close(model.q_proj.weight.detach(), expected)


def test_words_have_adapters_too(tmp_path: Path) -> None:
    """As peft names them: A is (rank, words) and B (dimension, rank)."""
    model = Model()
    before = model.words.weight.detach().clone()
    down, up = torch.randn(2, 5), torch.randn(4, 2)
    key = "base_model.model.words.lora_embedding_"
    save_file({f"{key}A": down, f"{key}B": up}, tmp_path / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "r": 2, "lora_alpha": 1, "bias": "none"}
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    merge_adapters(model, Source("x", adapters=(str(tmp_path),)))
    torch.testing.assert_close(model.words.weight.detach(), before + 0.5 * (up @ down).T)


def test_one_of_several_in_a_repository(tmp_path: Path) -> None:
    assert adapter_place("who/model") == ("who/model", "")
    assert adapter_place("who/model/retrieval_query") == ("who/model", "retrieval_query/")
    assert adapter_place(str(tmp_path)) == (str(tmp_path), "")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"use_dora": True}, "use_dora=True"),
        ({"peft_type": "IA3"}, "peft_type=IA3"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save="),
        ({"key": "k_proj"}, "no layer 'k_proj' of the shape"),
    ],
)
def test_what_is_refused(settings: dict[str, Any], words: str, tmp_path: Path) -> None:
    name = adapter(tmp_path / "one", **settings)
    with pytest.raises(UserError, match=words):
        merge_adapters(Model(), Source("x", adapters=(name,)))


def test_they_count_to_the_identity(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    one, two = (adapter(tmp_path / name, seed=n) for n, name in enumerate(("one", "two")))
    sources = [Source(str(folder), adapters=names) for names in ((), (one,), (two,), (one, two))]
    assert len({source.identity() for source in sources}) == 4
    assert Source(str(folder), adapters=[one]) == sources[1]  # type: ignore[arg-type]
    with pytest.raises(UserError, match="a list of hub names or folders"):
        Source(str(folder), adapters=one)  # type: ignore[arg-type]
