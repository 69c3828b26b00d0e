from __future__ import annotations

import csv
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from records import saved

from qa_bench.errors import UserError
from qa_bench.report.files import write_tables
from qa_bench.report.latex import latex
from qa_bench.report.markdown import markdown
from qa_bench.report.table import Table
from qa_bench.report.terminal import text
from qa_bench.statistics.closed import Closed

N = 400


def flags(hits: int, flipped: int = 0) -> list[float]:
    """``hits`` ones first; then as many of the last ones as are flipped."""
    values = np.zeros(N)
    values[:hits] = 1
    if flipped:
        values[-flipped:] = 1
    return [float(value) for value in values]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Best 60 %, one close to it, one far, and the baseline, far too."""
    for system, values in {
        "best": flags(240),
        "close": flags(236),
        "base": flags(180),
        "far": flags(100),
    }.items():
        saved(tmp_path, system, {"answer_recall@20": values})
    return tmp_path


def table(results: Path, **settings: Any) -> Table:
    return write_tables(results, "x", (), Closed(**settings))


def marks(table: Table) -> dict[str, str]:
    (column,) = table.columns()
    return {table.labels[row]: table.mark(row, column) for row in table.rows}


def test_best_and_what_cannot_be_told_from_it(results: Path) -> None:
    # McNemar's mid-p of 0 against 4 is 2 × ½⁴ − ½⁴ = .0625, after Holm over 3 the largest
    assert marks(table(results)) == {"best": "●", "close": "○", "base": "", "far": ""}


def test_against_a_baseline(results: Path) -> None:
    compared = table(results, against="base")
    assert marks(compared) == {"best": "●▲", "close": "○▲", "base": "", "far": "▼"}
    assert "▲ better, ▼ worse than base." in markdown(compared)


def test_no_such_baseline(results: Path) -> None:
    with pytest.raises(UserError, match="no system 'bsae' in these results"):
        table(results, against="bsae")


def test_every_table_has_them(results: Path) -> None:
    compared = table(results)
    assert "| best | **60.00** ±4.8 ● |" in markdown(compared)
    assert "close" in text(compared)
    assert "59.00 ±4.8○" in text(compared)
    assert "Holm" in text(compared)
    assert r"{\underline{59.00}}" in latex(compared, "dpr")
    assert r"\textbf{60.00}" in latex(compared, "dpr")
    assert "not seen here: nq " in markdown(compared)


def test_csv_and_json_have_them_as_plain_values(results: Path) -> None:
    compared = table(results)
    rows = {row["system"]: row for row in csv.DictReader(io.StringIO(compared.csv()))}
    assert rows["best"]["nq/answer_recall@20"] == "0.600000"
    assert rows["best"]["nq/answer_recall@20/mark"] == "●"
    assert rows["best"]["nq/answer_recall@20/p"] == ""
    assert rows["close"]["nq/answer_recall@20/p"] == "0.0625"
    lines = {one.system: json.loads(compared.line(one)) for one in compared.records}
    assert lines["close"]["answer_recall@20"] == 0.59
    assert lines["close"]["answer_recall@20/p"] == 0.0625
    low = float(rows["close"]["nq/answer_recall@20/low"])
    assert lines["close"]["answer_recall@20/low"] == pytest.approx(low, abs=1e-6)
    assert lines["best"]["answer_recall@20/mark"] == "●"


def test_a_comparison_has_a_signature_of_its_own(results: Path) -> None:
    lines = markdown(table(results)).split("\n")
    (line,) = [line for line in lines if "|test:mcnemar-midp|" in line]
    figure = "nq answer_recall@20|match:string|tok:dpr|n:400|questions:6d0ef743|v:0.1.0"
    assert line == f"- `{figure}|ci:wilson95|test:mcnemar-midp|fam:best3-holm|groups:none`"
    assert f"- `{figure}`" in lines


def test_what_is_only_reported_takes_no_part(results: Path) -> None:
    saved(results, "reported", {"answer_recall@20": flags(390)}).unlink()
    compared = table(results)
    assert marks(compared)["reported"] == ""
    assert marks(compared)["best"] == "●"
    assert "| reported | 97.50 |" in markdown(compared)


def test_other_questions_under_one_name_stand_in_a_column_of_their_own(results: Path) -> None:
    saved(results, "few", {"answer_recall@20": [1.0, 1.0]}, questions="00000000")
    saved(results, "patterns", {"answer_recall@20": flags(399)}, match="regex")
    saved(results, "other", {"answer_recall@20": flags(398)}, questions="11111111")
    compared = table(results)
    assert compared.sets == ["nq", "nq[n=2]", "nq[questions=11111111]", "nq[match=regex]"]
    column = compared.columns()[0]
    first = {compared.labels[row]: compared.mark(row, column) for row in compared.rows}
    assert first["best"] == "●"
    assert {first[name] for name in ("few", "patterns", "other")} == {""}


def test_rules_of_matching_are_not_compared(results: Path) -> None:
    saved(results, "lenient", {"answer_recall@20": flags(399)}, mode="lenient")
    assert marks(table(results))["best"] == "●"
    assert marks(table(results))["lenient"] == ""


def test_one_question_and_a_system_that_is_right_everywhere(tmp_path: Path) -> None:
    for system, value in (("a", 1.0), ("b", 0.0)):
        saved(tmp_path, system, {"answer_recall@20": [value], "mrr": [value]})
    compared = table(tmp_path)
    assert "±" in markdown(compared)
    assert "nan" not in markdown(compared).lower()
    assert "nan" not in compared.csv().lower()


def test_groups_are_told(tmp_path: Path) -> None:
    groups = [str(number % 8) for number in range(N)]
    for system, hits in (("a", 240), ("b", 100)):
        saved(tmp_path, system, {"answer_recall@20": flags(hits)}, groups=groups)
    whole = markdown(table(tmp_path))
    assert "nq: by the 8 groups its questions were drawn in." in whole
    assert "|groups:8`" in whole


def test_latex_escapes(tmp_path: Path) -> None:
    saved(tmp_path, "50%_a&b#{c}~^\\", {"answer_recall@20": [1.0, 0.0]})
    whole = latex(table(tmp_path), "families")
    assert r"50\%\_a\&b\#\{c\}\textasciitilde{}\textasciicircum{}\textbackslash{}" in whole
    with pytest.raises(UserError, match="layout: dpr or families, got 'wide'"):
        latex(table(tmp_path), "wide")
    saved(tmp_path, "r", {"em": [1.0, 0.0]}, name="y")
    with pytest.raises(UserError, match=r"have none of answer_recall@20, answer_recall@100"):
        latex(write_tables(tmp_path, "y", (), Closed()), "dpr")


def test_groups_that_one_row_does_not_know_count_for_all(tmp_path: Path) -> None:
    groups = [str(number % 8) for number in range(N)]
    saved(tmp_path, "a", {"answer_recall@20": flags(240)})
    saved(tmp_path, "b", {"answer_recall@20": flags(100)}, groups=groups)
    assert "|groups:8`" in markdown(table(tmp_path))
    saved(tmp_path, "c", {"answer_recall@20": flags(90)}, groups=groups[::-1])
    with pytest.raises(UserError, match="in other groups than those of nq-test--b"):
        markdown(table(tmp_path))


def test_one_group_alone_leaves_the_figures(tmp_path: Path) -> None:
    for system, hits in (("a", 240), ("b", 100)):
        saved(tmp_path, system, {"answer_recall@20": flags(hits)}, groups=["g"] * N)
    whole = markdown(table(tmp_path))
    assert "60.00" in whole
    assert "±" not in whole
    assert "Questions of one group alone, which tells nothing of others: nq." in whole


def test_questions_in_another_order_are_refused(tmp_path: Path) -> None:
    saved(tmp_path, "a", {"answer_recall@20": flags(240)})
    path = saved(tmp_path, "b", {"answer_recall@20": flags(100)})
    head, *lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([head, *lines[::-1]]) + "\n", encoding="utf-8")
    record = path.with_suffix(".json")
    old = json.loads(record.read_text(encoding="utf-8"))["subject"][0]["digest"]["sha256"]
    new = hashlib.sha256(path.read_bytes()).hexdigest()
    record.write_text(record.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(UserError, match="or in another order"):
        table(tmp_path).csv()


def test_a_set_that_the_baseline_lacks_has_no_p_of_it(results: Path) -> None:
    for system, hits in (("best", 240), ("far", 100)):
        saved(results, system, {"answer_recall@20": flags(hits)}, dataset="webq")
    both = table(results, against="base")
    (best, far, *_) = (
        row for row in csv.DictReader(io.StringIO(both.csv())) if row["system"] in ("best", "far")
    )
    assert {best["webq/answer_recall@20/p"], far["webq/answer_recall@20/p"]} == {""}
    assert float(far["nq/answer_recall@20/p"]) < 0.05
    assert "Not held against it, which has no values there: webq." in markdown(both)


def test_a_baseline_that_is_only_reported_is_refused(results: Path) -> None:
    next(results.glob("x/*--base--*.csv")).unlink()
    with pytest.raises(UserError, match="'base' is only reported"):
        table(results, against="base")
    assert "Only reported, and not compared: base." in markdown(table(results))


@pytest.mark.parametrize("value", ["NaN", "7.5"])
def test_a_reported_figure_that_cannot_be_costs_its_row(value: str, results: Path) -> None:
    path = next(results.glob("x/*--base--*.csv"))
    path.unlink()
    record = path.with_suffix(".json")
    text = record.read_text(encoding="utf-8").replace('"value": 0.45', f'"value": {value}')
    record.write_text(text, encoding="utf-8")
    left = table(results)
    assert "base" not in left.csv()
    assert "which is not a share" in str(left.faults[0])


def test_a_part_of_the_rows_is_compared_with_itself_alone(results: Path) -> None:
    whole = table(results)
    some = [record for record in whole.records if record.system in ("base", "far")]
    part = Table("x", some, (), whole.outcomes, Closed())
    assert marks(part) == {"base": "●", "far": ""}
    assert "1 comparison with the best" in markdown(part)
