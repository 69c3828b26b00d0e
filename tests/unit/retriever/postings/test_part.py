"""``Bm25Native``: its settings, what it finds, what it refuses, and that Lucene agrees."""

from __future__ import annotations

import json
import random
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qa_bench.errors import DataError, UserError
from qa_bench.protocols import PairScorer, Planned, Retriever
from qa_bench.retriever.postings.formulas import VARIANTS
from qa_bench.retriever.postings.part import Bm25Native
from qa_bench.retriever.postings.store import Postings
from qa_bench.store.passages import Passages, describe_passages, write_passages
from qa_bench.types import Passage, Question, QuestionSet, Run, Runtime

RUNTIME = Runtime(threads=2, java_heap="1g", progress=False)
QUESTIONS = [
    "which herons did the lighthouse keeper count",
    "w17 w250",
    "w3 w3 w401",
    "w0 w1 w2 w3 w4 w5 w6 w7",
    "日本語",
    "the of and",  # of is not a stop word to Lucene, but in no passage
    "xylophone quux",
    "",
    " ".join(f"w{number % 700} herons" for number in range(5_000)),
]
NOTHING = [5, 6, 7]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"variant": "okapi"},
            "retriever.variant: robertson, lucene, lucene_accurate, atire, bm25l, bm25_plus",
        ),
        ({"k1": -1}, "retriever.k1: a number from 0 to 1e+06, got '-1'"),
        ({"k1": 1e307}, "retriever.k1: a number from 0 to 1e+06, got '1e+307'"),
        ({"b": 1.5}, "retriever.b: a number from 0 to 1, got '1.5'"),
        ({"delta": 0.5}, "retriever.delta=0.5: variant lucene has none, only bm25l, bm25_plus"),
        (
            {"variant": "bm25l", "delta": -0.1},
            "retriever.delta: a number from 0 to 1e+06, got",
        ),
        (
            {"variant": "tfldp", "delta": 0.9},
            "retriever.delta: a number from 1 to 1e+06, got",
        ),
        ({"stemmer": "Porter"}, "retriever.stemmer"),
        ({"keep_stopwords": "yes"}, "retriever.keep_stopwords"),
        ({"engine": "java"}, "retriever.engine"),
        ({"stemmer": "krovetz"}, "only Lucene has Krovetz's stemmer"),
    ],
)
def test_bad_settings(settings: dict[str, Any], message: str):
    with pytest.raises(UserError) as caught:
        Bm25Native(**settings)
    assert message in str(caught.value)


def test_what_it_is():
    part = Bm25Native()
    assert isinstance(part, Retriever)
    assert isinstance(part, PairScorer)
    assert isinstance(part, Planned)
    assert Bm25Native.search_only == {"variant", "k1", "b", "delta"}


def test_the_plan_grows():
    small, large = (Bm25Native().plan(count, 100, 100, RUNTIME) for count in (1e5, 1e6))
    assert [step.name for step in large] == ["index", "search"]
    assert large[0].disk == 10 * small[0].disk
    assert large[1].seconds > small[1].seconds


def ask(texts: list[str]) -> QuestionSet:
    questions = tuple(Question(f"q{n}", text, ("x",)) for n, text in enumerate(texts))
    return QuestionSet("made", "test", "string", questions, "0" * 64)


