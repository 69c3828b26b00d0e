"""The docs are true: their commands compose or run, their code runs, what they name exists.

A comment in the line before a fenced block says what becomes of it, page by page and in order, in
one empty folder (a copy of the example's folder for its README):

- ``<!-- run -->``: bash or Python, must succeed; ``<!-- run: java -->`` if it may start a JVM;
  ``<!-- run: exit 2 -->`` if that is how it must end
- ``<!-- output -->``: each line is in the output of the block that ran last; ``…`` is anything
- ``<!-- file: NAME -->``: is written to that file
- ``<!-- same: PATH -->``: is that file of the repository
- ``<!-- graph: OVERRIDES -->``: is the graph of that line, see unit/line/test_graph.py

Every other ``qa-bench`` command, and every override in back-ticks, must compose.
"""

from __future__ import annotations

import json
import os
import pkgutil
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path

import forks
import pytest
import yaml
from doc_pages import PAGES, ROOT, Block, blocks, each, logical_lines, name_of, prose, spans

import qa_bench
from qa_bench.cli.main import main
from qa_bench.metric.matching import MODES
from qa_bench.report.published import find
from qa_bench.report.record import Record
from qa_bench.store.passages import PASSAGE_SCHEMA
from qa_bench.store.runs import RUN_SCHEMA

FOLDERS = ("qa_bench", "conf", "docs", "examples", "tests", "benchmarks", "data", "results")
MADE = re.compile(r"data/(raw|cache)\b|results/(?!README)")
DOCUMENTED = {
    "dataset": ("dataset",),
    "corpus": ("corpus",),
    "chunker": ("chunker",),
    "retriever": ("retriever", "encoders", "late_interaction", "postings"),
    "fusion": ("fusion",),
    "expander": ("expander",),
    "reranker": ("reranker", "language_models"),
    "reader": ("reader", "reader_extractive", "reader_generative"),
    "lm": ("language_models",),
    "generator": ("synthesis",),
    "metric": ("metric",),
    "statistics": ("statistics",),
    "train": ("training", "training_retrievers", "training_rerankers", "pretraining"),
}
"""The pages of each group: every choice and every setting stands on one of them."""


# What runs


def pages_that_run() -> Iterator[object]:
    for page in PAGES:
        running = [block for block in blocks(page) if block.runs]
        if running:
            java = any("java" in block.marker for block in running)
            yield pytest.param(page, id=name_of(page), marks=pytest.mark.java if java else [])


