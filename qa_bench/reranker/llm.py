"""A language model that orders passages: windows from the end of the list to its beginning.

Source: Sun et al. 2023, Is ChatGPT good at search? (RankGPT; EMNLP) and their code,
github.com/sunnweiwei/RankGPT: the dialogue, 300 words a passage, windows of 20 every 10, and how a
reply is repaired.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import numpy as np

from qa_bench.errors import UserError
from qa_bench.models.prompts import asking_step
from qa_bench.parts import Part
from qa_bench.protocols import LanguageModel
from qa_bench.reranker.hits import check_depths
from qa_bench.runtime.estimates import prompt_tokens
from qa_bench.settings import whole_number
from qa_bench.store.ranked import Ranked
from qa_bench.text import filled
from qa_bench.types import Message, Prompt, Reply, Runtime, Step

_ROLES = ("user", "assistant")


class ListwiseReranker(Part):
    """Asks for the order of a window of passages, all questions at once, window after window.

    A hit's score is how many hits of its question stand below it.

    RankGPT stops before a window that would begin above the first hit, so that where depth less
    ``window`` is no multiple of ``step`` the first hits are never looked at, and a list shorter
    than a window is left as it is. Here the last window begins at the first hit.
    """

    version = 2

    def __init__(
        self,
        lm: LanguageModel,
        prompt: str | Sequence[Mapping[str, str]],
        passage: str = "Title: {title} Content: {text}",
        between: str = "\n\n",
        depth: int = 100,
        keep: int | None = None,
        window: int = 20,
        step: int = 10,
        words: int | None = 300,
    ) -> None:
        """Check the settings.

        Args:
            lm: the language model.
            prompt: a dialogue: messages such as ``{"user": template}``, with {question} and
                {number}, of passages; those with {rank} (in the window, from 1) and {passage}
                stand there once a passage. Or one template with {question}, {passages} and
                {number}.
            passage: template of one passage: {title} and {text}. Where there is no title,
                "Title: Content: " is left out.
            between: what stands between two passages in {passages}, each with its [rank] before it.
            depth: hits a question it orders.
            keep: how many of them stay in the run; None: as many as the run shall have.
            window: passages in one prompt.
            step: by how many the next window is nearer to the first hit.
            words: of a passage as it stands in the prompt; None for all.

        Raises:
            UserError: a setting is out of range.
        """
        if not isinstance(lm, LanguageModel):
            raise UserError("reranker.lm: choose a language model, such as lm@reranker.lm=openai")
        check_depths(depth, keep)
        whole_number("reranker.window", window, 2)
        whole_number("reranker.step", step, 1, window)
        self._prompt = _checked_prompt(prompt)
        if "{text}" not in passage or "{rank}" in passage:
            raise UserError(
                "reranker.passage needs {text} in it, and no {rank}: that is put before it"
            )
        self.depth, self.keep = depth, keep
        self._passage, self._between = passage, between
        self._words = whole_number("reranker.words", words, optional=True)
        self._lm, self._window, self._step = lm, window, step

    def sources(self) -> dict[str, str]:
        """Identity of the language model, where it can be told."""
        return self._lm.sources()

    def plan(self, questions: int, hits: int, runtime: Runtime) -> Step:
        """A prompt a window."""
        texts = [self._prompt] if isinstance(self._prompt, str) else [m.text for m in self._prompt]
        tokens = prompt_tokens(" ".join(texts), min(hits, self._window), self._words)
        prompts = questions * len(list(self._windows(hits)))
        return asking_step("rerank", self._lm, prompts, tokens, runtime)

    def rerank(self, ranked: Ranked, runtime: Runtime) -> np.ndarray:
        """See ``Reranker``.

        Raises:
            UserError: a window was not replied to; the replies that came are kept for the next run.
        """
        orders = {
            place: list(range(hits.start, min(hits.stop, hits.start + self.depth)))
            for place, hits in ranked.groups()
        }
        windows = {place: list(self._windows(len(order))) for place, order in orders.items()}
        failed: dict[int, str] = {}
        for turn in range(max(map(len, windows.values()), default=0)):
            turns = [
                (place, windows[place][turn])
                for place in orders
                if turn < len(windows[place]) and place not in failed
            ]
            prompts = [
                self._filled(ranked, place, orders[place][window]) for place, window in turns
            ]
            for (place, window), reply in zip(turns, self._replies(prompts, runtime), strict=True):
                if reply.error is not None:
                    failed[place] = reply.error
                else:
                    hits = orders[place][window]
                    orders[place][window] = [hits[n] for n in permutation(reply.text, len(hits))]
        if failed:
            qids = [ranked.questions.questions[place].qid for place in failed]
            raise UserError(
                f"reranker: {len(failed)} of {len(orders)} questions failed "
                f"({next(iter(failed.values()))}): {', '.join(qids)}; the replies of the others "
                "are kept, run it again"
            )
        scores = np.full(len(ranked), -np.inf, dtype=np.float32)
        for order in orders.values():
            scores[order] = np.arange(len(order))[::-1]
        return scores

    def _replies(self, prompts: list[Prompt], runtime: Runtime) -> list[Reply]:
        return self._lm.generate(prompts, runtime) if prompts else []

    def _windows(self, count: int) -> Iterator[slice]:
        """Windows over so many hits, the last hits first; none over fewer than two."""
        if count < 2:
            return
        end = count
        while True:
            start = max(0, end - self._window)
            yield slice(start, end)
            if start == 0:
                return
            end -= self._step

    def _filled(self, ranked: Ranked, place: int, hits: list[int]) -> Prompt:
        values = {"question": ranked.questions.questions[place].text, "number": str(len(hits))}
        passages = [self._passage_of(ranked, hit) for hit in hits]
        if isinstance(self._prompt, str):
            numbered = (f"[{rank}] {text}" for rank, text in enumerate(passages, 1))
            return filled(self._prompt, passages=self._between.join(numbered), **values)
        said: list[Message] = []
        for repeated, some in groupby(self._prompt, _repeated):
            messages = list(some)
            each = enumerate(passages, 1) if repeated else [(0, "")]
            said += [
                Message(role, filled(text, rank=str(rank), passage=passage, **values))
                for rank, passage in each
                for role, text in messages
            ]
        return tuple(said)

    def _passage_of(self, ranked: Ranked, hit: int) -> str:
        """A passage as it stands in the prompt: its spaces, and then its words, as the authors'."""
        title = ranked.titles[hit]
        words = filled(self._passage, title=title, text=ranked.texts[hit]).split()
        if not title and words[:2] == ["Title:", "Content:"]:
            words = words[2:]
        return " ".join(words[: self._words])


