"""Late-interaction models: tiny ones of each kind that there is, against the library itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tiny_models import bert  # noqa: E402

from qa_bench.errors import UserError  # noqa: E402
from qa_bench.models.encoder import Encoder  # noqa: E402
from qa_bench.models.source import Source  # noqa: E402
from qa_bench.models.token_output import TokenOutput, batch_of, pooled  # noqa: E402
from qa_bench.types import Runtime  # noqa: E402

RUNTIME = Runtime(threads=1, device="cpu", batch_size=3, progress=False)
QUESTIONS = ["who is he", "why", "what is the name of the king", "is it"]
PASSAGES = ["The king is old. ", "a, b, c!", "x" * 30 + " of the sea", "Moon", "sun; star"]


def write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content))


def plain(folder: Path) -> Path:
    torch.manual_seed(1)
    model, tokenizer = bert()()
    model.eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def stanford(folder: Path, **settings: Any) -> Path:
    """As colbertv2.0 lies on the hub: a linear layer among BERT's weights, markers by id."""
    from safetensors.torch import load_file, save_file
    from transformers import BertTokenizer

    plain(folder)
    vocab = BertTokenizer.from_pretrained(folder).get_vocab()
    vocab |= {"[unused0]": len(vocab), "[unused1]": len(vocab) + 1}
    BertTokenizer(vocab=vocab, model_max_length=512).save_pretrained(folder)
    weights = load_file(folder / "model.safetensors")
    words = "embeddings.word_embeddings.weight"
    weights[words] = torch.cat([weights[words], torch.randn(2, 32)])
    weights = {f"bert.{name}": value for name, value in weights.items() if "pooler" not in name}
    weights["linear.weight"] = torch.randn(8, 32)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    changed = {"architectures": ["HF_ColBERT"], "vocab_size": len(vocab)}
    write_json(folder / "config.json", config | changed)
    told = {"query_token_id": "[unused0]", "doc_token_id": "[unused1]", "doc_maxlen": 20}
    write_json(folder / "artifact.metadata", told | {"query_maxlen": 12} | settings)
    return folder


def pylate(folder: Path, **settings: Any) -> Path:
    """As GTE-ModernColBERT lies there: Transformer and Dense, prefixes, no expansion if set so."""
    from safetensors.torch import save_file

    plain(folder)
    kinds = ["sentence_transformers.models.Transformer", "pylate.models.Dense.Dense"]
    modules = [
        {"idx": n, "name": str(n), "path": path, "type": kind}
        for n, (path, kind) in enumerate(zip(["", "1_Dense"], kinds, strict=True))
    ]
    write_json(folder / "modules.json", modules)
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": 19, "do_lower_case": False})
    dense = {"in_features": 32, "out_features": 8, "bias": False}
    dense["activation_function"] = "torch.nn.modules.linear.Identity"
    write_json(folder / "1_Dense/config.json", dense)
    save_file({"linear.weight": torch.randn(8, 32)}, folder / "1_Dense/model.safetensors")
    told = {"query_prefix": "[Q] ", "document_prefix": "[D] ", "query_length": 10}
    told |= {"document_length": 15, "model_type": "ColBERT", "skiplist_words": [",", "!", "."]}
    write_json(folder / "config_sentence_transformers.json", told | settings)
    return folder


def bi_encoder(folder: Path) -> Path:
    """A projection of whole sentences, as GTR has: no late-interaction model."""
    pylate(folder)
    (folder / "config_sentence_transformers.json").unlink()
    modules = json.loads((folder / "modules.json").read_text())
    modules[1]["type"] = "sentence_transformers.models.Dense"
    write_json(folder / "modules.json", modules)
    return folder


def encoded(folder: Path, task: str, texts: list[str], source: Any = (), **settings: Any) -> Any:
    """Each text's vectors by the harness."""
    encoder = Encoder(Source(str(folder), **dict(source)), RUNTIME, TokenOutput(task, **settings))
    ragged = next(encoder.encode([texts]))
    return np.split(ragged.columns[0], ragged.pointers[1:-1])


def same(ours: Any, theirs: Any) -> None:
    assert [one.shape for one in ours] == [one.shape for one in theirs]
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other, atol=3e-6)


