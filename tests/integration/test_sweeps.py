"""A multirun: all of it is checked before any of it runs, and composed once for both."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from bench_helpers import Done, error_line, good, python, qa, read_csv, stage_folders, write_jsonl
from forks import fresh

from qa_bench.paths import CONF

COUNTED = """
import json, sys
from collections import Counter
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from omegaconf import OmegaConf

parsed, composed = Counter(), []
load, compose = OmegaConf.load, ConfigLoaderImpl.load_configuration

def counted_load(file):
    parsed[file.name] += 1
    return load(file)

def counted_compose(self, config_name, overrides, run_mode, *rest, **more):
    composed.append([run_mode.name, [word for word in overrides if word.startswith("chunker=")]])
    return compose(self, config_name, overrides, run_mode, *rest, **more)

OmegaConf.load, ConfigLoaderImpl.load_configuration = counted_load, counted_compose
from qa_bench.cli.main import main
assert main(sys.argv[1:]) == 0
print(json.dumps([parsed, composed]))
"""


def test_each_job_is_composed_once_and_each_file_parsed_once(tmp_path: Path) -> None:
    words = ("chunk", "-m", "corpus=sample", "chunker=words,dpr_w100,paragraphs")
    done = python("-c", COUNTED, *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    parsed, composed = json.loads(done.stdout.splitlines()[-1])
    assert len(stage_folders(tmp_path, "chunk")) == 3
    jobs = [chosen for mode, chosen in composed if mode == "RUN"]
    assert jobs == [["chunker=words"], ["chunker=dpr_w100"], ["chunker=paragraphs"]]
    assert len(composed) == 5  # Hydra composes twice what the jobs have in common
    assert f"{CONF}/chunker/paragraphs.yaml" in parsed
    assert set(parsed.values()) == {1}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("chunker=words,dpr_w100,nope",), "Could not find 'chunker/nope'"),
        (("chunker=words,dpr_w100", "chunker.nosuch=1"), "Could not override 'chunker.nosuch'"),
        (("chunker=words,semantic,dpr_w100", "chunker.tail=wrap"), "'chunker.tail'"),
    ],
    ids=["choice", "setting", "setting of one"],
)
def test_a_bad_job_is_refused_before_the_first_runs(
    words: tuple[str, ...], told: str, tmp_path: Path
) -> None:
    assert told in error_line(qa("chunk", "-m", "corpus=sample", *words, cwd=tmp_path))
    assert stage_folders(tmp_path, "chunk") == []


def test_jobs_run_in_order_and_a_failed_one_stops_none(tmp_path: Path) -> None:
    words = ("corpus=sample", "chunker=words", "chunker.size=90,abc,80")
    done = qa("chunk", "-m", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == [
        *("chunk", "2/3 bm25 (sample/words[size=abc]) nq  failed", "chunk"),
        *("qa-bench", "  2/3 bm25 (sample/words[size=abc]) nq"),
    ]
    folders = [tmp_path / line.split()[1] for line in done.stdout.splitlines()]
    told = [json.loads((folder / "manifest.json").read_text()) for folder in folders]
    assert [manifest["config"]["chunker"]["size"] for manifest in told] == [90, 80]


PREDICTIONS = "dataset=nq,webq,squad corpus=sample dataset.split=sample name=x"
QUITS = """
from qa_bench.parts import Part


class Quits(Part):
    def __init__(self, how: str) -> None:
        self._how = how

    def score(self, evidence):
        import os

        if evidence.questions.name == "webq":
            if self._how == "exit":
                raise SystemExit(0)
            if self._how == "raise":
                raise KeyError("no such thing")
            os._exit(9)
        import numpy as np

        return {"ones": np.ones(len(evidence.questions))}
