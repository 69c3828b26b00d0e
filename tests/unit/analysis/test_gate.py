from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from two_results import Entry, entries, saved

from qa_bench.analysis.conditions import Condition, conditions
from qa_bench.analysis.gate import Verdict, gate
from qa_bench.analysis.gate_files import junit, markdown, summary
from qa_bench.errors import DataError, UserError
from qa_bench.report.files import alone
from qa_bench.report.merge import folders

N = 400


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("answer_recall@5 < -0.01", ("", "answer_recall@5", "", "<", -0.01, True)),
        ("nq: em<.30", ("nq", "em", "", "<", 0.3, False)),
        ("squad-dev : mrr.high <= −2.5 %", ("squad-dev", "mrr", "high", "<=", -0.025, True)),
        ("f1.low >= +1%", ("", "f1", "low", ">=", 0.01, True)),
        ("em < -0", ("", "em", "", "<", 0.0, True)),
    ],
)
def test_the_grammar(text: str, expected: tuple[Any, ...]) -> None:
    (condition,) = conditions(text)
    assert condition == Condition(text, *expected)


def test_several_conditions() -> None:
    first, second, third = conditions(["mrr < -0.01; em < 0.3;", "f1 < 0.2"])
    assert [c.metric for c in (first, second, third)] == ["mrr", "em", "f1"]


@pytest.mark.parametrize(
    "text", ["mrr", "mrr << 1", "mrr < -", "mrr < 1e3", "__import__('os') < 1", "a b < 1"]
)
def test_what_is_no_condition(text: str) -> None:
    with pytest.raises(UserError, match=r"is no .SET:. METRIC"):
        conditions(text)


@pytest.mark.parametrize("empty", [None, "", [], " ; "])
def test_no_condition_at_all(empty: Any) -> None:
    with pytest.raises(UserError, match="check needs what is a breach"):
        conditions(empty)


def test_a_floor_at_zero_is_no_floor() -> None:
    with pytest.raises(UserError, match="no figure is below 0; '< -0' is a difference"):
        conditions("mrr < 0")


def ranks(hits: int, n: int = N) -> list[int]:
    return [1] * hits + [0] * (n - hits)


def checked(tmp_path: Path, ours: int, theirs: int, text: str, **fields: Any) -> list[Verdict]:
    """What a gate says of systems with so many hits of 400."""
    saved(tmp_path, "bm25", ranks(ours), name="x", **fields)
    saved(tmp_path, "bm25", ranks(theirs), name="main")
    return against(tmp_path, text)


def against(tmp_path: Path, text: str) -> list[Verdict]:
    return gate(entries(tmp_path), entries(tmp_path, "main"), conditions(text), "main")


def test_a_planted_loss_is_a_breach_with_its_interval(tmp_path: Path) -> None:
    (verdict,) = checked(tmp_path, 200, 240, "answer_recall@5 < -0.01")
    assert verdict.breach
    assert verdict.value == pytest.approx(-0.1)
    assert verdict.low is not None
    assert verdict.high is not None
    assert verdict.low < -0.1 < verdict.high < -0.01
    assert verdict.line.startswith("nq bm25 (c): Top-5 -10.00 against main (95 % -")
    assert verdict.line.endswith("0 better, 40 worse of 400): < -1.00, the whole interval")


@pytest.mark.parametrize("ours", [240, 280, 238])
def test_a_win_a_draw_and_a_small_loss_pass(ours: int, tmp_path: Path) -> None:
    (verdict,) = checked(tmp_path, ours, 240, "answer_recall@5 < -0.01")
    assert not verdict.breach


def test_a_loss_that_chance_explains_is_a_breach_that_says_so(tmp_path: Path) -> None:
    (verdict,) = checked(tmp_path, 235, 240, "mrr < -0.01")
    assert verdict.breach
    assert verdict.line.endswith("the interval reaches beyond it")


def test_the_ends_of_the_interval_can_be_asked_for(tmp_path: Path) -> None:
    sure, possible = checked(tmp_path, 235, 240, "mrr.high < -0.01; mrr.low < -0.01")
    assert (sure.breach, possible.breach) == (False, True)
    assert "its low end < -1.00" in possible.line


def test_floors_need_no_reference(tmp_path: Path) -> None:
    saved(tmp_path, "bm25", ranks(230))
    below, above, low = gate(
        entries(tmp_path),
        None,
        conditions("answer_recall@20 < 0.60; answer_recall@7 < 50 %; mrr.low < .55"),
    )
    assert (below.breach, above.breach, low.breach) == (True, False, True)
    assert "Top-20 57.50 (95 %" in below.line
    with pytest.raises(UserError, match="is a difference from a reference: reference="):
        gate(entries(tmp_path), None, conditions("mrr < -0.01"))
    with pytest.raises(UserError, match="fails what is good"):
        gate(entries(tmp_path), None, conditions("mrr >= 0.60"))


