from __future__ import annotations

from collections.abc import Iterator

import pytest
from servers import Server

from qa_bench.net.patience import Patience


@pytest.fixture(autouse=True)
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loopback may be asked, whatever the rest of the suite is told."""
    for name in ("HF_HUB_OFFLINE", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as serving:
        yield serving


@pytest.fixture
def quick() -> Patience:
    """Little patience, so that tests end."""
    return Patience(
        connect_s=2,
        read_s=0.3,
        slowest_bytes_s=200,
        tries=3,
        progress_bytes=1000,
        backoff_s=0.01,
        longest_s=0.05,
    )
