"""Texts become counted terms: by pieces as in one, without Java as with it."""

from __future__ import annotations

import json
import lzma
import random
import threading
from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from qa_bench.errors import UserError
from qa_bench.retriever.postings import porter, python_terms
from qa_bench.retriever.postings import terms as module
from qa_bench.retriever.postings.terms import Analysis, Lexicon, counts, passage_counts
from qa_bench.store.passages import Passages, describe_passages, write_passages
from qa_bench.types import Passage

SIGNS = (
    "aaabBsSzÉßİΣσ09٣१_''’’＇..::··,,;;\"\"##** \t\n\x0b\x1c\x85\u00a0\u2003\u2028\u3000-–—/“”()«»"
    "\u0301\u00ad\u200d\u200d\ufe0e\ufe0f\u20e3אבה日ひカ한กั😀👍🏽🇩🇪ℹ𝒂𠀀\U000e0067\U000e007f\0"
)
WORDS = "The dogs' O'Neil's running 1,000.5 x_y of Of U.S. a.b:c ye generalizations dog’s"


def texts(count: int, seed: int) -> list[str]:
    """Texts that are as odd as can be, words and runs of one sign among them."""
    rng = random.Random(seed)
    made = []
    for _ in range(count):
        alphabet = rng.sample(SIGNS, rng.choice((3, 8, 30)))
        parts = [
            rng.choice(WORDS.split()) if rng.random() < 0.2 else rng.choice(alphabet)
            for _ in range(rng.randint(0, 40))
        ]
        if rng.random() < 0.1:
            parts.insert(rng.randint(0, len(parts)), rng.choice(alphabet) * rng.randint(200, 700))
        made.append("".join(parts))
    return made


def counted(several: list[str], analysis: Analysis, workers: int = 1) -> list[list[tuple]]:
    """Of each text (term, count) as ``counts`` has them; the lengths are compared."""
    lexicon = Lexicon(analysis)
    pointers, numbers, times, lengths = counts(several, lexicon, workers)
    kinds = [array.dtype for array in (pointers, numbers, times, lengths)]
    assert kinds == [np.int64, np.int32, np.int32, np.int32]
    assert [len(pointers), len(lengths)] == [len(several) + 1, len(several)]
    of_each = []
    for start, end, length in zip(pointers[:-1], pointers[1:], lengths, strict=True):
        words = [lexicon[number] for number in numbers[start:end]]
        of_each.append(list(zip(words, times[start:end].tolist(), strict=True)))
        assert length == times[start:end].sum()
    return of_each


def expected(several: list[str], analysis: Analysis) -> list[list[tuple]]:
    """The same of whole texts: terms in the order in which they first come."""
    return [list(Counter(analysis.terms(text)).items()) for text in several]


def test_by_hand() -> None:
    text = "The dogs' dog, the DOG's tail; it's running, ran and RUNS: possibly 1,000 x_y ___ U.S."
    terms = ["dog", "dog", "dog", "tail", "run", "ran", "run", "possibl", "1,000", "x_y", "u."]
    assert Analysis().terms(text) == terms
    lexicon = Lexicon(Analysis())
    pointers, numbers, times, lengths = counts(["", text, "dog the ran"], lexicon)
    assert pointers.tolist() == [0, 0, 8, 10]
    assert [lexicon[n] for n in numbers] == [*dict.fromkeys(terms), "dog", "ran"]
    assert times.tolist() == [3, 1, 2, 1, 1, 1, 1, 1, 1, 1]
    assert lengths.tolist() == [0, 11, 2]


@pytest.mark.parametrize("settings", [{}, {"stemmer": "none", "keep_stopwords": True}])
def test_terms_of_pieces_are_those_of_the_text(settings: dict) -> None:
    several, analysis = texts(2_000, 3), Analysis(**settings)
    assert counted(several, analysis) == expected(several, analysis)


def test_blocks_and_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    several = texts(300, 5)
    alone = counted(several, Analysis())
    monkeypatch.setattr(module, "_BLOCK_BYTES", 200)
    lexicons = [Lexicon(Analysis()), Lexicon(Analysis())]
    assert counted(several, Analysis(), 3) == alone
    for lexicon, workers in zip(lexicons, (1, 3), strict=True):
        counts(several, lexicon, workers)
    assert lexicons[0].strings().equals(lexicons[1].strings())
    assert counts(pa.array(several)[7:20], Lexicon(Analysis()))[3].tolist() == [
        sum(count for _, count in terms) for terms in alone[7:20]
    ]


def test_threads_may_share_a_lexicon() -> None:
    several, lexicon = texts(400, 6), Lexicon(Analysis())
    parts = [several[n::4] for n in range(4)]
    results: dict[int, tuple] = {}
    threads = [
        threading.Thread(target=lambda n=n: results.update({n: counts(parts[n], lexicon)}))
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(lexicon)) == len(lexicon)
    for number, part in enumerate(parts):
        pointers, numbers, _, _ = results[number]
        for row, terms in enumerate(expected(part, Analysis())):
            some = numbers[pointers[row] : pointers[row + 1]]
            assert [lexicon[one] for one in some] == [term for term, _ in terms]


