"""Loops that numba compiles: what they give, and when it is imported."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from qa_bench.runtime.compiled import SUMS, compiled


@compiled()
def running(values: np.ndarray) -> np.ndarray:
    """Each value and those before it, added up."""
    sums = np.empty(len(values))
    total = 0.0
    for place in range(len(values)):
        total += values[place]
        sums[place] = total
    return sums


@compiled(fastmath=SUMS)
def total(values: np.ndarray) -> float:
    found = 0.0
    for value in values:
        found += value
    return found


def test_the_loops_of_threads() -> None:
    values = np.random.default_rng(1).random(1000)
    with ThreadPoolExecutor(4) as threads:
        for sums in threads.map(running, [values] * 8):
            np.testing.assert_array_equal(sums, np.cumsum(values))
    np.testing.assert_allclose(total(values), values.sum())
    assert np.isnan(total(np.array([1.0, np.nan])))


def test_a_package_and_a_home_to_read_only(tmp_path: Path) -> None:
    """Then nothing is kept, and all is compiled each time."""
    script = (
        "import numba.core.caching as caching; from pathlib import Path\n"
        "def refuse(self): raise OSError('read only')\n"
        "for locator in caching.CacheImpl._locator_classes: locator.ensure_cache_path = refuse\n"
        "caching._CacheLocator.ensure_cache_path = refuse\n"
        "import numpy as np\n"
        "from test_compiled import total\n"
        "assert total(np.ones(3)) == 3\n"
    )
    words = [sys.executable, "-c", script]
    done = subprocess.run(words, capture_output=True, text=True, cwd=Path(__file__).parent)
    assert done.returncode == 0, done.stderr


def test_numba_is_imported_at_the_first_call() -> None:
    script = (
        "import sys, numpy as np\n"
        "from qa_bench.retriever.vectors.kernels import products\n"
        "assert 'numba' not in sys.modules\n"
        "ones, row = np.ones((1, 2)), np.zeros(1, int)\n"
        "assert products(ones.astype(np.float32), row, ones, row, False) == [2.0]\n"
        "assert 'numba' in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
