"""BGE-M3 on a tiny random encoder: its three outputs, and searches by each of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import tiny_m3  # noqa: E402

from qa_bench.errors import UserError  # noqa: E402
from qa_bench.models.encoder import Encoder  # noqa: E402
from qa_bench.models.m3_model import M3Output, largest  # noqa: E402
from qa_bench.models.source import Source  # noqa: E402
from qa_bench.protocols import Indexed  # noqa: E402
from qa_bench.retriever.m3.base import M3  # noqa: E402
from qa_bench.retriever.m3.heads import M3Multi, M3Sparse  # noqa: E402
from qa_bench.store.passages import (  # noqa: E402
    Passages,
    describe_passages,
    write_passages,
)
from qa_bench.types import Question, QuestionSet, Run, Runtime  # noqa: E402

RUNTIME = Runtime(threads=1, device="cpu", batch_size=3, progress=False)
TEXTS = ["The king is old.", "Seine", "the the of", "A river, a river!", "abc def", "Moon & sun"]
ASKED = ["who is the king", "river", "moon or sun"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_m3.save(tmp_path_factory.mktemp("models") / "m3")


class Built:
    """The three ways to search, over one index of the base."""

    def __init__(self, model: Path, passages: Passages, place: Path) -> None:
        self.passages, self.place = passages, place
        self.base = M3(model=str(model), tokens="fp32", passage={"title": "none"})
        (place / "base").mkdir(parents=True)
        self.count = self.base.index(passages, place / "base", RUNTIME)
        self.parts = {"base": Indexed(self.base, place / "base")}
        self.sparse = M3Sparse({"base": self.base})
        self.multi = M3Multi({"base": self.base}, candidates="all")
        self.counts = [self._index(part) for part in (self.sparse, self.multi)]

    def _index(self, part: Any) -> int:
        folder = self.place / type(part).__name__
        folder.mkdir()
        return int(part.index(self.passages, folder, RUNTIME, **self.parts))

    def run(self, part: Any, depth: int = 6) -> Run:
        parts = {} if part is self.base else self.parts
        folder = self.place / ("base" if part is self.base else type(part).__name__)
        run: Run = part.search(folder, self.passages, asks(), depth, RUNTIME, **parts)
        return run

    def pairs(self, part: Any) -> np.ndarray:
        question_rows, rows = np.repeat(np.arange(3), 6), np.tile(np.arange(6), 3)
        parts = {} if part is self.base else self.parts
        folder = self.place / ("base" if part is self.base else type(part).__name__)
        scores: np.ndarray = part.score(
            folder, self.passages, asks(), question_rows, rows, RUNTIME, **parts
        )
        return scores.reshape(3, 6)


def asks() -> QuestionSet:
    questions = tuple(Question(f"q{n}", text, ("x",)) for n, text in enumerate(ASKED))
    return QuestionSet("made", "test", "string", questions, "0" * 64)


@pytest.fixture
def built(model: Path, make_passages: Callable[..., Passages], tmp_path: Path) -> Built:
    rows: Sequence[Any] = [(f"p{n}", "", text) for n, text in enumerate(TEXTS)]
    return Built(model, make_passages(rows[:4], rows[4:]), tmp_path / "index")


def test_the_three_are_those_of_its_authors(model: Path) -> None:
    encoder = Encoder(Source(str(model), pooling="cls"), RUNTIME, M3Output())
    three = next(encoder.encode([TEXTS]))
    terms, weights = three.terms.columns
    assert terms.dtype == np.int32
    for row, text in enumerate(TEXTS):
        vector, tokens, weighed = tiny_m3.expected(model, text)
        ours = three.vectors[row] / np.linalg.norm(three.vectors[row])
        np.testing.assert_allclose(ours, vector, atol=2e-6)
        part = slice(*three.tokens.pointers[row : row + 2])
        np.testing.assert_allclose(three.tokens.columns[0][part], tokens, atol=2e-6)
        part = slice(*three.terms.pointers[row : row + 2])
        assert terms[part].tolist() == sorted(weighed)
        assert weights[part] == pytest.approx([weighed[t] for t in sorted(weighed)], abs=1e-5)


def test_scores_of_every_pair(built: Built, model: Path) -> None:
    assert (built.count, built.counts) == (6, [6, 6])
    ours = [tiny_m3.expected(model, text) for text in TEXTS]
    for place, text in enumerate(ASKED):
        vector, tokens, weights = tiny_m3.expected(model, text)
        dense = [vector @ one[0] for one in ours]
        multi = [(tokens @ one[1].T).max(1).mean() for one in ours]
        sparse = [sum(w * one[2].get(t, 0.0) for t, w in weights.items()) for one in ours]
        for part, truth in ((built.base, dense), (built.multi, multi), (built.sparse, sparse)):
            np.testing.assert_allclose(built.pairs(part)[place], truth, atol=1e-5)


def test_hits_have_the_scores_of_pairs(built: Built) -> None:
    for part in (built.base, built.multi, built.sparse):
        run, scores = built.run(part), built.pairs(part)
        for place in range(3):
            hits = run.hits(f"q{place}")
            order = np.lexsort((np.arange(6), -scores[place]))
            there = [row for row in order if part is not built.sparse or scores[place][row] > 0]
            assert [hit.row for hit in hits] == there
            assert [hit.score for hit in hits] == [scores[place][row] for row in there]


def test_candidates_are_the_hits_of_its_vectors(built: Built) -> None:
    two = M3Multi({"base": built.base}, candidates=2)
    dense = built.run(built.base, depth=2)
    for qid in ("q0", "q1", "q2"):
        hits = [hit.row for hit in built.run(two).hits(qid)]
        assert sorted(hits) == sorted(hit.row for hit in dense.hits(qid))


def test_the_dense_way_is_a_bi_encoders(built: Built, model: Path) -> None:
    """The bytes that ``retriever=bge_m3`` would write, so their figures are the same."""
    from qa_bench.retriever.dense.part import Dense

    plain = Dense(model=str(model), pooling="cls", passage={"title": "none"})
    (built.place / "plain").mkdir()
    plain.index(built.passages, built.place / "plain", RUNTIME)
    files = [built.place / name / "vectors-00000.npy" for name in ("base", "plain")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_damaged_file_of_one_kind_is_encoded_again(built: Built) -> None:
    folder = built.place / "base"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    for name in ("vectors-00000.npy", "tokens-00000.bin"):
        (folder / name).write_bytes(b"spoilt")
        assert built.base.index(built.passages, folder, RUNTIME) == 6
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_an_index_of_other_passages_is_refused(built: Built, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    write_passages(tmp_path / "one/p.arrow", [("p0", "", TEXTS[0])])
    describe_passages(tmp_path / "one", [tmp_path / "one/p.arrow"])
    built.passages = Passages(tmp_path / "one")
    for part, what in ((built.sparse, "postings"), (built.multi, "vectors")):
        with pytest.raises(UserError, match=f"{what} of 6 passages, but there are 1; delete"):
            built.run(part)
        with pytest.raises(UserError, match=f"{what} of 6 passages, but there are 1; delete"):
            built.pairs(part)
    (tmp_path / "sparse").mkdir()
    with pytest.raises(UserError, match="base: weights of 6 passages, but there are 1; delete"):
        built.sparse.index(built.passages, tmp_path / "sparse", RUNTIME, **built.parts)


@pytest.mark.parametrize("damage", ["missing", "cut", "zeroed"])
def test_damaged_weights_of_the_base_are_told(built: Built, damage: str, tmp_path: Path) -> None:
    """A file less would have given all passages behind it to those before them."""
    path = built.place / "base" / "weights-00000.npz"
    content = path.read_bytes()
    path.unlink()
    if damage != "missing":
        half = len(content) // 2
        rest = b"" if damage == "cut" else bytes(len(content) - half)
        path.write_bytes(content[:half] + rest)
    (tmp_path / "sparse").mkdir()
    with pytest.raises(UserError, match=r"weights.*delete .*(base|folder) to encode again"):
        built.sparse.index(built.passages, tmp_path / "sparse", RUNTIME, **built.parts)
    assert not list((tmp_path / "sparse").iterdir())


def test_weights_of_terms() -> None:
    ids = np.array([[7, 3, 7], [5, 5, 5], [1, 2, 3]])
    weights = np.array([[0.5, 2.0, 0.75], [0, 0, 0], [0.0, 1.0, 0.25]], dtype=np.float32)
    counts, terms, best = largest(ids, weights)
    assert (counts.tolist(), terms.tolist()) == ([2, 0, 2], [3, 7, 2, 3])
    assert best.tolist() == [2.0, 0.75, 1.0, 0.25]
    with pytest.raises(UserError, match="not finite"):
        largest(ids, weights * np.float32(np.nan))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("sparse_linear.pt", None, "has no sparse_linear.pt"),
        (
            "colbert_linear.pt",
            b"spoilt",
            "colbert_linear.pt is damaged, or holds more than weights",
        ),
        ("colbert_linear.pt", torch.nn.Linear(32, 4), "holds more than weights"),
        ("sparse_linear.pt", torch.nn.Linear(32, 2).state_dict(), "no linear layer of 32 inputs"),
        ("colbert_linear.pt", torch.nn.Linear(31, 4).state_dict(), "no linear layer of 32 inputs"),
        ("colbert_linear.pt", [1, 2], "no linear layer of 32 inputs"),
    ],
)
def test_files_of_heads_that_are_none(
    name: str, content: Any, said: str, model: Path, tmp_path: Path
) -> None:
    """A pickle of more than tensors is not read: it could run anything."""
    folder = tmp_path / "m"
    shutil.copytree(model, folder)
    (folder / name).unlink()
    if isinstance(content, bytes):
        (folder / name).write_bytes(content)
    elif content is not None:
        torch.save(content, folder / name)
    with pytest.raises(UserError, match=said):
        Encoder(Source(str(folder), pooling="cls"), RUNTIME, M3Output())


def test_only_an_m3_is_a_base() -> None:
    for part in (M3Sparse, M3Multi):
        with pytest.raises(UserError, match="needs one part, base, an m3"):
            part({"base": object()})
