"""What an expander makes of questions: one search or several, with one text a question."""

from __future__ import annotations

from collections.abc import Sequence

from qa_bench.errors import UserError
from qa_bench.protocols import LanguageModel
from qa_bench.types import QuestionSet, Runtime


def replies_to(
    lm: LanguageModel, prompts: Sequence[str], questions: QuestionSet, runtime: Runtime
) -> list[str]:
    """What the model replies; the prompts go through the questions again and again, in order.

    Raises:
        UserError: a prompt was not replied to.
    """
    replies = lm.generate(prompts, runtime)
    failed: dict[str, str] = {}
    for place, reply in enumerate(replies):
        if reply.error is not None:
            failed[questions.questions[place % len(questions)].qid] = reply.error
    if failed:
        raise UserError(
            f"expander: {len(failed)} of {len(questions)} questions failed "
            f"({next(iter(failed.values()))}): {', '.join(failed)}; the replies of the others are "
            "kept, run it again"
        )
    return [" ".join(reply.text.split()) for reply in replies]


def checked_model(lm: object) -> LanguageModel:
    """The language model of an expander.

    Raises:
        UserError: it is none.
    """
    if not isinstance(lm, LanguageModel):
        raise UserError("expander.lm: choose a language model, such as lm@expander.lm=openai")
    return lm


def checked_prompt(prompt: str) -> str:
    """A template with {question}.

    Raises:
        UserError: it has none.
    """
    if "{question}" not in prompt:
        raise UserError("expander.prompt has no {question} in it")
    return prompt
