"""Whether a question can be asked without the passage that it was made of.

Rules for English questions, no model: they look for words that point at something outside of the
question. What they let through may still be vague ("What did the company do?"): no rule tells.
"""

from __future__ import annotations

import re

from qa_bench.synthetic.words import AUXILIARIES, FUNCTION_WORDS, PRONOUNS, SUBJECT_PRONOUNS

_TOKEN = re.compile(r"_{2,}|[^\W_]+")
_TEXTS = "passage|text|paragraph|excerpt|snippet|extract"
_POINTERS = re.compile(
    rf"\b(?:the|said)\s+(?:(?:above|given|following|provided)\s+)?(?:{_TEXTS})s?\b(?!\s+of\b)"
    r"|\bthe\s+(?:above|given|following|provided)\b"
    r"|\b(?:mentioned|described|discussed|stated|listed|given|shown)\s+"
    r"(?:above|below|here|earlier|previously|in\s+the\s+(?:article|document|context|section))\b"
    r"|\baccording\s+to\s+the\s+(?:article|author|document|context|section|story|sentence)\b"
    r"|\b(?:this|these)\b",
    re.IGNORECASE,
)
"""The text itself, a place in it, or something that the reader is shown."""
_MASK = "_"
_TO_BE = frozenset(["is", "are", "was", "were"])
_DO = frozenset(["did", "do", "does"])


def standalone(question: str) -> bool:
    """Whether nothing in the question points at something outside of it.

    Not so where it speaks of "the passage", "the text above" and the like, says "this" or "these",
    or has a pronoun of the third person that stands for nothing in it. A pronoun stands for a name
    before it, or for what is asked: "Who sold his house?", "Which planet has its axis …?", but not
    "What year did he die?". A name is a word with a capital that is none of grammar; the first word
    only if one with a capital follows, or if it is a blank to be filled in; of a question without
    capitals, any word that is none of grammar.
    """
    if _POINTERS.search(question):
        return False
    words = _TOKEN.findall(question)
    lowered = [word.lower() for word in words]
    plain = question == question.lower()
    for place, word in enumerate(lowered):
        if word not in PRONOUNS or _names(words[:place], plain):
            continue
        if place and _turned(lowered[place - 1], word):
            return False
        if not _asks_for_subject(lowered[:place]):
            return False
    return True


def _names(words: list[str], plain: bool) -> bool:
    """Whether a pronoun may stand for one of the words before it; ``plain``: none has a capital."""
    for place, word in enumerate(words):
        if word.lower() in FUNCTION_WORDS or (word[0] == _MASK and place):
            continue
        capital = word[0].isupper() and (place > 0 or (words[1:2] and words[1][0].isupper()))
        if plain or capital or word[0] == _MASK:
            return True
    return False


def _turned(before: str, pronoun: str) -> bool:
    """Whether verb and pronoun tell that another is asked for: "did he", "was his", "has she"."""
    if pronoun in SUBJECT_PRONOUNS:
        return before in AUXILIARIES
    return before in _TO_BE


def _asks_for_subject(words: list[str]) -> bool:
    """Whether a question begins with its subject: who, whose brother, which planet, what river."""
    if words[:1] == ["who"]:
        return not _DO & set(words[1:2])
    if not words or words[0] not in ("which", "what", "whose"):
        return False
    return len(words) > 2 and words[1] not in FUNCTION_WORDS and not _DO & set(words[2:4])
