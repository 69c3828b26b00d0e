from __future__ import annotations

import gzip
import io
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_bench.errors import DataError, UserError
from qa_bench.formats.run_writers import write_dpr_json, write_trec
from qa_bench.formats.runs import read_run_file
from qa_bench.metric.matching import answer_test
from qa_bench.types import Passage, Question, QuestionSet, Run

QUESTIONS = QuestionSet(
    "nq",
    "test",
    "string",
    (
        Question("nq-test-0", "who's first", ("Paris",)),
        Question("nq-test-1", "who is second", ("Rome",)),
        Question("nq-test-2", "who is third", ("Oslo",)),
    ),
    digest="0" * 64,
)
Hits = list[tuple[str, int, str, float]]


def hits(run: Run) -> Hits:
    columns = [run.table.column(name).to_pylist() for name in ("qid", "rank", "pid", "score")]
    return list(zip(*columns, strict=True))


def read(path: Path, text: str) -> Hits:
    path.write_text(text, encoding="utf-8")
    return hits(read_run_file(path, QUESTIONS).run)


def refusal(path: Path, text: str) -> DataError:
    with pytest.raises(DataError) as caught:
        read(path, text)
    assert caught.value.path == str(path)
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.fixture
def trec(tmp_path: Path) -> Path:
    return tmp_path / "run.trec"


@pytest.fixture
def as_json(tmp_path: Path) -> Path:
    return tmp_path / "run.json"


@pytest.mark.parametrize(
    ("ids", "lacks"),
    [("01", False), ("12", True), ("2", True), (("nq-test-1", "nq-test-2"), False)],
)
def test_places_of_which_none_is_the_first(trec: Path, ids: Sequence[str], lacks: bool) -> None:
    trec.write_text("".join(f"{name} Q0 p 1 1.5 x\n" for name in ids))
    assert read_run_file(trec, QUESTIONS).lacks_place_0 == lacks


class TestTrec:
    def test_hits_go_by_question_then_score_then_rank(self, trec: Path):
        text = (
            "nq-test-2 Q0 p9 1 1.5 tag\n"
            "nq-test-0 Q0 p1 2 3.0 tag\n\n"
            "nq-test-0\tQ0\tp2\t1\t7.25\ttag\r\n"
            "nq-test-0 Q0 p4 9 3.0 tag\n"
            "nq-test-0 Q0 p3 3 3.0 tag\n"
        )
        assert read(trec, text) == [
            ("nq-test-0", 1, "p2", 7.25),
            ("nq-test-0", 2, "p1", 3.0),
            ("nq-test-0", 3, "p3", 3.0),
            ("nq-test-0", 4, "p4", 3.0),
            ("nq-test-2", 1, "p9", 1.5),
        ]
        assert read_run_file(trec, QUESTIONS).passages == []

    def test_integer_ids_are_places_in_the_set(self, trec: Path):
        assert read(trec, "2 Q0 7 1 -1e-3 tag\n0 Q0 8 1 5 tag\n") == [
            ("nq-test-0", 1, "8", 5.0),
            ("nq-test-2", 1, "7", pytest.approx(-1e-3)),
        ]

    def test_the_suffix_of_compression_is_no_format(self, tmp_path: Path):
        path = tmp_path / "run.txt.gz"
        path.write_bytes(gzip.compress(b"nq-test-1 Q0 p1 1 2.5 tag\n"))
        assert hits(read_run_file(path, QUESTIONS).run) == [("nq-test-1", 1, "p1", 2.5)]

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("nq-test-0 Q0 p1 1 2.5", "expected 6 columns (qid Q0 pid rank score tag), found 5"),
            ("nq-test-0 Q0 p1 1 2.5 my tag", "found 7"),
            ("nq-test-0 Q0 p1 first 2.5 tag", "rank or score is not a number"),
            ("nq-test-0 Q0 p1 1 high tag", "rank or score is not a number"),
            ("nq-test-0 Q0 p1 1 nan tag", "rank or score is not a number"),
            ("nq-test-9 Q0 p1 1 2.5 tag", "question 'nq-test-9' is not in nq test"),
            ("3 Q0 p1 1 2.5 tag", "question '3' is not in nq test"),
            ("-1 Q0 p1 1 2.5 tag", "question '-1' is not in nq test"),
        ],
    )
    def test_a_wrong_line(self, trec: Path, line: str, message: str):
        error = refusal(trec, f"nq-test-1 Q0 p1 1 2.5 tag\n{line}\n")
        assert message in str(error)
        assert error.line == 2

    def test_a_passage_twice(self, trec: Path):
        text = "0 Q0 p1 1 2.5 tag\n0 Q0 p2 2 2 tag\n0 Q0 p1 3 1 tag\n1 Q0 p1 1 1 tag\n"
        error = refusal(trec, text)
        assert "question '0' names passage 'p1' twice, first in line 1" in str(error)
        assert error.line == 3

    @pytest.mark.parametrize("text", ["", "\n\n"])
    def test_no_hit(self, trec: Path, text: str):
        assert "holds no hit" in str(refusal(trec, text))


