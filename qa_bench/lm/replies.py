"""What is asked of a language model, what it replies, and what a reader makes of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Reply(NamedTuple):
    """What a model made of one prompt.

    Attributes:
        text: the reply; empty where it failed.
        prompt_tokens: tokens the model read; 0 where a server does not tell.
        completion_tokens: tokens it wrote; 0 where a server does not tell.
        error: why there is no reply, in one line; None where there is one.
    """

    text: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    error: str | None = None


class Request(NamedTuple):
    """A prompt; and where replies are drawn, the how manieth draw it is, from 0."""

    prompt: str
    draw: int = 0


class Answers(list[str]):
    """A reader's answers, with those that failed and what they cost.

    Attributes:
        failed: question's place in the set to why it has no answer. Its answer is empty.
        costs: counts for the manifest, such as tokens.
    """

    def __init__(
        self,
        answers: Iterable[str],
        failed: dict[int, str] | None = None,
        costs: dict[str, int] | None = None,
    ) -> None:
        """Keep them."""
        super().__init__(answers)
        self.failed = failed or {}
        self.costs = costs or {}


def tokens(replies: Iterable[Reply]) -> dict[str, int]:
    """The tokens of all replies, whether the model made them just now or they were kept."""
    read = wrote = 0
    for reply in replies:
        read += reply.prompt_tokens
        wrote += reply.completion_tokens
    return {"prompt_tokens": read, "completion_tokens": wrote}
