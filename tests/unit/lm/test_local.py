"""Local models: batches reply as one prompt alone would, draws follow the model's distribution."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from qa_bench.errors import UserError
from qa_bench.lm import local
from qa_bench.lm.local import Local
from qa_bench.types import Message, Runtime

CPU = Runtime(device="cpu", threads=1, batch_size=3, progress=False)
PROMPTS = ["w1 w2 w3", "w4", "w5 w6 w7 w8 w9 w10 w11", "w12 w1", "w3 w3 w3", "w9", "w20 w21 w2"]


def words_of(folder: Path, ids: list[int]) -> str:
    from transformers import AutoTokenizer

    text: str = AutoTokenizer.from_pretrained(folder).decode(ids, skip_special_tokens=True)
    return text


@pytest.mark.parametrize("kind", ["tiny_causal", "tiny_t5"])
def test_greedy_is_the_reference_loop(kind: str, reference: Any, request: Any) -> None:
    folder = request.getfixturevalue(kind)
    replies = Local(str(folder), chat=False, max_tokens=9).generate(PROMPTS, CPU)
    assert len({reply.text for reply in replies}) > 1
    for prompt, reply in zip(PROMPTS, replies, strict=True):
        ids = [int(word[1:]) + 6 for word in prompt.split()]
        expected = reference(folder, ids, 9)
        assert reply == (words_of(folder, expected), len(ids), len(expected), None)


def test_chat_template(tiny_causal: Path, reference: Any) -> None:
    [reply] = Local(str(tiny_causal), max_tokens=5, system="w7").generate(["w1"], CPU)
    ids = [4, 6 + 7, 3, 6 + 1, 5]  # system: w7 user: w1 assistant:
    assert reply.prompt_tokens == len(ids)
    assert reply.text == words_of(tiny_causal, reference(tiny_causal, ids, 5))


def test_a_dialogue(tiny_causal: Path, tiny_t5: Path, reference: Any) -> None:
    said = (Message("user", "w1"), Message("assistant", "w2"), Message("user", "w3"))
    [reply] = Local(str(tiny_causal), max_tokens=5, system="w7").generate([said], CPU)
    ids = [4, 6 + 7, 3, 6 + 1, 5, 6 + 2, 3, 6 + 3, 5]
    assert reply.prompt_tokens == len(ids)
    assert reply.text == words_of(tiny_causal, reference(tiny_causal, ids, 5))
    with pytest.raises(UserError, match="a dialogue is asked, which wants a chat"):
        Local(str(tiny_t5)).generate([said], CPU)


def test_a_prompt_of_nothing(tiny_causal: Path) -> None:
    with pytest.raises(UserError, match="a prompt has no tokens"):
        Local(str(tiny_causal), chat=False).generate([""], CPU)


def test_no_template_no_system(tiny_t5: Path) -> None:
    with pytest.raises(UserError, match=r"lm\.system"):
        Local(str(tiny_t5), system="w7").generate(["w1"], CPU)


def test_stop(tiny_causal: Path) -> None:
    whole = Local(str(tiny_causal), chat=False, max_tokens=12).generate(PROMPTS, CPU)
    stop = next(reply.text.split()[2] for reply in whole if len(reply.text.split()) > 4)
    cut = Local(str(tiny_causal), chat=False, max_tokens=12, stop=[stop]).generate(PROMPTS, CPU)
    assert [reply.text for reply in cut] == [reply.text.split(stop)[0] for reply in whole]
    assert sum(reply.completion_tokens for reply in cut) < sum(r.completion_tokens for r in whole)


def test_a_draw_depends_on_nothing_but_itself(tiny_causal: Path) -> None:
    def drawn(prompts: list[str], batch: int, seed: int = 0) -> list[str]:
        lm = Local(str(tiny_causal), chat=False, max_tokens=6, temperature=1.0, seed=seed)
        runtime = Runtime(device="cpu", threads=1, batch_size=batch, progress=False)
        return [reply.text for reply in lm.generate(prompts, runtime)]

    prompts = [*PROMPTS, *PROMPTS]
    together = drawn(prompts, 5)
    assert together == drawn(prompts, 2)
    assert together[: len(PROMPTS)] == drawn(PROMPTS, 1)
    assert together[: len(PROMPTS)] != together[len(PROMPTS) :], "a second draw is another one"
    assert together != drawn(prompts, 5, seed=1)


@pytest.mark.parametrize("top_p", [1.0, 0.6])
def test_draws_follow_the_distribution(top_p: float, tiny_causal: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    settings: Any = {"chat": False, "max_tokens": 1, "temperature": 2.0, "top_p": top_p}
    runtime = Runtime(device="cpu", threads=1, batch_size=1000, progress=False)
    replies = Local(str(tiny_causal), **settings).generate(["w1 w2"] * 4000, runtime)
    with torch.inference_mode():
        logits = AutoModelForCausalLM.from_pretrained(tiny_causal)(torch.tensor([[7, 8]])).logits
    wanted = (logits[0, -1] / 2.0).softmax(-1)
    ranked, order = wanted.sort(descending=True)
    kept = int((ranked.cumsum(-1) < top_p).sum()) + 1
    if top_p < 1:
        wanted[order[kept:]] = 0
        wanted /= wanted.sum()
        assert 1 < kept < len(wanted)
    counts = Counter(reply.text for reply in replies)
    for number in range(24):
        assert counts[f"w{number}"] / 4000 == pytest.approx(float(wanted[number + 6]), abs=0.03)


def test_a_tiny_nucleus_is_greedy(tiny_causal: Path) -> None:
    settings: Any = {"chat": False, "max_tokens": 6}
    drawn = Local(str(tiny_causal), temperature=1.0, top_p=1e-6, **settings)
    greedy = Local(str(tiny_causal), **settings)
    assert drawn.generate(PROMPTS, CPU) == greedy.generate(PROMPTS, CPU)


def test_kept_replies_need_no_model(
    tiny_causal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: Any = {"chat": False, "max_tokens": 4, "cache": str(tmp_path / "replies.sqlite")}
    first = Local(str(tiny_causal), **settings).generate(PROMPTS, CPU)

    def refused(*_: Any) -> None:
        raise AssertionError("loaded")

    monkeypatch.setattr(local, "loaded_writer", refused)
    assert Local(str(tiny_causal), **settings).generate(PROMPTS[::-1], CPU) == first[::-1]
    with pytest.raises(AssertionError, match="loaded"):
        Local(str(tiny_causal), **{**settings, "max_tokens": 5}).generate(PROMPTS, CPU)


def test_too_long_a_prompt_is_told(tiny_causal: Path) -> None:
    lm = Local(str(tiny_causal), chat=False, max_tokens=10)
    assert lm.generate(["w1 " * 54], CPU)[0].prompt_tokens == 54
    with pytest.raises(UserError, match=r"1 prompts are longer than the 54 tokens .* has 55"):
        lm.generate(["w1", "w1 " * 55], CPU)


@pytest.mark.parametrize(
    "settings",
    [
        {"model": None},
        {"max_tokens": 0},
        {"temperature": -1},
        {"top_p": 0},
        {"precision": "fp8"},
        {"max_tokens": True},
        {"seed": True},
        {"chat": "no"},
        {"stop": "END"},
    ],
)
def test_settings(settings: dict[str, Any]) -> None:
    [name] = settings
    with pytest.raises(UserError, match=rf"lm\.{name}"):
        Local(**{"model": "x", **settings})


def test_a_template_that_refuses(tiny_causal: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_causal, tmp_path / "model")
    (tmp_path / "model" / "chat_template.jinja").write_text("{{ raise_exception('no system') }}")
    with pytest.raises(UserError, match=r"its chat template refuses the prompt \(no system\)"):
        Local(str(tmp_path / "model"), system="w7").generate(["w1"], CPU)


def test_no_number(tiny_causal: Path, tmp_path: Path) -> None:
    from transformers import LlamaForCausalLM

    shutil.copytree(tiny_causal, tmp_path / "model")
    model = LlamaForCausalLM.from_pretrained(tiny_causal)
    model.lm_head.weight.data[9] = float("nan")
    model.save_pretrained(tmp_path / "model")
    with pytest.raises(UserError, match="not a number"):
        Local(str(tmp_path / "model"), chat=False, max_tokens=4).generate(["w1"], CPU)


# Which model


def test_sha256(tiny_causal: Path) -> None:
    for files, message in (
        ({"config.json": "0" * 64}, "sha256 of config.json is"),
        ({"none.gguf": "0" * 64}, "none.gguf is missing"),
    ):
        with pytest.raises(UserError, match=message):
            Local(str(tiny_causal), sha256=files).generate(["w1"], CPU)


def test_missing_models(tmp_path: Path) -> None:
    for model, message in (
        ("wheel:no_such_package/x.gguf", "not installed: pip install no-such-package"),
        ("wheel:numpy/none.gguf", "has no such file"),
        (str(tmp_path / "none.gguf"), "no such file"),
    ):
        with pytest.raises(UserError, match=message):
            Local(model).sources()


def test_a_wheel_is_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "some_model"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('it was run')")
    (package / "m.gguf").write_bytes(b"no model")
    monkeypatch.syspath_prepend(tmp_path)
    lm = Local("wheel:some_model/m.gguf")
    [identity] = lm.sources().values()
    assert len(identity) == 32
    with pytest.raises(UserError, match=r"model wheel:some_model/m\.gguf: ") as caught:
        lm.generate(["w1"], CPU)
    assert "it was run" not in str(caught.value)
    assert "\n" not in str(caught.value)
    (package / "m.gguf").write_bytes(b"another")
    assert lm.sources() != {"lm": identity}


def test_a_folder_that_holds_no_model(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match=rf"model {tmp_path}: ") as caught:
        Local(str(tmp_path)).generate(["w1"], CPU)
    assert "\n" not in str(caught.value)
