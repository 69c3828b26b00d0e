from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from two_results import entries, saved

from qa_bench.analysis.pairing import pairing
from qa_bench.errors import DataError, UserError


def test_two_systems_need_no_names(tmp_path: Path) -> None:
    saved(tmp_path, "one", [1, 0])
    saved(tmp_path, "two", [0, 1])
    both = pairing(entries(tmp_path), None, None)
    assert (both.a, both.b, both.passages) == ("one", "two", "c")
    assert [pair.name for pair in both.pairs] == ["nq"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"questions": "ffffffff"}, "other questions: 00000002 and ffffffff"),
        ({"match": "regex"}, "answers are matched otherwise: string and regex"),
        ({"mode": "pyserini"}, "other rules of matching: dpr and pyserini"),
        ({"digest": ""}, "b is only reported"),
    ],
)
def test_what_differs_in_more_than_the_system_is_refused(
    change: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    saved(tmp_path, "a", [1, 0])
    path = saved(tmp_path, "b", [0, 1], **change)
    if "digest" in change:
        path.with_suffix(".csv").unlink()
    for system in "ab":
        saved(tmp_path, system, [1, 0, 3], dataset="webq")
    both = pairing(entries(tmp_path), "a", "b")
    assert [pair.name for pair in both.pairs] == ["webq"]
    assert both.refusals[0].startswith(f"nq: {reason}")


def test_another_number_of_questions_is_refused(tmp_path: Path) -> None:
    saved(tmp_path, "a", [1, 0])
    saved(tmp_path, "b", [1, 0, 3])
    with pytest.raises(UserError, match="nothing to compare: nq: other questions: 2 and 3"):
        pairing(entries(tmp_path), "a", "b")


def test_a_set_of_one_system_is_told(tmp_path: Path) -> None:
    saved(tmp_path, "a", [1, 0])
    saved(tmp_path, "b", [1, 0])
    saved(tmp_path, "b", [1, 0], dataset="webq")
    assert pairing(entries(tmp_path), "a", "b").refusals == ["webq: b alone has it, a has not"]


def test_an_edited_file_is_refused_by_name(tmp_path: Path) -> None:
    saved(tmp_path, "a", [1, 0])
    path = saved(tmp_path, "b", [1, 0]).with_suffix(".csv")
    path.write_text(path.read_text().replace("nq-0", "nq-9"))
    with pytest.raises(DataError, match=r"nq-test--b--\w+\.csv: not the file"):
        pairing(entries(tmp_path), "a", "b")


def test_an_edited_figure_is_refused(tmp_path: Path) -> None:
    saved(tmp_path, "a", [1, 0])
    path = saved(tmp_path, "b", [1, 0])
    path.write_text(path.read_text().replace('"value": 0.5', '"value": 0.75'))
    with pytest.raises(DataError, match=r"is 0\.750000, but the mean"):
        pairing(entries(tmp_path), "a", "b")


@pytest.mark.parametrize(
    ("a", "b", "why"),
    [
        ("one", None, "name two systems, a=… and b=…: there are 'one', 'two', 'three'"),
        ("one", "four", "no system 'four'"),
        ("one", "one", "a and b are the same system, 'one': name two"),
    ],
)
def test_names_that_are_not_two_systems(a: str, b: str | None, why: str, tmp_path: Path) -> None:
    for place, system in enumerate(("one", "two", "three")):
        saved(tmp_path, system, [1, 0], place=place)
    with pytest.raises(UserError, match=why):
        pairing(entries(tmp_path), a, b)


def test_one_system_on_two_corpora_is_told_apart(tmp_path: Path) -> None:
    saved(tmp_path, "one", [1, 0], corpus="c")
    saved(tmp_path, "one", [1, 2], corpus="d", passages_key="b" * 16)
    both = pairing(entries(tmp_path), "one (c)", "one (d)")
    assert (both.a, both.b, both.passages) == ("one (c)", "one (d)", "")


def test_every_k_follows_from_the_first_ranks(tmp_path: Path) -> None:
    saved(tmp_path, "a", [1, 7, 0, 19])
    saved(tmp_path, "b", [8, 0, 3, 20])
    (pair,) = pairing(entries(tmp_path), "a", "b").pairs
    assert pair.deepest == 20
    first, second = pair.flags("answer_recall@7")
    np.testing.assert_array_equal(first, [1, 1, 0, 0])
    np.testing.assert_array_equal(second, [0, 0, 1, 0])
    with pytest.raises(UserError, match="no 'answer_recall@21' of both systems on nq"):
        pair.flags("answer_recall@21")


def test_ranks_that_are_not_those_of_the_recall_give_no_further_k(tmp_path: Path) -> None:
    saved(tmp_path, "a", [1, 7])
    path = saved(tmp_path, "b", [1, 7])
    rewrite(path, lambda text: text.replace(",7,", ",3,"))
    (pair,) = pairing(entries(tmp_path), "a", "b").pairs
    assert pair.deepest == 0


def test_a_single_group_is_refused(tmp_path: Path) -> None:
    for system in "ab":
        saved(tmp_path, system, [1, 0], groups=["g", "g"])
    with pytest.raises(UserError, match="all questions are of one group"):
        pairing(entries(tmp_path), "a", "b")


def rewrite(path: Path, change: Any) -> None:
    """Another per-question file, with its digest in the record."""
    import hashlib

    values = path.with_suffix(".csv")
    values.write_text(change(values.read_text()))
    content = json.loads(path.read_text())
    digest = hashlib.sha256(values.read_bytes()).hexdigest()
    content["subject"][0]["digest"]["sha256"] = digest
    path.write_text(json.dumps(content))


def test_two_question_files_of_one_name_are_two_sets(tmp_path: Path) -> None:
    for system, hits in (("a", [1, 0, 1]), ("b", [0, 0, 1])):
        saved(tmp_path, system, hits)
        saved(tmp_path, system, hits[:2], name="other", questions="deadbeef")
    for names in (("x", "other"), ("other", "x")):
        both = pairing([e for name in names for e in entries(tmp_path, name)], "a", "b")
        assert sorted(len(pair) for pair in both.pairs) == [2, 3]
        assert not both.refusals