def context(pid: object, text: str | None = None, score: object = "1.5", title: str = "T"):
    inside = {} if text is None else {"title": title, "text": text}
    return {"id": pid, "score": score, "has_answer": False, **inside}


class TestDprJson:
    def entries(self, *entries: tuple[str, list[object]]) -> str:
        return json.dumps([{"question": q, "answers": ["x"], "ctxs": c} for q, c in entries])

    def test_hits_and_the_passages_inside(self, as_json: Path):
        text = self.entries(
            ("who's first", [context("wiki:1", "one", "9.5"), context(2, "two", 8)]),
            ("who is second", []),
            ("who is third", [context("2", "two", 7.0), context("x", "", 6.0)]),
        )
        text = text.replace('"text": ""', '"text": "three"')
        assert read(as_json, text) == [
            ("nq-test-0", 1, "wiki:1", 9.5),
            ("nq-test-0", 2, "2", 8.0),
            ("nq-test-2", 1, "2", 7.0),
            ("nq-test-2", 2, "x", 6.0),
        ]
        assert read_run_file(as_json, QUESTIONS).passages == [
            Passage("wiki:1", "T", "one"),
            Passage("2", "T", "two"),
            Passage("x", "T", "three"),
        ]

    def test_questions_are_known_by_their_text_in_any_order(self, as_json: Path):
        text = self.entries(
            (" who is third ", [context("a")]), ("who’s first", [context("b"), context("c")])
        )
        assert [hit[:3] for hit in read(as_json, text)] == [
            ("nq-test-0", 1, "b"),
            ("nq-test-0", 2, "c"),
            ("nq-test-2", 1, "a"),
        ]

    def test_a_text_asked_twice_goes_by_place(self, tmp_path: Path):
        asked = [Question(qid, "same text", ("a",)) for qid in ("q1", "q2")]
        questions = QuestionSet("own", "test", "string", tuple(asked), digest="")
        path = tmp_path / "run.json"
        path.write_text(self.entries(("same text", [context("a")]), ("same text", [context("b")])))
        assert [hit[:3] for hit in hits(read_run_file(path, questions).run)] == [
            ("q1", 1, "a"),
            ("q2", 1, "b"),
        ]

    def test_an_unknown_question(self, as_json: Path):
        error = refusal(as_json, self.entries(("who's first", []), ("who else", [context("a")])))
        assert "question 2 ('who else') is not in nq test" in str(error)

    def test_a_passage_twice(self, as_json: Path):
        text = self.entries(("who's first", [context("a"), context("b"), context("a")]))
        assert "question 'nq-test-0' names passage 'a' twice" in str(refusal(as_json, text))

    @pytest.mark.parametrize("other", [context("a", "zwei"), context("a", "one", title="U")])
    def test_conflicting_texts(self, as_json: Path, other: object):
        text = self.entries(
            ("who's first", [context("a", "one")]), ("who is second", [context("b", "x"), other])
        )
        assert "passage 'a' has two different texts" in str(refusal(as_json, text))

    def test_some_texts_are_missing(self, as_json: Path):
        text = self.entries(("who's first", [context("a", "one"), context("c"), context("b")]))
        assert "'b' has none" in str(refusal(as_json, text))

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "{",
            "1",
            '["x"]',
            '[{"ctxs": []}]',
            '[{"question": "who\'s first"}]',
            '[{"question": "who\'s first", "ctxs": [{"id": "a", "score": "high"}]}]',
            '[{"question": "who\'s first", "ctxs": [{"id": "a", "score": NaN}]}]',
            '[{"question": 1, "ctxs": []}]',
        ],
    )
    def test_another_structure(self, as_json: Path, text: str):
        refusal(as_json, text)


class TestPyseriniJson:
    def entry(self, *contexts: dict[str, object]) -> dict[str, object]:
        return {"question": "any", "answers": ["x"], "contexts": list(contexts)}

    def test_integer_ids_and_texts_with_their_titles(self, as_json: Path):
        value = {
            "2": self.entry({"docid": "7", "score": "11.25", "text": '"Oslo"\nIt is\na city.'}),
            "0": self.entry(
                {"docid": 5, "score": 3.5, "text": "Paris\nOne."},
                {"docid": "7", "score": 2, "text": '"Oslo"\nIt is\na city.'},
            ),
        }
        assert read(as_json, json.dumps(value)) == [
            ("nq-test-0", 1, "5", 3.5),
            ("nq-test-0", 2, "7", 2.0),
            ("nq-test-2", 1, "7", 11.25),
        ]
        passages = read_run_file(as_json, QUESTIONS).passages
        assert [passage.pid for passage in passages] == ["7", "5"]
        assert passages[1] == Passage("5", "Paris", "One.")
        assert passages[0].text == "It is\na city."

    def test_ids_of_the_set(self, as_json: Path):
        value = {"nq-test-1": self.entry({"docid": "a", "score": 1})}
        assert read(as_json, json.dumps(value)) == [("nq-test-1", 1, "a", 1.0)]
        assert read_run_file(as_json, QUESTIONS).passages == []

    @pytest.mark.parametrize(
        ("value", "message"),
        [
            ({"3": {"contexts": []}}, "question '3' is not in nq test"),
            ({"nq-dev-0": {"contexts": []}}, "question 'nq-dev-0' is not in nq test"),
            ({"0": {"contexts": []}}, "holds no hit"),
            (
                {"0": {"ctxs": []}},
                "score of passage 'ctxs' must be a number",
            ),
            ({"0": {"contexts": {}}}, "field 'contexts' must be a list of objects, found dict"),
            ({"0": []}, "'0' must have an object"),
        ],
    )
    def test_what_is_wrong(self, as_json: Path, value: object, message: str):
        assert message in str(refusal(as_json, json.dumps(value)))


