"""What holds for every retriever that runs without a network, on a small corpus made here.

All run as the line runs them (``qa_bench/line/retrieval.py``), those built on others and hybrids
too.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conf_names import RUN_HERE, needs_java
from given import given

from qa_bench.engine.context import Context
from qa_bench.engine.stage import Stage, graph
from qa_bench.line.retrieval import Retrieval
from qa_bench.models import encoder
from qa_bench.protocols import Composite
from qa_bench.stages.expand import Wording
from qa_bench.store.passages import Passages, describe_passages, write_passages
from qa_bench.store.runs import RUN_FILE, read_run
from qa_bench.types import Passage, Question, QuestionSet, Run, Runtime

Make = Callable[..., Any]
VARIANTS = ("bm25_adpt", "bm25_atire", "bm25_lucene_accurate", "bm25_native", "bm25_plus",
            "bm25_robertson", "bm25l", "tfldp")  # fmt: skip
LEXICAL = (
    "bm25",
    "bm25_fields",
    "bm25_rm3",
    "bm25_rocchio",
    "bm25s",
    "dpr_bm25",
    "tfidf",
    *VARIANTS,
)
"""Those that find nothing but what shares a term with the question, or with what that finds."""
RARE = ("tfidf",)
"""Those that find nothing by a term that more than half of the passages hold."""
FEW = ("drqa",)
"""Those that find the passages of a few articles alone (unit tests: test_whole_articles.py)."""
SPARSE = ("splade_tiny",)
"""Those that find what shares a term of the model's with the question; it makes such terms up."""
DENSE = ("minilm", "bert_tiny")
TOKENS = ("minilm_tokens",)
"""Those of token vectors that look at every passage."""
CUT_TIES = ("faiss", "faiss_hnsw", "usearch_hnsw")
"""Those that leave it to a library which of several equal passages make the cut.

A heap keeps whichever came, faiss' Flat too, and two copies of a question may see others; what is
kept is in corpus order. Rescoring more than the depth (``faiss_sq8``) mends it for all but long
ties.
"""
RUNTIME = Runtime(threads=2, java_heap="1g", progress=False)
SAME = "The lighthouse keeper counted seven grey herons beside the harbour wall."


def small_corpus() -> list[Passage]:
    """60 passages: fifteen are the same, pids run backwards, one is empty."""
    made = []
    for number in range(60):
        if number % 4 == 1:
            title, text = "Herons", SAME
        elif number == 22:
            title, text = "", ""
        elif number == 30:
            title, text = "Zanzibar", "An island."
        elif number == 31:
            title, text = "Scripts", "The letters 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 and 日本語 and naïve Ærøskøbing."
        else:
            title, text = f"Town {number}", f"Town{number} has {number + 3} bridges. " * 4
        made.append(Passage(f"p{60 - number}", title, text))
    return made


def store(passages: list[Passage], folder: Path) -> Passages:
    folder.mkdir()
    half = len(passages) // 2
    files = [folder / f"passages-0000{n}.arrow" for n in range(2)]
    write_passages(files[0], passages[:half])
    write_passages(files[1], passages[half:])
    describe_passages(folder, files)
    return Passages(folder)


def ask(*texts: str) -> QuestionSet:
    questions = tuple(Question(f"q{n}", text, ("x",)) for n, text in enumerate(texts))
    return QuestionSet("made", "test", "string", questions, "0" * 64)


class Subject:
    """A retriever with the small corpus in its index."""

    def __init__(self, name: str, node: Any, passages: Stage, cache: Path) -> None:
        self.name, self._node, self._passages, self._cache = name, node, passages, cache
        context = Context(cache, RUNTIME)
        retrieval = self._retrieval(ask(), context)
        self.part = retrieval.part
        self.indexes = [context.run(index) for index in graph(*retrieval.indexes())[1:]]

    def _retrieval(self, questions: QuestionSet, context: Context) -> Retrieval:
        return Retrieval(
            self._node,
            lambda: self._passages,
            lambda: Wording(questions),
            context,
            lambda place: self.name if place == "retriever" else place.rpartition(".")[2],
        )

    def run(self, *texts: str, depth: int = 100, runtime: Runtime = RUNTIME) -> Run:
        """Search: nothing but the indexes is reused."""
        with tempfile.TemporaryDirectory(dir=self._cache) as place:
            (Path(place) / "index").symlink_to(self._cache / "index")
            context = Context(Path(place), runtime)
            retrieval = self._retrieval(ask(*texts), context)
            return read_run(context.run(retrieval.run(depth)).path / RUN_FILE)

    def hits(self, text: str, depth: int = 100) -> list[tuple[str, float]]:
        return by_question(self.run(text, depth=depth), 1)[0]


