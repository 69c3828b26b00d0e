"""The stage engine with real processes: killed, interrupted, side by side, on a full disk."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from bench_helpers import (
    CHUNK,
    all_complete,
    bytes_of,
    error_line,
    good,
    manifest,
    only,
    python,
    stage_folders,
    wait_for,
    write_jsonl,
)

from qa_bench.paths import SAMPLE

DRIVER = textwrap.dedent(
    """
    import os, signal, sys, time
    import qa_bench.stages.chunk as stage
    from qa_bench.cli.main import main
    from qa_bench.corpus.jsonl import JsonlArticles

    signal.signal(signal.SIGINT, signal.default_int_handler)
    stage.SHARD_PASSAGES, pause = int(sys.argv[1]), float(sys.argv[2])
    read = JsonlArticles.articles

    def slowly(self):
        for item in read(self):
            time.sleep(pause)
            yield item

    JsonlArticles.articles = slowly
    """
)
GO = "\nsys.exit(main(sys.argv[3:]))\n"
SHARD, PAUSE = "300", "0.002"


@pytest.fixture(scope="session")
def articles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1,500 articles of 100 to 240 words, with a file that lets them be chunked slowly."""
    folder = tmp_path_factory.mktemp("articles")
    rows = (
        {
            "id": f"a{n}",
            "title": f"Article {n}",
            "text": " ".join(f"w{(n * 31 + w * w) % 9973}" for w in range(100 + n % 141)),
        }
        for n in range(1500)
    )
    write_jsonl(folder / "articles.jsonl", rows)
    (folder / "driver.py").write_text(DRIVER + GO)
    return folder


@pytest.fixture(scope="session")
def undisturbed(articles: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stage's folder as it is when nothing gets in the way."""
    folder = shutil.copytree(articles, tmp_path_factory.mktemp("undisturbed") / "x")
    done = python("driver.py", SHARD, "0", *CHUNK, cwd=folder)
    assert done.returncode == 0, done.stderr
    return only(stage_folders(folder, "chunk"))


@pytest.fixture
def place(articles: Path, tmp_path: Path) -> Path:
    return shutil.copytree(articles, tmp_path / "place")


def start(place: Path, *words: str, script: str = "driver.py") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, script, *words],
        cwd=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def partial(place: Path, stage: str = "chunk") -> list[Path]:
    return list(place.glob(f"data/cache/{stage}/.*.partial"))


def notes(place: Path) -> list[Path]:
    return sorted(place.glob("data/cache/chunk/.*.partial/*.done"))


def same_work(one: Path, other: Path) -> None:
    """Same bytes, and manifests that differ in nothing but time and place."""
    assert bytes_of(one) == bytes_of(other)
    for what in ("key", "counts", "outputs", "config", "inputs", "packages"):
        assert manifest(one)[what] == manifest(other)[what]


