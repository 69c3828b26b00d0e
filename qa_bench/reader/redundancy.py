"""A reader without a model: what the best passages say most often, of the kind that is asked for.

In the line of AskMSR (Brill, Lin, Banko, Dumais and Ng 2001; Brill, Dumais and Banko 2002): n-grams
of the passages vote, the type of the question filters them, redundancy and idf weigh them.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import regex

from qa_bench.metric.matching import answer_test
from qa_bench.parts import Part
from qa_bench.runtime.progress import progress
from qa_bench.settings import number, whole_number
from qa_bench.store.ranked import Ranked
from qa_bench.types import Runtime, Step

_WORD = regex.compile(
    r"\p{L}[\p{L}\p{M}'’.-]*[\p{L}\p{M}]|\p{L}|\p{N}[\p{N}.,:]*\p{N}|\p{N}|[^\s\p{L}\p{N}]"
)
_SENTENCE_END = regex.compile(r"(?<=[.!?]['\")\]]?)\s+(?=[\p{Lu}\d\"])|\n")
_STOPWORDS = frozenset(
    """
    a about after all also although am an and any are as at be became because been before being
    between both but by can could did do does during each for from had has have he her hers him his
    how i if in into is it its may me more most my no nor not of on one only or other our out over
    own said same she since so some such than that the their them then there these they this those
    through to under until up upon us was we were what when where which while who whom whose why
    will with within would you your
    """.split()  # noqa: SIM905
)
_SUFFIXES = ("'s", "’s", "ing", "ies", "ed", "es", "s")
_YEAR = regex.compile(r"1\d{3}|20\d\d")
_DATE = regex.compile(
    r"1\d{3}|20\d\d|january|february|march|april|may|june|july|august|september|october|november|"
    r"december",
    regex.IGNORECASE,
)
_NUMBER = regex.compile(
    r".*\d.*|zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|"
    r"fifteen|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|"
    r"ninety|hundred|thousand|million|billion",
    regex.IGNORECASE,
)


class _Gram(NamedTuple):
    """Words in a row."""

    written: str
    words: tuple[str, ...]
    small: Mapping[str, int]
    """How often words stand in lower case in the question's passages."""


def _is_year(gram: _Gram) -> bool:
    return len(gram.words) == 1 and _YEAR.fullmatch(gram.words[0]) is not None


def _is_date(gram: _Gram) -> bool:
    dated = [_DATE.fullmatch(word) is not None for word in gram.words]
    return any(dated) and all(
        sure or word == "," or word.isdigit() for sure, word in zip(dated, gram.words, strict=True)
    )


def _is_number(gram: _Gram) -> bool:
    words = gram.words
    return len(words) <= 2 and not _is_year(gram) and any(map(_NUMBER.fullmatch, words))


def _is_name(gram: _Gram) -> bool:
    return all(
        word.lower() in _STOPWORDS or (word[0].isupper() and not gram.small[word.lower()])
        for word in gram.words
    )


def _is_anything(gram: _Gram) -> bool:
    return True


Fits = Callable[[_Gram], bool]

_KINDS: list[tuple[str, Fits]] = [
    (r"\b(what|which) year\b", _is_year),
    (
        r"^when\b|\bwhen (did|was|is|were|does|do|will)\b|\b(what|which) (date|day|month)\b",
        _is_date,
    ),
    (r"\bhow (many|much|old|long|far|tall|high|big|large|fast|often|deep)\b", _is_number),
    (r"^(who|whose|whom|where)\b|\b(who|whose|whom|where) (is|was|did|does|are|were)\b", _is_name),
    ("", _is_anything),
]
"""What a question asks for, the first that matches."""
_QUESTION_KINDS = [(regex.compile(pattern, regex.IGNORECASE), fits) for pattern, fits in _KINDS]
_NAME_BONUS = 1.5
"""How much likelier a name answers a question that does not say of what kind its answer is."""
_PASSAGES_PER_S = 2_200
"""Measured on passages of 100 words."""


