"""What the reference matchers say on tricky inputs, case by case.

Computed with the unmodified functions of facebookresearch/DPR@a31212d and DrQA@6d7c1b7,
castorini/pyserini@0a0be29, FiD@fe769f3, FlashRAG@1ee5249, KILT@2664322 and ColBERT@501c29d under
Python 3.11.7 and regex 2026.5.9.
"""

from __future__ import annotations

from collections.abc import Set
from typing import NamedTuple


class Case(NamedTuple):
    """A text (or prediction), its answers, and the references that find one in it."""

    name: str
    text: str
    answers: tuple[str, ...]
    found_by: Set[str]


STRING_REFERENCES = {
    "DPR": "dpr",
    "DrQA_simple_tok": "dpr",
    "DrQA_regexp_tok": "drqa",
    "pyserini": "pyserini",
    "FiD": "dpr",
    "ColBERT": "dpr",
    "FlashRAG": "flashrag",
    "KILT_in_context": "kilt",
}
"""Our mode for each reference."""

REGEX_REFERENCES = {"DPR": "dpr", "DrQA": "drqa", "pyserini": "pyserini"}
EM_REFERENCES = {"DPR": "dpr", "DrQA": "drqa", "FiD": "dpr", "FlashRAG": "flashrag"}
EM_REGEX_REFERENCES = {
    "DrQA_match": ("dpr", "drqa"),
    "FlashRAG_fullmatch": ("flashrag",),
}

NOBODY: Set[str] = frozenset()
EVERYBODY = frozenset(STRING_REFERENCES)
SUBSTRINGS = frozenset({"FlashRAG", "KILT_in_context"})
TOKENS = EVERYBODY - SUBSTRINGS
FINE_TOKENS = EVERYBODY - {"DrQA_regexp_tok"}
"""DrQA's own tokenizer keeps numbers, hyphenated words and abbreviations whole."""

STRING_RECALL = [
    Case(
        "accent dropped in answer", "The singer Beyoncé was born in Houston.", ("Beyonce",), NOBODY
    ),
    Case("sharp s", "Die Straße ist lang", ("STRASSE",), NOBODY),
    Case("Turkish dotted I", "He moved to İstanbul in 1990", ("istanbul",), NOBODY),
    Case("superscript", "area of 5 km² here", ("km2",), NOBODY),
    Case("hyphen vs space", "the 42-year-old man, Jean-Luc Picard", ("Jean Luc Picard",), NOBODY),
    Case("hyphen part", "the 42-year-old man, Jean-Luc Picard", ("Luc",), FINE_TOKENS),
    Case("nb-hyphen U+2011", "the play Twenty‑One opened", ("Twenty-One",), NOBODY),
    Case("en dash part", "from 1939–1945 there was", ("1945",), EVERYBODY),
    Case(
        "possessive curly vs straight",
        "He read Schindler’s List twice",
        ("Schindler's List",),
        NOBODY,
    ),
    Case(
        "possessive no apostrophe",
        "He read Schindler's List twice",
        ("Schindlers List",),
        SUBSTRINGS,
    ),
    Case("comma number", "a total of 1,234,567 people", ("1234567",), SUBSTRINGS),
    Case("comma number part", "a total of 1,234,567 people", ("234",), FINE_TOKENS),
    Case("decimal", "3.14 million", ("3",), FINE_TOKENS),
    Case("abbr dots", "He moved to the U.S. in 1999", ("US",), SUBSTRINGS),
    Case("abbr dots same", "He moved to the U.S. in 1999", ("U.S.",), EVERYBODY),
    Case("substring", "They threw a party tonight", ("art",), SUBSTRINGS),
    Case("plural", "two dogs ran", ("dog",), SUBSTRINGS),
    Case("article only", "in Beatles history", ("the",), SUBSTRINGS),
    Case("punct only answer", "What is this? Yes.", ("?",), EVERYBODY),
    Case("empty answer", "anything at all", ("",), EVERYBODY),
    Case("empty answer + empty text", "", ("",), EVERYBODY),
    Case("zero-width answer", "anything", ("\u200b",), TOKENS),
    Case("zero-width inside text", "New\u200bYork is big", ("New York",), TOKENS),
    Case("soft hyphen", "inter\xadnational law", ("international",), NOBODY),
    Case("dollar", "costs $5.00 today", ("$5",), FINE_TOKENS),
    Case("degree", "20 °C outside", ("20°C",), TOKENS),
    Case("ampersand html", "AT&amp;T was founded", ("AT&T",), NOBODY),
    Case("Roman numeral char", "Louis Ⅳ reigned", ("Louis IV",), NOBODY),
    Case("CJK", "首都は東京です", ("東京",), SUBSTRINGS),
    Case("emoji", "I ❤ NY", ("I NY",), NOBODY),
    Case("case", "NASA launched", ("nasa",), EVERYBODY),
]

