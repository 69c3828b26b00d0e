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
HARRIER = recipe(INSTRUCT + "{}", pooling="lasttoken", max_length=32768, **BF16)
GEMMA = recipe(
    "task: question answering | query: {}",
    "title: {title} | text: {text}",
    max_length=2048,
    untitled="none",
)
SGPT = recipe(
    pooling="weightedmean", max_length=300, question_marks=["[", "]"], passage_marks=["{", "}"]
)
JINA_V5 = recipe(
    "Query: {}", "Document: {title} {text}", pooling="lasttoken", max_length=8192, **BF16
)
ICL_EXAMPLES = (
    "<instruct>Given a web search query, retrieve relevant passages that answer the query.\n"
    "<query>what is a virtual interface\n<response>A virtual interface is a software-defined "
    "abstraction that mimics the behavior and characteristics of a physical network interface. It "
    "allows multiple logical network connections to share the same physical network interface, "
    "enabling efficient utilization of network resources. Virtual interfaces are commonly used in "
    "virtualization technologies such as virtual machines and containers to provide network "
    "connectivity without requiring dedicated hardware. They facilitate flexible network "
    "configurations and help in isolating network traffic for security and management purposes.\n\n"
    "<instruct>Given a web search query, retrieve relevant passages that answer the query.\n"
    "<query>causes of back pain in female for a week\n<response>Back pain in females lasting a "
    "week can stem from various factors. Common causes include muscle strain due to lifting heavy "
    "objects or improper posture, spinal issues like herniated discs or osteoporosis, menstrual "
    "cramps causing referred pain, urinary tract infections, or pelvic inflammatory disease. "
    "Pregnancy-related changes can also contribute. Stress and lack of physical activity may "
    "exacerbate symptoms. Proper diagnosis by a healthcare professional is crucial for effective "
    "treatment and management.\n\n"
)
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
    # Ni et al. 2022, 3.1: the decoder's output at its start token.
    "st5_encdec": recipe(
        pooling="first_state",
        max_length=256,
        question_class="T5Model",
        passage_class="T5Model",
    ),
    # intfloat/multilingual-e5-large-instruct, card: one line break, a space after "Query:".
    "multilingual_e5_large_instruct": recipe(INSTRUCT + "{}"),
    # microsoft/harrier-oss-v1-0.6b, config_sentence_transformers.json and card.
    "harrier_0_6b": HARRIER,
    "harrier_270m": HARRIER,
    # google/embeddinggemma-300m, card: task of questions; title: {title | "none"} | text: {text}
    "embeddinggemma_300m": GEMMA,
    "embeddinggemma_256": {**GEMMA, "dimensions": 256},
    # lightonai/DenseOn, card and 1_Pooling/config.json.
    "denseon": recipe("query: {}", "document: {title} {text}", pooling="cls"),
    "mdenseon": recipe("query: {}", "document: {title} {text}", pooling="cls", max_length=8192),
    # codefuse-ai/F2LLM-v2-14B, card; mteb, codefuse_models.py: 8192 tokens, an end token.
    "f2llm_v2_0_6b": recipe(
        "Instruct: Given a question, retrieve passages that can help answer the question.\n"
        "Query: {}",
        pooling="lasttoken",
        max_length=8192,
        end=True,
        **BF16,
    ),
    # Muennighoff/sgpt, README: tokenize_with_specb; biencoder/beir: --maxseqlen 300, sep " ".
    "sgpt_125m": SGPT,
    "sgpt_5_8b": SGPT,
    # FlagOpen/FlagEmbedding, research/llm_embedder/README.md and evaluation/eval_retrieval.py.
    "llm_embedder": recipe(
        "Represent this query for retrieving relevant documents: {}",
        "Represent this document for retrieval: {title} {text}",
        pooling="cls",
    ),
    # jinaai/jina-embeddings-v3, card; mteb, jina_models.py: a task and a prompt a side.
    "jina_v3": recipe(
        "Represent the query for retrieving evidence documents: {}",
        "Represent the document for retrieval: {title} {text}",
        max_length=8192,
        remote_code=True,
        passage_sign=-1,
    ),
    # jinaai/jina-embeddings-v5-text-small-retrieval, card; mteb, jina_models.py.
    "jina_v5_small": JINA_V5,
    "jina_v5_nano": JINA_V5,
    # ibm-granite/granite-embedding-english-r2, card.
    "granite_english_r2": recipe(pooling="cls", max_length=8192),
    # FlagOpen/FlagEmbedding, inference/embedder/decoder_only/icl.py: set_examples; the card's two.
    "bge_en_icl_examples": recipe(
        f"{ICL_EXAMPLES}<instruct>{WIKIPEDIA}.\n<query>{{}}\n<response>",
        pooling="lasttoken",
        max_length=2048,
        end=True,
        **BF16,
    ),
}
SIZES = {
    **dict.fromkeys(("gtr_large", "gtr_xl", "gtr_xxl"), "gtr"),
    **dict.fromkeys(("st5_large", "st5_xl", "st5_xxl"), "st5"),
    **dict.fromkeys(("qwen3_embedding_4b", "qwen3_embedding_8b"), "qwen3_embedding_0_6b"),
    # Their cards, and mteb's linq_models.py and salesforce_models.py, give E5-Mistral's recipe.
    **dict.fromkeys(("linq_embed_mistral", "sfr_embedding_mistral"), "e5_mistral"),
    "sfr_embedding_2": "e5_mistral",
    "harrier_27b": "harrier_270m",
    **dict.fromkeys((f"f2llm_v2_{n}" for n in ("80m", "160m", "330m", "1_7b")), "f2llm_v2_0_6b"),
    **dict.fromkeys((f"f2llm_v2_{n}" for n in ("4b", "8b", "14b")), "f2llm_v2_0_6b"),
    **dict.fromkeys(("gte_qwen2_7b", "gte_qwen1_5_7b"), "gte_qwen2"),
    **dict.fromkeys(("sgpt_1_3b", "sgpt_2_7b"), "sgpt_125m"),
    **dict.fromkeys(
        (f"granite_{n}_r2" for n in ("small_english", "97m_multilingual", "311m_multilingual")),
        "granite_english_r2",
    ),
}
"""Those of another's architecture and recipe, so that one stand-in stands for them all."""
RECIPES |= {name: RECIPES[base] for name, base in SIZES.items()}
SEEN = sorted(set(RECIPES) - set(SIZES))
"""Those whose stand-ins encode something."""
BASES = {
    "arctic_embed_256": "arctic_embed",
    "nomic_256": "nomic",
    "mxbai_512": "mxbai",
    "embeddinggemma_256": "embeddinggemma_300m",
}
OTHERS = ("dense", "minilm")
"""The base, and the one that is a package: other tests have its real weights."""

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
    assert bool(about.get("remote_code")) == bool(said.get("remote_code"))
    assert node["trust_remote_code"] is False
    assert node["precision"] == said["precision"]
    assert node["pooling"] in (said["pooling"], None)


@pytest.mark.parametrize("name", sorted(SIZES))
def test_a_size_is_its_base_but_for_the_model(name: str) -> None:
    own, base = said_of(name), said_of(SIZES[name])
    differing = {key for key in {**own, **base} if own.get(key) != base.get(key)}
    assert differing - {"defaults"} == {"model", "about"}
    assert own["about"]["parameters"] != base["about"]["parameters"]


@pytest.mark.parametrize("name", [name for name in SEEN if "remote_code" in RECIPES[name]])
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
        said = said_of(name)
        about = said["about"]
        models = [
            said.get("model"),
            *(said.get(s, {}).get("model") for s in ("question", "passage")),
        ]
        for shown in (*filter(None, models), f" {about['dimension']} "):
            shown = "a folder" if shown.startswith("$") else shown
            assert shown in rows[name], f"{name}: {shown}"
