"""What a training is foretold to take: by the model's size and what it reads."""

from __future__ import annotations

import pytest

from qa_bench.parts import About
from qa_bench.retriever.dense.passages import PassageSettings
from qa_bench.retriever.dense.settings import BiEncoderSettings
from qa_bench.runtime.estimates import (
    PASSAGE_TOKENS,
    QUESTION_TOKENS,
    token_rate,
    training_step,
)
from qa_bench.types import Runtime

CPU = Runtime(device="cpu", workers=1)
ABOUT = About(parameters=4.4e6, dimension=128)


def test_a_step_takes_three_passes() -> None:
    step = training_step(ABOUT, 1e6, CPU)
    assert step.seconds == pytest.approx(3e6 / token_rate(4.4e6, 128, CPU))
    assert step.disk == pytest.approx(17.6e6)


def test_naming_words_takes_longer() -> None:
    """A head of 30,522 words by 128 on 15 % of the tokens, beside 1.1 million weights."""
    plain, naming = (training_step(ABOUT, 1e6, CPU, words).seconds for words in (0, 0.15))
    assert plain is not None
    assert naming == pytest.approx(plain * (1 + 0.15 * 30_522 * 128 / 1.1e6))


@pytest.mark.parametrize(("about", "tokens"), [(About(), 1e6), (ABOUT, None)])
def test_what_nobody_knows_is_no_figure(about: About, tokens: float | None) -> None:
    assert training_step(about, tokens, CPU).seconds is None


def test_tokens_of_an_example() -> None:
    three = BiEncoderSettings(objective="contrastive", negatives=2).tokens
    assert three == QUESTION_TOKENS + 3 * PASSAGE_TOKENS
    cloze = BiEncoderSettings(objective="ict", negatives=2)
    assert cloze.tokens == QUESTION_TOKENS + PASSAGE_TOKENS, "passages alone have no negatives"
    assert PassageSettings(objective="mlm").words == 0.15
    assert PassageSettings(objective="mlm", mask=0.4).words == 0.4
    assert PassageSettings(objective="retromae").words == pytest.approx(1.3)
