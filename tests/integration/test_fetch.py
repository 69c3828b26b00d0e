"""`qa-bench fetch`, and runs that download what they miss, from a server on the loopback."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from servers import Server

from qa_bench.cli.main import main
from qa_bench.fetch import sources

QUESTIONS = "".join(f"question {n}\t['answer {n}']\n" for n in range(5))
TREC = "".join(f"{n}\tfactoid\tquestion {n}\tanswer {n}\n" for n in range(200))
ROWS = b'id\ttext\ttitle\n1\t"the red planet"\tMars\n2\t"the hot planet"\tVenus\n'
PASSAGES = gzip.compress(ROWS)
FILES = {
    "/nq-test.qa.csv": QUESTIONS.encode(),
    "/squad1-test.qa.csv": QUESTIONS.encode(),
    "/large2180-train.tsv": TREC.encode(),
    "/psgs_w100.tsv.gz": PASSAGES,
}


PSGS = ("corpus=psgs_w100", "yes=true")


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The paths that are requested; all official addresses are the loopback's."""
    text = sources.CATALOGUE.read_text(encoding="utf-8")
    with Server(FILES) as server:
        told = yaml.safe_load(re.sub(r"https?://[\w./-]+/", server.url("/"), text))
        monkeypatch.setattr(sources, "_catalogue", lambda: told)
        monkeypatch.chdir(tmp_path)
        for name in ("HF_HUB_OFFLINE", "http_proxy", "HTTP_PROXY"):
            monkeypatch.delenv(name, raising=False)
        yield server.paths


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(asked: list[str], capfd: pytest.CaptureFixture[str]) -> Run:
    """``run("fetch", …)``: status, stdout, stderr."""

    def command(*words: str) -> tuple[int, str, str]:
        capfd.readouterr()
        status = main(words)
        told = capfd.readouterr()
        assert "Traceback" not in told.err
        return status, told.out, told.err

    return command


def test_help(run: Run, asked: list[str]) -> None:
    status, out, _ = run("fetch", "dataset=nq", "--help")
    assert status == 0
    assert out.startswith("qa-bench fetch [OVERRIDE ...]")
    assert "offline=true" in out
    assert asked == []


def test_fetch_gets_what_is_missing(run: Run, asked: list[str], tmp_path: Path) -> None:
    there = tmp_path / "data/raw/squad/test.jsonl"
    there.parent.mkdir(parents=True)
    there.write_text(json.dumps({"question": "q", "answers": ["a"]}) + "\n")
    status, out, err = run("fetch", "dataset=nq,squad", *PSGS)
    assert status == 0, err
    lines = out.splitlines()
    assert [line.split()[:3] for line in lines[:3]] == [
        ["missing", "nq", "test"], ["missing", "corpus", "psgs_w100"], ["there", "squad", "test"],
    ]  # fmt: skip
    assert "CC-BY-NC 4.0" in lines[0]
    assert "data/raw/nq/nq-test.qa.csv ← http://127.0.0.1" in lines[0]
    assert lines[2].endswith("data/raw/squad/test.jsonl")
    assert lines[3] == "downloaded 2 of 2 missing; 1 were there"
    assert sorted(asked) == ["/nq-test.qa.csv", "/psgs_w100.tsv.gz"]
    assert (tmp_path / "data/raw/nq/nq-test.qa.csv").read_text() == QUESTIONS
    assert (tmp_path / "data/raw/psgs_w100/psgs_w100.tsv.gz").read_bytes() == PASSAGES
    # what came is compared with what was published
    assert "WARNING: nq test: 5 questions where 3610 were published" in err
    status, out, _ = run("fetch", "dataset=nq,squad", *PSGS)
    assert (status, len(asked)) == (0, 2)
    assert out.splitlines()[-1] == "downloaded 0 of 0 missing; 3 were there"


def test_fetch_only_what_is_named(run: Run, asked: list[str]) -> None:
    assert run("fetch", "dataset=nq", "paths.raw=elsewhere")[0] == 0
    assert asked == ["/nq-test.qa.csv"]
    assert Path("elsewhere/nq/nq-test.qa.csv").exists()
    assert run("fetch", *PSGS)[0] == 0
    assert asked == ["/nq-test.qa.csv", "/psgs_w100.tsv.gz"]
    assert run("fetch", "dataset=nq", *PSGS, "paths.raw=third")[0] == 0
    assert asked[2:] == ["/nq-test.qa.csv", "/psgs_w100.tsv.gz"]


def test_fetch_makes_what_is_not_a_file_of_its_own(run: Run, asked: list[str]) -> None:
    status, out, err = run("fetch", "dataset=curatedtrec", "dataset.split=train,dev")
    assert status == 0, err
    assert asked == ["/large2180-train.tsv"]
    made = [Path(f"data/raw/curatedtrec/curatedtrec-{name}.qa.csv") for name in ("train", "dev")]
    sizes = [len(path.read_text().splitlines()) for path in made]
    assert sum(sizes) == 200
    assert sizes[0] > sizes[1] > 0
    assert "downloaded 2 of 2 missing" in out


