"""Every named reranker does what its authors say, seen on tiny stand-ins with its architecture.

``RECIPES`` says it once more, from model cards and the authors' code, and not from the YAML.
``tiny_rerankers.py`` serves stand-ins under the real names and computes with plain transformers
what should come out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tiny_rerankers
from conf_names import names
from hub import Hub
from hub_jobs import results_of
from omegaconf import OmegaConf

from qa_bench.errors import UserError
from qa_bench.parts import make

PREDICT = (
    "Given a query A and a passage B, determine whether the passage contains an answer to the "
    "query by providing a prediction of either 'Yes' or 'No'."
)


def pair(max_length: int, **more: Any) -> dict[str, Any]:
    """A cross-encoder; ``more`` is for ``tiny_rerankers.expected``."""
    kind = "AutoModelForSequenceClassification"
    return {"way": "pair", "class": kind, "title": " ", "max_length": max_length, **more}


def bge_llm(prompt: str, **more: Any) -> dict[str, Any]:
    said = ["A: {q}", "\n", "B: {p}", "\n", prompt]
    common = {"way": "asked", "class": "AutoModelForCausalLM", "title": " ", "precision": "bf16"}
    return {**common, "said": said, "words": ["Yes"], **more}


def authors(**how: Any) -> dict[str, Any]:
    """A checkpoint as its authors' code has it; ``how`` is for their forward pass."""
    return {"authors": True, "how": {"layer": 28, **how}}


QWEN3 = {
    "way": "asked",
    "class": "AutoModelForCausalLM",
    "title": " ",
    "precision": "bf16",
    "said": [
        "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query "
        'and the Instruct provided. Note that the answer can only be "yes" or "no".<|im_end|>\n'
        "<|im_start|>user\n",
        "<Instruct>: Given a web search query, retrieve relevant passages that answer the query\n"
        "<Query>: {q}\n<Document>: {p}",
        "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n",
    ],
    "words": ["yes", "no"],
}
MXBAI = {
    **QWEN3,
    "said": [
        "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant."
        "<|im_end|>\n<|im_start|>user\n",
        "query: {q}",
        "\n",
        "document: {p}",
        "\n",
        "You are a search relevance expert who evaluates how well documents match search queries. "
        "For each query-document pair, carefully analyze the semantic relationship between them, "
        "then provide your binary relevance judgment (0 for not relevant, 1 for relevant).\n"
        "Relevance:",
        "<|im_end|>\n<|im_start|>assistant\n",
    ],
    "words": ["1", "0"],
}
MONOT5 = {
    "way": "asked",
    "class": "AutoModelForSeq2SeqLM",
    "title": " ",
    "said": ["Query: {q}", "Document: {p}", "Relevant:"],
    "words": ["true", "false"],
}
RECIPES: dict[str, dict[str, Any]] = {
    "msmarco_minilm": pair(512),
    "multi_passage_bert": pair(512, keep=30),
    "monot5": MONOT5,
    "bge_reranker_base": pair(512),
    "bge_reranker_v2_m3": pair(1024),
    "bge_reranker_v2_gemma": bge_llm(PREDICT),
    "bge_reranker_v2_minicpm_layerwise": bge_llm(PREDICT, **authors()),
    "bge_reranker_v2_5_gemma2_lightweight": bge_llm(
        "Predict whether passage B contains an answer to query A.",
        **authors(ratio=2, shrinks=[24, 40]),
    ),
    "gte_reranker_modernbert": pair(8192),
    "granite_reranker_r2": pair(8192),
    "qwen3_reranker_0_6b": QWEN3,
    "mxbai_rerank_base_v2": MXBAI,
    "zerank_2": {
        "way": "chat",
        "class": "AutoModelForCausalLM",
        "title": " ",
        "precision": "bf16",
    },
    "jina_reranker_v2": pair(1024, remote_code=True),
    "bce_reranker": pair(512, overlap=80, sigmoid=True, threshold=0.35),
    "mgte_reranker": pair(8192, authors=True),
    "upr": {
        "way": "likelihood",
        "class": "AutoModelForSeq2SeqLM",
        "title": " ",
        "said": "Passage: {p}. Please write a question based on this passage.",
        "precision": "bf16",
    },
}
SIZES = {
    **{f"monot5_{size}": "monot5" for size in ("base_10k", "large", "large_10k", "3b", "3b_10k")},
    "bge_reranker_large": "bge_reranker_base",
    "qwen3_reranker_4b": "qwen3_reranker_0_6b",
    "qwen3_reranker_8b": "qwen3_reranker_0_6b",
    "mxbai_rerank_large_v2": "mxbai_rerank_base_v2",
}
"""Those of another size, to the one that stands for them: nothing but the model differs."""
QUESTIONS = ["Who wrote Faust?", "What is the capital of France, of which the river is the Seine?"]
SHORT = [("Faust", "Faust is a play by Goethe (1808)."), ("", "A passage without a title.")]
LONG = ("The river Seine", "The river Seine is long, it is said. " * 20)


