"""A prompt as the messages of a chat."""

from __future__ import annotations

from qa_bench.errors import UserError
from qa_bench.types import Message, Prompt


def messages_of(prompt: Prompt, system: str | None) -> list[dict[str, str]]:
    """Role and content of each message, as chat templates and OpenAI's API have them."""
    said = [Message("user", prompt)] if isinstance(prompt, str) else list(prompt)
    if system is not None:
        said.insert(0, Message("system", system))
    return [{"role": role, "content": text} for role, text in said]


def one_text(prompt: Prompt, remedy: str) -> str:
    """The prompt, for a model that takes no messages.

    Raises:
        UserError: it is a dialogue.
    """
    if not isinstance(prompt, str):
        raise UserError(f"a dialogue is asked, which wants a chat: {remedy}")
    return prompt