KINDS = {
    "stanford": stanford,
    "attending": lambda folder: stanford(folder, attend_to_mask_tokens=True),
    "pylate": pylate,
    "no expansion": lambda folder: pylate(folder, do_query_expansion=False),
    "older": lambda folder: pylate(folder, model_type=None),
}


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_vectors_are_the_librarys(make: Callable[[Path], Path], tmp_path: Path) -> None:
    """Questions with their [MASK]s, passages without what is skipped, both with their marks."""
    from sentence_transformers import MultiVectorEncoder

    folder = make(tmp_path / "m")
    if make is KINDS["older"]:
        path = folder / "config_sentence_transformers.json"
        told = json.loads(path.read_text())
        del told["model_type"]
        write_json(path, told)
    library = MultiVectorEncoder(str(folder), device="cpu")
    library[0].model.pooler = None  # random: not in the files
    asks = library.encode_query(QUESTIONS, convert_to_numpy=True, batch_size=1)
    reads = library.encode_document(PASSAGES, convert_to_numpy=True, batch_size=1)
    ours = encoded(folder, "query", QUESTIONS)
    same(ours, asks)
    same(encoded(folder, "document", PASSAGES), reads)
    expanded = make is not KINDS["no expansion"]
    assert (len({len(one) for one in ours}) == 1) == expanded
    assert ours[0].shape[1] == 8
    pooling = encoded(folder, "document", PASSAGES, pool_factor=2)
    assert sum(map(len, pooling)) < 0.7 * sum(map(len, reads))


def test_lengths_are_set(tmp_path: Path) -> None:
    folder = stanford(tmp_path / "m")
    assert {len(one) for one in encoded(folder, "query", QUESTIONS)} == {12}
    longer = encoded(folder, "query", QUESTIONS, {"max_length": 17})
    assert {len(one) for one in longer} == {17}
    long = ["the " * 50]
    assert [len(one) for one in encoded(folder, "document", long)] == [20]
    assert [len(one) for one in encoded(folder, "document", long, {"max_length": 9})] == [9]
    with pytest.raises(UserError, match="max_length=600, but the model has 512 positions"):
        encoded(folder, "document", long, {"max_length": 600})


def test_company_changes_nothing(tmp_path: Path) -> None:
    folder = stanford(tmp_path / "m")
    for task, texts in (("query", QUESTIONS), ("document", PASSAGES)):
        whole = encoded(folder, task, texts)
        for text, vectors in zip(texts, whole, strict=True):
            np.testing.assert_allclose(encoded(folder, task, [text])[0], vectors, atol=1e-6)


@pytest.mark.parametrize("make", [plain, bi_encoder])
def test_a_model_without_a_projection_is_refused(
    make: Callable[[Path], Path], tmp_path: Path
) -> None:
    folder = make(tmp_path / "m")
    with pytest.raises(UserError, match=r"no projection .* bi-encoder: .*projection=none"):
        encoded(folder, "document", PASSAGES)


def test_plain_token_vectors(tmp_path: Path) -> None:
    """All tokens of the encoder, markers too, of length 1; the same in every process."""
    from transformers import AutoModel, AutoTokenizer

    folder = plain(tmp_path / "m")
    model = AutoModel.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    with torch.inference_mode():
        states = [
            model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0] for text in PASSAGES
        ]
    expected = [torch.nn.functional.normalize(one, dim=-1).numpy() for one in states]
    same(encoded(folder, "document", PASSAGES, projection="none"), expected)
    same(encoded(folder, "query", PASSAGES, projection="none"), expected)


def test_pooling_keeps_the_first_and_means_of_clusters() -> None:
    pairs = torch.nn.functional.normalize(torch.randn(4, 6), dim=-1)
    text = torch.cat([pairs[:1], pairs[1:].repeat_interleave(2, 0)])
    (fewer,) = pooled([text], 2)
    assert len(fewer) == 1 + 3
    np.testing.assert_allclose(fewer[0], text[0], atol=1e-6)
    for vector in pairs[1:]:
        assert (fewer @ vector).max() == pytest.approx(1, abs=1e-6)
    assert pooled([text], 1)[0] is text


def test_vectors_that_are_not_finite_are_refused() -> None:
    with pytest.raises(UserError, match=r"not finite.*precision=fp32"):
        batch_of([torch.full((2, 3), torch.nan)], 1, "int8")