ALL_REGEX = frozenset(REGEX_REFERENCES)

REGEX_RECALL = [
    Case("alternation", "He won in September 1969", ("Sept?(ember)?|Feb(ruary)?",), ALL_REGEX),
    Case("case", "the NASA chief", ("nasa",), ALL_REGEX),
    Case("inline flag start", "The Cat", ("(?i)cat",), ALL_REGEX),
    Case("invalid: unbalanced", "cost $5 (approx", ("5 (approx",), NOBODY),
    Case("invalid: lone quantifier", "C++ language", ("C++",), ALL_REGEX),
    Case("possessive quantifier", "aaa b", ("a++ b",), ALL_REGEX),
    Case("\\p class", "city Zürich here", ("Z\\p{L}+rich",), NOBODY),
    Case("accent char class", "the Champs-Élysées avenue", ("Champs-[ÉE]lys[ée]es",), NOBODY),
    Case("accent with dot", "Zürich is big", ("Z.rich",), NOBODY),
    Case("anchor ^ multiline", "line one\nParis is", ("^Paris",), ALL_REGEX),
    Case("anchor $", "He lives in Paris, France", ("Paris$",), NOBODY),
    Case("whitespace literal", "New  York", ("New York",), NOBODY),
    Case("newline between", "New\nYork", ("New York",), NOBODY),
    Case("dot newline", "New\nYork", ("New.York",), NOBODY),
    Case("empty regex", "anything", ("",), ALL_REGEX),
    Case("two answers second hits", "It is Paris", ("London", "Paris"), {"DPR", "pyserini"}),
    Case("dot unescaped", "1X5 million", ("1.5 million",), ALL_REGEX),
    Case("(?P dup names)", "ab", ("(?P<x>a)(?P<x>b)",), {"DPR", "DrQA"}),
    Case("set op &&", "zebra", ("[[a-z]&&[^aeiou]]{2}",), NOBODY),
]

ALL_EM = frozenset(EM_REFERENCES)

EM = [
    Case("NFC vs NFD", "Beyonce\u0301", ("Beyoncé",), {"DrQA"}),
    Case("other accent same ascii (Rankify)", "Beyñonce?", ("Beyonce",), NOBODY),
    Case("Cyrillic vs Greek", "Москва", ("Αθήνα",), NOBODY),
    Case("straight apostrophe dropped", "Schindlers List", ("Schindler's List",), ALL_EM),
    Case("hyphen", "Jean Luc Picard", ("Jean-Luc Picard",), NOBODY),
    Case("en dash", "1939–45", ("1939-45",), NOBODY),
    Case("comma number", "1234567", ("1,234,567",), ALL_EM),
    Case("minus", "5", ("-5",), ALL_EM),
    Case("percent", "50", ("50%",), ALL_EM),
    Case("articles", "The Beatles", ("beatles",), ALL_EM),
    Case("article mid", "Lord of Rings", ("The Lord of the Rings",), ALL_EM),
    Case("vitamin A", "vitamin", ("Vitamin A",), ALL_EM),
    Case("only article gold vs empty pred", "", ("The",), ALL_EM),
    Case("punct only gold vs empty", "", ("...",), ALL_EM),
    Case("The The", "", ("The The",), ALL_EM),
    Case('U.S.A. -> "usa"', "USA", ("U.S.A.",), ALL_EM),
    Case("A.I. vs AI", "AI", ("A.I.",), ALL_EM),
    Case("tab in answer", "New\tYork", ("New York",), ALL_EM),
    Case("nbsp", "New\xa0York", ("New York",), ALL_EM),
    Case("ß casefold", "STRASSE", ("Straße",), NOBODY),
    Case("ordinal", "5th", ("fifth",), NOBODY),
]

EM_REGEX = [
    Case("trailing junk", "September 1969 maybe", ("Sept(ember)?",), {"DrQA_match"}),
    Case("exact", "September", ("Sept(ember)?",), {"DrQA_match", "FlashRAG_fullmatch"}),
    Case("punct in gold regex", "U.S.", ("U\\.S\\.",), {"DrQA_match"}),
    Case("invalid", "5 (approx", ("5 (approx",), NOBODY),
    Case("comma", "1,000", ("1,?000",), {"DrQA_match", "FlashRAG_fullmatch"}),
]
"""FlashRAG raises on the pattern that does not compile; here that matches nothing."""