def test_fetch_a_source_by_name(run: Run, asked: list[str]) -> None:
    status, out, err = run("fetch", "source=curatedtrec-official-train,nq-test")
    assert status == 0, err
    assert asked == ["/large2180-train.tsv", "/nq-test.qa.csv"]
    assert Path("data/raw/curatedtrec/large2180-train.tsv").exists()
    assert len(out.splitlines()) == 3


def test_what_fails_does_not_keep_the_rest(run: Run, asked: list[str]) -> None:
    status, out, err = run("fetch", "dataset=webq,nq")
    assert status == 2
    assert sorted(asked) == ["/nq-test.qa.csv", "/webquestions-test.qa.csv"]
    errors = [line for line in err.splitlines() if line.startswith("qa-bench: error:")]
    assert len(errors) == 1
    assert "cannot download webquestions-test.qa.csv" in errors[0]
    assert "status 404" in errors[0]
    assert out.splitlines()[-1] == "downloaded 1 of 2 missing; 0 were there"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["dataset=nope"], "nope"),
        (["dataset=nq", "dataset.split=nope"], "use one of train, dev, test"),
        (["source=nope"], "no source 'nope'"),
        (["dataset=file"], "nothing to download"),
        (["dataset=nq", "nosuch=1"], "nosuch"),
    ],
)
def test_errors(run: Run, asked: list[str], words: list[str], message: str) -> None:
    status, _, err = run("fetch", *words)
    assert status == 2
    (line,) = [line for line in err.splitlines() if line.startswith("qa-bench: error:")]
    assert message in line
    assert asked == []


def test_all_sets_offline_are_listed_at_once(run: Run, asked: list[str]) -> None:
    status, out, err = run("fetch", "dataset=all", "corpus=psgs_w100", "++offline=true")
    assert status == 2
    lines = out.splitlines()
    assert len(lines) == 7
    assert all(line.startswith("missing") and " ← http" in line for line in lines)
    assert all("data/raw/" in line for line in lines)
    assert [("size unknown" in line) for line in lines] == [
        "psgs_w100" not in line for line in lines
    ]
    assert err.splitlines()[-1] == "qa-bench: error: offline: 7 of 7 are missing, see above"
    assert asked == []


def test_a_run_downloads_what_it_misses(run: Run, asked: list[str]) -> None:
    status, out, err = run("chunk", *PSGS)
    assert status == 0, err
    assert "2 passages" in out
    assert re.search(r"downloading http://\S+/psgs_w100.tsv.gz \(4.7 GB; text CC BY-SA", err)
    assert asked == ["/psgs_w100.tsv.gz"]
    assert run("chunk", *PSGS)[0] == 0
    assert asked == ["/psgs_w100.tsv.gz"]


def test_a_large_file_wants_a_yes(run: Run, asked: list[str]) -> None:
    for words in (["chunk", PSGS[0]], ["fetch", PSGS[0]]):
        status, _, err = run(*words)
        assert status == 2
        assert "a download of 4.7 GB" in err
        assert "yes=true" in err
    assert asked == []


def test_never_for_a_path_of_the_users(run: Run, asked: list[str]) -> None:
    for words in (
        ["chunk", "corpus.path=mine.tsv"],
        ["score", "predictions=none.jsonl", "dataset.path=mine.jsonl"],
    ):
        status, _, err = run(*words)
        assert status == 2
        assert "mine." in err
    assert asked == []


@pytest.mark.parametrize(
    "words", [["plan", "corpus=sample"], ["plan", *PSGS, "dataset.split=sample"]]
)
def test_a_plan_downloads_nothing(run: Run, asked: list[str], words: list[str]) -> None:
    status, out, err = run(*words)
    if words[1] == "corpus=sample":
        assert status == 2
        assert "put nq-test.qa.csv from http" in err
    else:
        assert status == 0, err
        assert "about 21,015,324 passages" in out
    assert asked == []


@pytest.mark.parametrize("variable", [True, False])
def test_a_run_offline_lists_all_that_is_missing(
    run: Run, asked: list[str], variable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if variable:
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    status, _, err = run("chunk", *PSGS, *([] if variable else ["++offline=true"]))
    assert status == 2
    assert len([line for line in err.splitlines() if line.startswith("missing ")]) == 2
    assert "data/raw/nq/nq-test.qa.csv ← " in err
    assert err.splitlines()[-1].startswith("qa-bench: error: corpus psgs_w100: no such file: data/")
    assert asked == []


def test_offline_with_everything_there_just_runs(run: Run, asked: list[str]) -> None:
    run("fetch", *PSGS)
    status, out, err = run("chunk", *PSGS, "++offline=true")
    assert status == 0, err
    assert "2 passages" in out
    assert len(asked) == 1


def test_the_doctor_looks_only(run: Run, asked: list[str]) -> None:
    _, out, _ = run("doctor")
    assert "absent   dataset nq has no test file: put nq-test.qa.csv" in out
    assert "`qa-bench fetch dataset=all corpus=psgs_w100` gets all of DPR's" in out
    assert asked == []
