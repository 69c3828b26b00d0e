"""What the authors of the named encoders say: prompts, pooling, end tokens, lengths, similarity.

Written from model cards and the authors' code, and not from the YAMLs, which are held against it.
"""

from __future__ import annotations

from typing import Any

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
PASSAGES = "Instruct: Given a question, retrieve passages that answer the question\nQuery:"
NV_EMBED = recipe(
    f"{PASSAGES} {{}}</s>",
    "{title} {text}</s>",
    max_length=4096,
    authors=True,
    question_unpooled=PASSAGES,
    **BF16,
)
WEB = (
    "Instruct: Given a web search query, retrieve relevant passages that answer the query.\n"
    "Query: {}"
)
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
    "mgte": recipe(pooling="cls", max_length=8192, authors=True),
    "arctic_embed_m_v2": recipe("query: {}", pooling="cls", max_length=8192, authors=True),
    "arctic_embed": ARCTIC,
    "arctic_embed_256": {**ARCTIC, "dimensions": 256},
    "bce": recipe(pooling="cls"),
    "nv_embed": NV_EMBED,
    "nv_embed_v1": NV_EMBED,
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
    "stella_400m": recipe(WEB, authors=True),
    "stella": recipe(
        WEB,
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
    "nomic_v2_moe": {**NOMIC, "max_length": 512, "authors": True},
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
    # voyageai/voyage-4-nano, config_sentence_transformers.json, 1_Pooling and card.
    "voyage_4_nano": recipe(
        "Represent the query for retrieving supporting documents: {}",
        "Represent the document for retrieval: {title} {text}",
        max_length=32000,
        authors=True,
    ),
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
    # jinaai/jina-embeddings-v3, card; mteb, jina_models.py: an adapter and a prompt a side.
    "jina_v3": recipe(
        "Represent the query for retrieving evidence documents: {}",
        "Represent the document for retrieval: {title} {text}",
        max_length=8192,
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
