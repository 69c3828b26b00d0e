from __future__ import annotations

from typing import Any

import pytest
import yaml

from qa_bench.metric.abstained import Abstained
from qa_bench.metric.evidence import Evidence
from qa_bench.paths import CONF


@pytest.fixture(scope="module")
def abstained() -> Abstained:
    said: dict[str, Any] = yaml.safe_load((CONF / "metric/abstained.yaml").read_text("utf-8"))
    return Abstained(said["words"], said["phrases"])


@pytest.mark.parametrize(
    ("prediction", "abstains"),
    [
        ("", 1),
        ("...", 1),
        ("Unknown.", 1),
        ("Unknown Pleasures", 0),
        ("I don't know", 1),
        ("I don’t know who it was", 1),
        ("I do not know", 1),
        ("I do not knowingly", 0),
        ("The passages do not mention it", 1),
        ("Not mentioned in the passages", 1),
        ("N/A", 1),
        ("Paris", 0),
    ],
)
def test_what_says_nothing(
    abstained: Abstained, make_questions: Any, prediction: str, abstains: int
) -> None:
    evidence = Evidence(make_questions({"q": ["Rome"]}), predictions={"q": prediction})
    assert abstained.score(evidence)["abstained"].tolist() == [abstains]


def test_what_is_right_or_not_there_is_no_abstention(
    abstained: Abstained, make_questions: Any
) -> None:
    questions = make_questions({"right": ["None"], "missing": ["Rome"]})
    evidence = Evidence(questions, predictions={"right": "none"})
    assert abstained.score(evidence)["abstained"].tolist() == [0, 0]
    assert abstained.score(Evidence(questions)) == {}
