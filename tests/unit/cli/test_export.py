from __future__ import annotations

import gzip
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from given import given

from qa_bench.cli.export import export
from qa_bench.engine.context import Context
from qa_bench.errors import DataError, UserError
from qa_bench.store.runs import write_run
from qa_bench.types import Run, Runtime

ROWS = [("p1", "Paris", 'A "city" in\nFrance.'), ("p2", "Rome", "x")]


@pytest.fixture
def line(tmp_path: Path, make_passages, make_questions) -> SimpleNamespace:
    """As much of a ``Line`` as an export looks at."""
    passages = given(make_passages(ROWS).folder)
    run = tmp_path / "run"
    run.mkdir()
    write_run(run / "run.parquet", Run.of(["q1", "q2"], [["p1", "p2"], []], [[2.5, 1.25], []]))
    return SimpleNamespace(
        context=Context(tmp_path / "cache", Runtime(progress=False)),
        passages=passages,
        run_passages=passages,
        ranked=given(run),
        questions=make_questions({"q1": ["France"], "q2": ["x"]}),
        system="bm25",
    )


def config(what: str, how: str, out: Path | None) -> Any:
    return SimpleNamespace(
        export=SimpleNamespace(what=what, format=how, out=None if out is None else str(out)),
        mode="dpr",
    )


def test_passages(line: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "new" / "psgs.tsv"
    export(line, config("passages", "psgs_w100", out))
    assert out.read_bytes() == (
        b'id\ttext\ttitle\np1\t"A ""city"" in\nFrance."\tParis\np2\t"x"\tRome\n'
    )
    assert capsys.readouterr().out == f"{out}: 2 passages\n"


def test_a_trec_run(line: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "run.trec"
    export(line, config("run", "trec", out))
    lines = [row.split() for row in out.read_text().splitlines()]
    assert [[*row[:4], float(row[4]), row[5]] for row in lines] == [
        ["q1", "Q0", "p1", "1", 2.5, "bm25"],
        ["q1", "Q0", "p2", "2", 1.25, "bm25"],
    ]
    assert capsys.readouterr().out == f"{out}: 2 hits\n"


def test_dprs_json(line: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "run.json"
    export(line, config("run", "dpr", out))
    first, second = json.loads(out.read_text())
    assert [context["has_answer"] for context in first["ctxs"]] == [True, False]
    assert second == {"question": "text of q2", "answers": ["x"], "ctxs": []}
    assert capsys.readouterr().out == f"{out}: 2 questions\n"


def test_gz_compresses_the_same_bytes_every_time(line: SimpleNamespace, tmp_path: Path):
    outs = [tmp_path / "a.trec", tmp_path / "b.trec.gz", tmp_path / "c.trec.gz"]
    for out in outs:
        export(line, config("run", "trec", out))
    assert gzip.decompress(outs[1].read_bytes()) == outs[0].read_bytes()
    packed = outs[1].read_bytes()
    assert packed == outs[2].read_bytes()
    assert packed[3:8] == bytes(5)  # no name and no time stamp inside


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_failed_export_leaves_the_older_file_alone(
    line: SimpleNamespace, tmp_path: Path, suffix: str
):
    out = tmp_path / f"run.trec{suffix}"
    out.write_text("older")
    write_run(tmp_path / "run" / "run.parquet", Run.of(["q1"], [["p1", "p 2"]], [[2, 1]]))
    line.context.run(line.ranked)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(DataError, match="white space"):
        export(line, config("run", "trec", out))
    assert out.read_text() == "older"
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("what", "how"), [("run", "psgs_w100"), ("passages", "trec"), ("runs", "trec")]
)
def test_an_unknown_combination_is_told_with_the_known_ones(
    line: SimpleNamespace, tmp_path: Path, what: str, how: str
):
    with pytest.raises(UserError) as caught:
        export(line, config(what, how, tmp_path / "out"))
    assert str(caught.value) == (
        f"cannot export what={what} as format={how}: use what=passages format=psgs_w100, "
        "what=run format=trec, what=run format=dpr, what=run format=pyserini, "
        "what=results format=eee, what=results format=ir_metadata, what=results format=ro_crate"
    )


def test_out_is_needed(line: SimpleNamespace):
    with pytest.raises(UserError, match="export needs out=<file>"):
        export(line, config("run", "trec", None))
