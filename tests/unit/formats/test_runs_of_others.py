"""Runs by other numberings, in other people's JSON, and with what no run may hold."""

from __future__ import annotations

import codecs
import io
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from qa_bench.errors import DataError, UserError
from qa_bench.formats.run_writers import write_pyserini_json
from qa_bench.formats.runs import read_run_file
from qa_bench.metric.matching import answer_test
from qa_bench.types import Passage, Question, QuestionSet, Run


def of(*rows: tuple[str, str, str]) -> QuestionSet:
    questions = tuple(Question(qid, text, (answer,)) for qid, text, answer in rows)
    return QuestionSet("own", "test", "string", questions, digest="")


SET = of(("1", "who one", "alpha"), ("2", "who two", "beta"), ("3", "who one", "gamma"))


def read(path: Path, text: Any, questions: QuestionSet = SET) -> dict[str, list[str]]:
    path.write_text(text if isinstance(text, str) else json.dumps(text), encoding="utf-8")
    table = read_run_file(path, questions).run.table
    pids: dict[str, list[str]] = {}
    for qid, pid in zip(*(table.column(c).to_pylist() for c in ("qid", "pid")), strict=True):
        pids.setdefault(qid, []).append(pid)
    return pids


def trec(*ids: str) -> str:
    return "".join(f"{qid} Q0 p{place} 1 2 t\n" for place, qid in enumerate(ids))


class TestOneNumbering:
    @pytest.mark.parametrize(
        ("ids", "expected"),
        [
            (["0", "1", "2"], {"1": ["p0"], "2": ["p1"], "3": ["p2"]}),
            (["1", "2", "3"], {"1": ["p0"], "2": ["p1"], "3": ["p2"]}),
            (["2", "0"], {"1": ["p1"], "3": ["p0"]}),
            (["3", "1"], {"1": ["p1"], "3": ["p0"]}),
        ],
    )
    def test_own_ids_or_places(
        self, tmp_path: Path, ids: list[str], expected: dict[str, list[str]]
    ):
        assert read(tmp_path / "r.trec", trec(*ids)) == expected
        contexts = {q: {"contexts": [{"docid": f"p{n}", "score": 1}]} for n, q in enumerate(ids)}
        assert read(tmp_path / "r.json", contexts) == expected
        beir = {q: {f"p{n}": 1.5} for n, q in enumerate(ids)}
        assert read(tmp_path / "r.json", beir) == expected

    @pytest.mark.parametrize(
        ("ids", "line", "stranger"),
        [
            (["0", "1", "3"], 1, "0"),
            (["1", "x"], 2, "x"),
            (["0", "x"], 2, "x"),
            (["0", "00"], 2, "00"),
            (["0", "\u0661"], 2, "\u0661"),
            (["9" * 5000], 1, "9" * 60),
        ],
    )
    def test_no_mixture(self, tmp_path: Path, ids: list[str], line: int, stranger: str):
        with pytest.raises(DataError, match=f"question '{stranger}' is not in own test") as caught:
            read(tmp_path / "r.trec", trec(*ids))
        assert caught.value.line == line


def entry(question: str, pid: str, **more: Any) -> dict[str, Any]:
    return {"question": question, "ctxs": [{"id": pid, "score": 1}], **more}


class TestTextsThatStandTwice:
    def test_go_by_their_answers(self, tmp_path: Path):
        entries = [
            entry("who two", "p2", answers=["beta"]),
            entry("who one", "p3", answers=["gamma"]),
            entry("who one", "p1", answers=["alpha"]),
        ]
        expected = {"1": ["p1"], "2": ["p2"], "3": ["p3"]}
        assert read(tmp_path / "r.json", entries) == expected
        assert read(tmp_path / "r.json", entries[1:2]) == {"3": ["p3"]}
        lines = "".join(json.dumps(one) + "\n" for one in entries)
        assert read(tmp_path / "r.jsonl", lines) == expected

    def test_without_answers_the_first_that_is_free(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ):
        entries = [
            entry("who one", "p9"),
            entry("who one", "p1", answers=["alpha"]),
            entry("who two", "p2"),
        ]
        assert read(tmp_path / "r.json", entries) == {"1": ["p1"], "2": ["p2"], "3": ["p9"]}
        assert caplog.messages == []
        assert read(tmp_path / "r.json", entries[:1]) == {"1": ["p9"]}
        assert "1 questions stand more than once in own test" in caplog.messages[0]

    def test_no_more_often_than_in_the_set(self, tmp_path: Path):
        with pytest.raises(DataError, match=r"question 3 .* is there twice") as caught:
            read(tmp_path / "r.json", json.dumps([entry("who one", "p")] * 3, indent=0))
        assert caught.value.line is not None

    def test_a_question_mark_and_case_are_no_other_question(self, tmp_path: Path):
        assert read(tmp_path / "r.json", [entry("Who  two?", "p")]) == {"2": ["p"]}


