from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hit_runs import run_of, store

from qa_bench.store.hits import Hits
from qa_bench.store.passages import Passages

MakeHits = Callable[..., Hits]


@pytest.fixture(scope="session")
def numbered(tmp_path_factory: pytest.TempPathFactory) -> Passages:
    """Passages "1" to "30"."""
    folder = tmp_path_factory.mktemp("numbered") / "p"
    return store(folder, [str(number) for number in range(1, 31)])


@pytest.fixture(scope="session")
def named(tmp_path_factory: pytest.TempPathFactory) -> Passages:
    """Passages "p30" down to "p1": rows and pids run against each other."""
    folder = tmp_path_factory.mktemp("named") / "p"
    return store(folder, [f"p{number}" for number in range(30, 0, -1)])


@pytest.fixture
def make_hits(numbered: Passages) -> MakeHits:
    """``make_hits(bm25=[("3", 9.0), …], dense=[…])``: the hits of one question."""

    def make(**parts: Sequence[tuple[str, float]]) -> Hits:
        runs = {name: run_of({"q": found}) for name, found in parts.items()}
        return Hits.of(runs, ["q"], numbered)

    return make
