from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from qa_bench.errors import UserError
from qa_bench.metric.answer_recall import AnswerRecall
from qa_bench.metric.reading import Reading
from qa_bench.metric.word_recall import WordRecall
from qa_bench.parts import Part
from qa_bench.report.files import write_tables
from qa_bench.report.markdown import markdown
from qa_bench.report.record import Record, save
from qa_bench.report.table import STALE_NOTE, Table
from qa_bench.report.terminal import text
from qa_bench.types import Heading

NQ = Record(
    system="bm25",
    dataset="nq",
    split="test",
    n=3610,
    match="string",
    mode="dpr",
    questions="6d0ef743",
    published_set=True,
    corpus="psgs_w100",
    published_corpus=True,
    passages_key="a" * 16,
    values={"answer_recall@20": 0.62936, "mrr": 0.5},
    headings={f"answer_recall@{k}": Heading(f"Top-{k}") for k in (1, 5, 20, 100)},
    costs={"passages": 21015324, "index_mb": 2800.5, "build_s": 1500.0, "questions_per_s": 20.0},
    published_as=["BM25 (pyserini)"],
    published_unlike={"BM25 (DPR)": "its fields are two"},
    version="0.1.0",
)
WEBQ = replace(
    NQ,
    dataset="webq",
    n=2032,
    questions="dfa1d0af",
    values={"answer_recall@20": 0.624, "mrr": 0.4},
    costs={**NQ.costs, "questions_per_s": 40.0},
)
SIGNATURE = "|match:string|tok:dpr|n:3610|questions:6d0ef743|v:0.1.0"


def csv_of(*records: Record) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(Table("x", records).csv())))


def rows(record: Record) -> dict[str, list[Any]]:
    """One question, with the record's figures."""
    return {"qid": ["q1"], **{metric: [value] for metric, value in record.values.items()}}


def markdown_rows(text: str, start: str) -> list[list[str]]:
    """The cells of the table that begins after the line ``start``."""
    lines = text.split("\n")
    lines = lines[lines.index(start) + 1 :]
    rows = []
    for line in lines:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
        elif rows:
            break
    return rows


def main_rows(*records: Record, family: str = "Top-20") -> list[list[str]]:
    return markdown_rows(markdown(Table("x", records)), f"## {family}")


def cost_rows(*records: Record) -> list[list[str]]:
    return markdown_rows(markdown(Table("x", records)), "## Cost")


def test_a_metric_has_its_own_heading():
    assert AnswerRecall().heading("answer_recall@20") == Heading("Top-20", "%")
    assert WordRecall().heading("word_recall@500") == Heading("500 words", "%")
    assert Reading().heading("retrieved_not_read") == Heading("retrieved, not read", "%")
    assert Reading().heading("read_not_retrieved") == Heading("read, not retrieved", "%")
    assert Part.heading(Reading(), "em") == Heading("EM", "%")


def test_a_metric_of_another_unit_is_shown_in_it():
    record = replace(NQ, values={"wait": 1.5}, headings={"wait": Heading("waiting", "s")})
    (head, _, row) = main_rows(record, family="waiting")
    assert head[1] == "nq waiting"
    assert row[1] == "1.50 s"
    assert csv_of(record)[0]["nq/wait"] == "1.500000"


def test_csv_holds_fractions_signatures_counts_and_costs():
    (row,) = csv_of(WEBQ, NQ)
    assert row == {
        "system": "bm25",
        "corpus": "psgs_w100",
        "nq/answer_recall@20": "0.629360",
        "nq/answer_recall@20/signature": f"answer_recall@20{SIGNATURE}",
        "nq/mrr": "0.500000",
        "nq/mrr/signature": f"mrr{SIGNATURE}",
        "webq/answer_recall@20": "0.624000",
        "webq/answer_recall@20/signature": WEBQ.signature("answer_recall@20"),
        "webq/mrr": "0.400000",
        "webq/mrr/signature": WEBQ.signature("mrr"),
        "nq/n": "3610",
        "webq/n": "2032",
        "passages": "21015324",
        "index_mb": "2800.5",
        "build_s": "1500",
        "questions_per_s": f"{(3610 + 2032) / (3610 / 20 + 2032 / 40):.10g}",
    }


