"""Every named encoder does what its authors say, seen on tiny stand-ins with its architecture.

``RECIPES`` says it once more, from model cards and the authors' code, and not from the YAML: what
is put around a text, what is pooled, how vectors are compared. ``tiny_encoders.py`` makes stand-ins
under the real names and computes with plain transformers what should come out.
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
from hub import Hub
from hub_jobs import results_of
from omegaconf import OmegaConf
from tiny_tokenizers import wordpiece

from qa_bench.paths import CONF

WIKIPEDIA = "Given a question, retrieve Wikipedia passages that answer the question"
SEARCHING = "Represent this sentence for searching relevant passages: "
INSTRUCT = f"Instruct: {WIKIPEDIA}\nQuery: "


def recipe(
    question: str = "{}",
    passage: str = "{title} {text}",
    pooling: str = "mean",
    max_length: int = 512,
    similarity: str = "cosine",
    **more: Any,
) -> dict[str, Any]:
    """What an encoder does; ``more`` is for ``tiny_encoders.expected``."""
    return {
        "question": question,
        "passage": passage,
        "pooling": pooling,
        "max_length": max_length,
        "similarity": similarity,
        "precision": "fp32",
        **more,
    }


DPR = recipe(
    passage="pair",
    pooling="pooler",
    max_length=256,
    similarity="dot",
    question_class="DPRQuestionEncoder",
    passage_class="DPRContextEncoder",
)
BGE = recipe(SEARCHING + "{}", pooling="cls")
E5 = recipe("query: {}", "passage: {title} {text}")
T5 = recipe(max_length=256)
BF16 = {"precision": "bf16"}
ARCTIC = BGE
NV_EMBED = "Instruct: Given a question, retrieve passages that answer the question\nQuery:"
NOMIC = recipe("search_query: {}", "search_document: {title} {text}", max_length=8192)
RECIPES = {
    "dpr_single": DPR,
    "dpr_multi": DPR,
    "mpnet": recipe(max_length=384),
    "sbert": recipe(max_length=128),
    "simcse_sup": recipe(pooling="pooler", question_class="BertModel", passage_class="BertModel"),
    "simcse_unsup": recipe(pooling="cls"),
    "st5": recipe(max_length=256, question_class="T5EncoderModel", passage_class="T5EncoderModel"),
    "gtr": recipe(question_class="T5EncoderModel", passage_class="T5EncoderModel"),
    "contriever": recipe(similarity="dot"),
    "contriever_msmarco": recipe(similarity="dot"),
    "ance": recipe(pooling="cls", similarity="dot", lower=True),
    "e5_small": E5,
    "e5_base": E5,
    "e5_large": E5,
    "e5_small_v2": E5,
    "e5_base_v2": E5,
    "e5_large_v2": E5,
    "multilingual_e5_small": E5,
    "multilingual_e5_base": E5,
    "multilingual_e5_large": E5,
    "qwen3_embedding_0_6b": recipe(
        INSTRUCT.rstrip() + "{}", pooling="lasttoken", max_length=8192, **BF16
    ),
    "gte_modernbert": recipe(pooling="cls", max_length=8192),
    "modernbert_embed": NOMIC,
    "arctic_embed_l_v2": recipe("query: {}", pooling="cls", max_length=8192),
    "e5_mistral": recipe(INSTRUCT + "{}", pooling="lasttoken", max_length=4096, end=True, **BF16),
    "bge_small_en": BGE,
    "bge_base_en": BGE,
    "bge_large_en": BGE,
    "bge_m3": recipe(pooling="cls", max_length=8192),
    "gte": recipe(),
    "mgte": recipe(pooling="cls", max_length=8192, remote_code=True),
    "arctic_embed": ARCTIC,
    "arctic_embed_256": {**ARCTIC, "dimensions": 256},
    "bce": recipe(pooling="cls"),
    "nv_embed": recipe(
        f"{NV_EMBED} {{}}</s>",
        "{title} {text}</s>",
        max_length=4096,
        remote_code=True,
        question_unpooled=NV_EMBED,
        **BF16,
    ),
    "llm2vec": recipe(
        f"[INST] {WIKIPEDIA}: {{}} [/INST]",
        "[INST] {title} {text} [/INST]",
        question_unpooled=f"[INST] {WIKIPEDIA}:",
        passage_unpooled="[INST]",
        bidirectional=True,
        **BF16,
    ),
    "bge_en_icl": recipe(
        f"<instruct>{WIKIPEDIA}.\n<query>{{}}\n<response>", pooling="lasttoken", end=True, **BF16
    ),
    "bge_multilingual_gemma2": recipe(
        f"<instruct>{WIKIPEDIA}.\n<query>{{}}", pooling="lasttoken", end=True, **BF16
    ),
    "stella": recipe(
        "Instruct: Given a web search query, retrieve relevant passages that answer the query.\n"
        "Query: {}",
        bidirectional=True,
        end=True,
        **BF16,
    ),
    "gte_qwen2": recipe(
        INSTRUCT + "{}",
        pooling="lasttoken",
        max_length=8192,
        bidirectional=True,
        end=True,
        **BF16,
    ),
    "bge_large_zh": recipe("为这个句子生成表示以用于检索相关文章：{}", pooling="cls"),
    "nomic": {**NOMIC, "layer_norm": True},
    "nomic_256": {**NOMIC, "layer_norm": True, "dimensions": 256},
    "mxbai": BGE,
    "mxbai_512": {**BGE, "dimensions": 512},
}
BASES = {"arctic_embed_256": "arctic_embed", "nomic_256": "nomic", "mxbai_512": "mxbai"}
OTHERS = ("bm25", "dense", "minilm", "hybrid", "faiss")
SPARSE = ("sparse", "splade", "opensearch", "mgte_sparse")
TOKENS = ("multivector", "colbert", "gte_moderncolbert", "jina_colbert", "mxbai_edge", "lateon")
TOKENS += ("mlateon", "m3", "bge_m3_")


QUESTIONS = ["Who wrote Faust?", "What is the capital of France, of which the river is the Seine?"]
LONG = "The river Seine is long, it is said. " * 40
PASSAGES = [
    ("Faust", "Faust is a play by Goethe (1808)."),
    ("", "A passage without a title."),
    ("The river Seine", LONG),
]


def encoders() -> list[str]:
    return [name for name in names("retriever") if not name.startswith((*OTHERS, *SPARSE, *TOKENS))]


def text_of(form: str, title: str, text: str) -> str | list[str]:
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
            "passage": [text_of(said["passage"], title, text) for title, text in PASSAGES],
        },
    }


@pytest.fixture(scope="session")
def nodes(composed: Callable[..., Any]) -> dict[str, dict[str, Any]]:
    found = {}
    for name in encoders():
        config = composed(f"retriever={name}")
        found[name] = OmegaConf.to_container(config.retriever, resolve=True)
    return found


@pytest.fixture(scope="module")
def results(
    hub: Hub, nodes: dict[str, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What one process, which reaches nothing but the stand-in hub, told of every encoder."""
    folder = tmp_path_factory.mktemp("encoders")
    jobs = {name: job(name, node) for name, node in nodes.items() if name in RECIPES}
    return results_of(hub, tiny_encoders.__file__, jobs, folder)


