"""UPR: how likely a language model finds the question, when it has read the passage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from qa_bench.errors import UserError
from qa_bench.models.loading import decoder_start, language_model
from qa_bench.models.pairs import tokenised
from qa_bench.models.positions import check_announced
from qa_bench.models.rows import scored
from qa_bench.models.source import Source
from qa_bench.parts import Part
from qa_bench.reranker.hits import (
    check_depths,
    distinct_passages,
    finished,
    source_of,
)
from qa_bench.runtime.estimates import PASSAGE_TOKENS, QUESTION_TOKENS, model_step, text_tokens
from qa_bench.runtime.progress import progress
from qa_bench.runtime.replicas import Replicas
from qa_bench.settings import flag, number
from qa_bench.store.ranked import Ranked
from qa_bench.types import Runtime, Step


class UPR(Part):
    """The mean of log P(token of ``question`` | prompt with the passage, the tokens before it).

    A decoder reads prompt and question in one row; of an encoder-decoder (T0, T5) the encoder
    reads the prompt, the decoder the question. Needs no training and no head but the model's own.

    Source: Sachan et al. 2022, Improving Passage Retrieval with Zero-Shot Question Generation, and
    their code, github.com/DevSinghSachan/unsupervised-passage-reranking: the prompt, and
    "Question: " before the question (``openqa_dataset.py``).
    """

    version = 2
    labels = frozenset({"sha256"})

    def __init__(
        self,
        model: str | None = None,
        revision: str | None = None,
        max_length: int = 512,
        precision: str = "fp32",
        trust_remote_code: bool = False,
        title: str = " ",
        before: str = "Passage: ",
        after: str = ". Please write a question based on this passage.",
        question: str = "Question: {}?",
        end_token: bool = False,
        interpolate: float = 0.0,
        depth: int = 100,
        keep: int | None = None,
        sha256: Mapping[str, str] | None = None,
    ) -> None:
        """Check the settings.

        Args:
            model: hub name, folder, or ``wheel:<package>/<folder>``, with a file's name after that
                where it is in GGUF's format.
            revision: commit, tag or branch on the hub; None for the newest.
            max_length: tokens of prompt and question; the passage is cut to what they leave.
            precision: fp32, bf16 or fp16.
            trust_remote_code: run code that comes with the model.
            title: what stands between a passage's title and text; "none" leaves the title out.
            before: the prompt's part before the passage.
            after: the prompt's part after it.
            question: what is scored; ``{}`` stands for the question. A "?" at its end is left out
                where the question ends in one.
            end_token: count the end of the question as one of its tokens.
            interpolate: weight with which the retriever's score is added.
            depth: how many hits of a question are looked at.
            keep: how many of them stay; None for as many as the run shall have.
            sha256: file of the model to the hash it must have.

        Raises:
            UserError: a setting is out of range.
        """
        check_depths(depth, keep)
        self.depth, self.keep = depth, keep
        self._interpolate = number("reranker.interpolate", interpolate)
        self._source = source_of(model, revision, max_length, precision, trust_remote_code, sha256)
        self._title = "none" if title is None else str(title)
        self._before, self._after = before or "", after or ""
        if not isinstance(question, str) or question.count("{}") != 1:
            raise UserError(f"reranker.question: one {{}} for the question, got '{question}'")
        self._question = question
        self._end_token = flag("reranker.end_token", end_token)

    @property
    def pointwise(self) -> bool:
        """Whether a score depends on nothing but question and passage."""
        return not self._interpolate

    def sources(self) -> dict[str, str]:
        """Identity of the model's content.

        Raises:
            UserError: there is no such model, or it has fewer positions than ``max_length``.
        """
        source = self._source
        check_announced(source, source.length_setting, source.max_length)
        return {"reranker_model": self._source.identity()}

    def plan(self, questions: int, hits: int, runtime: Runtime) -> Step:
        """From ``about.parameters``, as if all read all; the two halves of a T5 take less."""
        said = text_tokens(self._before, self._after, self._question.replace("{}", ""))
        row = PASSAGE_TOKENS + QUESTION_TOKENS + said
        tokens = questions * hits * min(row, self._source.max_length or row)
        return model_step("rerank", self.about, self._source.precision, tokens, runtime)

    def rerank(self, ranked: Ranked, runtime: Runtime) -> np.ndarray:
        """The mean log probability of every hit's question, float32 (hits,); natural logarithm.

        Raises:
            UserError: the model does not suit, a question is empty or too long for it, a passage
                has no text, or a score is not finite.
        """
        if not len(ranked):
            return np.zeros(0, dtype=np.float32)
        tokenizer, replicas, two_parts = loaded_likelihood(self._source, runtime)
        places, question_rows = np.unique(ranked.question_rows, return_inverse=True)
        passages, which = distinct_passages(ranked, self._title)
        rows = _Rows(
            two_parts,
            self._source.max_length or 512,
            self._prompts(tokenizer, two_parts, passages),
            self._questions(tokenizer, [ranked.questions.questions[n].text for n in places]),
            question_rows.reshape(-1),
            which,
        )
        bar = progress(len(ranked), "rerank", "passages", runtime)
        with bar:
            scores = scored(replicas, rows, bar.update)
        return finished(scores, ranked, self._source.model, interpolate=self._interpolate)

    def _prompts(
        self, tokenizer: Any, two_parts: bool, passages: Sequence[str]
    ) -> tuple[list[np.ndarray], int]:
        """Prompts with the tokenizer's own tokens, and how many stand behind the passage."""
        said = [f"{self._before}{text.strip()}{self._after}" for text in passages]
        prompts = tokenised(tokenizer, said)
        alone, followed = tokenised(tokenizer, ["a", f"a{self._after}"])
        begins = tokenizer("a")["input_ids"][0] == tokenizer.bos_token_id
        if begins and not two_parts:
            prompts = [np.insert(ids, 0, tokenizer.bos_token_id) for ids in prompts]
        if two_parts:
            prompts = [np.append(ids, tokenizer.eos_token_id) for ids in prompts]
        return prompts, len(followed) - len(alone) + two_parts

    def _questions(self, tokenizer: Any, texts: Sequence[str]) -> list[np.ndarray]:
        """Tokens of what is scored, as of words within a text: with a space before the first."""
        if any(not text.strip() for text in texts):
            raise UserError("a question has no text: its probability says nothing")
        [first, *_] = tokenizer.tokenize("a")
        space = "" if first.startswith("▁") else " "
        rows = tokenised(tokenizer, [space + wording(self._question, text) for text in texts])
        if self._end_token:
            if tokenizer.eos_token_id is None:
                raise UserError(
                    f"model {self._source.model} has no end token: set reranker.end_token=false"
                )
            return [np.append(ids, tokenizer.eos_token_id) for ids in rows]
        return rows


