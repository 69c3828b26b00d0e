"""Every named encoder does what its authors say, seen on tiny stand-ins with its architecture.

``encoder_recipes.py`` says it once more, from model cards and the authors' code, and not from the
YAML: what is put around a text, what is pooled, how vectors are compared. ``tiny_encoders.py``
makes stand-ins under the real names and computes with plain transformers what should come out.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_encoders
import yaml
from conf_names import names
from encoder_recipes import BASES, RECIPES, SEEN, SIZES
from hub import Hub
from hub_jobs import results_of
from omegaconf import OmegaConf
from tiny_tokenizers import wordpiece

from qa_bench.paths import CONF

OTHERS = ("dense", "minilm", "bert_random", "bert_tiny")
"""The base, the one that is a package, whose real weights other tests have, and what is trained."""

QUESTIONS = ["Who wrote Faust?", "What is the capital of France, of which the river is the Seine?"]
LONG = "The river Seine is long, it is said. " * 40
PASSAGES = [
    ("Faust", "Faust is a play by Goethe (1808)."),
    ("", "A passage without a title."),
    ("The river Seine", LONG),
]


def encoders() -> list[str]:
    return [name for name in names("retriever") if name not in OTHERS and built_on_dense(name)]


def said_of(name: str) -> dict[str, Any]:
    """What a YAML says, with what those say that it is built on."""
    own: dict[str, Any] = yaml.safe_load((CONF / f"retriever/{name}.yaml").read_text("utf-8"))
    base = own.get("defaults", ["_self_"])[0]
    if not isinstance(base, str) or base == "_self_":
        return own
    whole = said_of(base)
    for key, value in own.items():
        whole[key] = {**whole[key], **value} if isinstance(whole.get(key), dict) else value
    return whole


def built_on_dense(name: str) -> bool:
    return str(said_of(name).get("_target_")).endswith(".Dense")


def text_of(said: dict[str, Any], title: str, text: str) -> str | list[str]:
    form, title = said["passage"], title or said.get("untitled", "")
    if form == "pair":
        return [title, text] if title else text
    return (
        form.format(title=title, text=text)
        if title
        else form.replace("{title} ", "").format(text=text)
    )


def job(name: str, node: dict[str, Any]) -> dict[str, Any]:
    said = RECIPES[name]
    layers = BASES.get(name, name)
    models = {node["model"]: layers} if node["model"] else {}
    models |= dict.fromkeys(node["adapters"], "adapter")
    for side in ("question", "passage"):
        if own := node[side].get("model"):
            models[own] = f"dpr_{side}"
    return {
        "node": node,
        "recipe": said,
        "models": models,
        "questions": QUESTIONS,
        "titles": [title for title, _ in PASSAGES],
        "texts": [text for _, text in PASSAGES],
        "recipe_texts": {
            "question": [said["question"].format(question) for question in QUESTIONS],
            "passage": [text_of(said, title, text) for title, text in PASSAGES],
        },
    }


@pytest.fixture(scope="session")
def nodes(composed: Callable[..., Any]) -> dict[str, dict[str, Any]]:
    found = {}
    for name in SEEN:
        config = composed(f"retriever={name}")
        found[name] = OmegaConf.to_container(config.retriever, resolve=True)
    return found


@pytest.fixture(scope="module")
def results(
    hub: Hub, nodes: dict[str, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What one process, which reaches nothing but the stand-in hub, told of every encoder."""
    folder = tmp_path_factory.mktemp("encoders")
    jobs = {name: job(name, node) for name, node in nodes.items()}
    return results_of(hub, tiny_encoders.__file__, jobs, folder)


def test_every_encoder_has_a_recipe() -> None:
    assert sorted(RECIPES) == encoders()


every_encoder = pytest.mark.parametrize("name", sorted(RECIPES))
every_stand_in = pytest.mark.parametrize("name", SEEN)
both_sides = pytest.mark.parametrize("side", ["question", "passage"])