class TestOtherJson:
    def test_fids_order_is_enough(self, tmp_path: Path):
        contexts = [{"id": pid, "title": "T", "text": pid} for pid in ("b", "a", "c")]
        path = tmp_path / "fid.jsonl"
        text = json.dumps({"question": "who two", "ctxs": contexts})
        assert read(path, text) == {"2": ["b", "a", "c"]}
        foreign = read_run_file(path, SET)
        scores = foreign.run.table.column("score").to_pylist()
        assert scores == sorted(scores, reverse=True)
        assert foreign.passages[0] == Passage("b", "T", "b")
        assert (foreign.deepest, foreign.without_hits) == (3, ["1", "3"])

    def test_kilt(self, tmp_path: Path):
        pages = [{"wikipedia_id": page, "title": "T"} for page in ("10", "7", "10")]
        rows = [
            {"id": "2", "input": "who two", "output": [{"answer": "beta", "provenance": pages}]},
            {"id": "1", "input": "who one", "output": [{"provenance": pages[:1]}]},
        ]
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        assert read(tmp_path / "r.jsonl", lines) == {"1": ["10"], "2": ["10", "7"]}
        by_text = lines.replace('"2"', '"5afe"').replace('"1"', '"5aff"')
        assert read(tmp_path / "r.jsonl", by_text) == {"1": ["10"], "2": ["10", "7"]}

    def test_beir(self, tmp_path: Path):
        run = {"2": {"a": 1, "b": 3.5, "c": 1}}
        assert read(tmp_path / "r.json", run) == {"2": ["b", "a", "c"]}

    @pytest.mark.parametrize(
        ("text", "passage"),
        [
            ("It is alpha.", Passage("p", "", "It is alpha.")),
            ("T\nIt is.", Passage("p", "T", "It is.")),
            ("Only a line\n", Passage("p", "", "Only a line\n")),
            ("\nNo title.\nMore.", Passage("p", "", "No title.\nMore.")),
        ],
    )
    def test_a_text_of_pyserinis_is_never_empty(self, tmp_path: Path, text: str, passage: Passage):
        path = tmp_path / "r.json"
        read(path, {"0": {"contexts": [{"docid": "p", "score": "2", "text": text}]}})
        assert read_run_file(path, SET).passages == [passage]

    def test_pyserinis_written_and_read(self, tmp_path: Path, make_passages: Any):
        rows = [("p1", "T", "in alpha"), ("p2", "", "a\nb"), ("p3", "", "c")]
        run = Run.of(["1", "2", "3"], [["p2", "p1"], [], ["p3"]], [[2, 1], [], [3]])
        file = io.StringIO()
        tests = lambda answers, _: answer_test(answers, "string", "dpr")  # noqa: E731
        assert write_pyserini_json(file, run, SET, make_passages(rows), tests) == 3
        whole = json.loads(file.getvalue())
        assert [hit["has_answer"] for hit in whole["1"]["contexts"]] == [False, True]
        path = tmp_path / "r.json"
        assert read(path, file.getvalue()) == {"1": ["p2", "p1"], "3": ["p3"]}
        assert sorted(read_run_file(path, SET).passages) == [Passage(*row) for row in rows]

    @pytest.mark.parametrize("name", ["r.trec", "r.json", "r.jsonl"])
    def test_the_byte_order_mark_is_no_text(self, tmp_path: Path, name: str):
        text = {
            "r.trec": "1 Q0 p 1 2 t\n",
            "r.json": '{"1": {"p": 1}}',
            "r.jsonl": '{"question": "who two", "ctxs": [{"id": "p"}]}',
        }[name]
        path = tmp_path / name
        path.write_bytes(codecs.BOM_UTF8 + text.encode())
        assert len(read_run_file(path, SET).run) == 1


CONTEXT = {"id": "p", "score": 1, "title": "T", "text": "x"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text": ["x"]}, "text of passage 'p' must be text, found list"),
        ({"title": 5}, "field 'title' must be text, found int"),
        ({"id": None}, "field 'id' must be an id, found nothing"),
        ({"id": ""}, "found an empty one"),
        ({"id": 1.5}, "found float"),
        ({"score": 1e39}, "score of passage 'p' is 1e+39, no number of single precision"),
        ({"score": "-1e39"}, "no number of single precision"),
        ({"score": 10**400}, "beyond single precision"),
        ({"score": True}, "must be a number, found bool"),
        ({"score": "high"}, "is high, no number"),
        ({"score": [1]}, "must be a number, found list"),
    ],
)
@pytest.mark.parametrize("name", ["r.json", "r.jsonl"])
def test_what_no_hit_may_hold(tmp_path: Path, name: str, change: dict[str, Any], message: str):
    one = {"question": "who two", "ctxs": [{**CONTEXT, **change}]}
    with pytest.raises(DataError) as caught:
        read(tmp_path / name, [one] if name == "r.json" else json.dumps(one))
    assert message in str(caught.value)
    assert caught.value.line == 1


