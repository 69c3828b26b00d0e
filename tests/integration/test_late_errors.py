"""What is wrong late, or between stages: still one line, and what was finished stays."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from bench_helpers import (
    SAMPLE_NQ,
    Files,
    all_complete,
    case,
    error_line,
    good,
    python,
    qa,
    read_csv,
    stage_folders,
    write,
    write_jsonl,
)

QUESTION = '{"id": "q1", "question": "Which planet is the fourth?", "answers": ["Mars"]}\n'
LATE = [
    case("depth 0", "search depth=0", "depth", "0"),
    case("depth true", "search depth=true", "depth: a whole number >= 1, got 'true'"),
    case("depth no number", "search depth=deep", "depth"),
    case("mode", "run mode=strict", "strict", "drqa"),
    case("k1 below 0", "index retriever.k1=-1", "retriever.k1:", "'-1'"),
    case("k1 no number", "index retriever.k1=abc", "retriever", "abc"),
    case("b above 1", "index retriever.b=1.5", "retriever.b:", "'1.5'"),
    case("stemmer", "index retriever.stemmer=snowball", "snowball", "krovetz"),
    case("recall at 0", "run metrics.answer_recall.k=[0,5]", "k", "0"),
    case("recall at nothing", "run metrics.answer_recall.k=[]", "k"),
    case("results a file", "run paths.results=taken", "taken", files={"taken": "x"}),
    case("cache a file", "chunk paths.cache=taken", "taken", files={"taken": "x"}),
    case("out a folder", "export what=passages format=psgs_w100 out=there", "there",
         files={"there/x": ""}),
    case("out below a file", "export what=passages format=psgs_w100 out=taken/x", "taken",
         files={"taken": "x"}),
]  # fmt: skip


@pytest.mark.java
@pytest.mark.parametrize(("words", "told", "files"), LATE)
def test_setting_of_a_late_stage(
    words: str, told: tuple[str, ...], files: Files, nq_cache: Path
) -> None:
    write(nq_cache, files)
    message = error_line(qa(*shlex.split(words), *SAMPLE_NQ, cwd=nq_cache))
    assert all(fragment in message for fragment in told), message
    assert all_complete(nq_cache)
    assert not (nq_cache / "results").exists()


@pytest.mark.java
@pytest.mark.parametrize("heap", ["2x", "1k", "99999999g"])
def test_java_heap(heap: str, tmp_path: Path) -> None:
    words = ("index", "corpus=sample", f"runtime.java_heap={heap}")
    assert "java_heap" in error_line(qa(*words, cwd=tmp_path))
    assert stage_folders(tmp_path, "index") == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "_target_: qa_bench.retriever.bm25.part.Bm25\nk1: [0.9\nb: 0.4\n",
            ("mine.yaml:3: no YAML",),
        ),
        ("- a\n- b\n", ("retriever",)),
        ("k1: 0.9\n", ("retriever", "_target_")),
        ("_target_: nowhere.to.Be\n", ("retriever", "nowhere")),
        ("_target_: qa_bench.retriever.bm25.part.Bm25\nk1: ???\n", ("k1",)),
        ("_target_: qa_bench.retriever.bm25.part.Bm25\nk2: 1\n", ("retriever", "k2")),
        ("defaults:\n  - nosuch\n", ("nosuch",)),
    ],
    ids=["syntax", "list", "no target", "target", "missing value", "setting", "defaults"],
)
def test_yaml_of_the_users(text: str, told: tuple[str, ...], tmp_path: Path) -> None:
    write(tmp_path, {"mine/retriever/mine.yaml": text})
    words = ("index", "--config-dir=mine", "retriever=mine", "corpus=sample")
    message = error_line(qa(*words, cwd=tmp_path))
    assert all(fragment in message for fragment in told), message
    assert stage_folders(tmp_path, "index") == []


def test_manifest_that_is_no_json(tmp_path: Path) -> None:
    good("chunk", "corpus=sample", cwd=tmp_path)
    (folder,) = stage_folders(tmp_path, "chunk")
    (folder / "manifest.json").write_text('{"key": ')
    message = error_line(qa("chunk", "corpus=sample", cwd=tmp_path))
    assert "manifest.json" in message
    assert folder.name in message


def test_passages_that_vanished(tmp_path: Path) -> None:
    good("chunk", "corpus=sample", cwd=tmp_path)
    (folder,) = stage_folders(tmp_path, "chunk")
    (folder / "passages-00000.arrow").unlink()
    words = ("export", "what=passages", "format=psgs_w100", "out=x.tsv", "corpus=sample")
    message = error_line(qa(*words, cwd=tmp_path))
    assert "passages-00000.arrow" in message
    assert list(tmp_path.glob("*x.tsv*")) == []


def test_a_job_that_fails_is_told_once_and_the_others_run(tmp_path: Path) -> None:
    write(tmp_path, {"p.jsonl": '{"id": "q1", "prediction": "Mars"}\n', "good.jsonl": QUESTION,
                     "bad.jsonl": QUESTION.replace("[", '["", 3')})  # fmt: skip
    words = "score -m dataset=file dataset.path=bad.jsonl,good.jsonl predictions=p.jsonl --json"
    done = qa(*words.split(), cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    first, *_, count, last = done.stderr.splitlines()
    assert first.startswith("1/2 p[dataset.path=bad.jsonl] file  failed: bad.jsonl:1:")
    assert count == "qa-bench: error: 1 of 2 jobs failed:"
    assert last.startswith("  1/2 p[dataset.path=bad.jsonl] file: bad.jsonl:1:")
    assert json.loads(done.stdout)["em"] == 1.0


SCORE = ("score", *SAMPLE_NQ, "predictions=p.json", "name=k")


@pytest.mark.parametrize("name", ["results/k.csv", "results/k.md"])
def test_a_table_that_cannot_be_written(name: str, tmp_path: Path) -> None:
    write(tmp_path, {"p.json": "{}", f"{name}/x": ""})
    done = qa(*SCORE, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (f"qa-bench: error: cannot write {name}: Is a directory")
    assert not list((tmp_path / "results").glob("*.tmp"))


def test_a_full_disk_under_the_results(tmp_path: Path) -> None:
    write(tmp_path, {"p.json": "{}", "full.py": (
        "import errno, sys\n"
        "import qa_bench.report.files as files\n"
        "def full(path, text):\n"
        "    raise OSError(errno.ENOSPC, 'No space left on device', str(path))\n"
        "files.write_whole = full\n"
        "from qa_bench.cli.main import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )})  # fmt: skip
    done = python("full.py", *SCORE, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(
        "qa-bench: error: cannot write results/k.csv: No space left on device"
    )
    assert "Traceback" not in done.stderr


def test_a_broken_record_costs_its_row(tmp_path: Path) -> None:
    write(tmp_path, {"p.json": "{}", "results/k/old.json": '{"system": "x"}'})
    done = good(*SCORE, cwd=tmp_path)
    told = [line for line in done.stderr.splitlines() if "old.json" in line]
    assert len(told) == 1
    assert "its row is left out" in told[0]
    (row,) = read_csv(tmp_path / "results/k.csv")
    assert row["system"] == "p"


def test_two_runs_of_other_names_are_two_rows(tmp_path: Path) -> None:
    questions = [{"id": f"q{n}", "question": f"who {n}", "answers": [a]}
                 for n, a in enumerate(("alpha", "beta"))]  # fmt: skip
    write_jsonl(tmp_path / "q.jsonl", questions)
    write(tmp_path, {
        "p.tsv": "id\ttext\ttitle\n1\talpha one\tA\n2\tbeta two\tB\n",
        "run.nq.bm25.trec": "q0 Q0 1 1 2 a\n",
        "run.nq.dpr.trec": "q0 Q0 1 1 2 a\nq1 Q0 2 1 2 a\n",
        "other/run.nq.dpr.trec": "q0 Q0 2 1 2 a\n",
    })  # fmt: skip
    words = ("dataset=file", "dataset.path=q.jsonl", "corpus=psgs_w100", "corpus.path=p.tsv",
             "name=x")  # fmt: skip
    good("import", "-m", "run=run.nq.bm25.trec,run.nq.dpr.trec", *words, cwd=tmp_path)
    rows = read_csv(tmp_path / "results/x.csv")
    assert [(row["system"], row["file/answer_recall@1"]) for row in rows] == [
        ("run.nq.bm25", "0.500000"), ("run.nq.dpr", "1.000000"),
    ]  # fmt: skip
    done = good("import", "run=other/run.nq.dpr.trec", *words, cwd=tmp_path)
    assert (
        "the figures of run.nq.dpr.trec are replaced by those of other/run.nq.dpr.trec"
        in done.stderr
    )