class Built:
    """An index of 400 passages whose words are as rare as real ones."""

    def __init__(self, folder: Path) -> None:
        dice = random.Random(7)
        words = [f"w{number}" for number in range(500)]
        odds = [1 / (number + 1) for number in range(500)]
        texts = [" ".join(dice.choices(words, odds, k=dice.randint(5, 60))) for _ in range(400)]
        texts[10] = "the keeper of the lighthouse counted seven grey herons"
        texts[11] = "grey herons nest on the island"
        texts[12] = "日本語 naïve Ærøskøbing"
        texts[13] = texts[14] = texts[11]
        texts[15] = ""
        texts[16] = "w1 " * 300
        self.texts, self.folder = texts, folder
        rows = [Passage(f"p{row}", "", text) for row, text in enumerate(texts)]
        write_passages(folder / "passages.arrow", rows)
        describe_passages(folder, [folder / "passages.arrow"])
        self.passages = Passages(folder)
        assert Bm25Native().index(self.passages, folder, RUNTIME) == 400

    def search(self, depth: int, **settings: Any) -> Run:
        part = Bm25Native(**settings)
        return part.search(self.folder, self.passages, ask(QUESTIONS), depth, RUNTIME)


def hits(run: Run) -> list[list[tuple[int, float]]]:
    of_each: list[list[tuple[int, float]]] = [[] for _ in QUESTIONS]
    for hit in run.table.to_pylist():
        of_each[int(hit["qid"][1:])].append((hit["row"], hit["score"]))
        assert hit["rank"] == len(of_each[int(hit["qid"][1:])])
    return of_each


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return Built(tmp_path_factory.mktemp("built"))


def test_a_count_beyond_a_byte_is_no_other_count(built: Built):
    postings = Postings(built.folder)
    some = slice(*postings.pointers[postings.term("w1") :][:2])
    assert postings.values[some].max() == 300
    assert postings.lengths[16] == 300


@pytest.mark.parametrize("variant", VARIANTS)
def test_pairs_score_as_hits_do_and_ties_are_in_corpus_order(built: Built, variant: str):
    part = Bm25Native(variant=variant)
    found = hits(built.search(1000, variant=variant))
    assert [number for number, ranked in enumerate(found) if not ranked] == NOTHING
    for number, ranked in enumerate(found):
        order = [(-score, row) for row, score in ranked]
        assert order == sorted(order)
        assert len({row for row, _ in ranked}) == len(ranked)
        rows = np.arange(400)
        pairs = part.score(
            built.folder, built.passages, ask(QUESTIONS), np.full(400, number), rows, RUNTIME
        )
        scores = dict(ranked)
        assert pairs.tolist() == [scores.get(row, 0.0) for row in range(400)]
    assert [row for row, _ in found[0]][:4] == [10, 11, 13, 14]


def test_depth_cuts_and_nothing_else(built: Built):
    deep = hits(built.search(1000))
    for depth in (1, 3, 50):
        assert hits(built.search(depth)) == [ranked[:depth] for ranked in deep]


def test_variants_and_constants_change_scores(built: Built):
    changes = [{"variant": variant} for variant in VARIANTS]
    changes += [{"k1": 1.2}, {"b": 0.75}, {"k1": 1.2, "b": 0.75}]
    changes += [{"variant": "bm25l", "delta": 1}, {"variant": "tfldp", "delta": 2}]
    scores = {tuple(hits(built.search(50, **settings))[3]) for settings in changes}
    assert len(scores) == len(changes)


# Bad input


def test_the_largest_constants_give_finite_scores(built: Built):
    for variant, formula in VARIANTS.items():
        largest = {"delta": 1_000_000} if formula.delta is not None else {}
        for k1 in (0, 1_000_000):
            scores = built.search(50, variant=variant, k1=k1, **largest).table["score"].to_numpy()
            assert np.isfinite(scores).all()
            assert np.any(scores != 0)


def test_the_index_of_another_analysis_is_refused(built: Built):
    with pytest.raises(UserError, match=r"made with stemmer porter.*would be with none; delete"):
        built.search(3, stemmer="none")
    with pytest.raises(UserError, match="keep_stopwords False"):
        built.search(3, keep_stopwords=True)


def test_the_index_of_other_passages_is_refused(built: Built, tmp_path: Path):
    write_passages(tmp_path / "passages.arrow", [Passage("p", "", "herons")])
    describe_passages(tmp_path, [tmp_path / "passages.arrow"])
    with pytest.raises(UserError, match="postings of 400 passages, but there are 1; delete"):
        Bm25Native().search(built.folder, Passages(tmp_path), ask(QUESTIONS), 3, RUNTIME)


