from __future__ import annotations

from pathlib import Path

import pytest
from records import saved

from qa_bench.errors import DataError, UserError
from qa_bench.report.certificate import Provenance
from qa_bench.report.files import write_tables
from qa_bench.report.markdown import markdown
from qa_bench.report.table import Table
from qa_bench.statistics.closed import Closed

RIGHT, WRONG = [1.0, 1.0, 0.0, 0.0], [1.0, 0.0, 1.0, 0.0]


def together(tmp_path: Path, *names: str) -> Table:
    return write_tables(tmp_path, "+".join(names), (), Closed(), [str(tmp_path / n) for n in names])


def test_other_systems_stand_in_one_table(tmp_path: Path) -> None:
    saved(tmp_path, "bm25", {"em": RIGHT}, name="a")
    saved(tmp_path, "dense", {"em": WRONG}, name="b")
    assert [row.system for row in together(tmp_path, "a", "b").rows] == ["bm25", "dense"]
    assert (tmp_path / "a+b.md").exists()


def test_the_same_figures_are_one_row_and_it_is_said(tmp_path: Path) -> None:
    for name in "ab":
        saved(tmp_path, "bm25", {"em": RIGHT}, name=name)
    table = together(tmp_path, "a", "b")
    assert [row.system for row in table.rows] == ["bm25"]
    assert f"the same figures in {tmp_path / 'a'} and {tmp_path / 'b'}" in markdown(table)


def test_the_same_key_with_other_values_is_not_repeatable(tmp_path: Path) -> None:
    saved(tmp_path, "bm25", {"em": RIGHT}, name="a")
    saved(tmp_path, "bm25", {"em": WRONG}, name="b")
    table = together(tmp_path, "a", "b")
    assert [row.system for row in table.rows] == ["bm25[from=a]", "bm25[from=b]"]
    assert "not repeatable: 2 questions differ" in markdown(table)


def test_one_label_with_other_settings_is_two_rows_that_say_so(tmp_path: Path) -> None:
    for name, k1 in (("a", 0.9), ("b", 3)):
        how = Provenance(config={"retriever": {"k1": k1, "b": 0.4}, "name": name})
        values = {"em": RIGHT if k1 == 3 else WRONG}
        saved(tmp_path, "mine", values, name=name, key=name * 16, provenance=how)
    table = together(tmp_path, "a", "b")
    assert [row.system for row in table.rows] == ["mine[k1=0.9]", "mine[k1=3]"]
    assert "not repeatable" not in markdown(table)


def test_other_questions_are_another_column(tmp_path: Path) -> None:
    saved(tmp_path, "bm25", {"em": RIGHT}, name="a")
    saved(tmp_path, "bm25", {"em": [1.0]}, name="b", questions="00000000", key="b" * 16)
    table = together(tmp_path, "a", "b")
    assert table.sets == ["nq", "nq[n=1]"]
    assert len(table.rows) == 1


def test_what_was_edited_is_refused(tmp_path: Path) -> None:
    for name in "ab":
        path = saved(tmp_path, "bm25", {"em": RIGHT}, name=name)
    path.write_text(path.read_text().replace("0.0", "1.0", 1))
    with pytest.raises(DataError, match=r"b/nq-test--bm25--.*\.csv: not the file that"):
        together(tmp_path, "a", "b")


def test_no_folder_no_record_and_too_large_a_record(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a: no such folder of results"):
        together(tmp_path, "a")
    (tmp_path / "a").mkdir()
    with pytest.raises(UserError, match="no results"):
        together(tmp_path, "a")
    (tmp_path / "a" / "r.json").write_bytes(b" " * 5_000_001)
    with pytest.raises(DataError, match="a record of more than 5,000,000 bytes"):
        together(tmp_path, "a")
