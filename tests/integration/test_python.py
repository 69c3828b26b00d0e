"""``qa_bench.run`` from Python is ``qa-bench run``: the same figures, tables and folders."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import qa_bench
from qa_bench.errors import UserError

SET = ("corpus=sample", "dataset.split=sample", "retriever=bm25", "reader=redundancy")

pytestmark = pytest.mark.java


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("python")


@pytest.fixture(scope="module")
def results(place: Path) -> qa_bench.Results:
    paths = (f"paths.data={place}/data", f"paths.results={place}/results")
    return qa_bench.run(*SET, "dataset=nq,curatedtrec", "retriever.k1=0.9,1.2", *paths)


def test_the_figures_are_those_of_the_command(
    results: qa_bench.Results, place: Path, cli: Callable[..., object]
):
    done = cli("run", "-m", *SET, "dataset=nq,curatedtrec", "retriever.k1=0.9,1.2", "--json")
    assert done.returncode == 0, done.stderr  # type: ignore[attr-defined]
    theirs = [json.loads(line) for line in done.stdout.splitlines()]  # type: ignore[attr-defined]
    ours = results.rows()
    assert len(ours) == 4
    timed = ("_s", "_mb")
    for row, whole in zip(ours, theirs, strict=True):
        assert whole["em/low"] < whole["em"] < whole["em/high"]
        other = {name: value for name, value in whole.items() if "/" not in name}
        assert list(row) == list(other)
        assert {k: v for k, v in row.items() if not k.endswith(timed)} == {
            k: v for k, v in other.items() if not k.endswith(timed)
        }
    assert {row["system"] for row in ours} == {
        "bm25+redundancy[k1=0.9]",
        "bm25+redundancy[k1=1.2]",
    }
    assert (place / "results" / "default.md").is_file()


def test_a_table_of_pandas(results: qa_bench.Results):
    pandas = pytest.importorskip("pandas")
    table = results.table()
    assert list(table["dataset"]) == ["nq", "nq", "curatedtrec", "curatedtrec"] or len(table) == 4
    assert pandas.isna(table.loc[table["dataset"] == "curatedtrec", "f1"]).all()
    assert table.loc[table["dataset"] == "nq", "em"].between(0, 1).all()


def test_a_row_a_question(results: qa_bench.Results):
    pytest.importorskip("pandas")
    system = "bm25+redundancy[k1=0.9]"
    frame = results.questions(dataset="nq", system=system, passages=3)
    assert len(frame) == 36
    (row,) = [row for row in results.rows() if (row["dataset"], row["system"]) == ("nq", system)]
    for metric in ("answer_recall@1", "answer_recall@20", "mrr", "em", "f1"):
        assert frame[metric].mean() == pytest.approx(row[metric], abs=1e-12)
    first = frame[frame["first_rank"] == 1]
    assert len(first) == round(36 * row["answer_recall@1"])
    assert all(isinstance(answers, list) and answers for answers in frame["answers"])
    assert frame["pids"].map(len).max() == 3
    assert (frame["pids"].map(len) == frame["titles"].map(len)).all()
    right = frame[frame["em"] == 1].iloc[0]
    assert qa_bench.exact_match(right["prediction"], right["answers"])
    with pytest.raises(UserError, match="no dataset 'webq'"):
        results.questions(dataset="webq")


def test_where_every_stage_lies(results: qa_bench.Results, place: Path):
    stages = results.stages()
    assert all((stage.path / "manifest.json").is_file() for stage in stages)
    assert {stage.stage for stage in stages} == {
        "chunk",
        "index bm25",
        "search bm25",
        "read",
        "score",
    }
    chunks = [stage for stage in stages if stage.stage == "chunk"]
    assert len({stage.path for stage in chunks}) == 1
    assert [stage.reused for stage in chunks] == [False, True, True, True]
    keys = {json.loads((s.path / "manifest.json").read_text())["key"] == s.key for s in stages}
    assert keys == {True}


def test_what_is_wrong_is_one_line(tmp_path: Path):
    for words, message in (
        (["retriever=nowhere"], "nowhere"),
        (["depth=0"], "depth"),
        (["corpus=sample", "dataset.split=nowhere"], "nowhere"),
    ):
        with pytest.raises(UserError, match=message) as caught:
            qa_bench.run(*words, f"paths.data={tmp_path}", f"paths.results={tmp_path}/results")
        assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("results/*"))


EXTRAS = ("torch", "transformers", "sentence_transformers", "faiss", "numba", "pandas", "datasets",
          "huggingface_hub", "jnius", "pyserini", "ir_measures", "matplotlib")  # fmt: skip


def test_a_run_is_scored_without_any_extra(tmp_path: Path):
    (tmp_path / "set.jsonl").write_text(
        '{"question": "Who kept it?", "answer": ["Ida Lund"]}\n'
        '{"question": "When was that?", "answer": ["1903"]}\n'
    )
    hits = [
        {"id": "1", "title": "", "text": "Nobody.", "score": 2},
        {"id": "2", "title": "", "text": "Ida Lund kept it.", "score": 1},
    ]
    entries = [
        {"question": "Who kept it?", "answers": ["Ida Lund"], "ctxs": hits},
        {"question": "When was that?", "answers": ["1903"], "ctxs": hits[1:]},
    ]
    (tmp_path / "run.json").write_text(json.dumps(entries))
    script = f"""
import sys

class Missing:
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in {EXTRAS!r}:
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Missing)
import qa_bench
results = qa_bench.run("run=run.json", "dataset=file", "dataset.path=set.jsonl")
[row] = results.rows()
print(row["answer_recall@1"], row["answer_recall@5"], row["mrr"])
try:
    results.table()
except qa_bench.UserError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "0.0 0.5 0.25"
    assert "pip install 'qa-bench[datasets]'" in done.stdout.splitlines()[1]
    assert (tmp_path / "results" / "default.md").is_file()