class Redundancy(Part):
    """Answers with the n-gram that the passages repeat most near the question's words.

    A passage gives each of its n-grams a vote of s² / (rank + ``damping``), where s is the share of
    the question's words, weighted by idf, that stand in the n-gram's sentence or the title. The
    votes of an n-gram are added up and multiplied by the root of its words' idf, added up; idf is
    over the passages of all questions. An n-gram may not begin or end with a stopword, cross a
    mark of punctuation or repeat a word of the question, and must be what is asked for: a year, a
    date, a number, a name, or anything. The answer is the best that one of the passages holds by
    the rules of ``has_answer``: not half of a word, such as the "th" of "19th".
    """

    version = 2

    def __init__(
        self,
        depth: int = 50,
        words: int = 4,
        damping: float = 10.0,
    ) -> None:
        """Check the settings.

        Args:
            depth: passages a question it looks at.
            words: longest n-gram.
            damping: the larger, the more alike the passages' votes.

        Raises:
            UserError: a setting is out of range.
        """
        self.depth = whole_number("reader.depth", depth)
        self._words = whole_number("reader.words", words)
        self._damping = number("reader.damping", damping, 0)

    def plan(self, questions: int, hits: int, runtime: Runtime) -> Step:
        """At the measured rate."""
        return Step("read", 0, questions * hits / _PASSAGES_PER_S, "0.3 GB")

    def read(self, ranked: Ranked, runtime: Runtime) -> list[str]:
        """The best n-gram for every question; nothing where no passage has one."""
        idf = self._idf(ranked)
        answers = []
        with progress(len(ranked.questions), "read", "questions", runtime) as bar:
            for question, (_, hits) in zip(ranked.questions, ranked.groups(), strict=True):
                passages = [
                    (ranked.titles[hit], ranked.texts[hit]) for hit in range(hits.start, hits.stop)
                ]
                answers.append(self._answer(question.text, passages, idf))
                bar.update()
        return answers

    @staticmethod
    def _idf(ranked: Ranked) -> Callable[[str], float]:
        """log(passages / passages with the stem), over all passages given, each once."""
        places = {row: place for place, row in enumerate(ranked.rows.tolist())}
        counts: Counter[str] = Counter()
        for place in places.values():
            counts.update({_stem(word) for word in set(_WORD.findall(ranked.texts[place]))})
        return lambda stem: math.log((1 + len(places)) / (1 + counts[stem])) + 0.01

    def _answer(
        self, question: str, passages: Sequence[tuple[str, str]], idf: Callable[[str], float]
    ) -> str:
        fits = next(fits for pattern, fits in _QUESTION_KINDS if pattern.search(question))
        weights = {
            _stem(word): idf(_stem(word))
            for word in _WORD.findall(question)
            if word[0].isalnum() and word.lower() not in _STOPWORDS
        }
        total = sum(weights.values()) or 1.0
        small: Counter[str] = Counter()
        for _, text in passages:
            small.update(word for word in _WORD.findall(text) if word.islower())
        votes: defaultdict[tuple[str, ...], float] = defaultdict(float)
        spellings: dict[tuple[str, ...], str] = {}
        for rank, (title, text) in enumerate(passages, 1):
            title_words = {_stem(word) for word in _WORD.findall(title)}
            best: dict[tuple[str, ...], float] = {}
            for sentence in filter(None, _SENTENCE_END.split(text)):
                there = title_words | {_stem(word) for word in _WORD.findall(sentence)}
                share = sum(weight for stem, weight in weights.items() if stem in there) / total
                for gram in self._grams(sentence, weights, small) if share else ():
                    if fits(gram):
                        words = tuple(word.lower() for word in gram.words)
                        best[words] = max(share, best.get(words, 0.0))
                        spellings.setdefault(words, gram.written)
            for words, share in best.items():
                votes[words] += share**2 / (rank + self._damping)

        def score(words: tuple[str, ...]) -> float:
            rare = sum(idf(_stem(word)) for word in words if word not in _STOPWORDS)
            likely = fits is _is_anything and spellings[words][0].isupper()
            return votes[words] * math.sqrt(rare) * (_NAME_BONUS if likely else 1.0)

        ranks = {words: (score(words), words) for words in votes}
        while ranks:
            words = max(ranks, key=ranks.__getitem__)
            test = answer_test([spellings[words]], "string", "dpr")
            if any(test(text) for _, text in passages):
                return spellings[words]
            del ranks[words]
        return ""

    def _grams(
        self, sentence: str, weights: Mapping[str, float], small: Mapping[str, int]
    ) -> Iterator[_Gram]:
        """The n-grams that may be an answer to any question."""
        spans = [(match.group(), *match.span()) for match in _WORD.finditer(sentence)]
        for first, (opening, start, _) in enumerate(spans):
            if opening.lower() in _STOPWORDS or not opening[0].isalnum():
                continue
            for last in range(first, min(first + self._words, len(spans))):
                word, _, end = spans[last]
                if _stem(word) in weights or not (word[0].isalnum() or word == ","):
                    break
                if word != "," and word.lower() not in _STOPWORDS:
                    words = tuple(inner for inner, _, _ in spans[first : last + 1])
                    yield _Gram(sentence[start:end], words, small)


def _stem(word: str) -> str:
    """A word without its ending, roughly: enough to tell that "stars" is "star"."""
    word = word.lower()
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) >= len(suffix) + 3:
            return word.removesuffix(suffix)
    return word.removesuffix("e") if len(word) > 4 else word
