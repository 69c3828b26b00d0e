"""Porter's stemmer: the examples of his paper, and where Lucene's departs from it."""

from __future__ import annotations

from qa_bench.retriever.postings.porter import stems

PAPER = """caresses caress ponies poni ties ti caress caress cats cat feed feed agreed agre
plastered plaster bled bled motoring motor sing sing conflated conflat troubled troubl sized size
hopping hop tanned tan falling fall hissing hiss fizzed fizz failing fail filing file happy happi
sky sky relational relat conditional condit rational ration valenci valenc hesitanci hesit digitizer
digit radicalli radic differentli differ vileli vile analogousli analog vietnamization vietnam
predication predic operator oper feudalism feudal decisiveness decis hopefulness hope callousness
callous formaliti formal sensitiviti sensit sensibiliti sensibl triplicate triplic formative form
formalize formal electriciti electr electrical electr hopeful hope goodness good revival reviv
allowance allow inference infer airliner airlin gyroscopic gyroscop adjustable adjust defensible
defens irritant irrit replacement replac adjustment adjust dependent depend adoption adopt homologou
homolog communism commun activate activ angulariti angular homologous homolog effective effect
bowdlerize bowdler probate probat rate rate cease ceas controll control roll roll"""
OTHERS = {
    "conformabli": "conform", "possibly": "possibl", "apologi": "apolog", "geology": "geologi",
    "a": "a", "is": "is", "as": "as", "ies": "i", "yes": "ye", "yyy": "yyi", "sses": "ss",
    "1990s": "1990", "naïves": "naïv", "кошкиs": "кошки", "𝒂s": "𝒂", "eed": "eed",
    "abruptly": "abruptli", "eating": "eat", "inging": "ing", "aeiouing": "aeiou",
}  # fmt: skip


def test_the_papers_examples() -> None:
    words = PAPER.split()
    assert stems(words[::2]) == words[1::2]


def test_what_lucene_does() -> None:
    assert dict(zip(OTHERS, stems(list(OTHERS)), strict=True)) == OTHERS


def test_few_words_and_long_ones() -> None:
    assert stems([]) == []
    assert stems(["cats"]) == ["cat"]
    assert stems(["o" * 300 + "king", ""]) == ["o" * 300 + "k", ""]
