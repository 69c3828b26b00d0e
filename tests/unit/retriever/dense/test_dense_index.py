"""The vectors of a bi-encoder on the disk: what is stored, searched, gone on with and refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pretended_encoder import ROWS, Pretending

from qa_bench.errors import DataError, UserError
from qa_bench.retriever.dense import part as dense
from qa_bench.retriever.dense.part import Dense
from qa_bench.store.passages import Passages
from qa_bench.store.vectors import Vectors
from qa_bench.types import Question, QuestionSet, Runtime

RUNTIME = Runtime(threads=1, device="cpu", progress=False)

MakePassages = Callable[..., Passages]


def ask(*texts: str) -> QuestionSet:
    questions = tuple(Question(f"q{n}", text, ("x",)) for n, text in enumerate(texts))
    return QuestionSet("made", "test", "string", questions, "0" * 64)


@pytest.mark.parametrize(("dtype", "close"), [("fp32", 0), ("fp16", 1e-3), ("int8", 2e-2)])
def test_what_is_stored(
    dtype: str,
    close: float,
    pretending: type[Pretending],
    folder: Path,
    make_passages: MakePassages,
):
    passages = make_passages([(str(n), f"t{n}", f"text {n}") for n in range(200)])
    exact = Dense(model="m").encode_passages(
        passages.titles(np.arange(200)), passages.texts(np.arange(200)), RUNTIME
    )
    made = Dense(model="m", dtype=dtype)
    assert made.index(passages, folder, RUNTIME) == 200
    (file,) = folder.glob("*.npy")
    assert file.stat().st_size == 128 + 200 * {"fp32": 32, "fp16": 16, "int8": 12}[dtype]
    assert np.abs(Vectors(folder).at(np.arange(200)) - exact).max() <= close
    questions = ask("who", "where", "when")
    asked = made.encode_questions([question.text for question in questions], RUNTIME)
    run = made.search(folder, passages, questions, 200, RUNTIME)
    assert len(run) == 600
    found = {(row["qid"], int(row["pid"])): row["score"] for row in run.table.to_pylist()}
    true = asked @ exact.T
    errors = [abs(score - true[int(qid[1:]), pid]) for (qid, pid), score in found.items()]
    assert max(errors) <= 2 * close + 1e-6


@pytest.mark.parametrize("similarity", ["cosine", "dot", "l2"])
def test_scores_of_pairs_are_those_of_the_search(
    similarity: str, pretending: type[Pretending], folder: Path, make_passages: MakePassages
):
    passages = make_passages(ROWS[:2], ROWS[2:])
    made = Dense(model="m", similarity=similarity)
    made.index(passages, folder, RUNTIME)
    questions = ask("who", "nobody asked", "where")
    run = made.search(folder, passages, questions, 5, RUNTIME)
    found = {(row["qid"], row["pid"]): row["score"] for row in run.table.to_pylist()}
    asked = np.array([0, 0, 0, 2, 2])
    rows = np.array([4, 0, 2, 3, 3])
    scores = made.score(folder, passages, questions, asked, rows, RUNTIME)
    assert scores.dtype == np.float32
    assert scores.tolist() == [
        found[f"q{question}", str(row + 1)] for question, row in zip(asked, rows, strict=True)
    ]
    assert found["q0", "1"] == found["q0", "5"]
    none = np.zeros(0, dtype=np.int64)
    assert len(made.score(folder, passages, questions, none, none, RUNTIME)) == 0


def test_a_killed_encoding_goes_on_from_its_shards(
    pretending: type[Pretending],
    folder: Path,
    tmp_path: Path,
    make_passages: MakePassages,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(dense, "SHARD_PASSAGES", 2)
    passages, made = make_passages(ROWS), Dense(model="m")
    pretending.stop_after = 2
    with pytest.raises(RuntimeError, match="killed"):
        made.index(passages, folder, RUNTIME)
    kept = {path.name: path.stat().st_ino for path in folder.glob("*.npy")}
    assert set(kept) == {"vectors-00000.npy", "vectors-00001.npy"}
    pretending.seen.clear()
    pretending.stop_after = None
    assert made.index(passages, folder, RUNTIME) == 5
    assert pretending.seen == [("m", "", [". ".join(ROWS[4][1:])])]
    assert kept.items() <= {path.name: path.stat().st_ino for path in folder.glob("*.npy")}.items()
    undisturbed = tmp_path / "undisturbed"
    undisturbed.mkdir()
    made.index(passages, undisturbed, RUNTIME)
    for path in undisturbed.glob("*.npy"):
        assert (folder / path.name).read_bytes() == path.read_bytes()
    pretending.seen.clear()
    assert made.index(passages, folder, RUNTIME) == 5
    assert pretending.seen == []


@pytest.fixture
def built(
    pretending: type[Pretending],
    folder: Path,
    make_passages: MakePassages,
    monkeypatch: pytest.MonkeyPatch,
) -> tuple[Dense, Path, Passages]:
    """An index of three files."""
    monkeypatch.setattr(dense, "SHARD_PASSAGES", 2)
    passages, made = make_passages(ROWS), Dense(model="m")
    made.index(passages, folder, RUNTIME)
    return made, folder, passages


def test_a_file_cut_short_is_told(built: tuple[Dense, Path, Passages]):
    made, folder, passages = built
    file = folder / "vectors-00001.npy"
    file.write_bytes(file.read_bytes()[:-5])
    with pytest.raises(DataError) as caught:
        made.search(folder, passages, ask("who"), 5, RUNTIME)
    assert "vectors-00001.npy" in str(caught.value)
    assert f"delete {folder} to encode again" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_empty_file_is_told(built: tuple[Dense, Path, Passages]):
    made, folder, passages = built
    (folder / "vectors-00001.npy").write_bytes(b"")
    with pytest.raises(DataError, match=r"vectors-00001\.npy"):
        made.search(folder, passages, ask("who"), 5, RUNTIME)


def test_a_file_that_is_missing_is_told(built: tuple[Dense, Path, Passages]):
    made, folder, passages = built
    (folder / "vectors-00001.npy").unlink()
    with pytest.raises(UserError, match="3 vectors for 5 passages; delete the folder"):
        made.search(folder, passages, ask("who"), 5, RUNTIME)
    for path in folder.glob("*.npy"):
        path.unlink()
    with pytest.raises(UserError, match=r"no vectors-\*\.npy; delete the folder"):
        made.search(folder, passages, ask("who"), 5, RUNTIME)


def test_a_file_of_another_model_is_told(built: tuple[Dense, Path, Passages]):
    made, folder, passages = built
    np.save(folder / "vectors-00001.npy", np.ones((2, 9), dtype=np.float32))
    with pytest.raises(DataError, match="other dimension or type than the first"):
        made.search(folder, passages, ask("who"), 5, RUNTIME)


def test_models_that_are_no_pair_are_told(
    pretending: type[Pretending], folder: Path, make_passages: MakePassages
):
    pretending.width = {"wide": 12}
    passages = make_passages(ROWS)
    made = Dense(passage={"model": "narrow"}, question={"model": "wide"})
    message = "questions have 12 dimensions (wide), passages 8 (narrow): are the two a pair?"
    with pytest.raises(UserError) as caught:  # before anything is encoded
        made.index(passages, folder, RUNTIME)
    assert str(caught.value) == message
    assert not list(folder.iterdir())
    Dense(model="narrow").index(passages, folder, RUNTIME)
    with pytest.raises(UserError) as caught:
        made.search(folder, passages, ask("who"), 5, RUNTIME)
    assert str(caught.value) == message