def test_what_is_missing_on_either_side_never_passes(tmp_path: Path) -> None:
    saved(tmp_path, "ours", ranks(200))
    saved(tmp_path, "theirs", ranks(200), name="main")
    lines = [v.line for v in against(tmp_path, "mrr < -0.01") if v.breach]
    assert lines == [
        "nq theirs (c): missing here, main has it",
        "nq ours (c): missing in main: nothing to hold it against",
    ]
    assert not any(v.breach for v in against(tmp_path, "nq: mrr < 0.1") if v.system == "ours (c)")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("webq: mrr < -0.01", "nothing is checked by 'webq: mrr < -0.01': no such set"),
        ("em < -0.01", "no system has em: there are answer_recall@1"),
        ("answer_recall@21 < 0.2", "no system has answer_recall@21"),
    ],
)
def test_a_condition_about_nothing_is_a_breach(text: str, reason: str, tmp_path: Path) -> None:
    (verdict,) = checked(tmp_path, 240, 240, text)
    assert verdict.breach
    assert reason in verdict.line


def test_a_metric_that_is_lost_is_a_breach(tmp_path: Path) -> None:
    saved(tmp_path, "a", ranks(5), em=[1] * N)
    saved(tmp_path, "b", ranks(5))
    for system in "ab":
        saved(tmp_path, system, ranks(5), em=[1] * N, name="main")
    lost = [v for v in against(tmp_path, "em < -0.01") if v.breach]
    assert [v.line for v in lost] == ["nq b (c): no em, which main has"]


def test_other_questions_are_a_breach(tmp_path: Path) -> None:
    (verdict,) = checked(tmp_path, 240, 240, "mrr < -0.01", questions="12345678")
    assert verdict.line == (
        "nq bm25 (c): cannot be compared with main: other questions: 12345678 and 00000190"
    )


def test_what_is_only_reported_is_a_breach_of_a_difference_and_has_a_floor(tmp_path: Path) -> None:
    saved(tmp_path, "bm25", ranks(240), name="main")
    saved(tmp_path, "bm25", ranks(240)).with_suffix(".csv").unlink()
    first, second, third = against(tmp_path, "mrr < -0.01; mrr < 0.5; mrr.low < 0.5")
    assert (first.breach, second.breach, third.breach) == (True, False, True)
    assert "bm25 (c) is only reported" in first.line
    assert second.line == "nq bm25 (c): MRR 60.00 (only reported)"


def test_an_edited_file_is_refused(tmp_path: Path) -> None:
    saved(tmp_path, "bm25", ranks(240), name="main")
    values = saved(tmp_path, "bm25", ranks(200)).with_suffix(".csv")
    values.write_text(values.read_text().replace(",0,", ",1,"))
    with pytest.raises(DataError, match="edited"):
        against(tmp_path, "mrr < -0.01")


def test_passages_of_the_same_name_are_told_apart(tmp_path: Path) -> None:
    for key in "ab":
        hits = 240 if key == "a" else 100
        saved(tmp_path, "s", ranks(hits), passages_key=key * 16)
        saved(tmp_path, "s", ranks(hits), passages_key=key * 16, name="main")
    assert not any(verdict.breach for verdict in against(tmp_path, "mrr < -0.01"))


def test_summaries(tmp_path: Path) -> None:
    verdicts = [
        Verdict("nq", "a\x00<b>|", "mrr < -0.01", True, "MRR -2 & less", -0.02, -0.03, -0.01),
        Verdict("nq", "c", "mrr < -0.01", False, "MRR +1"),
    ]
    assert summary(verdicts) == "1 breach in 2 checks"
    text = markdown("x", "main", verdicts)
    assert text.startswith("# x against main: 1 breach in 2 checks\n")
    assert "| **breach** | nq |" in text
    suite = ElementTree.fromstring(junit("x", verdicts))[0]
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    failure = suite[0].find("failure")
    assert failure is not None
    assert failure.get("message") == "nq a�<b>|: MRR -2 & less"
    assert suite[1].find("failure") is None


def test_reference_and_results_may_be_of_one_entry_each(tmp_path: Path) -> None:
    own: list[Entry] = []
    saved(tmp_path, "bm25", ranks(1), name="main")
    (verdict, nothing) = gate(own, entries(tmp_path, "main"), conditions("mrr < -0.01"), "main")
    assert verdict.line == "nq bm25 (c): missing here, main has it"
    assert nothing.breach


def test_a_spoilt_record_is_no_record_that_passes(tmp_path: Path) -> None:
    saved(tmp_path, "bm25", ranks(240))
    (tmp_path / "x" / "nq-test--dpr--00000000.json").write_text("{}", encoding="utf-8")
    with (
        pytest.raises(UserError, match=r"00000000\.json: not a record"),
        alone(tmp_path, "x", whole=True),
    ):
        pass
    with pytest.raises(UserError, match=r"00000000\.json: not a record"):
        folders([str(tmp_path / "x")], whole=True)
