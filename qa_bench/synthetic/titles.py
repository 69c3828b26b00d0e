"""Whether a text names an article, as a question does that needs no passage beside it."""

from __future__ import annotations

import re

from qa_bench.metric.matching import contains_answer

_BRACKETS = re.compile(r"\s*\([^()]*\)\Z")


def named(text: str, title: str, mode: str) -> bool | None:
    """Whether the title stands in a text; None where there is no title.

    What stands in brackets at a title's end tells it from others of its name, and is left out:
    "Mercury (planet)" is "Mercury" in any question. Titles that a text writes in another way ("the
    financial crisis of 2008") are not seen: a share of such questions is a lower bound.

    Args:
        text: a question, or what a model takes to be its article.
        title: of the article.
        mode: whose rules say what a text contains.
    """
    name = _BRACKETS.sub("", title).strip() or title.strip()
    return contains_answer(text, [name], mode=mode) if name else None
