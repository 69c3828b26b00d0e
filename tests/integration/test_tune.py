"""`qa-bench tune`: the weight of a hybrid's part, chosen on anything but a test split."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from bench_helpers import SAMPLE_NQ, error_line, figures, good, qa, read_csv

pytestmark = pytest.mark.java

WEIGHTS = "tune.weights=[0,10,40,1000]"


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tune")
    words = ("retriever=hybrid_linear", WEIGHTS, "tune.metric=mrr")
    done = good("tune", *SAMPLE_NQ, *words, cwd=folder)
    (folder / "stdout.txt").write_text(done.stdout)
    return folder


def curve(folder: Path) -> dict[float, float]:
    rows = read_csv(folder / "results/default/tune/hybrid_linear.csv")
    return {float(row["weight"]): float(row["mrr"]) for row in rows}


def test_the_curve(tuned: Path) -> None:
    values = curve(tuned)
    assert list(values) == [0, 10, 40, 1000]
    assert values[10] > values[0], "MiniLM adds nothing to BM25?"
    told = (tuned / "stdout.txt").read_text()
    assert told.startswith("hybrid_linear on nq sample: mrr by weight of dense\n")
    assert all(f"{100 * value:.2f}" in told for value in values.values())
    assert told.count("◀") == 1
    command = told.splitlines()[-1].split()
    assert command[:4] == ["qa-bench", "run", "--config-dir", "results/default"]
    assert command[4:] == [*SAMPLE_NQ, "retriever=hybrid_linear_tuned"], "all else is repeated"
    png = tuned / "results/default/tune/hybrid_linear.png"
    assert png.read_bytes().startswith(b"\x89PNG")


def test_the_best_weight_is_written_and_used(tuned: Path) -> None:
    values = curve(tuned)
    path = tuned / "results/default/retriever/hybrid_linear_tuned.yaml"
    written = yaml.safe_load(path.read_text())
    best = written["fusion"]["weights"]["dense"]
    assert values[best] == max(values.values())
    assert "nq sample" in written["about"]["description"]
    words = ("--config-dir", "results/default", "retriever=hybrid_linear_tuned", "--json")
    done = good("run", *words, *SAMPLE_NQ, cwd=tuned)
    (line,) = figures(done)
    assert line["mrr"] == pytest.approx(values[best], abs=1e-6)
    assert "complete: reusing" in done.stderr


def test_the_ends_of_the_curve_are_the_parts(tuned: Path) -> None:
    """Weight 0 is BM25's order alone; of the passages that BM25 and MiniLM found, that is."""
    done = good("run", *SAMPLE_NQ, "retriever=bm25", "--json", cwd=tuned)
    (line,) = figures(done)
    assert curve(tuned)[0] == pytest.approx(line["mrr"], abs=1e-6)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("dataset.split=test", "dataset.path=q.jsonl", "retriever=hybrid_linear"),
         "weights are not tuned on a test split: set dataset.split=dev"),
        (("retriever=bm25",), "retriever bm25 is no hybrid: it has no fusion"),
        (("retriever=hybrid_linear", "tune.part=sparse"),
         "tune.part: 'sparse' is none of the parts, bm25, dense"),
    ],
)  # fmt: skip
def test_refusals(words: tuple[str, ...], told: str, tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").write_text('{"id": "1", "question": "who", "answers": ["x"]}\n')
    done = qa("tune", *SAMPLE_NQ, *words, cwd=tmp_path)
    assert told in error_line(done)
    assert not list(tmp_path.glob("results/**/*.yaml"))


def test_unknown_metric(tuned: Path) -> None:
    words = ("retriever=hybrid_linear", WEIGHTS, "tune.metric=bleu")
    done = qa("tune", *SAMPLE_NQ, *words, cwd=tuned)
    assert error_line(done).startswith("tune.metric: 'bleu' is none of answer_recall@1,")