def test_a_damaged_index_is_refused(built: Built, tmp_path: Path):
    Bm25Native().index(built.passages, tmp_path, RUNTIME)
    path = tmp_path / "postings.bin"
    path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(DataError, match=r"postings\.bin: cut short or changed; delete"):
        Bm25Native().search(tmp_path, built.passages, ask(QUESTIONS), 3, RUNTIME)


def test_what_an_earlier_attempt_left_goes(built: Built, tmp_path: Path):
    (tmp_path / "postings.shards").write_bytes(b"x" * 99)
    (tmp_path / "postings.json").write_text("{")
    Bm25Native().index(built.passages, tmp_path, RUNTIME)
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (built.folder / path.name).read_bytes(), path.name


# Beside others


def lucene(built: Built, accurate: bool) -> list[list[tuple[int, float]]]:
    """What Lucene finds in all passages, scored by its own similarity or by the accurate one."""
    from qa_bench.retriever.bm25.java import start_jvm
    from qa_bench.retriever.bm25.part import Bm25

    autoclass = start_jvm("1g")
    folder = built.folder / ("by_accurate_lucene" if accurate else "by_lucene")
    if not folder.exists():
        folder.mkdir()
        if accurate:
            index_accurately(autoclass, built, folder)
        else:
            Bm25().index(built.passages, folder, RUNTIME)
    searcher = autoclass("io.anserini.search.SimpleSearcher")(str(folder / "lucene"))
    searcher.set_bm25(0.9, 0.4)
    if accurate:
        similarity = autoclass("io.anserini.search.similarity.AccurateBM25Similarity")(0.9, 0.4)
        return by_similarity(autoclass, folder, similarity, QUESTIONS[:5])
    ranked = [searcher.search(text, 1000) for text in QUESTIONS[:5]]
    return [[(int(hit.docid), hit.score) for hit in some] for some in ranked]


def index_accurately(autoclass: Any, built: Built, folder: Path) -> None:
    """As ``Bm25`` indexes, but with all of each length, which the index must hold."""
    (folder / "documents").mkdir()
    lines = [
        json.dumps({"id": f"{row:012d}", "contents": f"\n{text}"})
        for row, text in enumerate(built.texts)
    ]
    (folder / "documents" / "0.jsonl").write_text("\n".join(lines))
    arguments = autoclass("io.anserini.index.IndexCollection$Args")()
    arguments.collectionClass = "JsonCollection"
    arguments.input, arguments.index = str(folder / "documents"), str(folder / "lucene")
    arguments.threads, arguments.quiet, arguments.bm25Accurate = 1, True, True
    autoclass("io.anserini.index.IndexCollection")(arguments).run()


def by_similarity(autoclass: Any, folder: Path, similarity: Any, texts: list[str]):
    directory = autoclass("org.apache.lucene.store.FSDirectory").open(
        autoclass("java.nio.file.Paths").get(str(folder / "lucene"))
    )
    reader = autoclass("org.apache.lucene.index.DirectoryReader").open(directory)
    searcher = autoclass("org.apache.lucene.search.IndexSearcher")(reader.getContext())
    searcher.setSimilarity(similarity)
    analyzer = autoclass("io.anserini.analysis.DefaultEnglishAnalyzer").newDefaultInstance()
    bag = autoclass("io.anserini.search.query.BagOfWordsQueryGenerator")()
    of_each = []
    for text in texts:
        top = searcher.search(bag.buildQuery("contents", analyzer, text), 1000)
        stored = searcher.storedFields()
        of_each.append(
            [(int(stored.document(hit.doc).get("id")), hit.score) for hit in top.scoreDocs]
        )
    reader.close()
    return of_each


