"""What a killed encoding keeps of the file it was at, and that no byte tells of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from qa_bench.models import encoder as encoder_module  # noqa: E402
from qa_bench.models import unfinished as module  # noqa: E402
from qa_bench.models.encoder import Encoder  # noqa: E402
from qa_bench.models.source import Source  # noqa: E402
from qa_bench.models.unfinished import Unfinished  # noqa: E402
from qa_bench.retriever.dense import part as dense  # noqa: E402
from qa_bench.retriever.dense.part import Dense  # noqa: E402
from qa_bench.store.passages import Passages  # noqa: E402
from qa_bench.types import Runtime  # noqa: E402

RUNTIME = Runtime(threads=1, device="cpu", batch_size=2, progress=False)
TEXTS = [("p", "T", "x" * (1 + n % 3) + str(n)) for n in range(23)]


class Characters(torch.nn.Module):
    """Tokens are characters; a vector tells what else was in its batch."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []
        self.stop_at = -1

    def preprocess(self, texts: Any, prompt: str | None = None) -> dict[str, Any]:
        width = max(map(len, texts))
        ids = torch.tensor([[ord(c) for c in text] + [0] * (width - len(text)) for text in texts])
        return {"input_ids": ids, "attention_mask": (ids > 0).long()}

    def forward(self, features: dict[str, Any]) -> dict[str, Any]:
        if len(self.batches) == self.stop_at:
            raise KeyboardInterrupt
        ids = features["input_ids"].float()
        self.batches.append(len(ids))
        of_batch = torch.full((len(ids),), float(ids.sum()))
        features["sentence_embedding"] = torch.stack([ids.sum(1), of_batch], 1)
        return features


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Characters:
    model = Characters()
    monkeypatch.setattr(encoder_module, "sentence_model", lambda source: model)
    made = Encoder(Source("m"), RUNTIME)
    monkeypatch.setattr(dense, "loaded_encoder", lambda source, runtime: made)
    monkeypatch.setattr(dense, "SHARD_PASSAGES", 9)
    return model


def index(passages: Passages, folder: Path) -> dict[str, bytes]:
    """The files of an index, hidden ones too."""
    folder.mkdir(exist_ok=True)
    assert Dense(model="m", similarity="dot").index(passages, folder, RUNTIME) == len(TEXTS)
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".done"}


@pytest.mark.parametrize("stop_at", range(15))
@pytest.mark.parametrize("every_s", [-1, 60])
def test_an_interrupted_encoding_loses_nothing(
    every_s: float,
    stop_at: int,
    model: Characters,
    make_passages: Callable[..., Passages],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each batch is made once, and the vectors are those of an undisturbed encoding."""
    monkeypatch.setattr(module, "EVERY_S", every_s)
    passages = make_passages(TEXTS)
    undisturbed = index(passages, tmp_path / "undisturbed")
    every = list(model.batches)
    assert set(undisturbed) == {f"vectors-0000{n}.npy" for n in range(3)}
    assert len(every) == 15
    model.batches.clear()
    model.stop_at = stop_at
    with pytest.raises(KeyboardInterrupt):
        index(passages, tmp_path / "interrupted")
    model.stop_at = -1
    assert index(passages, tmp_path / "interrupted") == undisturbed
    assert model.batches == every


def test_pieces_of_another_window_and_damaged_ones_go(tmp_path: Path) -> None:
    def piece(window: int, start: int) -> None:
        unfinished = Unfinished(tmp_path, window)
        places = np.arange(start, start + 2)
        unfinished.add(places, np.ones((2, 3), np.float32) * start)
        unfinished.save()
        unfinished.save()

    def places(window: int) -> list[int]:
        return [int(n) for rows, _ in Unfinished(tmp_path, window).restore() for n in rows]

    piece(4, 0)
    piece(4, 7)
    assert places(4) == [0, 1, 7, 8]
    assert len(list(tmp_path.iterdir())) == 4
    (tmp_path / "unfinished-00001.npz").write_bytes(b"zeros")
    assert places(4) == [0, 1]
    piece(4, 5)
    assert places(4) == [0, 1, 5, 6]
    assert places(5) == []
    assert list(tmp_path.iterdir()) == []