def test_csv_leaves_cells_empty_where_nothing_is_known():
    reader = replace(NQ, system="reader", corpus="", passages_key="", values={"em": 0.25}, costs={})
    first, second = csv_of(NQ, reader, WEBQ)
    assert (first["system"], second["system"]) == ("bm25", "reader")
    assert first["nq/em"] == first["nq/em/signature"] == ""
    assert second["nq/em"] == "0.250000"
    assert second["webq/mrr"] == second["webq/n"] == second["passages"] == second["corpus"] == ""
    assert "webq/em" not in first


def test_sets_come_in_the_order_of_the_papers():
    names = ["squad", "own", "webq", "curatedtrec", "triviaqa", "another", "nq"]
    records = [replace(NQ, dataset=name) for name in names]
    assert Table("x", records).sets == [
        "nq",
        "triviaqa",
        "webq",
        "curatedtrec",
        "squad",
        "another",
        "own",
    ]
    dev = replace(NQ, split="dev")
    assert Table("x", [dev, NQ, WEBQ]).sets == ["nq-dev", "nq", "webq"]


def test_metrics_come_by_name_then_by_k():
    first = replace(NQ, values={"answer_recall@100": 0.8, "mrr": 0.5})
    second = replace(WEBQ, values={"answer_recall@5": 0.6, "em": 0.1, "answer_recall@20": 0.7})
    assert Table("x", [first, second]).metrics == [
        "answer_recall@5",
        "answer_recall@20",
        "answer_recall@100",
        "mrr",
        "em",
    ]


def test_markdown_shows_per_cents_and_what_was_published():
    head, rule, row = main_rows(NQ, WEBQ)
    assert head == ["system", "nq Top-20", "webq Top-20"]
    assert rule == ["---", "---:", "---:"]
    assert row == ["bm25", "62.94 [62.94, +0]", "62.40 [62.40, +0]"]
    assert main_rows(NQ, WEBQ, family="MRR")[2] == ["bm25", "50.00", "40.00"]
    whole = markdown(Table("x", [NQ, WEBQ]))
    held = whole.partition("## Published figures\n")[2].partition("\n## ")[0].strip()
    assert held.startswith("- BM25 (pyserini) (Ma et al. 2021/2022 ")
    assert held.endswith(
        "docs/experiments-dpr.md) beside bm25 (psgs_w100): nq Top-20 62.94, +0, "
        "webq Top-20 62.40, +0"
    )
    others = whole.partition("## Published figures, not comparable\n")[2]
    assert (
        "- BM25 (DPR) beside bm25 (psgs_w100): its fields are two: "
        "nq Top-20 59.1, webq Top-20 55.0\n"
    ) in others
    off = replace(NQ, values={"answer_recall@20": 2267 / 3610, "mrr": 0.5})
    assert main_rows(off)[2] == ["bm25", "62.80 [62.94, -5]"]


def test_markdown_has_dprs_layout_and_fewer_than_twelve_columns():
    names = ("nq", "triviaqa", "webq", "curatedtrec", "squad")
    values = {f"answer_recall@{k}": k / 200 for k in (1, 5, 20, 100)} | {"em": 0.5}
    records = [replace(NQ, dataset=name, values=values, published_as=[]) for name in names]
    lines = markdown(Table("x", records)).split("\n")
    heads = [line for line in lines if line.startswith("| system")]
    assert heads[:3] == [
        "| system | " + " | ".join(f"{name} Top-{k}" for k in pair for name in names) + " |"
        for pair in ((1, 5), (20, 100))
    ] + ["| system | " + " | ".join(f"{name} EM" for name in names) + " |"]
    assert "## Top-k" in lines
    assert "## EM" in lines
    assert all(head.count("|") - 1 < 12 for head in heads)


def test_many_sets_go_on_in_another_table():
    records = [replace(NQ, dataset=f"s{n:02}", published_as=[]) for n in range(25)]
    heads = [line for line in markdown(Table("x", records)).split("\n") if "system |" in line]
    assert [head.count("Top-20") for head in heads if "Top-20" in head] == [10, 10, 5]
    assert all(head.count("|") - 1 < 12 for head in heads)


