from __future__ import annotations

from typing import Any

import pytest

from qa_bench.errors import UserError
from qa_bench.fusion.combmnz import CombMnz
from qa_bench.fusion.combsum import CombSum
from qa_bench.fusion.interpolation import Interpolation
from qa_bench.fusion.linear import Linear
from qa_bench.fusion.rrf import ReciprocalRank
from qa_bench.parts import Part
from qa_bench.protocols import Composite, PairScorer, Retriever
from qa_bench.retriever.hybrid import Hybrid


class Searcher(Part):
    """A retriever that knows nothing of what it did not find."""

    def index(self, *_: Any) -> int:
        return 0

    def search(self, *_: Any) -> None: ...


class Scorer(Searcher):
    def score(self, *_: Any) -> None: ...


def test_a_hybrid_is_a_composite_and_no_retriever_of_its_own():
    made = Hybrid({"one": Scorer(), "two": Scorer(), "three": Scorer()}, Linear(), parts_depth=50)
    assert isinstance(made, Composite)
    assert not isinstance(made, Retriever)
    assert not isinstance(made, PairScorer)
    assert not isinstance(Scorer(), Composite)
    assert list(made.parts) == ["one", "two", "three"]
    assert made.parts_depth == 50


@pytest.mark.parametrize("parts", [{}, {"one": Scorer()}])
def test_a_hybrid_of_one(parts: dict[str, Any]):
    with pytest.raises(UserError, match="a hybrid has at least two"):
        Hybrid(parts, ReciprocalRank())


@pytest.mark.parametrize("depth", [0, -1, 1.5, "all", None, True])
def test_parts_depth(depth: Any):
    with pytest.raises(UserError, match=r"^retriever\.parts_depth: a whole number >= 1, got '"):
        Hybrid({"one": Scorer(), "two": Scorer()}, ReciprocalRank(), parts_depth=depth)


@pytest.mark.parametrize("fusion", [ReciprocalRank(), CombSum(), CombMnz(), Interpolation()])
def test_fusions_that_take_what_was_found(fusion: Any):
    assert Hybrid({"one": Searcher(), "two": Scorer()}, fusion).fusion is fusion


def test_a_fusion_that_wants_scores_which_a_part_cannot_tell():
    with pytest.raises(UserError) as caught:
        Hybrid({"one": Scorer(), "two": Searcher()}, Linear())
    assert str(caught.value) == (
        "retriever.parts.two cannot score passages it did not find, which this fusion wants: "
        "choose fusion@retriever.fusion=interpolation or rrf"
    )


def test_a_hybrid_in_a_hybrid_has_ranks_and_no_true_scores():
    inner = Hybrid({"one": Scorer(), "two": Scorer()}, ReciprocalRank())
    assert Hybrid({"inner": inner, "three": Scorer()}, ReciprocalRank()).parts["inner"] is inner
    with pytest.raises(UserError, match=r"retriever\.parts\.inner cannot score"):
        Hybrid({"inner": inner, "three": Scorer()}, Linear())
