from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from records import saved

from qa_bench.errors import DataError, UserError
from qa_bench.report.certificate import MEASUREMENT
from qa_bench.report.files import write_tables
from qa_bench.report.outcomes import Outcomes, read
from qa_bench.report.record import load

VALUES = {"answer_recall@20": [1.0, 0.0, 1.0], "mrr": [0.5, 1 / 3, 0.1]}


def outcomes(results: Path) -> Outcomes | None:
    ((record, path),) = load(results, "x")
    return read(record, path)


def test_values_come_back_to_the_bit(tmp_path: Path) -> None:
    saved(tmp_path, "bm25", VALUES)
    values = outcomes(tmp_path)
    assert values is not None
    assert values.qids == ["q0", "q1", "q2"]
    assert values.values("mrr").tolist() == VALUES["mrr"]
    assert values.column("question")[1] == "what is 1?"
    assert values.column("prediction") == [""] * 3
    assert values.groups is None


def test_groups(tmp_path: Path) -> None:
    saved(tmp_path, "bm25", VALUES, groups=["b", "a", "b"])
    values = outcomes(tmp_path)
    assert values is not None
    assert values.groups is not None
    assert values.groups.tolist() == [1, 0, 1]


def test_an_edited_file_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, "bm25", VALUES)
    path.write_text(path.read_text().replace(",0.0,", ",1.0,"))
    with pytest.raises(DataError, match=r"\.csv: not the file that .*\.json was made of"):
        outcomes(tmp_path)


@pytest.mark.parametrize("value", [0.7, float("nan")])
def test_an_edited_figure_is_refused(value: float, tmp_path: Path) -> None:
    path = saved(tmp_path, "bm25", VALUES).with_suffix(".json")
    statement = json.loads(path.read_text())
    statement[MEASUREMENT]["values"]["answer_recall@20"]["value"] = value
    path.write_text(json.dumps(statement))
    with pytest.raises(DataError, match=r"answer_recall@20 is .*, but the mean of .* is 0\.66"):
        outcomes(tmp_path)


def test_another_number_of_questions_is_refused(tmp_path: Path) -> None:
    saved(tmp_path, "bm25", VALUES)
    ((record, path),) = load(tmp_path, "x")
    with pytest.raises(DataError, match="has 3 questions, its record 4"):
        read(replace(record, n=4), path)


def test_without_its_file_a_figure_is_only_reported(tmp_path: Path) -> None:
    saved(tmp_path, "bm25", VALUES).unlink()
    assert outcomes(tmp_path) is None


def test_records_of_0_1_are_only_reported(tmp_path: Path) -> None:
    path = saved(tmp_path, "bm25", VALUES).with_suffix(".json")
    ((record, _),) = load(tmp_path, "x")
    fields = {**vars(record)}
    del fields["key"], fields["digest"]
    path.write_text(json.dumps(fields))
    ((old, _),) = load(tmp_path, "x")
    assert old.values == record.values
    assert outcomes(tmp_path) is None


def test_a_record_of_a_later_version_is_named(tmp_path: Path) -> None:
    path = saved(tmp_path, "bm25", VALUES).with_suffix(".json")
    path.write_text(path.read_text().replace("measurement/v1", "measurement/v2"))
    with pytest.raises(UserError, match=r"of another version: .*measurement/v2"):
        load(tmp_path, "x")


def test_an_edited_file_costs_its_row_of_a_table(tmp_path: Path) -> None:
    saved(tmp_path, "bm25", VALUES)
    path = saved(tmp_path, "dense", VALUES)
    path.write_text(path.read_text() + "q3,x,[],1.0,1.0\n")
    table = write_tables(tmp_path, "x")
    assert [row.system for row in table.rows] == ["bm25"]
    (fault,) = table.faults
    assert str(path) in str(fault)
    assert "its row is left out" in (tmp_path / "x.md").read_text()


def test_the_interval_in_the_certificate(tmp_path: Path) -> None:
    path = saved(tmp_path, "bm25", VALUES, groups=["a", "b", "b"])
    figures = json.loads(path.with_suffix(".json").read_text())[MEASUREMENT]["values"]
    assert figures["answer_recall@20"]["ci_method"] == "cluster-t"
    path = saved(tmp_path, "bm25", VALUES)
    figures = json.loads(path.with_suffix(".json").read_text())[MEASUREMENT]["values"]
    assert figures["answer_recall@20"]["hits"] == 2
    low, high = figures["answer_recall@20"]["ci"]
    z, p, n = 1.959963984540054, 2 / 3, 3  # Wilson 1927
    middle, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert (low, high) == pytest.approx(
        ((middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n))
    )