def test_every_encoder_has_a_recipe() -> None:
    assert sorted(RECIPES) == encoders()


every_encoder = pytest.mark.parametrize("name", sorted(RECIPES))
both_sides = pytest.mark.parametrize("side", ["question", "passage"])


def side_of(results: dict[str, Any], name: str, side: str) -> dict[str, Any]:
    told = results[name]
    assert "error" not in told, told["error"]
    found: dict[str, Any] = told[side]
    return found


@every_encoder
@both_sides
def test_the_tokens_it_sees(results: dict[str, Any], name: str, side: str) -> None:
    told = side_of(results, name, side)
    assert told["ids"] == sorted(told["expected"]["ids"])


@every_encoder
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


@pytest.mark.parametrize("name", [n for n, said in RECIPES.items() if said["precision"] == "bf16"])
def test_bf16(results: dict[str, Any], name: str) -> None:
    exact = np.array(side_of(results, name, "question")["vectors"])
    as_set = np.array(results[name]["as_set"])
    cosines = (exact * as_set).sum(1)
    cosines /= np.linalg.norm(exact, axis=1) * np.linalg.norm(as_set, axis=1)
    assert 0.99 < cosines.min() < 1 - 1e-9


@every_encoder
def test_what_the_yaml_says(nodes: dict[str, dict[str, Any]], name: str) -> None:
    node, said = nodes[name], RECIPES[name]
    about = node["about"]
    assert node["similarity"] == said["similarity"]
    assert node["truncate_dim"] == said.get("dimensions")
    assert about["dimension"] == said.get("dimensions", about["dimension"])
    assert isinstance(about["dimension"], int)
    assert 10**7 < about["parameters"] < 10**10
    assert about["citation"]
    assert bool(about.get("remote_code")) == bool(said.get("remote_code"))
    assert node["trust_remote_code"] is False
    assert node["precision"] == said["precision"]
    assert node["pooling"] in (said["pooling"], None)


@pytest.mark.parametrize(
    "name", [name for name in sorted(RECIPES) if "remote_code" in RECIPES[name]]
)
def test_code_of_the_model_runs_only_when_allowed(results: dict[str, Any], name: str) -> None:
    told = results[name]
    assert "error" not in told, told["error"]
    assert told["refusal"], "encoded without asking"
    assert "\n" not in told["refusal"]
    assert "trust_remote_code" in told["refusal"]


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
        files = [name, BASES.get(name)]
        said: dict[str, Any] = {}
        for file in files[::-1]:
            if file:
                said.update(yaml.safe_load((CONF / f"retriever/{file}.yaml").read_text()))
        about = said["about"]
        models = [
            said.get("model"),
            *(said.get(s, {}).get("model") for s in ("question", "passage")),
        ]
        for shown in (*filter(None, models), f" {about['dimension']} "):
            shown = "a folder" if shown.startswith("$") else shown
            assert shown in rows[name], f"{name}: {shown}"