@pytest.fixture(scope="session")
def nodes(composed: Callable[..., Any]) -> dict[str, dict[str, Any]]:
    return {
        name: OmegaConf.to_container(composed(f"reranker={name}").reranker, resolve=True)
        for name in {*RECIPES, *SIZES, "cross_encoder"}
    }


def job(name: str, node: dict[str, Any]) -> dict[str, Any]:
    said = RECIPES[name]
    passages = [*SHORT, LONG] if said["way"] == "pair" else SHORT  # the others' limits: see units
    return {
        "node": node,
        "recipe": said,
        "questions": QUESTIONS,
        "titles": [title for title, _ in passages],
        "texts": [text for _, text in passages],
        "passages": [title + said["title"] + text if title else text for title, text in passages],
    }


@pytest.fixture(scope="module")
def results(
    hub: Hub, nodes: dict[str, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What one process, which reaches nothing but the stand-in hub, told of every reranker."""
    folder = tmp_path_factory.mktemp("rerankers")
    jobs = {name: job(name, nodes[name]) for name in RECIPES}
    return results_of(hub, tiny_rerankers.__file__, jobs, folder)


def test_every_reranker_has_a_recipe() -> None:
    ours = set(names("reranker"))
    assert {*RECIPES, *SIZES} == ours - {"none", "cross_encoder", "rankgpt", "rank_zephyr"}, (
        "no model here"
    )


every_reranker = pytest.mark.parametrize("name", sorted(RECIPES))


@every_reranker
def test_the_scores(results: dict[str, Any], name: str) -> None:
    told, said = results[name], RECIPES[name]
    assert "error" not in told, told["error"]
    scores, wanted = np.array(told["scores"]), np.array(told["expected"])
    assert np.ptp(wanted) > 1e-3, "a stand-in that finds all passages alike shows nothing"
    if "threshold" in said:
        wanted[wanted < said["threshold"]] = -np.inf
    np.testing.assert_allclose(scores, wanted, rtol=2e-5, atol=1e-4)


@every_reranker
def test_the_model_is_in_the_key(hub: Hub, results: dict[str, Any], name: str) -> None:
    told = results[name]
    assert "error" not in told, told["error"]
    [commit] = told["sources"].values()
    assert len(commit) == 40


@every_reranker
def test_what_the_yaml_says(nodes: dict[str, dict[str, Any]], name: str) -> None:
    node, said = nodes[name], RECIPES[name]
    assert node["trust_remote_code"] is False
    assert node["precision"] == said.get("precision", "fp32")
    assert node.get("threshold") == said.get("threshold")
    assert (node["depth"], node["keep"]) == (100, said.get("keep"))
    about = node["about"]
    assert 10**7 < about["parameters"] < 10**10
    assert about["citation"]
    assert about["tested"]
    assert bool(about.get("remote_code")) == bool(said.get("remote_code"))


@pytest.mark.parametrize("name", sorted(SIZES))
def test_another_size_is_another_model_and_nothing_else(
    nodes: dict[str, dict[str, Any]], name: str
) -> None:
    ours, other = dict(nodes[name]), dict(nodes[SIZES[name]])
    assert ours.pop("model") != other.pop("model")
    assert ours.pop("about")["parameters"] > 10**8
    other.pop("about")
    assert ours == other


@pytest.mark.parametrize(
    "name", [name for name in sorted(RECIPES) if "remote_code" in RECIPES[name]]
)
def test_code_of_the_model_runs_only_when_allowed(results: dict[str, Any], name: str) -> None:
    told = results[name]
    assert "error" not in told, told["error"]
    assert told["refusal"], "reranked without asking"
    assert "\n" not in told["refusal"]
    assert "reranker.trust_remote_code=true" in told["refusal"]


def test_the_template_names_no_model(nodes: dict[str, dict[str, Any]]) -> None:
    with pytest.raises(UserError, match=r"reranker\.model: name a model of the hub, or a folder"):
        make("reranker", OmegaConf.create(nodes["cross_encoder"]))