def test_some_scores_are_missing(tmp_path: Path):
    bare = {"id": "q", "title": "T", "text": "x"}
    with pytest.raises(DataError, match="passage 'q' has no score, others have"):
        read(tmp_path / "r.json", [{"question": "who two", "ctxs": [CONTEXT, bare]}])
    with pytest.raises(DataError, match="some hits have a score, those of this entry have none"):
        read(
            tmp_path / "r.json",
            [{"question": "who two", "ctxs": [CONTEXT]}, {"question": "who one", "ctxs": [bare]}],
        )


@pytest.mark.parametrize("score", ["1e39", "-1e39", "inf", "1" + "0" * 400])
def test_a_score_beyond_single_precision(tmp_path: Path, score: str):
    with pytest.raises(DataError, match="no number of single precision") as caught:
        read(tmp_path / "r.trec", f"1 Q0 p 1 2 t\n1 Q0 q 2 {score} t\n")
    assert caught.value.line == 2


def test_every_fault_of_a_run_in_one_go(tmp_path: Path):
    with pytest.raises(UserError, match=r"2 faults:\n.*:2: .*found 1\n.*:4: rank or score"):
        read(tmp_path / "r.trec", "1 Q0 p 1 2 t\nx\n2 Q0 p 1 2 t\n2 Q0 q x y t\n")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("r.trec", '{"question": "who", "ctxs": []}', "JSON runs end in .json or .jsonl"),
        ("r.json", '{"question": "who", "ctxs": []}', "JSON Lines end in .jsonl"),
        ("r.json", "3", "expected a JSON list or object"),
        ("r.json", "[" * 100_000, "nested too deeply"),
        ("r.jsonl", "[1]", "expected a JSON object, found list"),
        ("r.jsonl", '{"output": [{"provenance": []}]}', "field 'id' must be text"),
    ],
)
def test_a_file_of_another_kind(tmp_path: Path, name: str, text: str, message: str):
    with pytest.raises(DataError, match=message):
        read(tmp_path / name, text)


def test_what_is_deep_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, "qa_bench")
    path = tmp_path / "r.trec"
    read(path, trec("0"))
    foreign = read_run_file(path, SET)
    assert (foreign.deepest, foreign.without_hits) == (1, ["2", "3"])


class TestWhereAFaultIs:
    def test_an_entry_of_json_in_one_line(self, tmp_path: Path):
        good, bad = entry("who one", "a"), entry("who designed the long bridge of the bay?", "b")
        bad["ctxs"] = [{"score": 1}]
        message = r"r.json:1: .*\(entry 2, 'who designed the long bridge of the bay\?'\)$"
        with pytest.raises(DataError, match=message):
            read(tmp_path / "r.json", [good, bad])
        with pytest.raises(DataError, match=r"must be a number, found list \(entry 1, '7'\)$"):
            read(tmp_path / "r.json", {"7": {"p": []}} | {"8": {"p": 1}})

    def test_a_passage_twice(self, tmp_path: Path):
        twice = entry("who two", "b")
        twice["ctxs"] *= 2
        with pytest.raises(DataError, match="question '2' names passage 'b' twice"):
            read(tmp_path / "r.json", [entry("who two", "a"), twice][1:])
        lines = ["1 Q0 a 1 3 t", "2 Q0 a 1 3 t", "", "2 Q0 b 2 2 t", "2 Q0 a 3 1 t"]
        message = r"r.trec:5: question '2' names passage 'a' twice, first in line 2$"
        with pytest.raises(DataError, match=message):
            read(tmp_path / "r.trec", "\n".join(lines))


class TestFiDsFilesWithoutIds:
    def test_a_pid_is_made_of_title_and_text(self, tmp_path: Path):
        contexts = [{"title": "A", "text": "one"}, {"title": "B", "text": "one"}]
        rows = [{"question": "who one", "answers": ["alpha"], "ctxs": contexts}]
        rows += [{"question": "who two", "ctxs": contexts[1:]}]
        pids = read(tmp_path / "r.json", rows)
        assert len(set(pids["1"])) == 2
        assert pids["2"] == pids["1"][1:]
        passages = read_run_file(tmp_path / "r.json", SET).passages
        assert passages == [Passage(pids["1"][0], "A", "one"), Passage(pids["1"][1], "B", "one")]

    def test_neither_id_nor_text(self, tmp_path: Path):
        with pytest.raises(DataError, match="field 'id' must be an id, found nothing"):
            read(tmp_path / "r.json", [{"question": "who two", "ctxs": [{"title": "A"}]}])