def test_the_best_of_a_column_is_bold():
    other = replace(NQ, system="other", values={"answer_recall@20": 0.7, "mrr": 0.50001},
                    published_as=[])  # fmt: skip
    assert [row[1] for row in main_rows(NQ, other)[2:]] == ["62.94 [62.94, +0]", "**70.00**"]
    assert [row[1] for row in main_rows(NQ, other, family="MRR")[2:]] == ["50.00", "50.00"]
    third = replace(other, system="third", values={"mrr": 0.4})
    rows = main_rows(NQ, other, third, family="MRR")[2:]
    assert [row[1] for row in rows] == ["**50.00**", "**50.00**", "40.00"]


def test_what_is_not_fresh_is_marked():
    table = Table("x", [NQ, WEBQ], stale={("bm25", "psgs_w100", "webq")})
    assert "| bm25 | 62.94 [62.94, +0] | 62.40† [62.40, +0] |" in markdown(table)
    assert f"> **{STALE_NOTE}**" in markdown(table)
    assert text(table).startswith(STALE_NOTE)
    assert "62.40†" in text(table)
    assert "62.94†" not in text(table)
    assert "†" not in text(Table("x", [NQ], stale={("bm25", "other", "nq")}))


@pytest.mark.parametrize(
    "change",
    [
        {"published_set": False},
        {"published_corpus": False},
        {"published_as": []},
        {"published_as": ["BM25"]},
        {"corpus": "sample/words"},
        {"split": "dev"},
        {"dataset": "nq_open"},
        {"values": {"answer_recall@5": 0.62936, "mrr": 0.5}},
        {"mode": "flashrag"},
    ],
)
def test_published_figures_stand_only_beside_what_they_compare_with(change: dict[str, Any]):
    whole = markdown(Table("x", [replace(NQ, **{"published_unlike": {}, **change})]))
    assert "62.94 |" in whole
    assert "[" not in whole.partition("## Cost")[0]
    assert "## Published figures\n" not in whole
    never = {"split", "published_as", "values"} & {*change}  # no figure of this cell
    assert ("## Published figures, not comparable\n" in whole) is (not never)


def test_markdown_lists_signatures_and_notes_once():
    note = "Demonstration on the sample."
    whole = markdown(Table("x", [replace(NQ, notes=[note]), replace(WEBQ, notes=[note])]))
    assert whole.startswith(f"# x\n\n> **{note}**\n\nAll rows: (psgs_w100)\n\n## Top-20\n\n")
    assert whole.count(note) == 1
    assert f"- `nq answer_recall@20{SIGNATURE}`\n- `nq mrr{SIGNATURE}`\n" in whole
    assert f"- `webq {WEBQ.signature('mrr')}`" in whole


def test_markdown_costs():
    head, _, row = cost_rows(NQ, WEBQ)
    assert head == ["system", "nq n", "webq n", "passages", "index MB", "build s", "questions/s"]
    assert row[:-1] == ["bm25", "3610", "2032", "21,015,324", "2,800.5", "1,500"]
    assert float(row[-1]) == pytest.approx(24.384, abs=0.05)


def test_a_bar_in_a_label_does_not_break_the_table():
    _, _, row = main_rows(replace(NQ, system="a|b"))
    assert row[0] == "a\\|b"
    assert len(row) == 2


def test_one_system_on_two_corpora_has_two_named_rows():
    other = replace(NQ, corpus="jsonl/words", passages_key="b" * 16, published_corpus=False)
    rows = main_rows(NQ, other, replace(NQ, system="hybrid"))[2:]
    assert [row[0] for row in rows] == ["bm25 (jsonl/words)", "bm25 (psgs_w100)", "hybrid"]
    assert [row[1] for row in rows] == ["62.94", "62.94 [62.94, +0]", "62.94 [62.94, +0]"]
    assert [row["corpus"] for row in csv_of(NQ, other)] == ["jsonl/words", "psgs_w100"]


def test_two_corpora_of_one_name_are_told_apart_by_their_keys():
    other = replace(NQ, passages_key="b" * 16)
    third = replace(NQ, corpus="sample/words", passages_key="c" * 16)
    assert [row[0] for row in main_rows(NQ, other, third)[2:]] == [
        "bm25 (psgs_w100 aaaaaaaa)",
        "bm25 (psgs_w100 bbbbbbbb)",
        "bm25 (sample/words)",
    ]


