"""Our modes say what the reference matchers say."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import matching_cases as golden
import pytest
from matching_cases import Case

from qa_bench import exact_match, has_answer
from qa_bench.metric.answer_spans import answer_spans


def rows(cases: Sequence[Case], modes: Mapping[str, str | tuple[str, ...]]) -> list[object]:
    return [
        pytest.param(case, mode, reference in case.found_by, id=f"{case.name}-{reference}-{mode}")
        for case in cases
        for reference, named in modes.items()
        for mode in ((named,) if isinstance(named, str) else named)
    ]


@pytest.mark.parametrize(
    ("case", "mode", "found"), rows(golden.STRING_RECALL, golden.STRING_REFERENCES)
)
def test_string_recall(case: Case, mode: str, found: bool):
    assert has_answer(case.text, case.answers, "string", mode) is found
    assert bool(answer_spans(case.text, case.answers, "string", mode)) is found


@pytest.mark.parametrize(
    ("case", "mode", "found"), rows(golden.REGEX_RECALL, golden.REGEX_REFERENCES)
)
def test_regex_recall(case: Case, mode: str, found: bool):
    assert has_answer(case.text, case.answers, "regex", mode) is found
    assert bool(answer_spans(case.text, case.answers, "regex", mode)) is found


@pytest.mark.parametrize(("case", "mode", "found"), rows(golden.EM, golden.EM_REFERENCES))
def test_exact_match(case: Case, mode: str, found: bool):
    assert exact_match(case.text, case.answers, "string", mode) is found


@pytest.mark.parametrize(
    ("case", "mode", "found"), rows(golden.EM_REGEX, golden.EM_REGEX_REFERENCES)
)
def test_exact_match_of_patterns(case: Case, mode: str, found: bool):
    assert exact_match(case.text, case.answers, "regex", mode) is found


@pytest.mark.shared
def test_no_case_of_the_original_is_missing(shared: Path):
    original = json.loads((shared / "golden" / "matching.json").read_text(encoding="utf-8"))
    ours = {
        "string_recall": (golden.STRING_RECALL, golden.STRING_REFERENCES, "text"),
        "regex_recall": (golden.REGEX_RECALL, golden.REGEX_REFERENCES, "text"),
        "em": (golden.EM, golden.EM_REFERENCES, "prediction"),
        "em_regex": (golden.EM_REGEX, golden.EM_REGEX_REFERENCES, "prediction"),
    }
    assert set(original) - {"source"} == set(ours)
    for group, (cases, references, field) in ours.items():
        theirs = [
            (
                row["case"],
                row[field],
                tuple(row["answers"]),
                {name for name in references if row[name] is True},
            )
            for row in original[group]
        ]
        assert theirs == cases, group
        columns = set(original[group][0]) - {"case", field, "answers"}
        assert columns - set(references) <= {"Rankify", "BERGEN_match"}