def wording(template: str, question: str) -> str:
    """A question as it is scored: in the template, with one question mark at most."""
    question = question.strip()
    if template.endswith("?") and question.endswith("?"):
        template = template[:-1]
    return template.replace("{}", question)


class _Rows:
    """Prompts and questions as rows of tokens: in one row (a decoder), or apart.

    Attributes:
        lengths: tokens of prompt and question, or of the prompt; (rows,).
    """

    def __init__(
        self,
        two_parts: bool,
        limit: int,
        prompts: tuple[Sequence[np.ndarray], int],
        questions: Sequence[np.ndarray],
        question_rows: np.ndarray,
        which: np.ndarray,
    ) -> None:
        """Cut the passages to what the rest leaves of ``limit``.

        Raises:
            UserError: that is less than a quarter.
        """
        self._two_parts, self._questions = two_parts, questions
        self._prompts, self._after = prompts
        self._question_rows, self._which = question_rows, which
        self._heads = np.array([len(ids) for ids in questions], dtype=np.int64)[question_rows]
        room = limit - self._after - (0 if two_parts else self._heads)
        if limit - self._after - self._heads.max() < limit // 4:
            raise UserError(
                f"a question of {self._heads.max()} tokens and {self._after} of the prompt after "
                f"the passage leave it no room in reranker.max_length={limit}"
            )
        tails = np.array([len(ids) for ids in self._prompts], dtype=np.int64)[which] - self._after
        self._tails = np.minimum(tails, room)
        self.lengths = self._tails + self._after + (0 if two_parts else self._heads)

    def features(self, places: np.ndarray) -> dict[str, Any]:
        """The rows; ``question``: its tokens, at the end or start; ``asked``: how many they are."""
        longest = int(self._heads[places].max())
        tokens = np.empty((len(places), self.lengths[places[0]]), dtype=np.int64)
        questions = np.zeros((len(places), longest), dtype=np.int64)
        for row, place in enumerate(places):
            question = self._questions[self._question_rows[place]]
            prompt = self._prompts[self._which[place]]
            stretches = [prompt[: self._tails[place]], prompt[len(prompt) - self._after :]]
            if self._two_parts:
                questions[row, : len(question)] = question
            else:
                stretches.append(question)
                questions[row, longest - len(question) :] = question
            tokens[row] = np.concatenate(stretches)
        return {"input_ids": tokens, "question": questions, "asked": self._heads[places]}


