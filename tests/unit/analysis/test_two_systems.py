from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from two_results import entries, saved

from qa_bench.analysis import engines, two_systems_text
from qa_bench.analysis.apart import apart, moved
from qa_bench.analysis.contrast import adjusted, contrasts, of_metrics
from qa_bench.analysis.kinds import kinds
from qa_bench.analysis.pairing import Pair, pairing
from qa_bench.analysis.subject import Subject
from qa_bench.analysis.two_systems import TwoSystems, two_systems
from qa_bench.statistics.difference import difference
from qa_bench.statistics.holm import holm

MakeAsked = Callable[..., Subject]
A = [1, 1, 1, 3, 7, 0, 1, 2, 21, 1]
B = [1, 9, 0, 3, 0, 2, 1, 2, 20, 30]


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    saved(tmp_path, "a", A)
    saved(tmp_path, "b", B)
    (pair,) = pairing(entries(tmp_path), "a", "b").pairs
    return pair


def test_wins_losses_and_ties_by_hand(pair: Pair) -> None:
    by_metric = {c.metric: c for c in contrasts(pair)}
    top5 = by_metric["answer_recall@5"]
    # a alone: questions 1, 2, 9; b alone: question 5
    assert (top5.a_only, top5.b_only, top5.ties, top5.n) == (3, 1, 6, 10)
    assert (top5.a, top5.b) == (0.7, 0.5)
    assert top5.difference == pytest.approx(0.2)
    assert top5.recorded
    seventh = by_metric["answer_recall@7"]
    assert (seventh.a_only, seventh.b_only, seventh.k, seventh.recorded) == (4, 1, 7, False)


def test_every_metric_is_that_of_the_pair_alone(pair: Pair) -> None:
    for contrast in contrasts(pair):
        alone = difference(*pair.flags(contrast.metric))
        told = (contrast.difference, contrast.low, contrast.high, contrast.p, contrast.test)
        expected = (alone.difference, alone.low, alone.high, alone.p, alone.test)
        assert told[:4] == pytest.approx(expected[:4], rel=1e-9, abs=1e-12)
        assert told[4] == expected[4]


def test_a_family_is_a_set_or_all_sets_and_only_of_recorded_metrics(pair: Pair) -> None:
    own = contrasts(pair)
    raw = [c.p for c in own if c.recorded]
    assert len(raw) == 4
    each = adjusted([own, own], together=False)
    assert [c.p_holm for c in each[1] if c.recorded] == pytest.approx(holm(raw))
    assert {c.p_holm for c in each[0] if not c.recorded} == {None}
    both = adjusted([own, own], together=True)
    told = [c.p_holm for one in both for c in one if c.recorded]
    assert told == pytest.approx(holm([*raw, *raw]))


def test_groups_are_used(tmp_path: Path) -> None:
    groups = ["g", "h"] * 5
    saved(tmp_path, "a", A, groups=groups)
    saved(tmp_path, "b", B, groups=groups)
    (pair,) = pairing(entries(tmp_path), "a", "b").pairs
    (top,) = of_metrics(pair, ["answer_recall@5"])
    expected = difference(*pair.flags("answer_recall@5"), groups=groups)
    assert (top.test, top.p) == ("cluster-t", pytest.approx(expected.p))
    one_group = np.array([place % 2 == 0 for place in range(10)])
    (part,) = of_metrics(pair, ["answer_recall@5"], members=one_group)
    assert np.isnan([part.low, part.high, part.p]).all()
    assert (part.test, part.a_only, part.n) == ("", 1, 5)


def test_subsets_add_up(pair: Pair, make_asked: MakeAsked) -> None:
    subject = make_asked([["1887"], ["Clara Holm"]] * 5)
    told, reasons = kinds(pair, subject, ["answer_type", "overlap"])
    assert [(kind.breakdown, kind.subset) for kind in told] == [
        ("answer_type", "date"),
        ("answer_type", "entity"),
    ]
    of_subset = [next(c for c in kind.contrasts if c.metric == "mrr") for kind in told]
    assert [c.n for c in of_subset] == [5, 5]
    whole = next(c for c in contrasts(pair) if c.metric == "mrr")
    assert sum(c.a_only for c in of_subset) == whole.a_only
    assert np.mean([c.difference for c in of_subset]) == pytest.approx(whole.difference)
    assert [c.p_holm for c in of_subset] == pytest.approx(holm([c.p for c in of_subset]))
    assert reasons == ["no overlap of nq: dataset nq has no train file"]


