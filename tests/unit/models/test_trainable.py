"""How large a model is."""

from __future__ import annotations

import pytest

from qa_bench.models.trainable import sizes, without_embeddings


def test_tables_do_not_count_and_shared_weights_count_once() -> None:
    torch = pytest.importorskip("torch")
    shared = torch.nn.Linear(3, 4)
    frozen = torch.nn.Linear(2, 2)
    frozen.requires_grad_(False)
    table = torch.nn.Embedding(10, 3)
    model = torch.nn.ModuleDict(
        {"table": table, "a": shared, "b": shared, "norm": torch.nn.LayerNorm(4), "c": frozen}
    )
    assert without_embeddings(model) == 3 * 4 + 4 + 2 * 4
    assert sizes(model)["trained"] == 30 + 24
