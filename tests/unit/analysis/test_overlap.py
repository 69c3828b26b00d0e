from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from qa_bench.analysis.overlap import subsets
from qa_bench.analysis.subject import UnknownError
from qa_bench.errors import DataError


def annotate(folder: Path, rows: dict[object, list[str]], split: str = "test") -> None:
    lines = (json.dumps({"id": qid, "labels": ["total", *told]}) for qid, told in rows.items())
    (folder / f"{split}.overlap.jsonl").write_text("\n".join(lines) + "\n")


def test_one_of_the_answers_is_an_answer_of_the_train_split(make_asked) -> None:
    subject = make_asked(
        [["Paris", "the Rome!"], ["Oslo"], ["the"], ["42"]], train=[["rome"], ["a", "Bern"]]
    )
    assert subsets(subject) == {
        "answer_overlap": [True, False, False, False],
        "no_answer_overlap": [False, True, True, True],
    }


def test_patterns_are_compared_as_they_are_written(make_asked) -> None:
    subject = make_asked([["19[67]9"], ["1969"]], train=[["19[67]9"]], match="regex")
    assert subsets(subject)["answer_overlap"] == [True, False]


def test_a_subset_without_questions_is_not_shown(make_asked) -> None:
    assert list(subsets(make_asked([["Rome"]], train=[["Rome"]]))) == ["answer_overlap"]


def test_annotations_stand_above_the_rule(make_asked, tmp_path: Path) -> None:
    rows: dict[object, list[str]] = {
        "nq-test-0": ["question_overlap", "answer_overlap"],
        "nq-test-1": ["no_question_overlap", "answer_overlap", "answer_overlap_only"],
        "nq-test-2": ["no_question_overlap", "no_answer_overlap"],
        "nq-test-3": ["answer_overlap"],
        "nq-test-4": ["no_answer_overlap"],
    }
    annotate(tmp_path, rows)
    expected = {
        "question_overlap": [True, False, False, False, False],
        "answer_overlap_only": [False, True, False, False, False],
        "no_overlap": [False, False, True, False, False],
        "answer_overlap": [True, True, False, True, False],
        "no_answer_overlap": [False, False, True, False, True],
    }
    subject = make_asked([["Rome"]] * 5)
    assert subsets(subject) == expected
    assert list(subsets(subject)) == list(expected)
    annotate(tmp_path, dict(enumerate(rows.values())))  # by place, as QA-Overlap's own may be
    assert subsets(subject) == expected


def test_what_cannot_be_had_says_why(make_asked, tmp_path: Path) -> None:
    with pytest.raises(UnknownError, match="dataset nq has no train file"):
        subsets(make_asked([["Rome"]]))
    with pytest.raises(UnknownError, match="it is the train split itself"):
        subsets(make_asked([["Rome"]], train=[["Rome"]], split="train"))
    with pytest.raises(UnknownError, match="there are no answers"):
        subsets(make_asked([[]], train=[["Rome"]], match="qrels"))
    annotate(tmp_path, {"webq-test-0": []})
    with pytest.raises(UnknownError, match="names none of these questions"):
        subsets(make_asked([["Rome"]], train=[["Rome"]]))
    (tmp_path / "test.overlap.jsonl").write_text('{"id": "nq-test-0", "labels": "total"}\n')
    with pytest.raises(DataError, match=r"expected .*labels"):
        subsets(make_asked([["Rome"]], train=[["Rome"]]))


@pytest.mark.shared
def test_the_annotations_of_nq(shared: Path, make_asked) -> None:
    """Lewis et al. 2021, table 3: of the questions looked at, 324 overlap, 357 in no way."""
    subject = make_asked([["?"]] * 3610)
    found = subsets(type(subject)(**{**vars(subject), "folder": shared / "data/nq"}))
    counts = {name: sum(members) for name, members in found.items()}
    assert counts == {
        "question_overlap": 324,
        "answer_overlap_only": 315,
        "no_overlap": 357,
        "answer_overlap": 2297,
        "no_answer_overlap": 1313,
    }
    parted = ("question_overlap", "answer_overlap_only", "no_overlap")
    each = Counter(sum(told) for told in zip(*(found[name] for name in parted), strict=True))
    assert set(each) == {0, 1}
