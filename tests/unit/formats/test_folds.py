from __future__ import annotations

import pytest

from qa_bench.errors import UserError
from qa_bench.formats.folds import Fold

TITLES = [f"Article {number}" for number in range(1000)]


def test_folds_side_by_side_share_no_article_and_leave_none_out() -> None:
    folds = [Fold.of("f", [first / 4, (first + 1) / 4]) for first in range(4)]
    counts = [sum(fold.holds(title) for fold in folds if fold) for title in TITLES]
    assert set(counts) == {1}
    sizes = [sum(map(fold.holds, TITLES)) for fold in folds if fold]
    assert sizes == [256, 237, 255, 252]  # the same on every machine


def test_titles_of_squad_are_those_of_the_articles() -> None:
    fold = Fold(0, 0.5)
    for title in TITLES:
        assert fold.holds(title.replace(" ", "_")) == fold.holds(title)
    assert fold.holds("Beyonc%C3%A9") == fold.holds("Beyoncé")


def test_no_fold() -> None:
    assert Fold.of("f", None) is None


@pytest.mark.parametrize(
    "setting", [[0], [0.5, 0.5], [-1, 1], [0, 1.1], "01", ["a", 1], 3, [0, 1, 2]]
)
def test_what_is_no_interval_is_refused(setting: object) -> None:
    with pytest.raises(UserError, match=r"dataset.fold: two places between 0 and 1"):
        Fold.of("dataset.fold", setting)