def test_the_terminals_table_has_sets_side_by_side():
    reader = replace(NQ, system="reader", values={"em": 0.25}, costs={}, passages_key="", corpus="")
    better = replace(WEBQ, system="dense", values={"answer_recall@20": 0.7, "mrr": 0.3})
    assert text(Table("x", [WEBQ, NQ, reader, better])) == (
        "                   nq (3610)      webq (2032)\n"
        "        Top-20    MRR     EM  Top-20     MRR\n"
        "bm25     62.94  50.00      -   62.40   40.00●\n"
        "dense        -      -      -   70.00●  30.00\n"
        "reader       -      -  25.00       -       -\n"
        "● the best of its column"
    )


def test_sets_that_do_not_fit_stand_below_each_other():
    values = {f"answer_recall@{k}": k / 200 for k in (1, 5, 20, 100)} | {"mrr": 0.5, "em": 0.2}
    records = [replace(NQ, dataset=name, values=values) for name in ("nq", "webq", "squad")]
    lines = text(Table("x", records)).split("\n")
    assert lines == [
        "all rows: (psgs_w100)",
        *("nq (3610)  Top-1  Top-5  Top-20  Top-100    MRR     EM",
          "bm25        0.50   2.50   10.00    50.00  50.00  20.00", ""),
        *("webq (3610)  Top-1  Top-5  Top-20  Top-100    MRR     EM",
          "bm25          0.50   2.50   10.00    50.00  50.00  20.00", ""),
        *("squad (3610)  Top-1  Top-5  Top-20  Top-100    MRR     EM",
          "bm25           0.50   2.50   10.00    50.00  50.00  20.00"),
    ]  # fmt: skip


@pytest.mark.parametrize("label", ["x" * 120, "検索" * 40, "a"], ids=["long", "wide", "short"])
@pytest.mark.parametrize("sets", [1, 7])
def test_the_terminals_table_is_80_columns_wide(label: str, sets: int):
    values = {f"answer_recall@{k}": 1.0 for k in (1, 2, 5, 10, 20, 50, 100, 500, 1000)}
    records = [
        replace(NQ, dataset=f"set{n}", system=f"{letter}{label}", values=values)
        for n in range(sets)
        for letter in "ab"
    ]
    for line in text(Table("x", records)).split("\n"):
        width = sum(2 if letter in "検索" else 1 for letter in line)
        assert width <= 80, line


def test_the_terminals_table_begins_with_notes():
    assert text(Table("x", [replace(NQ, notes=["A note."])])).startswith("A note.\nall rows:")


def test_the_terminals_table_tells_splits_apart():
    whole = text(Table("x", [NQ, replace(NQ, split="dev")]))
    assert "nq-dev (3610)" in whole
    assert "nq (3610)" in whole


def test_tables_are_written_beside_the_records(tmp_path: Path):
    for record in (NQ, WEBQ):
        save(replace(record, n=1), tmp_path, "table2", rows(record))
    table = write_tables(tmp_path, "table2")
    assert (tmp_path / "table2.csv").read_text() == table.csv()
    assert (tmp_path / "table2.md").read_text() == markdown(table)
    assert table.experiment == "table2"
    assert len(table.records) == 2


@pytest.mark.parametrize("name", ["table2.csv", "table2.md"])
def test_a_table_that_cannot_be_written(name: str, tmp_path: Path):
    save(replace(NQ, n=1), tmp_path, "table2", rows(NQ))
    (tmp_path / name).mkdir()
    with pytest.raises(UserError, match=rf"^cannot write .*{name}: Is a directory$"):
        write_tables(tmp_path, "table2")
    assert sorted(path.name for path in tmp_path.glob(".*")) == []


def test_a_row_that_another_process_makes_meanwhile_is_in_the_last_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A reads the records, B writes its record and the tables, A writes the tables."""
    import threading

    import qa_bench.report.files as files

    save(replace(NQ, n=1), tmp_path, "x", rows(NQ))
    first = threading.Event()
    read = files.load

    def slow(results: Path, experiment: str, whole: bool = False) -> Any:
        pairs = read(results, experiment, whole)
        if not first.is_set():
            first.set()
            other.start()
            other.join(timeout=1)  # it waits for the lock, and so does not come to its end
        return pairs

    def b() -> None:
        save(replace(NQ, system="b", n=1), tmp_path, "x", rows(NQ))
        write_tables(tmp_path, "x")

    other = threading.Thread(target=b)
    monkeypatch.setattr(files, "load", slow)
    write_tables(tmp_path, "x")
    other.join()
    assert "\nb," in (tmp_path / "x.csv").read_text()
