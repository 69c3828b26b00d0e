"""A language model's word on whether predictions are right."""

from __future__ import annotations

import re

import numpy as np

from qa_bench.errors import UserError
from qa_bench.metric.evidence import Evidence
from qa_bench.parts import Part
from qa_bench.protocols import LanguageModel
from qa_bench.settings import whole_number
from qa_bench.text import filled, without_thoughts
from qa_bench.types import Heading, Reply

_VERDICT = re.compile(r"\b(yes|correct|no|incorrect)\b", re.IGNORECASE)


class LMJudge(Part):
    """1 where a language model, shown question, answers and prediction, says yes.

    Only predictions that say something are shown; others count 0, and so do replies without a yes
    or no. How far it agrees with exact match, beyond chance, is told as Cohen's kappa.

    Source: Kamalloo et al. 2023, Evaluating open-domain question answering in the era of large
    language models (ACL); Cohen 1960, A coefficient of agreement for nominal scales.
    """

    def __init__(self, lm: LanguageModel, prompt: str, answers: int = 20) -> None:
        """Check the settings.

        Args:
            lm: the judge.
            prompt: template with {question}, {answers} and {prediction}.
            answers: so many of the gold answers are shown, the first ones.

        Raises:
            UserError: a setting is out of range, or the prompt lacks one of the three.
        """
        if not isinstance(lm, LanguageModel):
            raise UserError(
                "metrics.lm_judge.lm: choose a language model, as lm@metrics.lm_judge.lm=openai"
            )
        for name in ("question", "answers", "prediction"):
            if f"{{{name}}}" not in prompt:
                raise UserError(f"metrics.lm_judge.prompt has no {{{name}}} in it")
        self._lm, self._prompt = lm, prompt
        self._answers = whole_number("metrics.lm_judge.answers", answers)

    def sources(self) -> dict[str, str]:
        """Identity of the judge, where it can be told."""
        return self._lm.sources()

    def heading(self, column: str) -> Heading:
        """In words; the tokens in their own unit."""
        return Heading("judge") if column == "lm_judge" else Heading("judged with", "tokens")

    def score(self, evidence: Evidence) -> dict[str, np.ndarray]:
        """``lm_judge``: 0 or 1 a question; ``lm_judge_tokens``, read and written, where known."""
        right, predictions, questions = evidence.right, evidence.predictions, evidence.questions
        if right is None or predictions is None:
            return {}
        places = [
            place
            for place, question in enumerate(questions)
            if predictions.get(question.qid, "").strip()
        ]
        prompts = [
            filled(
                self._prompt,
                question=text,
                answers="\n".join(answers[: self._answers]),
                prediction=predictions[qid],
            )
            for qid, text, answers in (questions.questions[place] for place in places)
        ]
        replies = self._lm.generate(prompts, evidence.runtime) if prompts else []
        verdicts, spent = np.zeros(len(questions)), np.zeros(len(questions))
        unclear = 0
        for place, reply in zip(places, replies, strict=True):
            verdict = _verdict(reply)
            verdicts[place], unclear = bool(verdict), unclear + (verdict is None)
            spent[place] = reply.prompt_tokens + reply.completion_tokens
        failed = [place for place, reply in zip(places, replies, strict=True) if reply.error]
        evidence.failed.extend(questions.questions[place].qid for place in failed)
        evidence.remarks.append(self._remark(verdicts > 0, right, int(spent.sum())))
        if unclear:
            evidence.remarks.append(
                f"lm_judge: {unclear} of {len(places)} replies say neither yes nor no, of them "
                f"{len(failed)} because asking failed; they count as no"
            )
        return {"lm_judge": verdicts, **({"lm_judge_tokens": spent} if spent.any() else {})}

    def _remark(self, judged: np.ndarray, right: np.ndarray, spent: int) -> str:
        model = self._lm.identity.get("model") or "the language model"
        agreement = kappa(judged, right)
        beyond = "not defined" if agreement is None else f"{agreement:.2f}"
        same = 100 * float((judged == right).mean())
        return (
            f"lm_judge ({model}) agrees with EM on {same:.2f} % of {len(right)} questions (Cohen's "
            f"kappa {beyond}); it took {spent:,} tokens"
        )


def _verdict(reply: Reply) -> bool | None:
    """Yes, no, or neither; the first word of the kind counts."""
    match = _VERDICT.search(without_thoughts(reply.text))
    return None if match is None else match[1].casefold() in ("yes", "correct")


def kappa(first: np.ndarray, second: np.ndarray) -> float | None:
    """Cohen's kappa of two raters' yes and no, bool (questions,).

    (p_o - p_e) / (1 - p_e), with p_o the share on which both say the same and p_e what they would
    by chance, each with the share of yes that it has. None where p_e is 1: both always say the same
    one word.
    """
    same, one, other = (float(values.mean()) for values in (first == second, first, second))
    chance = one * other + (1 - one) * (1 - other)
    return None if chance == 1 else (same - chance) / (1 - chance)