def side_of(results: dict[str, Any], name: str, side: str) -> dict[str, Any]:
    told = results[name]
    assert "error" not in told, told["error"]
    found: dict[str, Any] = told[side]
    return found


@every_stand_in
@both_sides
def test_the_tokens_it_sees(results: dict[str, Any], name: str, side: str) -> None:
    told = side_of(results, name, side)
    assert told["ids"] == sorted(told["expected"]["ids"])


@every_stand_in
@both_sides
def test_the_vectors(results: dict[str, Any], name: str, side: str) -> None:
    told = side_of(results, name, side)
    assert told["dtype"] == "float32"
    vectors, wanted = np.array(told["vectors"]), np.array(told["expected"]["vectors"])
    assert vectors.shape == wanted.shape
    scale = np.linalg.norm(wanted, axis=1, keepdims=True)
    np.testing.assert_allclose(vectors / scale, wanted / scale, atol=2e-5)
    if RECIPES[name]["similarity"] == "cosine":
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("name", [n for n in SEEN if RECIPES[n]["precision"] == "bf16"])
def test_bf16(results: dict[str, Any], name: str) -> None:
    exact = np.array(side_of(results, name, "question")["vectors"])
    as_set = np.array(results[name]["as_set"])
    cosines = (exact * as_set).sum(1)
    cosines /= np.linalg.norm(exact, axis=1) * np.linalg.norm(as_set, axis=1)
    assert 0.99 < cosines.min() < 1 - 1e-9


@every_encoder
def test_what_the_yaml_says(name: str) -> None:
    node, said = said_of(name), RECIPES[name]
    about = node["about"]
    assert node["similarity"] == said["similarity"]
    assert node["truncate_dim"] == said.get("dimensions")
    assert about["dimension"] == said.get("dimensions", about["dimension"])
    assert isinstance(about["dimension"], int)
    assert 10**7 < about["parameters"] < 10**11
    assert about["citation"]
    assert "remote_code" not in about, "none needs code of its own: native/ has it"
    assert node["trust_remote_code"] is False
    assert node["precision"] == said["precision"]
    assert node["pooling"] in (said["pooling"], None)


@pytest.mark.parametrize("name", sorted(SIZES))
def test_a_size_is_its_base_but_for_the_model(name: str) -> None:
    own, base = said_of(name), said_of(SIZES[name])
    differing = {key for key in {**own, **base} if own.get(key) != base.get(key)}
    assert differing - {"defaults"} == {"model", "about"}
    assert own["about"]["parameters"] != base["about"]["parameters"]


def test_long_dpr_passages_end_in_sep(results: dict[str, Any]) -> None:
    separator = wordpiece()["[SEP]"]
    told = side_of(results, "dpr_multi", "passage")
    longest = max(told["ids"], key=len)
    assert len(longest) == 256
    assert longest[-1] == separator
    assert longest.count(separator) == 2


MISSING = """
from qa_bench.errors import UserError
from qa_bench.retriever.dense.part import Dense
from qa_bench.types import Runtime
try:
    Dense(model="nobody/has-this").encode_questions(["who?"], Runtime(threads=1, progress=False))
except UserError as error:
    print(error)
"""


def test_a_model_that_is_not_there(hub: Hub, tmp_path: Path) -> None:
    done = hub.python("-c", MISSING, home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1
    assert "nobody/has-this" in done.stdout


def test_the_page_of_encoders_has_them_all() -> None:
    page = (CONF.parent / "docs/encoders.md").read_text(encoding="utf-8")
    rows = {line.split("|")[1].strip(" `"): line for line in page.splitlines() if line[:3] == "| `"}
    for name in encoders():
        said = said_of(name)
        about = said["about"]
        models = [
            said.get("model"),
            *(said.get(s, {}).get("model") for s in ("question", "passage")),
        ]
        for shown in (*filter(None, models), f" {about['dimension']} "):
            shown = "a folder" if shown.startswith("$") else shown
            assert shown in rows[name], f"{name}: {shown}"