def _repeated(message: Message) -> bool:
    return "{rank}" in message.text


def _checked_prompt(prompt: object) -> Prompt:
    """A template, or the templates of a dialogue.

    Raises:
        UserError: it is neither, or lacks a place for what is asked.
    """
    if isinstance(prompt, str):
        if "{question}" not in prompt or "{passages}" not in prompt:
            raise UserError("reranker.prompt needs {question} and {passages} in it")
        return prompt
    messages = []
    for one in prompt if isinstance(prompt, Sequence) else [prompt]:
        if not isinstance(one, Mapping) or len(one) != 1 or next(iter(one)) not in _ROLES:
            raise UserError(
                f"reranker.prompt: a text, or messages such as {{user: …}} and {{assistant: …}}, "
                f"got '{one}'"
            )
        [(role, text)] = one.items()
        messages.append(Message(role, str(text)))
    alone = [message for message in messages if not _repeated(message)]
    if (
        not any("{question}" in message.text for message in messages)
        or not any("{passage}" in message.text for message in messages if _repeated(message))
        or any("{passage}" in message.text for message in alone)
    ):
        raise UserError(
            "reranker.prompt needs a message with {question}, and one with {rank} and {passage}"
        )
    if messages[-1].role != "user":
        raise UserError(
            "reranker.prompt: the last message is the user's, to which the model replies"
        )
    return tuple(messages)


def permutation(reply: str, count: int) -> list[int]:
    """The order a reply asks for, as places from 0 of ``count`` passages.

    As RankGPT repairs it: every run of digits is a passage's number; of a number that comes again
    only the first counts, unknown ones do not; passages that are not named follow in their order.
    """
    named = (int(digits) - 1 for digits in re.findall(r"[0-9]{1,9}", reply))
    return list(dict.fromkeys([*(n for n in named if 0 <= n < count), *range(count)]))
