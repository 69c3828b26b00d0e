"""Plots: the points, by hand, and pictures that are the same bytes every time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from certificates import content, result

from qa_bench.errors import DataError, UserError
from qa_bench.formats.statements import Statement
from qa_bench.report.outcomes import read
from qa_bench.report.plots import alpha, chunks, curve, depth, forest, pareto
from qa_bench.report.plots.entries import Entry, Request
from qa_bench.report.plots.sheet import COLOURS, Look, pictures, style, table
from qa_bench.report.record import load
from qa_bench.report.rows import Row
from qa_bench.statistics.closed import Closed

pytest.importorskip("matplotlib")

KINDS: Mapping[str, Any] = {
    "curve": curve, "forest": forest, "pareto": pareto, "depth": depth, "chunks": chunks,
}  # fmt: skip
NARROW, WIDE = Look(3.3, "path"), Look(6.8, "path")
HOSTILE = "_中 $\\frac{$ </script><img onerror=x> ü\x00\n" + "long " * 30


def entries(results: Path) -> list[Entry]:
    def entry(record: Any, path: Path) -> Entry:
        outcomes = read(record, path)
        assert outcomes is not None
        return Entry(record, outcomes, Statement.of(content(path), path).config)

    return [entry(*pair) for pair in load(results, "x")]


def request(**fields: Any) -> Request:
    usual = {"metric": None, "cost": None, "baseline": None, "statistics": Closed()}
    return Request(**{**usual, **fields})


def chosen(points: Any, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(point[name] for name in names) for point in points]


# The points


def test_a_curve_is_the_share_of_first_ranks_up_to_k(tmp_path: Path) -> None:
    result(tmp_path, (1, 0, 5, 2))
    points = curve.points(entries(tmp_path), request())
    assert chosen(points, "k", "recall") == [(1, 0.25), (2, 0.5), (3, 0.5), (4, 0.5), (5, 0.75)]
    assert {point["set"] for point in points} == {"nq"}
    # Wilson's interval of 2 of 4, by hand: (.5 + z²/8 ± z√(1/16 + z²/64)) / (1 + z²/4).
    assert chosen(points, "low", "high")[1] == pytest.approx((0.15004, 0.84996), abs=1e-5)


def test_first_ranks_that_are_not_those_of_the_figures_are_told(tmp_path: Path) -> None:
    path = result(tmp_path, (1, 0, 5, 2))
    (entry,) = entries(tmp_path)
    ranks = entry.outcomes.table.column("first_rank").to_pylist()
    place = entry.outcomes.table.column_names.index("first_rank")
    spoilt = entry.outcomes.table.set_column(place, "first_rank", [[5, *ranks[1:]]])
    outcomes = type(entry.outcomes)(entry.record, path, spoilt)
    with pytest.raises(DataError, match="first ranks do not give answer_recall@1: run it again"):
        curve.points([entry._replace(outcomes=outcomes)], request())


def test_a_curve_needs_ranks(tmp_path: Path) -> None:
    result(tmp_path, (0, 0))
    (entry,) = entries(tmp_path)
    bare = entry.outcomes.table.drop_columns(["first_rank"])
    outcomes = type(entry.outcomes)(entry.record, entry.outcomes.path, bare)
    with pytest.raises(UserError, match="nothing to draw: no ranks of passages with answers"):
        curve.points([entry._replace(outcomes=outcomes)], request())


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """Top-1 of a: 3 of 8, of b: 6, of c: 0; b wins four against a and loses one."""
    result(tmp_path, (1, 1, 1, 0, 0, 0, 0, 0), system="a", costs={"search_s": 0.8})
    result(tmp_path, (0, 1, 1, 1, 1, 1, 1, 0), system="b", costs={"search_s": 8.0, "read_s": 1.0})
    result(tmp_path, (0,) * 8, system="c", costs={"search_s": 1.6})
    return tmp_path


def test_a_forest_against_the_best(three: Path) -> None:
    points = forest.points(entries(three), request(metric="answer_recall@1"))
    columns = ("system", "baseline", "difference", "wins", "losses", "ties", "test")
    assert chosen(points, *columns) == [
        ("a", "b", -0.375, 1, 4, 3, "mcnemar-midp"),
        ("c", "b", -0.75, 0, 6, 2, "mcnemar-midp"),
    ]
    # Mid-p by hand: of b 4 and 1, 2·(C(5,0)+C(5,1))/32 − C(5,1)/32 = 7/32; of 6 and 0, 1/64.
    assert chosen(points, "p") == [(pytest.approx(7 / 32),), (pytest.approx(2 / 64),)], "Holm"
    assert all(point["low"] < point["difference"] < point["high"] for point in points)


def test_a_forest_against_a_baseline(three: Path, caplog: pytest.LogCaptureFixture) -> None:
    result(three, (1, 0), system="b", dataset="webq")
    every = entries(three)
    baseline = next(Row.of(entry.record) for entry in every if entry.record.system == "a")
    points = forest.points(every, request(metric="answer_recall@1", baseline=baseline))
    assert chosen(points, "set", "system", "difference") == [
        ("nq", "b", 0.375),
        ("nq", "c", -0.375),
    ]
    assert "not drawn: webq: the baseline has no answer_recall@1 there" in caplog.text


def test_other_rules_are_not_compared(three: Path, caplog: pytest.LogCaptureFixture) -> None:
    result(three, (1,) * 8, system="lenient", mode="lenient", passages_key="other")
    every = entries(three)
    baseline = next(Row.of(entry.record) for entry in every if entry.record.system == "b")
    points = forest.points(every, request(metric="answer_recall@1", baseline=baseline))
    assert {name for (name,) in chosen(points, "system")} == {"a", "c"}
    assert "lenient (jsonl/words) on nq: scored by other rules" in caplog.text


def test_one_system_makes_no_forest(tmp_path: Path) -> None:
    result(tmp_path, (1, 0))
    with pytest.raises(UserError, match="kind=forest needs two systems on one set"):
        forest.points(entries(tmp_path), request())


def test_who_is_on_the_front(three: Path) -> None:
    result(three, (1, 0), system="no costs", costs={})
    points = pareto.points(entries(three), request(metric="answer_recall@1"))
    # Seconds a question: .8/8, 8/8 + 1, 1.6/8; c is dearer than a and worse.
    assert chosen(points, "system", "amount", "value", "front") == [
        ("a", 0.1, 0.375, 1),
        ("b", 2.0, 0.75, 1),
        ("c", 0.2, 0.0, 0),
    ]


def test_more_questions_a_second_are_better(tmp_path: Path) -> None:
    for system, rate, ranks in (("a", 10.0, (1, 0)), ("b", 5.0, (1, 0)), ("c", 1.0, (1, 1))):
        result(tmp_path, ranks, system=system, costs={"questions_per_s": rate})
    points = pareto.points(
        entries(tmp_path), request(metric="answer_recall@1", cost="questions_per_s")
    )
    assert chosen(points, "system", "front") == [("a", 1), ("b", 0), ("c", 1)]


def test_an_unknown_cost_or_metric_is_told(three: Path) -> None:
    with pytest.raises(UserError, match=r"plot\.cost: 'x' is none of question_s, search_s, read_s"):
        pareto.points(entries(three), request(cost="x"))
    with pytest.raises(UserError, match=r"plot\.metric: 'x' is none of answer_recall@1, "):
        pareto.points(entries(three), request(metric="x"))


def read_at(results: Path, number: int, em: tuple[float, ...], retriever: str = "bm25") -> None:
    change = f"reader.depth={number}"
    label = f"{retriever}+redundancy[{change}]"
    result(
        results, (1, 1), system=label, em=em, changes=[change], config={"reader": {"depth": number}}
    )


def test_depth(tmp_path: Path) -> None:
    for number, em in ((10, (1.0, 1.0)), (2, (1.0, 0.0)), (1, (0.0, 0.0))):
        read_at(tmp_path, number, em)
    read_at(tmp_path, 1, (1.0, 0.0), "dense")
    points = depth.points(entries(tmp_path), request())
    assert chosen(points, "system", "depth", "value") == [
        ("bm25", 1, 0.0),
        ("bm25", 2, 0.5),
        ("bm25", 10, 1.0),
        ("dense", 1, 0.5),
    ]
    assert points[0]["row"] == "bm25+redundancy[reader.depth=1] (jsonl/words)"


def test_depth_needs_readers(tmp_path: Path) -> None:
    result(tmp_path, (1, 0))
    with pytest.raises(UserError, match="no reader with a depth"):
        depth.points(entries(tmp_path), request())


def chunked(results: Path, ranks: tuple[int, ...], corpus: str, **fields: Any) -> None:
    result(results, ranks, corpus=corpus, passages_key=corpus, **fields)


def test_chunks_by_size(tmp_path: Path) -> None:
    for size, label, ranks in (
        (50, "jsonl/words[size=50]", (1, 0)),
        (100, "jsonl/words", (1, 1)),
        (50, "jsonl/words[stride=25,size=50]", (0, 0)),
    ):
        chunked(tmp_path, ranks, label, config={"chunker": {"size": size}})
    points = chunks.points(entries(tmp_path), request(metric="answer_recall@1"))
    assert chosen(points, "system", "size", "value") == [
        ("bm25 (jsonl/words)", 50, 0.5),
        ("bm25 (jsonl/words)", 100, 1.0),
        ("bm25 (jsonl/words[stride=25])", 50, 0.0),
    ]


def test_chunks_without_a_size_by_their_number(tmp_path: Path) -> None:
    chunked(tmp_path, (1, 0), "jsonl/article", config={"chunker": {}}, costs={"passages": 10})
    chunked(tmp_path, (1, 1), "jsonl/words", costs={"passages": 400})
    points = chunks.points(entries(tmp_path), request(metric="answer_recall@1"))
    assert chosen(points, "system", "passages", "value") == [("bm25", 10, 0.5), ("bm25", 400, 1.0)]


def test_two_at_one_place_are_told(tmp_path: Path) -> None:
    for name in ("jsonl/dpr_w100", "jsonl/words"):
        chunked(tmp_path, (1, 0), name, config={"chunker": {}}, costs={"passages": 10})
    with pytest.raises(UserError, match="stand at one place, passages 10 of nq"):
        chunks.points(entries(tmp_path), request(metric="answer_recall@1"))


def test_tunes_curves(tmp_path: Path) -> None:
    (tmp_path / "hybrid.csv").write_text("weight,mrr\n0,0.2\n1,0.5\n10,0.5\n")
    points = alpha.points(tmp_path)
    assert chosen(points, "system", "weight", "value", "best") == [
        ("hybrid", 0.0, 0.2, 0),
        ("hybrid", 1.0, 0.5, 1),
        ("hybrid", 10.0, 0.5, 0),
    ]


@pytest.mark.parametrize(
    "text", ["", "a,b\n1,2\n", "weight,mrr\n", "weight,mrr\n1,x\n", "weight\n"]
)
def test_a_file_that_is_no_curve_is_told(text: str, tmp_path: Path) -> None:
    (tmp_path / "hybrid.csv").write_text(text)
    with pytest.raises(DataError, match=r"hybrid\.csv: not a curve of tune"):
        alpha.points(tmp_path)


def test_no_curves_at_all(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="`qa-bench tune` makes them"):
        alpha.points(tmp_path / "tune")


# The pictures


def everything(results: Path) -> Callable[[str], list[Any]]:
    for retriever in ("bm25", HOSTILE):
        for number in (1, 2, 20):
            read_at(results, number, (1.0, float(number > 1)), retriever)
    return lambda kind: KINDS[kind].points(entries(results), request(metric="em"))


@pytest.mark.parametrize("kind", ["curve", "forest", "pareto"])
def test_pictures_are_the_same_bytes_every_time(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    points = everything(tmp_path)(kind)
    twice = [
        [
            path.read_bytes()
            for path in pictures(tmp_path / str(n), points, KINDS[kind].draw, NARROW)
        ]
        for n in (1, 2)
    ]
    assert twice[0] == twice[1]
    assert twice[0][0].startswith(b"<?xml")
    assert twice[0][1].startswith(b"\x89PNG")
    assert b"<img" not in twice[0][0], "a label is text"
    assert "the plot's font lacks letters" in caplog.text


def test_letters_may_stay_letters(tmp_path: Path) -> None:
    import xml.etree.ElementTree as ElementTree

    points = everything(tmp_path)("depth")
    svg, _ = pictures(tmp_path / "plot", points, depth.draw, Look(6.8, "none"))
    texts = [text for text in ElementTree.parse(svg).getroot().itertext() if text.strip()]
    assert any(text.startswith(r"_中 $\frac{$ </script>") for text in texts)
    assert "bm25" in texts


def test_a_single_system_and_a_single_point(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    result(tmp_path, (1,), costs={"search_s": 0.5, "passages": 3})
    with caplog.at_level(logging.WARNING):
        for kind in ("curve", "pareto", "chunks"):
            points = KINDS[kind].points(entries(tmp_path), request(metric="answer_recall@1"))
            assert len(pictures(tmp_path / kind, points, KINDS[kind].draw, WIDE)) == 2
        points = alpha.curve("hybrid", "mrr", {0.0: 0.5})
        assert len(pictures(tmp_path / "alpha", points, alpha.draw, NARROW)) == 2
    assert not caplog.messages


def test_forty_systems(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    points = [
        {
            "set": name, "system": f"system {number}", "baseline": "b", "metric": "em", "unit": "%",
            "difference": number / 100, "low": number / 100 - 0.1, "high": number / 100 + 0.1,
        }
        for name in ("nq", "webq")
        for number in range(40)
    ]  # fmt: skip
    pictures(tmp_path / "forest", points, forest.draw, WIDE)
    assert not caplog.messages
    assert len({style(number) for number in range(40)}) == 40
    assert len(set(COLOURS)) == 8


def test_the_style_of_the_user_changes_nothing(tmp_path: Path) -> None:
    import matplotlib as mpl

    points = alpha.curve("hybrid", "mrr", {0.0: 0.5, 1.0: 0.75})
    first = [path.read_bytes() for path in pictures(tmp_path / "a", points, alpha.draw, NARROW)]
    with mpl.rc_context({"font.size": 30, "svg.hashsalt": None, "axes.grid": False}):
        again = [path.read_bytes() for path in pictures(tmp_path / "b", points, alpha.draw, NARROW)]
        assert mpl.rcParams["font.size"] == 30
    assert first == again


def test_the_csv_holds_the_points(tmp_path: Path) -> None:
    points = [{"set": "", "system": 'a "b", c', "k": 1, "low": np.nan, "high": 0.5}]
    path = table(tmp_path / "new" / "plot", points)
    assert path.read_text() == 'system,k,low,high\n"a ""b"", c",1,,0.500000\n'


@pytest.mark.parametrize(
    ("width", "font", "told"),
    [
        ("3.3", "path", "plot.width: a number"),
        (1, "path", "plot.width: a number"),
        (3.3, "text", "plot.font: path or none, got 'text'"),
    ],
)
def test_settings(width: Any, font: str, told: str) -> None:
    with pytest.raises(UserError) as caught:
        Look.of(width, font)
    assert told in str(caught.value)