def test_a_passage_is_title_and_text(tmp_path: Path) -> None:
    rows = [Passage("7", "Dogs", "running dogs"), Passage("3", "", ""), Passage("1", "A", "cat's")]
    write_passages(tmp_path / "p.arrow", rows)
    describe_passages(tmp_path, [tmp_path / "p.arrow"])
    lexicon = Lexicon(Analysis())
    (block,) = passage_counts(Passages(tmp_path), lexicon, 2)
    assert block.first_row == 0
    assert block.pointers.tolist() == [0, 2, 2, 3]
    assert [lexicon[n] for n in block.terms] == ["dog", "run", "cat"]
    assert (block.counts.tolist(), block.lengths.tolist()) == ([2, 1, 1], [3, 0, 1])


def test_no_texts() -> None:
    lexicon = Lexicon(Analysis())
    assert [array.tolist() for array in counts([], lexicon)] == [[0], [], [], []]
    assert list(lexicon) == lexicon.strings().to_pylist() == []


def test_krovetz_wants_lucene() -> None:
    with pytest.raises(UserError, match=r"stemmer=krovetz: only Lucene has .*engine=lucene"):
        Analysis("krovetz")
    with pytest.raises(UserError, match=r"retriever\.engine"):
        Analysis(engine="perl")


# Beside Lucene


@pytest.mark.java
@pytest.mark.parametrize("settings", [{}, {"stemmer": "none", "keep_stopwords": True}])
def test_odd_texts_have_lucenes_terms(settings: dict) -> None:
    several = texts(1_500, 11)
    lucene = Analysis(**settings, engine="lucene", heap="1g")
    assert expected(several, Analysis(**settings)) == expected(several, lucene)
    assert counted(several[:500], lucene) == expected(several[:500], lucene)


@pytest.mark.java
def test_every_character_is_cut_and_lowered_as_java_does() -> None:
    """One by one between letters, so that each class shows; surrogates are no text."""
    points = [point for point in range(0x20, 0x110000) if not 0xD800 <= point < 0xE000]
    several = [f"a{chr(point)}b" for point in points if chr(point).isprintable()]
    lucene = Analysis("none", True, engine="lucene", heap="1g")
    python = Analysis("none", True)
    for start in range(0, len(several), 8192):
        some = " ".join(several[start : start + 8192])
        assert python.terms(some) == lucene.terms(some)


@pytest.mark.java
def test_words_of_many_suffixes_have_lucenes_stems() -> None:
    rng = random.Random(2)
    rules = [rule for _, step in porter._STEPS for rule in step.replace("|", "").split()]
    ends = [part for rule in rules for part in rule.split(":") if part]
    several = [
        "".join(rng.choice("bcdlstyaeiouwxz") for _ in range(rng.randint(0, 4)))
        + "".join(rng.choice([*ends, "ing", "ed", "y", "e", "s"]) for _ in range(rng.randint(1, 3)))
        for _ in range(20_000)
    ]
    text = " ".join(several)
    lucene = Analysis(keep_stopwords=True, engine="lucene", heap="1g")
    assert Analysis(keep_stopwords=True).terms(text) == lucene.terms(text)


@pytest.mark.java
def test_krovetz_by_lucene() -> None:
    analysis = Analysis("krovetz", engine="lucene", heap="1g")
    assert analysis.terms("The ponies were running possibly") == [
        "pony", "were", "running", "possibly",
    ]  # fmt: skip


@pytest.mark.java
def test_another_lucene_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python_terms, "STOP_WORDS", frozenset({"and"}))
    with pytest.raises(UserError, match="this Lucene makes other terms"):
        Analysis(engine="lucene", heap="1g").terms("a text")


@pytest.mark.java
@pytest.mark.shared
def test_real_text_has_lucenes_terms(shared: Path) -> None:
    """Articles and the questions of five sets; all 408,191 passages were compared once."""
    data = shared / "data"
    several = []
    with lzma.open(data / "enwiki_201811_p10p30302/articles.00.jsonl.xz", "rt") as lines:
        several += [json.loads(line)["text"] for line in islice(lines, 60)]
    for name in ("nq", "triviaqa", "webq", "curatedtrec", "squad"):
        with (data / name / "test.jsonl").open(encoding="utf-8") as lines:
            several += [json.loads(line)["question"] for line in islice(lines, 400)]
    lucene = expected(several, Analysis(engine="lucene", heap="1g"))
    assert expected(several, Analysis()) == lucene
    assert counted(several, Analysis(), 2) == lucene
