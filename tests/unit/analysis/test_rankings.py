from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import two_results

from qa_bench.analysis.pairing import pairing
from qa_bench.analysis.rankings import agreement, of_lists


def lists(*rows: list[int], depth: int = 5) -> np.ndarray:
    return np.array([row + [-1] * (depth - len(row)) for row in rows])


def test_the_same_lists_agree_wholly() -> None:
    told = of_lists(lists([1, 2, 3, 4, 5]), lists([1, 2, 3, 4, 5]))
    assert told.overlap == {1: 1.0, 3: 1.0, 5: 1.0}
    assert told.equal == {1: 1.0, 3: 1.0, 5: 1.0}
    assert (told.rbo, told.kendall, told.spearman) == (pytest.approx(1), 1.0, 1.0)


def test_lists_without_a_common_passage_do_not_agree_at_all() -> None:
    told = of_lists(lists([1, 2, 3]), lists([4, 5, 6]))
    assert (told.rbo, told.overlap[3], told.shared) == (0.0, 0.0, 0)
    assert np.isnan(told.kendall)


def test_rbo_by_hand() -> None:
    # X = 1, 1, 3: (.1/.9)(.9 + .5 · .81 + .729) + .729
    told = of_lists(lists([1, 2, 3], depth=3), lists([1, 3, 2], depth=3))
    assert told.rbo == pytest.approx(0.1 / 0.9 * (0.9 + 0.405 + 0.729) + 0.729)


def test_rbo_of_lists_of_different_length_by_hand() -> None:
    # s = 1, l = 3, X = 1, 1, 1: behind the short list's end its share goes on.
    told = of_lists(lists([1], depth=3), lists([1, 2, 3], depth=3))
    seen = 0.9 + 0.81 / 2 + 0.729 / 3
    beyond = 0.81 * 1 / 2 + 0.729 * 2 / 3
    assert told.rbo == pytest.approx(0.1 / 0.9 * (seen + beyond) + 0.729)


def test_empty_lists_are_the_same_and_share_nothing_with_others() -> None:
    told = of_lists(lists([], []), lists([], [1, 2]))
    assert told.rbo == pytest.approx(0.5)
    assert told.overlap[3] == pytest.approx(0.5)


def test_correlations_are_those_of_scipy_on_the_shared_passages() -> None:
    from scipy.stats import kendalltau, spearmanr

    rng = np.random.default_rng(1)
    for _ in range(20):
        a, b = rng.permutation(12)[:8], rng.permutation(12)[:8]
        shared = [pid for pid in a if pid in b]
        told = of_lists(a[None], b[None])
        places = [[list(one).index(pid) for pid in shared] for one in (a, b)]
        if len(shared) < 2:
            assert told.shared == 0
            continue
        assert told.kendall == pytest.approx(kendalltau(*places).statistic)
        assert told.spearman == pytest.approx(spearmanr(*places).statistic)


def test_every_question_is_of_one_class() -> None:
    first = [1, 2, 3, 4, 5]
    others = {
        "identical": [1, 2, 3, 4, 5],
        "neighbours": [2, 1, 3, 5, 4],
        "order": [3, 1, 2, 4, 5],
        "last": [1, 2, 3, 4, 9],
        "one": [9, 1, 2, 3, 4],
        "more": [1, 2, 3, 8, 9],
    }
    told = of_lists(lists(*[first] * 6), lists(*others.values()))
    assert told.classes == dict.fromkeys(others, 1)


def test_pids_are_compared_and_titles_are_not(tmp_path: Path) -> None:
    two_results.saved(tmp_path, "a", [1, 2], passages=[["p", "q"], ["r"]])
    two_results.saved(tmp_path, "b", [1, 2], passages=[["q", "p"], ["r"]])
    (pair,) = pairing(two_results.entries(tmp_path), "a", "b").pairs
    told = agreement(pair.a, pair.b)
    assert told is not None
    assert told.classes["neighbours"] == told.classes["identical"] == 1


def test_predictions_alone_have_no_rankings(tmp_path: Path) -> None:
    two_results.saved(tmp_path, "a", em=[1, 0])
    two_results.saved(tmp_path, "b", em=[1, 1])
    (pair,) = pairing(two_results.entries(tmp_path), "a", "b").pairs
    assert agreement(pair.a, pair.b) is None
