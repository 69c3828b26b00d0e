"""Words that a question shares with its passage."""

from __future__ import annotations

from qa_bench.synthetic.overlap import REFERENCES, overlap, overlaps

PASSAGE = "Swing bridge The swing bridge was designed by Clara Holm."


def test_words_of_grammar_do_not_count() -> None:
    assert overlap("Who designed the swing bridge?", PASSAGE) == 1
    assert overlap("Who was the designer of that bridge?", PASSAGE) == 0.5
    assert overlap("Who painted Oslo?", PASSAGE) == 0
    assert overlap("Who was it?", PASSAGE) is None
    assert overlap("_____ ?!", PASSAGE) is None


def test_a_word_counts_once() -> None:
    assert overlap("bridge bridge bridge river", PASSAGE) == 0.5


def test_the_histogram() -> None:
    pairs = [(question, PASSAGE) for question in ("bridge", "river", "bridge river", "who was it")]
    made = overlaps(pairs)
    assert (made.n, made.mean) == (3, 0.5)
    assert made.percent == (33.3, 0, 0, 0, 0, 33.3, 0, 0, 0, 33.3)
    assert overlaps([]).n == 0


def test_the_references_are_whole() -> None:
    assert set(REFERENCES) == {"SQuAD", "NQ"}
    for one in REFERENCES.values():
        assert abs(sum(one.percent) - 100) < 0.6
        assert one.n > 1000
        assert 0 < one.mean < 1
