"""What parts with models say they will take, from the models' sizes."""

from __future__ import annotations

from typing import Any

import pytest

from qa_bench.lm.local import Local
from qa_bench.lm.openai_server import OpenAIServer
from qa_bench.parts import About
from qa_bench.reader.extractive.part import Extractive
from qa_bench.reader.fid.part import FusionInDecoder
from qa_bench.reader.generative import Generative
from qa_bench.reader.oracle import Oracle
from qa_bench.reader.redundancy import Redundancy
from qa_bench.reranker.cross_encoder import CrossEncoder
from qa_bench.reranker.llm import ListwiseReranker
from qa_bench.reranker.upr import UPR
from qa_bench.types import Runtime

TWO_CORES = Runtime(threads=2, device="cpu")
NOWHERE = "/no/such/model"  # a plan loads none


def sized(part: Any) -> Any:
    """The part, with a model of BERT base's size."""
    part.about = About(parameters=110e6, dimension=768)
    return part


@pytest.mark.parametrize(
    ("part", "seconds", "memory"),
    [
        # (110e6 - 30,522 × 768) weights, twice an operation, 3.4e11 a second on two cores
        (sized(CrossEncoder(NOWHERE)), 155 * 5.094e-4, "1.4 GB"),
        (sized(CrossEncoder(NOWHERE, max_length=100)), 100 * 5.094e-4, "1.4 GB"),
        (sized(UPR(NOWHERE, before="", after="x" * 40, question="{}")), 165 * 5.094e-4, "1.4 GB"),
        (sized(UPR(NOWHERE, precision="bf16", max_length=50)), 50 * 5.094e-4, "1.2 GB"),
        (sized(Extractive(NOWHERE)), 155 * 5.094e-4, "1.4 GB"),
        (sized(FusionInDecoder(NOWHERE, max_length=100, max_tokens=5)),
         (100 / 2 + 5 * 8 / 10) * 5.094e-4, "1.4 GB"),
        (Redundancy(), 1 / 2200, "0.3 GB"),
        (Oracle(), 1 / 10_000, "0.3 GB"),
    ],
)  # fmt: skip
def test_time_a_hit(part: Any, seconds: float, memory: str) -> None:
    step = part.plan(100, 10, TWO_CORES)
    assert step.name in ("rerank", "read")
    assert step.seconds == pytest.approx(1000 * seconds, rel=1e-3)
    assert step.memory == memory


def test_a_template_is_read_too() -> None:
    template = {"question": "Q: {}", "passage": "{}", "after": ["y" * 400], "answer": "yes"}
    plain, asked = (sized(CrossEncoder(NOWHERE, template=one)) for one in (None, template))
    ratio = asked.plan(9, 9, TWO_CORES).seconds / plain.plan(9, 9, TWO_CORES).seconds
    assert ratio == pytest.approx((155 + 407 / 4) / 155)


@pytest.mark.parametrize(
    "part",
    [CrossEncoder(NOWHERE), UPR(NOWHERE), Extractive(NOWHERE), FusionInDecoder(NOWHERE),
     Generative(Local(NOWHERE), "{question} {passages}")],
)  # fmt: skip
def test_a_model_of_unknown_size(part: Any) -> None:
    assert part.plan(3, 2, TWO_CORES)[1:] == (0, None, "set about.parameters")


def test_requests_to_a_server() -> None:
    lm = OpenAIServer("http://127.0.0.1:1/v1", model="m")
    listwise = ListwiseReranker(lm, "{question} {passages}", window=20, step=10)
    for hits, windows in ((0, 0), (1, 0), (2, 1), (20, 1), (21, 2), (100, 9)):
        step = listwise.plan(7, hits, TWO_CORES)
        assert step[1:] == (0, None, f"{7 * windows} requests")
    assert Generative(lm, "{question} {passages}").plan(3610, 5, TWO_CORES).memory == (
        "3,610 requests"
    )


def test_prompts_to_a_local_model() -> None:
    lm = sized(Local(NOWHERE, max_tokens=10))

    def tokens(template: str, hits: int, **settings: Any) -> float:
        step = Generative(lm, template, **settings).plan(1, hits, TWO_CORES)
        assert step.name == "read"
        assert step.seconds is not None
        return step.seconds / 5.094e-4 - 10 * 8

    template = "{question} {passages}" + "x" * 79
    assert tokens(template, 5) == pytest.approx(25 + 14 + 5 * 141, rel=1e-3)
    assert tokens(template, 5, words=50) == pytest.approx(25 + 14 + 5 * 70.5, rel=1e-3)
    assert tokens("{question}" + "x" * 90, 0, depth=0) == pytest.approx(25 + 14, rel=0.01)
    listwise = ListwiseReranker(lm, template, window=20, step=10).plan(1, 30, TWO_CORES)
    each = 25 + 14 + 20 * 141 + 10 * 8
    assert listwise.seconds == pytest.approx(2 * each * 5.094e-4, rel=1e-3)