def by_question(run: Run, count: int) -> list[list[tuple[str, float]]]:
    """Each question's (pid, score), best first."""
    found: dict[str, list[tuple[str, float]]] = {f"q{number}": [] for number in range(count)}
    for row in run.table.to_pylist():
        found[row["qid"]].append((row["pid"], row["score"]))
    return list(found.values())


def rows_of(run: Run, qid: str) -> list[dict[str, Any]]:
    return [row for row in run.table.to_pylist() if row["qid"] == qid]


@pytest.fixture(scope="module", autouse=True)
def _models_loaded_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoder, "sentence_model", cache(encoder.sentence_model))
        yield


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    folder = tmp_path_factory.mktemp("small") / "passages"
    store(small_corpus(), folder)
    return given(folder, slug="small")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the indexes lie: a part that several share is indexed once."""
    return tmp_path_factory.mktemp("cache")


def each(*retrievers: str) -> list[Any]:
    marks = {name: [pytest.mark.java] if needs_java(name) else [] for name in retrievers}
    return [pytest.param(name, marks=marks[name]) for name in retrievers]


lexical = pytest.mark.parametrize("indexed", each(*LEXICAL), indirect=True)
dense = pytest.mark.parametrize(
    "indexed",
    each(
        *(
            name
            for name in RUN_HERE
            if not needs_java(name) and name not in (*LEXICAL, *SPARSE, *FEW)
        )
    ),
    indirect=True,
)


@pytest.fixture(scope="module", params=each(*(name for name in RUN_HERE if name not in FEW)))
def indexed(request: pytest.FixtureRequest, node: Make, corpus: Stage, home: Path) -> Subject:
    return Subject(request.param, node("retriever", request.param), corpus, home)


TIED = [f"p{60 - number}" for number in range(60) if number % 4 == 1]
HERONS = "how many herons did the lighthouse keeper count"


def test_every_passage_is_in_the_index(indexed: Subject) -> None:
    assert {index.manifest["counts"]["passages"] for index in indexed.indexes} == {60}
    assert len(indexed.indexes) == 1 + (indexed.name not in (*LEXICAL, *SPARSE, *TOKENS, *DENSE))


def test_ties_in_corpus_order(indexed: Subject) -> None:
    hits = indexed.hits(HERONS)
    assert [pid for pid, _ in hits[:15]] == TIED
    assert TIED[0] == "p59"
    scores = [score for _, score in hits[:15]]
    if indexed.name not in ("hybrid_rrf", "hybrid_minilm", "hybrid_tiny"):  # ranks do not tie
        assert scores == pytest.approx([scores[0]] * 15, abs=1e-4)
    assert all(score < scores[-1] for _, score in hits[15:])


def test_ties_at_the_cut(indexed: Subject) -> None:
    for depth in (1, 2, 7, 14):
        pids = [pid for pid, _ in indexed.hits(HERONS, depth)]
        if indexed.name in CUT_TIES:
            assert len(pids) == depth
            assert pids == [pid for pid in TIED if pid in pids]
        else:
            assert pids == TIED[:depth]


def test_depth_beyond_the_corpus(indexed: Subject) -> None:
    pids = [pid for pid, _ in indexed.hits("herons bridges Zanzibar town", depth=1000)]
    assert (14 if indexed.name in RARE else 45) < len(pids) <= 60
    assert len(set(pids)) == len(pids)
    if indexed.name not in (*LEXICAL, *SPARSE, "minilm_tokens_bm25"):
        assert len(pids) == 60


def test_depth_cuts_and_nothing_else(indexed: Subject) -> None:
    texts = ("herons bridges Zanzibar town", "an island", "town 14")
    deep = by_question(indexed.run(*texts, depth=40), 3)
    cut = by_question(indexed.run(*texts, depth=5), 3)
    if indexed.name in CUT_TIES:
        scores = [[[score for _, score in hits[:5]] for hits in run] for run in (cut, deep)]
        assert scores[0] == scores[1]
    else:
        assert cut == [hits[:5] for hits in deep]


@lexical
def test_no_term_no_hit(indexed: Subject) -> None:
    run = indexed.run("xylophone quux", "herons", "the of and", "", "?!")
    assert set(run.table.column("qid").to_pylist()) == {"q1"}
    assert len(run) == 15


@lexical
def test_nothing_found_at_all(indexed: Subject) -> None:
    run = indexed.run("xylophone")
    assert len(run) == 0
    assert run.table.column_names == ["qid", "rank", "pid", "score", "row"]


@dense
def test_every_question_has_neighbours(indexed: Subject) -> None:
    texts = ("xylophone quux", "herons", "the of and", "", "?!", " ", "\n")
    assert [len(hits) for hits in by_question(indexed.run(*texts, depth=60), 7)] == [60] * 7


def test_titles_are_searched(indexed: Subject) -> None:
    assert indexed.hits("zanzibar")[0][0] == "p30"


@lexical
def test_a_term_of_one_title(indexed: Subject) -> None:
    assert [pid for pid, _ in indexed.hits("zanzibar")] == ["p30"]


@lexical
@pytest.mark.parametrize("text", ["𝔘𝔫𝔦𝔠𝔬𝔡𝔢", "日本語", "naïve", "Ærøskøbing", "ærøskøbing"])
def test_other_scripts(text: str, indexed: Subject) -> None:
    assert [pid for pid, _ in indexed.hits(text)] == ["p29"]


ODD = ['herons "grey', "herons AND (", "herons:*~ -grey", "herons\\", "herons\tgrey\n", "[a TO"]


@lexical
@pytest.mark.parametrize("text", ODD)
def test_questions_are_no_query_language(text: str, indexed: Subject) -> None:
    hits = indexed.hits(text)
    assert len(hits) == (0 if "herons" not in text else 15)


def test_shape_of_a_run(indexed: Subject) -> None:
    texts = ["bridges of town 3", "zanzibar", *ODD, "", "日本語", "herons " * 400]
    run = indexed.run(*texts, depth=20)
    for hits in (rows_of(run, f"q{number}") for number in range(len(texts))):
        assert [row["rank"] for row in hits] == list(range(1, len(hits) + 1))
        scores = [row["score"] for row in hits]
        assert scores == sorted(scores, reverse=True)
        assert all(np.isfinite(scores))
        assert len({row["pid"] for row in hits}) == len(hits) <= 20
    order = [int(qid.removeprefix("q")) for qid in run.table.column("qid").to_pylist()]
    assert order == sorted(order)


def test_twice_the_same_with_one_thread_and_with_two(indexed: Subject) -> None:
    texts = [f"town {n} herons bridges" for n in range(40)]
    once = indexed.run(*texts)
    assert indexed.run(*texts).table.equals(once.table)
    one = Runtime(threads=1, java_heap="1g", progress=False)
    assert indexed.run(*texts, runtime=one).table.equals(once.table)


def test_questions_do_not_touch_each_other(indexed: Subject) -> None:
    texts = ["zanzibar", "herons", "zanzibar", "bridges town40", *(f"town {n}" for n in range(30))]
    together = by_question(indexed.run(*texts), len(texts))
    for text, hits in list(zip(texts, together, strict=True))[:6]:
        alone = indexed.hits(text)
        best = max([score for _, score in alone], default=0.0)
        assert dict(hits) == pytest.approx(dict(alone), abs=2e-6 * best)
        if indexed.name in LEXICAL:
            assert hits == alone


def test_more_questions_than_a_batch(indexed: Subject) -> None:
    count = 120 if isinstance(indexed.part, Composite) else 1300
    distinct = ("zanzibar", "herons", "nothing")
    found = by_question(indexed.run(*(distinct[n % 3] for n in range(count)), depth=2), count)
    assert {hits[0][0] for hits in found[0::3]} == {"p30"}
    assert all(len(hits) == 2 and {pid for pid, _ in hits} <= {*TIED} for hits in found[1::3])
    if indexed.name not in CUT_TIES:
        pids = [[pid for pid, _ in hits] for hits in found]
        assert pids == [pids[n % 3] for n in range(count)]
        assert pids[1] == TIED[:2]
    if indexed.name in LEXICAL:
        assert [len(hits) for hits in found[:3]] == [1, 2, 0]


def test_a_second_index_is_the_same(
    indexed: Subject, node: Make, corpus: Stage, tmp_path: Path
) -> None:
    again = Subject(indexed.name, node("retriever", indexed.name), corpus, tmp_path)
    assert not any(index.reused for index in again.indexes)
    texts = ("herons", "town bridges", "zanzibar island")
    assert again.run(*texts).table.equals(indexed.run(*texts).table)


@pytest.mark.java
def test_more_ties_than_the_rounding_has_room_for(part: Make, tmp_path: Path) -> None:
    """Scores descend however many passages tie: a run must survive a sort by score.

    Anserini rounds to 1e-4 and lowers tied scores by 1e-6 each; more than a hundred of them must
    not run into the next score.
    """
    made = part("retriever", "bm25", "retriever.k1=0.0001", "retriever.b=1")
    short = [Passage(f"a{n}", "", "alpha beta") for n in range(450)]
    longer = [Passage(f"b{n}", "", "alpha beta gamma delta epsilon zeta") for n in range(450)]
    other = [Passage(f"c{n}", "", "theta iota kappa lambda") for n in range(900)]
    passages = store([*longer, *short, *other], tmp_path / "passages")
    (tmp_path / "index").mkdir()
    assert made.index(passages, tmp_path / "index", RUNTIME) == 1800
    run = made.search(tmp_path / "index", passages, ask("alpha"), 900, RUNTIME)
    scores = run.table.column("score").to_pylist()
    assert len(scores) == 900
    assert run.table.column("pid").to_pylist()[:450] == [f"a{n}" for n in range(450)]
    assert scores == sorted(scores, reverse=True)