"""


@pytest.fixture
def quitting(tmp_path: Path) -> Path:
    """A folder with predictions, and a metric that ends the job of webq in one of three ways."""
    (tmp_path / "p.json").write_text("{}")
    (tmp_path / "quits.py").write_text(QUITS)
    folder = tmp_path / "mine" / "metric"
    folder.mkdir(parents=True)
    (folder / "quits.yaml").write_text("_target_: quits.Quits\nhow: exit\n")
    return tmp_path


def score(place: Path, how: str, *words: str) -> Done:
    own = ("--config-dir", "mine", *PREDICTIONS.split(), "predictions=p.json")
    given = ("metric@metrics.quits=quits", f"metrics.quits.how={how}")
    env = {"PYTHONPATH": f"{place}:{os.environ.get('PYTHONPATH', '')}", "QA_BENCH_TRUST": "quits"}
    return fresh("score", "-m", *own, f"+{given[0]}", given[1], *words, cwd=place, env=env)


@pytest.mark.parametrize("launcher", ["basic", "joblib"])
@pytest.mark.parametrize(
    ("how", "told"),
    [("exit", "ended with exit status 0"), ("raise", "KeyError: 'no such thing'")],
)
def test_a_job_that_ends_oddly_counts_as_failed(
    launcher: str, how: str, told: str, quitting: Path
) -> None:
    if launcher == "joblib":
        pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    done = score(quitting, how, f"hydra/launcher={launcher}")
    assert done.returncode != 0
    first, last = done.stderr.splitlines()[-2:]
    assert first == "qa-bench: error: 1 of 3 jobs failed:"
    assert last.startswith("  2/3 p webq-sample: ")
    assert told in last
    (row,) = read_csv(quitting / "results/x.csv")
    assert row["nq-sample/ones"] == row["squad-sample/ones"] == "1.000000"
    assert "webq-sample/ones" not in row
    assert done.stderr.index("tables: results/x.md") < done.stderr.index("1 of 3 jobs failed")


def test_a_job_whose_process_dies_counts_as_failed(quitting: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    done = score(quitting, "die", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2",
                 "hydra.launcher.batch_size=1")  # fmt: skip
    assert done.returncode != 0
    assert "jobs failed:" in done.stderr
    told = done.stderr[done.stderr.index("jobs failed:") :]
    assert "  2/3 p webq-sample: " in told


def test_a_row_that_was_not_made_anew_is_not_shown_as_fresh(quitting: Path) -> None:
    for name, text in (("nq", "Which planet?"), ("webq", "Who?")):
        row = {"id": "1", "question": text, "answers": ["x"]}
        write_jsonl(quitting / f"data/raw/{name}/dev.jsonl", [row])
    (quitting / "p.jsonl").write_text('{"id": "1", "prediction": "x"}\n')
    words = ("dataset.split=dev", "predictions=p.jsonl", "name=x", "dataset=nq,webq")
    done = good("score", "-m", *words, cwd=quitting)
    assert "†" not in done.stdout
    (quitting / "data/raw/webq/dev.jsonl").write_text("no JSON\n")
    done = qa("score", "-m", *words, cwd=quitting)
    assert done.returncode == 2
    assert "2/2 p webq-dev  failed: " in done.stderr
    assert "† of an earlier run" in done.stdout
    row = next(line for line in done.stdout.splitlines() if line.startswith("p "))
    assert row.split() == ["p", *2 * ["100.00", "±39.7"], *2 * ["100.00", "±39.7†"]]
    assert "100.00† ±39.7 |" in (quitting / "results/x.md").read_text()
    (quitting / "p.jsonl").write_text("no JSON\n")
    done = qa("score", "-m", *words, cwd=quitting)
    assert "2 of 2 jobs failed:" in done.stderr
    assert "tables:" not in done.stderr, "nothing was made"


def test_two_jobs_of_one_row_are_told(quitting: Path) -> None:
    words = ("corpus=sample", "dataset=nq", "dataset.split=sample", "predictions=p.json")
    done = good("score", "-m", *words, "system=s", "mode=dpr,drqa", cwd=quitting)
    assert "2 jobs made the same row, s nq-sample: only the last one's figures" in done.stderr


def test_quiet_unless_asked(tmp_path: Path) -> None:
    words = ("-m", "corpus=sample", "chunker=words", "chunker.size=90,80")
    assert good("chunk", *words, cwd=tmp_path, verbose=False).stderr == ""
    assert good("chunk", *words, cwd=tmp_path).stderr.count("chunk: reusing ") == 2


def test_two_equal_jobs(tmp_path: Path) -> None:
    done = good("chunk", "-m", "corpus=sample", "chunker=words", "depth=5,5", cwd=tmp_path)
    assert [line.split(":")[1].split()[0] for line in done.stderr.splitlines()] == [
        *("building", "reusing")
    ]


def test_the_sweep_of_a_file_of_the_users(tmp_path: Path) -> None:
    folder = tmp_path / "mine" / "experiment"
    folder.mkdir(parents=True)
    (folder / "two.yaml").write_text(
        "# @package _global_\n"
        "hydra:\n  mode: MULTIRUN\n  sweeper: {params: {chunker: 'words,paragraphs'}}\n"
    )
    words = ("--config-dir", "mine", "experiment=two", "corpus=sample")
    assert len(good("chunk", *words, cwd=tmp_path).stdout.splitlines()) == 2
    assert (
        "chunker: words,paragraphs" in good("chunk", "--cfg", "hydra", *words, cwd=tmp_path).stdout
    )


def test_a_file_changed_between_two_commands(tmp_path: Path) -> None:
    """What is parsed once is parsed once a command."""
    code = (
        "from pathlib import Path\n"
        "from qa_bench.cli.main import main\n"
        "file = Path('mine/chunker/here.yaml')\n"
        "file.parent.mkdir(parents=True)\n"
        "for size in (70, 80):\n"
        "    file.write_text(f'defaults: [words]\\nsize: {size}\\n')\n"
        "    words = ['corpus=sample', 'chunker=here']\n"
        "    assert main(['run', '--cfg', 'job', '--config-dir', 'mine', *words]) == 0\n"
    )
    done = python("-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("  size: ")] == [
        *("  size: 70", "  size: 80")
    ]
