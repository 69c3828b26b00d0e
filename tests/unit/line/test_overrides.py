"""Plain texts need no quotes of Hydra's; what Hydra can read stays as it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from qa_bench.errors import UserError
from qa_bench.line.overrides import is_swept, plain_words


@pytest.mark.parametrize(
    "text",
    ["中文/p.tsv", "Bär", "a=b/p.tsv", "my data (v1)/p.tsv", "it's", 'a "b" c\\', "BM25(k1)", "#1",
     "a&b#c!;^|", "Σ, and τ", "a\nb", "naïve\\", "x{y}", "(", "100 %", "a~b"],
)  # fmt: skip
@pytest.mark.parametrize("key", ["corpus.path", "+a", "++a.b@c"])
def test_texts(key: str, text: str) -> None:
    (word,) = plain_words([f"{key}={text}"], swept=False)
    override = OverridesParser.create().parse_override(word)
    assert override.value() == text
    assert not override.is_sweep_override()


@pytest.mark.parametrize(
    "word",
    ["k=[a,b]", "k={a: b}", "k='q'", 'k="q"', "k=${depth}", "k=choice(1,2)", "k=1e5", "k=null",
     "k=", "~k", "k=a b", "dataset=nq,webq", "k=range(1,3)", "nonsense", "=x"],
)  # fmt: skip
@pytest.mark.parametrize("swept", [True, False])
def test_hydras_own_stays(word: str, swept: bool) -> None:
    assert plain_words([word], swept) == [word]


def test_a_sweep_over_texts() -> None:
    (word,) = plain_words(["corpus.path=中文.tsv, a.tsv,~/b (1)"], swept=True)
    override = OverridesParser.create().parse_override(word)
    values = [value.strip("\"'") for value in override.sweep_string_iterator()]
    assert values == ["中文.tsv", "a.tsv", str(Path.home() / "b (1)")]


def test_home() -> None:
    assert plain_words(["corpus.path=~/p.tsv"], False) == [f"corpus.path={Path.home()}/p.tsv"]
    assert plain_words(["a=~nobody-here/p"], False) == ['a="~nobody-here/p"']


def test_names_are_texts() -> None:
    words = ["name=2024", "system=1e3", "dataset.name=true", "system=null", "depth=10"]
    assert plain_words(words, False) == [
        'name="2024"', 'system="1e3"', 'dataset.name="true"', "system=null", "depth=10"
    ]  # fmt: skip


@pytest.mark.parametrize("word", ["k=[a", "k={a", "k='a", 'k="a'])
def test_an_open_end(word: str) -> None:
    with pytest.raises(UserError, match="as text it would be 'k="):
        plain_words([word], False)


def test_when_commas_sweep() -> None:
    assert is_swept(["-m"], [])
    assert is_swept([], ["experiment=sample"])
    assert not is_swept(["--config-dir", "x"], ["name=a"])
