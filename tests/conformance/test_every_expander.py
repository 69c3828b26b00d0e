"""What holds for every expander: it makes the searches that it announces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from conf_names import names
from omegaconf import OmegaConf

from qa_bench import trust
from qa_bench.parts import Part, make
from qa_bench.types import Question, QuestionSet, Reply, Runtime

trust.allow([__name__])

EXPANDERS = [name for name in names("expander") if name != "none"]
QUESTIONS = QuestionSet(
    "made",
    "test",
    "string",
    tuple(Question(f"q{n}", f"who built bridge {n}", ("x",)) for n in range(3)),
    "0" * 64,
)
QUIET = Runtime(progress=False)


class Parrot(Part):
    """A language model that says what it was asked, or nothing at all."""

    def __init__(self, mute: bool = False) -> None:
        self.mute = mute

    def generate(self, prompts: Sequence[str], runtime: Runtime) -> list[Reply]:
        return [Reply("" if self.mute else f"{prompt}!") for prompt in prompts]


@pytest.fixture(params=EXPANDERS)
def expander(request: pytest.FixtureRequest, node: Callable[..., Any]) -> Callable[..., Any]:
    """``expander(mute=True)``: each YAML's, with a language model of these tests."""

    def made(*changes: str, **settings: Any) -> Any:
        config = OmegaConf.create(
            OmegaConf.to_container(node("expander", request.param, *changes), resolve=True)
        )
        config.lm = {"_target_": f"{__name__}.Parrot", **settings}
        return make("expander", config)

    return made


@pytest.mark.parametrize("mute", [False, True])
def test_it_makes_the_searches_that_it_announces(expander: Callable[..., Any], mute: bool) -> None:
    part = expander(mute=mute)
    searches = part.expand(QUESTIONS, QUIET)
    assert tuple(searches) == tuple(part.searches)
    assert len(searches) >= 1
    for search in searches.values():
        assert len(search.texts) == 3
        if mute:
            assert search.texts == tuple(question.text for question in QUESTIONS)
        assert len(search.beside) in (0, 3)
    with_passages = any(any(search.beside) for search in searches.values())
    assert with_passages <= part.averages, "only who says so puts passages beside a question"


def test_its_searches_follow_its_settings(node: Callable[..., Any]) -> None:
    def announced(name: str, *changes: str) -> tuple[str, ...]:
        config = OmegaConf.create(
            OmegaConf.to_container(node("expander", name, *changes), resolve=True)
        )
        config.lm = {"_target_": f"{__name__}.Parrot"}
        part = make("expander", config)
        assert tuple(part.expand(QUESTIONS, QUIET)) == tuple(part.searches)
        return tuple(part.searches)

    assert announced("multi_query", "expander.count=1") == ("question", "wording_1")
    assert announced("gar", "+expander.prompts.more='{question}?'")[-1] == "more"
