"""Who, when, where, how many, …: by the first question word."""

from __future__ import annotations

from qa_bench.analysis.subject import Subject, Subsets, by_label
from qa_bench.text import dpr_tokens, nfd

TYPES = ("who", "when", "where", "how many", "what", "which", "why", "how", "other")
_TYPE_OF = {word: word for word in ("who", "when", "where", "what", "which", "why", "how")} | {
    "whom": "who",
    "whose": "who",
}


def question_type(question: str) -> str:
    """The type of the first question word; "how many" and "how much" are one; else "other"."""
    tokens = dpr_tokens(nfd(question))
    for place, token in enumerate(tokens):
        kind = _TYPE_OF.get(token)
        if kind == "how" and tokens[place + 1 : place + 2] in (["many"], ["much"]):
            return "how many"
        if kind is not None:
            return kind
    return "other"


def subsets(subject: Subject) -> Subsets:
    """The questions by their type."""
    return by_label([question_type(question.text) for question in subject.questions], TYPES)
