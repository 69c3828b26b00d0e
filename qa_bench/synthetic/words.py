"""English words of grammar, which say nothing of what a question is about."""

from __future__ import annotations


def _these(words: str) -> frozenset[str]:
    return frozenset(words.split())


QUESTION_WORDS = _these("what when where who whom whose which why how whatever whoever whichever")
AUXILIARIES = _these(
    "am is are was were be been being do does did done have has had having can could will would "
    "shall should may might must s d ll ve re t"
)
SUBJECT_PRONOUNS = frozenset(["he", "she", "it", "they"])
PRONOUNS = SUBJECT_PRONOUNS | _these(
    "him her them his hers its their theirs himself herself itself themselves"
)
"""Of the third person: they stand for something."""
FUNCTION_WORDS = (
    QUESTION_WORDS
    | AUXILIARIES
    | PRONOUNS
    | _these(
        "a an the this that these those some any each every no not and or but nor if than then so "
        "as at by for from in into of off on onto out over to under up with within without about "
        "above after against along among around before behind below beneath beside between beyond "
        "despite down during except inside near outside per since through throughout till toward "
        "towards until upon via while there here i you we me us my your our yours ours one ones "
        "also too very more most much many such other another both either neither own same only "
        "just however although though because once"
    )
)