def exported(run: Run, tag: str = "tag") -> str:
    file = io.StringIO()
    assert write_trec(file, run, tag) == len(run)
    return file.getvalue()


def test_trec_export():
    run = Run.of(["nq-test-0", "nq-test-2"], [["p1", "p2"], ["p1"]], [[17.1234, 3], [0.5]])
    lines = [line.split() for line in exported(run).splitlines()]
    assert [[*line[:4], float(line[4]), line[5]] for line in lines] == [
        ["nq-test-0", "Q0", "p1", "1", pytest.approx(17.1234, rel=1e-6), "tag"],
        ["nq-test-0", "Q0", "p2", "2", 3.0, "tag"],
        ["nq-test-2", "Q0", "p1", "1", 0.5, "tag"],
    ]


scores = st.lists(
    st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=5
)


@given(st.lists(scores, min_size=1, max_size=3))
def test_trec_export_and_import_give_the_same_run(
    tmp_path_factory: pytest.TempPathFactory, ranked: list[list[float]]
):
    ordered = [sorted(values, reverse=True) for values in ranked]
    pids = [[f"p{place}" for place in range(len(values))] for values in ordered]
    run = Run.of([q.qid for q in QUESTIONS][: len(pids)], pids, ordered)
    path = tmp_path_factory.mktemp("trec") / "run.trec"
    assert read(path, exported(run)) == hits(run)


@pytest.mark.parametrize(("qid", "pid"), [("q 1", "p1"), ("q1", "p\u00a01"), ("", "p1"), ("q", "")])
def test_trec_export_refuses_ids_it_cannot_carry(tmp_path: Path, qid: str, pid: str):
    path = tmp_path / "run.trec"
    with path.open("w") as file, pytest.raises(DataError, match="ids with white space"):
        write_trec(file, Run.of([qid], [[pid]], [[1.0]]), "tag")


def test_trec_export_refuses_scores_that_contradict_the_order():
    run = Run.of(["1", "2"], [["a"], ["b", "c"]], [[1], [2, 3]])
    with pytest.raises(UserError, match="those of question '2' rise: another order"):
        write_trec(io.StringIO(), run, "tag")


def test_trec_export_has_six_columns_whatever_the_systems_label():
    run = Run.of(["nq-test-0"], [["p1"]], [[1.0]])
    assert len(exported(run, "BM25 (k1 = 1.2)").split()) == 6


def test_dpr_json_export_and_import_give_the_same_run(tmp_path: Path, make_passages):
    rows = [
        ("p1", "Paris", "It is a city."),
        ("p2", "Oslo ’", 'In "Oslo",\n東京.'),
        ("p3", "", "x"),
    ]
    passages = make_passages(rows)
    run = Run.of(
        [q.qid for q in QUESTIONS], [["p2", "p1"], [], ["p3", "p2"]], [[2.5, 1], [], [9, 8]]
    )
    path = tmp_path / "out.json"
    with path.open("w", encoding="utf-8") as file:
        count = write_dpr_json(
            file,
            run,
            QUESTIONS,
            passages,
            lambda answers, qid: answer_test(answers, "string", "dpr", qid),
        )
    assert count == 3
    entries = json.loads(path.read_text(encoding="utf-8"))
    assert [entry["question"] for entry in entries] == [q.text for q in QUESTIONS]
    assert [entry["answers"] for entry in entries] == [["Paris"], ["Rome"], ["Oslo"]]
    found = [[context["has_answer"] for context in entry["ctxs"]] for entry in entries]
    assert found == [[False, False], [], [False, True]]
    assert entries[0]["ctxs"][0] == {
        "id": "p2",
        "title": "Oslo ’",
        "text": 'In "Oslo",\n東京.',
        "score": "2.5",
        "has_answer": False,
    }
    again = read_run_file(path, QUESTIONS)
    assert hits(again.run) == hits(run)
    assert again.passages == [Passage(*rows[1]), Passage(*rows[0]), Passage(*rows[2])]
