"""Rows of different lengths: put together in the order of the texts, and gone on with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from qa_bench.models.encoder import Encoder, loaded_encoder  # noqa: E402
from qa_bench.models.outputs import RaggedWindow  # noqa: E402
from qa_bench.models.passage_files import PassageFiles  # noqa: E402
from qa_bench.models.sides import Side  # noqa: E402
from qa_bench.models.source import Source  # noqa: E402
from qa_bench.store.passages import Passages  # noqa: E402
from qa_bench.types import Runtime  # noqa: E402

RUNTIME = Runtime(threads=1, device="cpu", batch_size=2, progress=False)
TEXTS = ["abc", "", "z", "ab", "bcd", "y", "hello", "cd"]


class Characters(torch.nn.Module):
    """Tokens are characters."""

    stop_at = -1
    batches = 0

    def preprocess(self, texts: Any, prompt: str | None = None) -> dict[str, Any]:
        width = max(map(len, texts))
        ids = torch.tensor([[ord(c) for c in text] + [0] * (width - len(text)) for text in texts])
        return {"input_ids": ids.reshape(len(texts), width), "attention_mask": (ids > 0).long()}

    def forward(self, features: dict[str, Any]) -> dict[str, Any]:
        if self.batches == self.stop_at:
            raise KeyboardInterrupt
        self.batches += 1
        return features


class Doubled:
    """Every token twice, and whether it is the second."""

    def __init__(self) -> None:
        self.loaded = Characters()

    def model(self, source: Source) -> Any:
        return self.loaded

    def of_batch(self, features: dict[str, Any]) -> tuple[np.ndarray, ...]:
        ids = features["input_ids"].numpy().astype(np.int32)
        seconds = np.tile(np.array([False, True]), ids.size)
        return np.full(len(ids), 2 * ids.shape[1]), np.repeat(ids.ravel(), 2), seconds

    def window(self, rows: int) -> RaggedWindow:
        return RaggedWindow(rows, np.zeros(0, np.int32), np.zeros(0, bool))


def rows_of(ragged: Any) -> list[str]:
    tokens, seconds = ragged.columns
    pairs = zip(ragged.pointers, ragged.pointers[1:], strict=False)
    assert (seconds[::2].any(), seconds[1::2].all()) == (False, True)
    return ["".join(map(chr, tokens[a:b:2])) for a, b in pairs]


def test_they_come_back_in_order() -> None:
    pieces = Encoder(Source("m"), RUNTIME, Doubled()).encode([TEXTS, TEXTS[:1]])
    first, second = pieces
    assert rows_of(first) == TEXTS
    assert first.columns[0].dtype == np.int32
    assert rows_of(second) == ["abc"]


def test_texts_of_no_tokens_alone() -> None:
    whole = next(Encoder(Source("m"), RUNTIME, Doubled()).encode([["", ""]]))
    assert whole.pointers.tolist() == [0, 0, 0]
    assert [column.shape for column in whole.columns] == [(0,), (0,)]


def test_entries_may_be_vectors() -> None:
    window = RaggedWindow(3, np.zeros((0, 2), np.float32))
    window.put(np.array([2, 0]), np.array([1, 2]), np.array([[5, 5], [1, 1], [2, 2]], np.float32))
    whole = window.whole()
    assert whole.pointers.tolist() == [0, 2, 2, 3]
    assert whole.columns[0][:, 0].tolist() == [1, 2, 5]


def test_models_are_kept_by_output() -> None:
    loaded_encoder.cache_clear()
    try:
        one, other = Doubled(), Doubled()
        first = loaded_encoder(Source("m"), RUNTIME, one)
        assert loaded_encoder(Source("m"), RUNTIME, one) is first
        assert loaded_encoder(Source("m"), RUNTIME, other) is not first
    finally:
        loaded_encoder.cache_clear()


@pytest.mark.parametrize("stop_at", range(6))
def test_an_interrupted_encoding_loses_nothing(
    stop_at: int, tmp_path: Path, make_passages: Callable[..., Passages]
) -> None:
    passages = make_passages([(str(n), "", text) for n, text in enumerate(TEXTS)])
    side = Side.of("passage", {"model": "m", "sha256": {}}, {})

    def fill(folder: Path, output: Doubled) -> tuple[int, dict[str, bytes], list[str]]:
        folder.mkdir(exist_ok=True)
        files, rows = PassageFiles(folder, "tokens", ".npy", 5), []

        def pack(start: int, window: Any) -> Any:
            rows.append((start, rows_of(window)))
            return window.columns[0]

        encoder = Encoder(Source("m"), RUNTIME, output)
        count = files.encode(passages, side, encoder, pack, np.save, RUNTIME)
        assert rows == [(0, TEXTS[:5]), (5, TEXTS[5:])][2 - len(rows) :]
        assert [path.name for path in files.paths] == ["tokens-00000.npy", "tokens-00001.npy"]
        return count, {path.name: path.read_bytes() for path in folder.iterdir()}, rows

    undisturbed, output = Doubled(), Doubled()
    expected = fill(tmp_path / "undisturbed", undisturbed)[:2]
    output.loaded.stop_at = stop_at
    with pytest.raises(KeyboardInterrupt):
        fill(tmp_path / "interrupted", output)
    output.loaded.stop_at = -1
    assert fill(tmp_path / "interrupted", output)[:2] == expected
    assert expected[0] == len(TEXTS)
    assert output.loaded.batches == undisturbed.loaded.batches == 6
