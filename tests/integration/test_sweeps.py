"""A multirun: all of it is checked before any of it runs, and composed once for both."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bench_helpers import error_line, good, python, qa, stage_folders

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
        *("chunk", "qa-bench", "chunk")
    ]
    folders = [tmp_path / line.split()[1] for line in done.stdout.splitlines()]
    told = [json.loads((folder / "manifest.json").read_text()) for folder in folders]
    assert [manifest["config"]["chunker"]["size"] for manifest in told] == [90, 80]


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