@pytest.mark.parametrize("page", list(pages_that_run()))
def test_marked_blocks_run(page: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    folder = tmp_path / "page"
    if page.parent.parent == ROOT / "examples":
        shutil.copytree(page.parent, folder, ignore=shutil.ignore_patterns("data", "results"))
    else:
        folder.mkdir()
    if any("java" in block.marker for block in blocks(page)):
        # The sample's stages are built once for all pages: they are most of what pages run.
        shutil.copytree(request.getfixturevalue("sample_run") / "data", folder / "data")
    output, exports = "", ""
    for block in blocks(page):
        where = f"{name_of(page)}:{block.line}"
        if file := block.argument("file"):
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(block.text, encoding="utf-8")
        elif block.runs:
            output = run(block, exports, folder, where)
            exports += "".join(re.findall(r"^export .*\n", block.text, re.MULTILINE))
        elif block.marker == "output":
            missing = [line for line in block.text.splitlines() if not shows(output, line)]
            assert not missing, f"{where}: the output lacks {missing}\n{output}"


def run(block: Block, exports: str, folder: Path, where: str) -> str:
    if block.language == "python":
        command = [sys.executable, "-W", "error", "-c", block.text]
    else:
        assert block.language == "bash", f"{where}: cannot run {block.language!r}"
        command = ["bash", "-euo", "pipefail", "-c", exports + block.text]
    folders = (forks.script(), Path(sys.executable).parent, os.environ["PATH"])
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": os.pathsep.join(map(str, folders))},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    expected = 2 if block.argument("run") == "exit 2" else 0
    assert done.returncode == expected, f"{where}: exit {done.returncode}\n{done.stdout}"
    assert "Traceback" not in done.stdout, f"{where}:\n{done.stdout}"
    return done.stdout


def shows(output: str, line: str) -> bool:
    """Whether a line of the output is ``line``, whatever stands for ``…`` and between words."""
    pieces = [r"\s+".join(map(re.escape, re.split(" +", piece))) for piece in line.split("…")]
    return any(re.fullmatch(".*".join(pieces), shown) for shown in output.splitlines())


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_markers_are_known(page: Path) -> None:
    known = re.compile(r"|run(: (java|exit 2))?|output|graph: .+|(file|same): \S+")
    for block in blocks(page):
        assert known.fullmatch(block.marker), f"{name_of(page)}:{block.line}: {block.marker}"
        if same := block.argument("same"):
            assert block.text == (ROOT / same).read_text(encoding="utf-8"), same


# What composes


def commands() -> Iterator[tuple[Path, str]]:
    """Commands of the pages that no block runs."""
    for page in PAGES:
        for block in blocks(page):
            if block.language == "bash" and not block.runs:
                lines = logical_lines(block.text)
                yield from ((page, line) for line in lines if line.startswith("qa-bench"))
        for span in spans(page):
            if re.match(r"qa-bench [a-z-]", span) and "…" not in span:
                yield page, span


def overrides() -> Iterator[tuple[Path, str]]:
    """Overrides in back-ticks: ``dataset=webq``, ``retriever.k1=1.2``, ``-m mode=dpr,kilt``."""
    known = "|".join(yaml.safe_load((ROOT / "conf/config.yaml").read_text()))
    group = "|".join(folder.name for folder in (ROOT / "conf").iterdir() if folder.is_dir())
    for page in PAGES:
        for span in spans(page):
            if re.fullmatch(rf"(-m )?([+~]?({known}|{group})[\w.@]*=[^\s…]+ ?)+", span):
                yield page, span


def composed(words: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["qa-bench"])
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    try:
        status: object = main(words)
    except SystemExit as ended:  # --help, or what argparse cannot make out
        status = ended.code
    assert status == 0


def jobs(words: list[str]) -> list[list[str]]:
    """The command, or with -m each of its jobs, asked for its configuration only."""
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
    from hydra.core.override_parser.overrides_parser import OverridesParser

    verb, *rest = words
    if "-m" not in rest:
        return [[verb, "--cfg", "job", *rest]]
    options, given = rest[: rest.index("-m")], rest[rest.index("-m") + 1 :]
    given = ["json=true" if word == "--json" else word for word in given]
    parsed = OverridesParser.create().parse_overrides(given)
    [batch] = BasicSweeper.split_arguments(parsed, max_batch_size=None)
    return [[verb, "--cfg", "job", *options, *job] for job in batch]


@pytest.mark.parametrize("command", each(commands()))
def test_commands_compose(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words = shlex.split(command, comments=True)[1:]
    if words[0] == "doctor":
        return  # runs its checks at once; other tests have it
    if words[0] == "verify-cache":
        return  # has no configuration to print
    if words[0] in ("list", "--version", "--help", "-sc") or {"--help", "--cfg"} & {*words}:
        composed(words, monkeypatch)
        return
    for job in jobs(words):
        composed(job, monkeypatch)


@pytest.mark.parametrize("override", each(overrides()))
def test_overrides_compose(override: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words = override.split()
    how = any(word.startswith("train.") for word in words)
    for job in jobs(["run", *(["train=retriever"] if how else []), *words]):
        composed(job, monkeypatch)


# What is named


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_resolve(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        linked = (page.parent / file).resolve() if file else page
        assert linked.exists(), f"{name_of(page)}: {target}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", prose(linked), re.MULTILINE)
            assert anchor in map(slug, headings), f"{name_of(page)}: {target}"


def slug(heading: str) -> str:
    """GitHub's anchor of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_named_files_and_functions_exist(page: Path) -> None:
    for span in spans(page):
        if re.fullmatch(rf"({'|'.join(FOLDERS)})/[^<>…\s]+", span) and not MADE.match(span):
            named = span.rstrip("/")
            assert [*ROOT.glob(named), *page.parent.glob(named)], f"{name_of(page)}: {span}"
        if re.fullmatch(r"qa_bench(\.\w+)+", span):
            pkgutil.resolve_name(span)


@pytest.mark.skipif(not (ROOT / "Makefile").exists(), reason="there is no Makefile yet")
@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_make_targets_exist(page: Path) -> None:
    rules = re.findall(r"^([a-z0-9][\w -]*):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    targets = {target for rule in rules for target in rule.split()}
    lines = [line for block in blocks(page) for line in logical_lines(block.text)]
    for text in [*spans(page), *lines]:
        if found := re.match(r"make ([a-z][\w-]*)", text):
            assert found.group(1) in targets, f"{name_of(page)}: {text}"


# What must not be missing


@pytest.mark.parametrize("group", DOCUMENTED)
def test_every_choice_and_setting_is_documented(group: str) -> None:
    pages = [(ROOT / f"docs/{page}.md").read_text(encoding="utf-8") for page in DOCUMENTED[group]]
    for file in sorted((ROOT / "conf" / group).glob("*.yaml")):
        choice = rf"`{file.stem}`|\b{group}={file.stem}\b"
        assert any(re.search(choice, page) for page in pages), file.stem
        for setting in yaml.safe_load(file.read_text(encoding="utf-8")):
            if setting not in ("_target_", "about", "defaults"):
                named = rf"`({group}\.)?{setting}\b"
                assert any(re.search(named, page) for page in pages), f"{file.stem}: {setting}"


def test_no_group_lacks_a_page() -> None:
    folders = {path.name for path in (ROOT / "conf").iterdir() if path.is_dir()}
    assert {*DOCUMENTED, "experiment", "runtime", "hydra"} == folders


def test_the_other_settings_are_documented() -> None:
    text = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    config = yaml.safe_load((ROOT / "conf/config.yaml").read_text(encoding="utf-8"))
    runtime = yaml.safe_load((ROOT / "conf/runtime/default.yaml").read_text(encoding="utf-8"))
    apart = ("defaults", "hydra", "paths", "export", "tune", "mine")
    names = [name for name in config if name not in apart]
    names += [f"tune.{name}" for name in config["tune"]]
    names += [f"runtime.{name}" for name in runtime]
    names += [f"paths.{name}" for name in config["paths"]]
    for name in names:
        assert f"`{name}`" in text, name
    for file in (ROOT / "conf/experiment").glob("[!_]*.yaml"):
        assert f"`{file.stem}`" in text, file.stem


def test_the_sets_counts_and_checksums_are_the_configured_ones() -> None:
    text = (ROOT / "docs/dataset.md").read_text(encoding="utf-8")
    for file in (ROOT / "conf/dataset").glob("*.yaml"):
        splits = yaml.safe_load(file.read_text(encoding="utf-8")).get("splits", {})
        for name, split in splits.items():
            if "count" in split:
                sha256 = f"`{split['sha256'][:8]}`" if split["sha256"] else "none"
                row = rf"`{file.stem}` \| {name} \| {split['count']:,} \| {sha256} \|"
                assert re.search(row, text), f"{file.stem} {name}"


def test_published_figures_are_the_packages() -> None:
    text = (ROOT / "docs/recipes.md").read_text(encoding="utf-8")
    sets = ("nq", "triviaqa", "webq", "curatedtrec", "squad")
    rows = re.findall(r"^\| ([^|]+), Top-(\d+) \|(.+)\|$", text, re.MULTILINE)
    assert len(rows) > 10
    for system, k, cells in rows:
        for dataset, cell in zip(sets, cells.split("|"), strict=True):
            if cell.strip():
                found = find([system], "psgs_w100", dataset, "test", f"answer_recall@{k}")
                assert [figure.value for figure in found] == [cell.strip()], (system, k, dataset)


def test_modes_are_documented() -> None:
    text = (ROOT / "docs/metric.md").read_text(encoding="utf-8")
    assert all(f"`{mode}`" in text for mode in MODES)


def test_formats_names_every_column_and_field() -> None:
    text = (ROOT / "docs/formats.md").read_text(encoding="utf-8")
    names = [*PASSAGE_SCHEMA.names, *RUN_SCHEMA.names, *(field.name for field in fields(Record))]
    for name in names:
        assert f"`{name}`" in text, name


@pytest.mark.java
def test_formats_names_every_field_of_a_manifest(sample_run: Path) -> None:
    text = (ROOT / "docs/formats.md").read_text(encoding="utf-8")
    for manifest in sample_run.glob("data/cache/*/*/manifest.json"):
        for name in json.loads(manifest.read_text(encoding="utf-8")):
            assert f"`{name}`" in text, f"{manifest.parent.name}: {name}"


# The files beside the docs


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert citation["title"] == "qa_bench"
    assert citation["version"] == qa_bench.__version__
    assert citation["license"] == "Apache-2.0"
    assert citation["authors"] == [{"name": "The qa_bench authors"}]


def test_the_licence_is_whole() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert text.split()[:4] == ["Apache", "License", "Version", "2.0,"]
    assert "END OF TERMS AND CONDITIONS" in text
    assert text.rstrip().endswith("limitations under the License.")


def test_the_hooks_need_no_network() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert {repo["repo"] for repo in config["repos"]} == {"local"}
    hooks = [hook for repo in config["repos"] for hook in repo["hooks"]]
    assert [hook["id"] for hook in hooks] == ["ruff", "ruff-format", "mypy"]
    assert all(hook["entry"].startswith(".venv/bin/") for hook in hooks)