def test_undisturbed_build(undisturbed: Path) -> None:
    told = manifest(undisturbed)
    assert told["counts"]["articles"] == 1500
    assert told["counts"]["passages"] == sum(-(-(100 + n % 141) // 100) for n in range(1500))
    shards = sorted(path.name for path in undisturbed.glob("*.arrow"))
    assert shards[0] == "passages-00000.arrow"
    assert len(shards) == -(-told["counts"]["passages"] // 300)
    assert set(told["outputs"]) == {*shards, "dataset_info.json", "state.json"}


def test_a_killed_build_goes_on_from_its_shards(place: Path, undisturbed: Path) -> None:
    process = start(place, SHARD, PAUSE, *CHUNK)
    wait_for(lambda: len(notes(place)) >= 3, "three finished shards", process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert stage_folders(place, "chunk") == []
    assert all_complete(place)
    kept = {p.name: p.stat().st_ino for p in only(partial(place)).glob("*.arrow")}
    assert 3 <= len(kept) < len(list(undisturbed.glob("*.arrow")))

    done = python("driver.py", SHARD, "0", *CHUNK, cwd=place)
    assert done.returncode == 0, done.stderr
    assert "chunk: resuming" in done.stderr
    built = only(stage_folders(place, "chunk"))
    same_work(built, undisturbed)
    assert kept.items() <= {p.name: p.stat().st_ino for p in built.glob("*.arrow")}.items()
    assert partial(place) == []


@pytest.mark.parametrize("moment", ["-00002.arrow", "-00002.done", "manifest.json"])
def test_killed_just_before_a_file_is_renamed_in(
    moment: str, place: Path, undisturbed: Path
) -> None:
    trap = f"""
    from pathlib import Path
    rename = Path.replace

    def trapped(self, target):
        if str(target).endswith("{moment}"):
            os.kill(os.getpid(), signal.SIGKILL)
        return rename(self, target)

    Path.replace = trapped
    """
    (place / "trapped.py").write_text(DRIVER + textwrap.dedent(trap) + GO)
    assert python("trapped.py", SHARD, "0", *CHUNK, cwd=place).returncode == -signal.SIGKILL
    assert stage_folders(place, "chunk") == []
    done = python("driver.py", SHARD, "0", *CHUNK, cwd=place)
    assert "chunk: resuming" in done.stderr
    same_work(only(stage_folders(place, "chunk")), undisturbed)


def test_two_processes_on_one_key(place: Path, undisturbed: Path) -> None:
    first = start(place, SHARD, PAUSE, *CHUNK)
    wait_for(lambda: partial(place), "the first build", first)
    second = start(place, SHARD, PAUSE, *CHUNK)
    told = [process.communicate(timeout=60)[1] for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0]
    assert [len(re.findall("chunk: building", text)) for text in told] == [1, 0]
    assert "another process is building chunk" in told[1]
    assert re.search("chunk: reusing .*, built by another process", told[1])
    same_work(only(stage_folders(place, "chunk")), undisturbed)


def test_who_waits_takes_over_when_the_builder_dies(place: Path, undisturbed: Path) -> None:
    builder = start(place, SHARD, PAUSE, *CHUNK)
    wait_for(lambda: len(notes(place)) >= 2, "two finished shards", builder)
    waiting = start(place, SHARD, "0", *CHUNK)
    assert waiting.stderr is not None
    assert "another process is building" in waiting.stderr.readline()
    builder.send_signal(signal.SIGKILL)
    builder.communicate()
    told = waiting.communicate(timeout=60)[1]
    assert waiting.returncode == 0
    assert "chunk: resuming" in told
    same_work(only(stage_folders(place, "chunk")), undisturbed)


@pytest.mark.parametrize(
    "words",
    [CHUNK, ("run", "-m", *CHUNK[1:], "dataset.split=sample", "dataset=nq,webq")],
    ids=["one", "several"],
)
def test_ctrl_c(words: tuple[str, ...], place: Path, undisturbed: Path) -> None:
    process = start(place, SHARD, PAUSE, *words)
    wait_for(lambda: notes(place), "a finished shard", process)
    process.send_signal(signal.SIGINT)
    out, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert "Traceback" not in told
    assert told.splitlines()[1:] == [
        "qa-bench: interrupted; finished work is kept, the same command goes on from there"
    ]
    assert stage_folders(place, "chunk") == []
    assert "chunk: resuming" in python("driver.py", SHARD, "0", *CHUNK, cwd=place).stderr
    same_work(only(stage_folders(place, "chunk")), undisturbed)


@pytest.mark.parametrize("library", ["hydra", "omegaconf", "pyarrow", "numpy"])
def test_ctrl_c_while_libraries_load(library: str, tmp_path: Path) -> None:
    (tmp_path / "early.py").write_text(
        textwrap.dedent(
            f"""
            import sys

            class Interrupted:
                def find_spec(self, name, path=None, target=None):
                    if name == "{library}":
                        raise KeyboardInterrupt

            sys.meta_path.insert(0, Interrupted())
            from qa_bench.cli.main import main
            sys.exit(main(["chunk", "corpus=sample"]))
            """
        )
    )
    done = python("early.py", cwd=tmp_path)
    assert "Traceback" not in done.stderr, done.stderr[-600:]
    assert done.returncode == 130
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("qa-bench: interrupted")


INDEX = ("index", *CHUNK[1:], "chunker.stride=3")


@pytest.fixture(scope="session")
def many_passages(articles: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with passages enough that their index takes a moment; copy it."""
    folder = shutil.copytree(articles, tmp_path_factory.mktemp("many") / "x")
    good("chunk", *INDEX[1:], cwd=folder)
    return folder


@pytest.mark.java
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_an_index_cut_short_is_built_whole(
    how: signal.Signals, many_passages: Path, tmp_path: Path
) -> None:
    place = shutil.copytree(many_passages, tmp_path / "place")
    process = start(place, SHARD, "0", *INDEX)
    segments = "data/cache/index/.*.partial/lucene/*.fdt"
    wait_for(lambda: list(place.glob(segments)), "Lucene's files", process)
    process.send_signal(how)
    out, told = process.communicate(timeout=60)
    assert out == ""
    assert "Traceback" not in told
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert told.splitlines()[-1].startswith("qa-bench: interrupted")
    else:
        assert process.returncode == -signal.SIGKILL
    assert stage_folders(place, "index") == []
    assert len(partial(place, "index")) == 1

    assert "chunk: reusing" in good(*INDEX, cwd=place).stderr
    built = only(stage_folders(place, "index"))
    count = manifest(only(stage_folders(place, "chunk")))["counts"]["passages"]
    assert manifest(built)["counts"] == {"passages": count}
    assert count > 30_000
    assert [path.name for path in built.iterdir() if path.is_dir()] == ["lucene"]
    assert all((built / name).is_file() for name in manifest(built)["outputs"])
    assert partial(place, "index") == []


def test_disk_full_in_the_middle(place: Path, undisturbed: Path) -> None:
    trap = """
    import errno
    write, calls = stage.write_passages, []

    def full(path, passages, **how):
        calls.append(path)
        if len(calls) == 3:
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, passages, **how)

    stage.write_passages = full
    """
    (place / "full.py").write_text(DRIVER + textwrap.dedent(trap) + GO)
    message = error_line(python("full.py", SHARD, "0", *CHUNK, cwd=place))
    assert "no space left on the disk" in message
    assert "data/cache/chunk" in message
    assert stage_folders(place, "chunk") == []
    assert "chunk: resuming" in python("driver.py", SHARD, "0", *CHUNK, cwd=place).stderr
    same_work(only(stage_folders(place, "chunk")), undisturbed)


def on_small_disk(kilobytes: int, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run it with data/ on a disk of its own, whose files' names end up in ``left.txt``."""
    script = (
        f"mount -t tmpfs -o size={kilobytes}k none data && "
        '{ "$@"; status=$?; find data > left.txt; exit $status; }'
    )
    command = ["unshare", "-m", "sh", "-c", script, "sh", sys.executable, "-m", "qa_bench", *words]
    (cwd / "data").mkdir()
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)


def may_mount() -> bool:
    command = ["unshare", "-m", "sh", "-c", "mount -t tmpfs none /mnt"]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


needs_mount = pytest.mark.skipif(not may_mount(), reason="may not mount a small disk")


def finished(cwd: Path, stage: str) -> list[str]:
    left = (cwd / "left.txt").read_text().splitlines()
    return [name for name in left if re.fullmatch(rf"data/cache/{stage}/[^./][^/]*", name)]


@needs_mount
def test_a_disk_too_small_for_passages(place: Path) -> None:
    shutil.rmtree(place / "data", ignore_errors=True)
    message = error_line(on_small_disk(600, *CHUNK, cwd=place))
    assert "no space left on the disk" in message
    assert finished(place, "chunk") == []


@needs_mount
@pytest.mark.java
def test_a_disk_too_small_for_the_index(tmp_path: Path) -> None:
    """Lucene's own complaint ends in the same line."""
    message = error_line(on_small_disk(220, "index", "corpus=sample", cwd=tmp_path))
    assert "no space left on the disk" in message
    assert len(finished(tmp_path, "chunk")) == 1
    assert finished(tmp_path, "index") == []


@needs_mount
def test_a_disk_too_small_for_results(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text('{"id": "triviaqa-sample-0", "prediction": "88"}\n')
    words = (
        "score",
        "dataset=triviaqa",
        "dataset.split=sample",
        "predictions=p.jsonl",
        "paths.results=data",
        "paths.cache=cache",
    )
    message = error_line(on_small_disk(4, *words, cwd=tmp_path))
    assert "no space left on the disk" in message
    left = (tmp_path / "left.txt").read_text().split()
    assert not [name for name in left if name.endswith((".csv", ".json", ".md", ".tmp"))]


@needs_mount
def test_a_disk_too_small_for_an_export(tmp_path: Path) -> None:
    words = ("what=passages", "format=psgs_w100", "out=data/p.tsv", "paths.cache=cache")
    done = on_small_disk(60, "export", "corpus=sample", *words, cwd=tmp_path)
    assert "no space left on the disk" in error_line(done)
    assert (tmp_path / "left.txt").read_text().split() == ["data"]


def test_shards_do_not_show(articles: Path, undisturbed: Path, tmp_path: Path) -> None:
    """However many files the passages lie in, they are the same passages."""
    place = shutil.copytree(articles, tmp_path / "place")
    words = (*CHUNK[1:], "format=psgs_w100", "what=passages")
    good("export", *words, "out=one.tsv", cwd=place)
    shutil.rmtree(place / "data")
    python("driver.py", SHARD, "0", "export", *words, "out=many.tsv", cwd=place)
    assert len(list(only(stage_folders(place, "chunk")).glob("*.arrow"))) > 5
    assert (place / "one.tsv").read_bytes() == (place / "many.tsv").read_bytes()
    assert (place / "one.tsv").read_bytes().count(b"\n") > 2500


def test_sample_is_never_written(tmp_path: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in SAMPLE.iterdir()}
    good("chunk", "corpus=sample", cwd=tmp_path)
    assert {path.name: path.stat().st_mtime_ns for path in SAMPLE.iterdir()} == before
