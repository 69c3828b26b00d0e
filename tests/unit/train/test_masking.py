"""Which words are hidden, and what stands in their place."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from qa_bench.train.masking import chosen_tokens, disguised

MASK, VOCABULARY = 4, 1000


@given(
    lengths=st.lists(st.integers(0, 60), min_size=1, max_size=5),
    share=st.floats(0.05, 0.95),
    seed=st.integers(0, 99),
)
def test_the_share_of_each_text_and_nothing_that_is_not_free(
    lengths: list[int], share: float, seed: int
) -> None:
    torch.manual_seed(seed)
    free = torch.zeros(len(lengths), 62, dtype=torch.bool)
    for row, length in enumerate(lengths):
        free[row, 1 : 1 + length] = True
    chosen = chosen_tokens(free, share)
    assert not (chosen & ~free).any(), "special tokens and padding are never hidden"
    for row, length in enumerate(lengths):
        expectation = min(length, max(1, round(length * share)))
        assert abs(int(chosen[row].sum()) - expectation) <= (abs(length * share % 1 - 0.5) < 1e-5)


def test_eighty_ten_ten() -> None:
    torch.manual_seed(0)
    ids = torch.randint(10, VOCABULARY, (100, 500))
    chosen = chosen_tokens(torch.ones_like(ids, dtype=torch.bool), 0.5)
    seen = disguised(ids, chosen, MASK, VOCABULARY)
    assert torch.equal(seen[~chosen], ids[~chosen])
    hidden, before = seen[chosen], ids[chosen]
    masked = (hidden == MASK).float().mean()
    stayed = (hidden == before).float().mean()
    assert float(masked) == pytest.approx(0.8, abs=0.01)
    assert float(stayed) == pytest.approx(0.1, abs=0.01)
    swapped = hidden[(hidden != MASK) & (hidden != before)]
    assert len(swapped.unique()) > 900, "any word of the vocabulary"


def test_every_token_is_as_likely() -> None:
    torch.manual_seed(0)
    free = torch.ones(5000, 10, dtype=torch.bool)
    shares = chosen_tokens(free, 0.3).float().mean(0)
    assert torch.allclose(shares, torch.full((10,), 0.3), atol=0.03)
