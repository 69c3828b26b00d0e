"""What the harness makes of the stand-ins of the named encoders, and what should come out.

    python tiny_encoders.py jobs.json results.json

runs in a process of its own, see ``test_every_encoder.py``: it makes the checkpoints, encodes with
the harness, and computes beside it what plain transformers gives for the authors' recipe.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import hub_jobs
from author_models import AuthorModel
from tiny_models import make

# What plain transformers gives


def expected(
    folder: Path,
    sides: dict[str, Any],
    recipe: dict[str, Any],
    side: str,
    adapters: Sequence[Path] = (),
) -> Any:
    """Token ids and vectors of one side's texts, by the authors' recipe; no sentence-transformers.

    A text is one segment, or a list of two.
    """
    import torch
    import transformers

    if recipe.get("authors"):
        model: Any = AuthorModel(folder)
    else:
        kind = getattr(transformers, recipe.get(f"{side}_class") or "AutoModel")
        model = kind.from_pretrained(folder, dtype=torch.float32).eval()
    for adapter in adapters:
        _add(model, adapter)
    if recipe.get("bidirectional"):
        model.config.is_causal = False
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    after = _after(folder)
    ids, vectors = [], []
    for text in sides[side]:
        segments = [text] if isinstance(text, str) else text
        segments = [s.lower() for s in segments] if recipe.get("lower") else segments
        limit = recipe["max_length"]
        found = tokenizer(*segments, truncation=True, max_length=limit)["input_ids"]
        if recipe.get("end") and found[-1] != tokenizer.eos_token_id:
            found = [*found[: limit - 1], tokenizer.eos_token_id]
        marks = [tokenizer(m)["input_ids"] for m in recipe.get(f"{side}_marks", ())]
        if marks:
            found = [*marks[0], *found, *marks[1]]
        first = {"decoder_input_ids": torch.zeros((1, 1), dtype=torch.int64)}
        more = first if recipe["pooling"] == "first_state" else {}
        with torch.inference_mode():
            output = model(input_ids=torch.tensor([found]), **more)
        if recipe["pooling"] == "pooler":
            vector = output.pooler_output[0].float()
        else:
            hidden = output.last_hidden_state[0].float()
            if told := recipe.get(f"{side}_unpooled"):
                hidden = hidden[len(tokenizer(told)["input_ids"]) :]
            places = torch.arange(1, len(hidden) + 1)[:, None]
            vector = {
                "cls": hidden[0],
                "mean": hidden.mean(0),
                "lasttoken": hidden[-1],
                "weightedmean": (hidden * places).sum(0) / places.sum(),
                "first_state": hidden[0],
            }[recipe["pooling"]] * recipe.get(f"{side}_sign", 1)
        for step in after:
            vector = step(vector)
        if recipe.get("layer_norm"):
            vector = torch.nn.functional.layer_norm(vector, vector.shape)
        vector = vector[: recipe.get("dimensions")]
        if recipe["similarity"] == "cosine":
            vector = vector / vector.norm()
        ids += [found, [0]] if more else [found]
        vectors.append(vector.tolist())
    return {"ids": ids, "vectors": vectors}


def _add(model: Any, adapter: Path) -> None:
    """A LoRA adapter of rank 4, alpha 8, of layers and of words."""
    import torch
    from safetensors.torch import load_file

    tensors = load_file(adapter / "adapter_model.safetensors")
    for key, down in tensors.items():
        plain = key.removeprefix("base_model.model.").partition(".lora_")[0]
        with torch.no_grad():
            weight = model.get_submodule(plain).weight
            if ".lora_A." in key:
                weight += 2.0 * tensors[key.replace("lora_A", "lora_B")] @ down
            elif key.endswith(".lora_embedding_A"):
                up = tensors[key.replace("embedding_A", "embedding_B")]
                weight += 2.0 * down.T @ up.T


def _after(folder: Path) -> list[Callable[[Any], Any]]:
    """The layers behind the pooling, from their files."""
    from safetensors.torch import load_file
    from torch.nn.functional import layer_norm, linear

    steps: list[Callable[[Any], Any]] = []
    for path in sorted(folder.glob("[0-9]_*")):
        if path.name.endswith("Dense"):
            loaded = load_file(path / "model.safetensors")
            weight, bias = loaded["linear.weight"], loaded.get("linear.bias")
            steps.append(lambda x, w=weight, b=bias: linear(x, w, b))
        elif path.name.endswith("LayerNorm"):
            loaded = load_file(path / "model.safetensors")
            weight, bias = loaded["norm.weight"], loaded["norm.bias"]
            steps.append(lambda x, w=weight, b=bias: layer_norm(x, x.shape, w, b))
        elif path.name.endswith("Normalize"):
            steps.append(lambda x: x / x.norm())
    return steps


# What the harness gives


class Seen:
    """The token ids that word embeddings look up while a ``with`` block runs."""

    def __init__(self, words: int) -> None:
        self.words = words
        self.ids: list[list[int]] = []

    def __enter__(self) -> Seen:
        from torch.nn import Embedding
        from torch.nn.modules.module import register_module_forward_pre_hook

        def look(module: Any, arguments: tuple[Any, ...]) -> None:
            if isinstance(module, Embedding) and module.num_embeddings == self.words:
                self.ids.extend(arguments[0].tolist())

        self._hook = register_module_forward_pre_hook(look)
        return self

    def __exit__(self, *_: object) -> None:
        self._hook.remove()


def measured(name: str, job: dict[str, Any], repositories: Path) -> dict[str, Any]:
    """What the harness, and what plain transformers makes of a job's texts."""
    for model, layers in job["models"].items():
        folder = Path(model) if model.startswith("data/") else repositories / model
        if not folder.exists():
            folder.mkdir(parents=True)
            make(layers, folder, repositories)
    from omegaconf import OmegaConf

    from qa_bench.parts import make as make_part
    from qa_bench.types import Runtime

    node, recipe, runtime = job["node"], job["recipe"], Runtime(threads=1, progress=False)
    told: dict[str, Any] = {}
    if node["precision"] != "fp32":  # the comparisons below want fp32
        part = make_part("retriever", OmegaConf.create(node))
        told["as_set"] = part.encode_questions(job["questions"], runtime).tolist()
    part = make_part("retriever", OmegaConf.create({**node, "precision": "fp32"}))
    folders = {}
    for side in ("question", "passage"):
        name = node[side].get("model") or node["model"]
        folders[side] = repositories / name if not Path(name).is_dir() else Path(name)
        config = json.loads((folders[side] / "config.json").read_text())
        words = config.get("text_config", config)["vocab_size"]
        with Seen(words) as seen:
            if side == "question":
                vectors = part.encode_questions(job["questions"], runtime)
            else:
                vectors = part.encode_passages(job["titles"], job["texts"], runtime)
        told[side] = {
            "ids": sorted(seen.ids),
            "vectors": vectors.tolist(),
            "dtype": str(vectors.dtype),
            "expected": expected(
                folders[side],
                job["recipe_texts"],
                recipe,
                side,
                [repositories / name for name in node[side].get("adapters", node["adapters"])],
            ),
        }
    return told


if __name__ == "__main__":
    hub_jobs.main(measured)
