from __future__ import annotations

from dataclasses import replace

import pytest

from qa_bench.errors import UserError
from qa_bench.report.record import Record
from qa_bench.report.rows import choose, natural, ordered, shortened

BASE = Record(
    system="bm25",
    dataset="nq",
    split="test",
    n=1,
    match="string",
    mode="dpr",
    questions="0" * 8,
    published_set=False,
    corpus="jsonl/words",
    published_corpus=False,
    passages_key="a" * 16,
    values={"mrr": 0.5},
)


def swept(*changes: str, system: str = "bm25", **more: object) -> Record:
    label = f"{system}[{','.join(changes)}]" if changes else system
    return replace(BASE, system=label, changes=list(changes), **more)  # type: ignore[arg-type]


def labels(*records: Record) -> tuple[str, list[str]]:
    short = shortened(records)
    return short.shared, [short.labels[row] for row in ordered(records)]


def test_what_all_rows_share_stands_once():
    one = swept("depth=20", "k1=0.9", system="bm25+redundancy")
    two = swept("depth=20", system="minilm+redundancy", place=1)
    assert labels(one, two) == (
        "+redundancy depth=20 (jsonl/words)",
        ["bm25[k1=0.9]", "minilm"],
    )


def test_a_single_row_keeps_its_label():
    assert labels(swept("k1=1")) == ("(jsonl/words)", ["bm25[k1=1]"])


def test_a_swept_corpus_setting_is_in_the_label_in_the_order_of_the_sweep():
    sizes = [
        replace(BASE, corpus=f"jsonl/words[size={size}]", passages_key=f"{size:016}", place=place)
        for place, size in enumerate((100, 50, 200))
    ]
    assert labels(*reversed(sizes)) == (
        "",
        [f"bm25 (jsonl/words[size={size}])" for size in (100, 50, 200)],
    )


def test_rows_of_several_commands_are_ordered_by_number():
    rows = ordered([swept(f"k1={k}") for k in (10, 9, 100)])
    assert [row.system for row in rows] == ["bm25[k1=9]", "bm25[k1=10]", "bm25[k1=100]"]
    assert natural("a2") < natural("a10") < natural("b1")


def test_settings_in_another_order_are_two_rows():
    one, two = swept("k1=1", "b=1"), swept("b=1", "k1=1")
    assert len(set(labels(one, two)[1])) == 2


def test_a_system_is_named_in_any_of_three_ways():
    one = swept("depth=20", "k1=0.9", system="bm25+redundancy")
    two = swept("depth=20", system="minilm+redundancy")
    webq = replace(one, dataset="webq")
    records = [one, two, webq]
    for name in (one.label, one.system, "bm25[k1=0.9]", one.row, "bm25"):
        assert choose(records, [name]) == [one, webq], name
    assert choose(records, [two.row, one.label]) == records
    with pytest.raises(UserError, match=r"no system 'bm2' in these results: there are 'bm25.*'"):
        choose(records, ["bm2"])


def test_a_label_of_two_rows_names_neither():
    one, two = BASE, replace(BASE, passages_key="b" * 16)
    with pytest.raises(UserError, match=f"is 2 rows; name one by its key: {one.row} .*{two.row}"):
        choose([one, two], [BASE.label])
    assert choose([one, two], [two.row]) == [two]
    assert choose([one, two], ["bm25"]) == [one, two], "the system, on every corpus"
