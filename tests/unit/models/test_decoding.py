"""Generation over devices: what is written does not depend on how many there are."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from reranker_models import save_decoder, save_encoder_decoder  # noqa: E402

from qa_bench.errors import UserError  # noqa: E402
from qa_bench.models.decoding import Writer, of_like_length  # noqa: E402
from qa_bench.models.source import Source  # noqa: E402
from qa_bench.runtime import replicas  # noqa: E402
from qa_bench.types import Runtime  # noqa: E402

GREEDY: dict[str, Any] = {"max_tokens": 9, "stop": [], "temperature": 0.0, "top_p": 1.0}
IDS = [[7 + (n * k) % 200 for k in range(1 + n % 5)] for n in range(14)]


def cpu(**settings: Any) -> Runtime:
    return Runtime(device="cpu", progress=False, **settings)


def written(writer: Writer, **changes: Any) -> list[list[int]]:
    settings = {**GREEDY, "seeds": list(range(len(IDS))), **changes}
    found = dict(writer.replies(IDS, **settings))
    return [found[place] for place in range(len(IDS))]


@pytest.fixture
def two_devices(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two devices of one kind, as two GPUs would be; the names of those that were used."""
    used: list[str] = []
    fake = [torch.device("cpu", number) for number in (0, 1)]
    monkeypatch.setattr(replicas, "devices", lambda runtime: list(fake))
    made = replicas.Replicas.__init__

    def as_gpus(self: Any, model: Any, name: str, runtime: Runtime, whole_cpu: bool) -> None:
        made(self, model, name, runtime, whole_cpu)
        # What a CPU gets is undone: every device its own worker, as GPUs have.
        self._devices, self._threads = list(fake), None
        import copy

        self._copies = [copy.deepcopy(model) for _ in fake]
        for device, one in zip(fake, self._copies, strict=True):
            one.register_forward_pre_hook(lambda *_, d=str(device): used.append(d))

    monkeypatch.setattr(replicas.Replicas, "__init__", as_gpus)
    return used


@pytest.mark.parametrize("save", [save_decoder, save_encoder_decoder])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_two_devices_write_what_one_writes(
    save: Callable[[Path], Path], temperature: float, tmp_path: Path, request: Any
) -> None:
    source = Source(str(save(tmp_path / "model")))
    alone = written(Writer(source, cpu(threads=2, batch_size=3)), temperature=temperature)
    used = request.getfixturevalue("two_devices")
    both = written(Writer(source, cpu(threads=2, batch_size=3)), temperature=temperature)
    assert both == alone
    assert len(set(map(tuple, alone))) > 5
    assert set(used) == {"cpu:0", "cpu:1"}


def test_on_a_cpu_one_worker_has_all_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller's own, so that Ctrl-C ends it at once; and torch's own operators."""

    def refused(*_: Any) -> None:
        raise AssertionError("quickened: replies would be others")

    monkeypatch.setattr(replicas, "quicken", refused)
    writer = Writer(Source(str(save_decoder(tmp_path / "model"))), cpu(threads=2))
    [model] = writer._replicas._copies
    seen = []
    model.register_forward_pre_hook(
        lambda *_: seen.append((threading.get_ident(), torch.get_num_threads()))
    )
    before = torch.get_num_threads()
    written(writer)
    assert set(seen) == {(threading.get_ident(), 2)}
    assert torch.get_num_threads() == before


def test_a_device_that_is_too_small(tmp_path: Path) -> None:
    writer = Writer(Source(str(save_decoder(tmp_path / "model"))), cpu(threads=1, batch_size=4))

    def full(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    writer._replicas._copies[0].register_forward_pre_hook(full)
    with pytest.raises(UserError, match=r"for 4 texts of up to 5 tokens at once: set a smaller"):
        written(writer)


def test_batches_of_like_length() -> None:
    lengths = np.array([3, 9, 1, 9, 4])
    batches = [batch.tolist() for batch in of_like_length(lengths, 2)]
    assert batches == [[1, 3], [4, 0], [2]]
    assert of_like_length(np.zeros(0, np.int64), 2) == []