def agree(mine: list[tuple[int, float]], theirs: list[tuple[int, float]], off: float) -> None:
    assert dict(mine) == pytest.approx(dict(theirs), rel=off, abs=off)
    # The same order, but where they differ by no more than float32 can tell.
    place = {row: number for number, (row, _) in enumerate(theirs)}
    scores = dict(theirs)
    for (row, _), (other, _) in pairwise(mine):
        assert place[row] < place[other] or abs(scores[row] - scores[other]) <= off


@pytest.mark.java
@pytest.mark.parametrize("variant", ["lucene", "lucene_accurate"])
def test_lucene_agrees(built: Built, variant: str):
    theirs = lucene(built, variant == "lucene_accurate")
    mine = hits(built.search(1000, variant=variant))
    assert sum(len(ranked) for ranked in theirs) > 500
    for ranked, other in zip(mine, theirs, strict=False):
        agree(ranked, other, 1e-4)


@pytest.mark.java
def test_the_two_formulas_of_lucene_differ(built: Built):
    theirs, accurate = lucene(built, False), lucene(built, True)
    assert max(
        abs(dict(some)[row] - score)
        for some, other in zip(theirs, accurate, strict=True)
        for row, score in other
    ) > 1e-3  # fmt: skip


BM25S = {
    "robertson": "robertson", "lucene_accurate": "lucene", "atire": "atire", "bm25l": "bm25l",
    "bm25_plus": "bm25+",
}  # fmt: skip


@pytest.mark.parametrize("variant", BM25S)
def test_bm25s_agrees(built: Built, tmp_path: Path, variant: str):
    """To bm25s a term adds what delta brings even where it does not come at all: taken away."""
    bm25s = pytest.importorskip("bm25s")
    texts = [text for text in built.texts if text and "w1 w1" not in text]  # none without terms
    rows = [Passage(f"p{row}", "", text) for row, text in enumerate(texts)]
    write_passages(tmp_path / "passages.arrow", rows)
    describe_passages(tmp_path, [tmp_path / "passages.arrow"])
    passages = Passages(tmp_path)
    part = Bm25Native(variant=variant)
    part.index(passages, tmp_path, RUNTIME)
    postings, terms = Postings(tmp_path), partial(_terms, part)
    theirs = bm25s.BM25(method=BM25S[variant], k1=0.9, b=0.4, delta=part._delta)
    theirs.index([terms(text) for text in texts], show_progress=False)
    # Robertson's idf is negative for w0 and w1, and floored at 0 by bm25s.
    for number in (0, 1, 4) if variant == "robertson" else (0, 1, 3, 4):
        words = terms(QUESTIONS[number])
        scores = theirs.get_scores([word for word in words if postings.term(word) >= 0])
        absent = np.zeros(len(texts))
        for word in words:
            some = slice(*postings.pointers[postings.term(word) :][:2])
            without = np.ones(len(texts), bool)
            without[postings.rows[some]] = False
            absent += np.where(without, _of_nothing(variant, part, postings, word), 0)
        mine = part.score(
            tmp_path, passages, ask(QUESTIONS), np.full(len(texts), number),
            np.arange(len(texts)), RUNTIME,
        )  # fmt: skip
        assert mine == pytest.approx(scores - absent, abs=2e-6, rel=2e-7)


def _terms(part: Bm25Native, text: str) -> list[str]:
    return part._analysis(RUNTIME).terms(text)


def _of_nothing(variant: str, part: Bm25Native, postings: Postings, word: str) -> float:
    """What bm25s lets a term add to a passage without it."""
    formula, term = VARIANTS[variant], postings.term(word)
    if formula.delta is None or term < 0:
        return 0.0
    assert formula.idf is not None
    df = np.diff(postings.pointers)[[term]]
    worth = formula.frequency(np.zeros(1), np.ones(1), 0.9, formula.delta)
    return float((formula.idf(postings.passages, df) * worth)[0])