@lru_cache(maxsize=1)
def loaded_likelihood(source: Source, runtime: Runtime) -> tuple[Any, Replicas, bool]:
    """Tokenizer, model on all devices, and whether it has an encoder; the last one is kept."""
    tokenizer, model = language_model(source, "reranker", fast=True)
    two_parts = bool(model.config.is_encoder_decoder)
    module = _encoder_decoder(model) if two_parts else _decoder(model)
    return tokenizer, Replicas(module, source.model, runtime), two_parts


def _decoder(model: Any) -> Any:
    import inspect

    import torch

    spares = "logits_to_keep" in inspect.signature(model.forward).parameters

    class Likelihood(torch.nn.Module):
        """Questions end their rows: the logits before each of their tokens are what counts."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = model

        def forward(self, features: dict[str, Any]) -> Any:
            ids, question = features["input_ids"], features["question"]
            width = question.shape[1] + 1
            sparing = {"logits_to_keep": width} if spares else {}
            mask = torch.ones_like(ids)
            logits = self.inner(ids, attention_mask=mask, use_cache=False, **sparing).logits
            likelihoods = _log_probabilities(logits[:, -width:-1], question)
            place = torch.arange(1, width, device=ids.device)
            return _mean(likelihoods, place > width - 1 - features["asked"][:, None])

    return Likelihood()


def _encoder_decoder(model: Any) -> Any:
    import torch

    start = decoder_start(model)

    class Likelihood(torch.nn.Module):
        """Questions begin the decoder's rows; what stands behind them changes nothing."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = model

        def forward(self, features: dict[str, Any]) -> Any:
            ids, question = features["input_ids"], features["question"]
            shifted = torch.roll(question, 1, 1)
            shifted[:, 0] = start
            mask = torch.ones_like(ids)
            logits = self.inner(
                ids, attention_mask=mask, decoder_input_ids=shifted, use_cache=False
            ).logits
            place = torch.arange(question.shape[1], device=ids.device)
            likelihoods = _log_probabilities(logits, question)
            return _mean(likelihoods, place < features["asked"][:, None])

    return Likelihood()


def _log_probabilities(logits: Any, tokens: Any) -> Any:
    """Of each token, float32 (rows, tokens); those of all others are not kept."""
    logits = logits.float()
    return logits.gather(2, tokens[..., None])[..., 0] - logits.logsumexp(2)


def _mean(values: Any, counted: Any) -> Any:
    return values.where(counted, 0).sum(1) / counted.sum(1)