def test_the_questions_that_one_gets(pair: Pair) -> None:
    told = apart(pair, "answer_recall@5")
    assert [(entry.qid, entry.better) for entry in told] == [
        ("nq-2", "a"),  # 1 and nothing
        ("nq-9", "a"),  # 1 and 30
        ("nq-1", "a"),  # 1 and 9
        ("nq-5", "b"),  # nothing and 2
    ]
    assert (told[0].a_rank, told[0].b_rank, told[0].a_top) == (1, 0, "T2-0")


def test_the_questions_that_moved_most_need_no_metric_to_differ(pair: Pair) -> None:
    told = moved(pair, "answer_recall@20")
    assert [entry.qid for entry in told][:2] == ["nq-2", "nq-9"]
    assert "nq-8" in [entry.qid for entry in told]  # 21 and 20
    assert "nq-0" not in [entry.qid for entry in told]


@pytest.fixture
def comparison(tmp_path: Path, make_asked: MakeAsked) -> TwoSystems:
    for dataset in ("nq", "webq"):
        saved(tmp_path, "a", A, em=[1, 0] * 5, dataset=dataset)
        saved(tmp_path, "b", B, em=[1, 1] * 5, dataset=dataset)
    both = pairing(entries(tmp_path), "a", "b")

    def subject(pair: Pair) -> Subject:
        return make_asked([["1887"], ["Clara Holm"]] * 5)

    return two_systems(both, subject, ["answer_type"])


def test_the_terminal_has_80_columns(comparison: TwoSystems) -> None:
    for text in (two_systems_text.terminal(comparison, 3), engines.terminal(comparison)):
        assert max(map(len, text.splitlines())) <= 80
    text = two_systems_text.terminal(comparison, 3)
    assert "nq, 10 questions" in text
    assert "adjusted for 5 comparisons, all metrics of a set" in " ".join(text.split())
    assert "  a rank 1, b none | nq-2: who is 2?" in text


def test_a_line_of_json_for_every_set_metric_and_k(comparison: TwoSystems) -> None:
    lines = [json.loads(line) for line in two_systems_text.json_lines(comparison)]
    assert len(lines) == 2 * (20 + 2)  # every k, mrr, em
    top5 = next(line for line in lines if line["set"] == "webq" and line["k"] == 5)
    assert (top5["a_only"], top5["b_only"], top5["p"], top5["p_holm"]) == (3, 1, 0.375, 0.75)
    assert top5["difference"] == pytest.approx(0.2)
    assert top5["low"] < 0.2 < top5["high"]
    assert {line["k"] for line in lines if line["metric"] == "em"} == {None}


def test_files_hold_every_k_and_every_question(comparison: TwoSystems) -> None:
    rows = table(two_systems_text.figures_csv(comparison))
    whole = [row for row in rows if row["subset"] == "all" and row["set"] == "nq"]
    assert {row["k"] for row in whole} == {"", *map(str, range(1, 21))}
    parts = [row for row in rows if row["breakdown"] == "answer_type"]
    assert {row["subset"] for row in parts} == {"date", "entity"}
    assert "|test:mcnemar-midp|ci:95|fam:none-holm|groups:none" in whole[-1]["signature"]
    questions = table(two_systems_text.questions_csv(comparison))
    assert {row["set"] for row in questions} == {"nq", "webq"}
    markdown = two_systems_text.markdown(comparison, 20)
    assert "### Top-20 by answer_type" in markdown
    assert "| Top-3 |" in markdown


def table(text: str) -> list[dict[str, Any]]:
    return list(csv.DictReader(text.splitlines()))


@pytest.mark.parametrize(("em", "p"), [([[1], [0]], 0.5), ([[1, 1, 1], [1, 1, 1]], 1)])
def test_one_question_and_systems_that_are_right_everywhere(
    em: list[list[float]], p: float, tmp_path: Path, make_asked: MakeAsked
) -> None:
    saved(tmp_path, "a", em=em[0])
    saved(tmp_path, "b", em=em[1])
    both = pairing(entries(tmp_path), "a", "b")
    told = two_systems(both, lambda _: make_asked([["x"]]), [])
    (one,) = told.sets[0].contrasts
    assert one.low <= one.difference <= one.high
    assert one.p == p
    assert one.detectable > 0
    assert "RBO" not in two_systems_text.terminal(told, 3)
