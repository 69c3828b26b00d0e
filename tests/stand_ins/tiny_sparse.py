"""Tiny learned sparse models with random weights: a SPLADE, and one with a table for questions.

    python tiny_sparse.py jobs.json results.json

runs in a process of its own, see ``test_every_sparse.py``: it puts such models under the names that
the YAMLs have, and encodes with the harness and with sentence-transformers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hub_jobs
from tiny_tokenizers import bert_tokenizer


def masked_language_model(folder: Path, seed: int = 0) -> Path:
    """A BERT with a masked language model's head, without files of sentence-transformers."""
    import torch
    from transformers import BertConfig, BertForMaskedLM

    tokenizer = bert_tokenizer()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        config = BertConfig(
            vocab_size=len(tokenizer), hidden_size=16, intermediate_size=24, num_hidden_layers=2,
            num_attention_heads=2, max_position_embeddings=64, initializer_range=0.6,
        )  # fmt: skip
        BertForMaskedLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def splade(folder: Path, activation: str = "relu") -> Any:
    """The same with sentence-transformers' files, saved in ``folder``; its SparseEncoder."""
    from sentence_transformers import SparseEncoder

    whole = SparseEncoder(modules=_splade(folder, activation), device="cpu")
    whole.save_pretrained(str(folder))
    return whole


def inference_free(folder: Path) -> Any:
    """Double logarithm for passages, a table of weights for questions; its SparseEncoder."""
    import torch
    from sentence_transformers import SparseEncoder
    from sentence_transformers.sparse_encoder.modules import Router, SparseStaticEmbedding

    passages = _splade(folder, "log1p_relu")
    weights = torch.linspace(0.5, 3, len(bert_tokenizer()))
    table = SparseStaticEmbedding(tokenizer=bert_tokenizer(), weight=weights, frozen=True)
    router = Router.for_query_document([table], passages)
    whole = SparseEncoder(modules=[router], device="cpu", similarity_fn_name="dot")
    whole.save_pretrained(str(folder))
    return whole


def _splade(folder: Path, activation: str) -> list[Any]:
    from sentence_transformers.sparse_encoder.modules import SpladePooling, Transformer

    base = masked_language_model(folder.with_name(f"{folder.name}-base"))
    transformer = Transformer(str(base), transformer_task="fill-mask")
    return [transformer, SpladePooling("max", activation_function=activation)]


def token_weights(folder: Path) -> Any:
    """One logit a token, by a head for token classification; scores by plain transformers."""
    import torch
    from transformers import BertConfig, BertForTokenClassification

    tokenizer = bert_tokenizer()
    with torch.random.fork_rng():
        torch.manual_seed(3)
        config = BertConfig(
            vocab_size=len(tokenizer), hidden_size=16, intermediate_size=24, num_hidden_layers=2,
            num_attention_heads=2, max_position_embeddings=64, initializer_range=0.6, num_labels=1,
        )  # fmt: skip
        model = BertForTokenClassification(config).eval()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)

    # What its authors leave out; BERT has no end of a text, so that [SEP] is weighed.
    unweighed = (tokenizer.cls_token_id, tokenizer.pad_token_id, tokenizer.unk_token_id)

    def weights(text: str) -> dict[int, float]:
        inputs = tokenizer(text, return_tensors="pt", truncation=True, max_length=64)
        with torch.inference_mode():
            logits = model(**inputs).logits[0, :, 0].tolist()
        terms: dict[int, float] = {}
        for term, logit in zip(inputs["input_ids"][0].tolist(), logits, strict=True):
            if logit > max(0, terms.get(term, 0)) and term not in unweighed:
                terms[term] = logit
        return terms

    return weights


def mgte_free(folder: Path) -> Any:
    """``inference_free`` with a checkpoint of mGTE's kind; scores by its authors' forward pass."""
    import author_checkpoints as checkpoints
    import torch
    from transformers import AutoTokenizer

    whole = inference_free(folder)
    [inner] = folder.glob("document_0_*")
    routes = folder / "router_config.json"
    routes.write_text(routes.read_text().replace(inner.name, ""))  # as on the hub
    for file in inner.iterdir():
        file.rename(folder / file.name)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    own = checkpoints.new(len(tokenizer), task="ForMaskedLM")
    own.save_pretrained(folder)

    def scores(questions: list[str], texts: list[str]) -> list[list[float]]:
        logits = author_logits(folder, tokenizer, texts)
        passages = torch.stack([one.amax(0).relu().log1p().log1p() for one in logits])
        table = whole.encode_query(questions, convert_to_sparse_tensor=False)
        return (table @ passages.T).tolist()

    return scores


def mgte_tokens(folder: Path) -> Any:
    """A checkpoint of mGTE's kind with a weight a token; scores by its authors' forward pass."""
    import author_checkpoints as checkpoints
    import torch
    from tiny_tokenizers import xlmr_tokenizer

    tokenizer = xlmr_tokenizer()
    checkpoints.new(len(tokenizer), task="ForTokenClassification").save_pretrained(folder)
    tokenizer.save_pretrained(folder)

    def weights(texts: list[str]) -> torch.Tensor:
        rows = torch.zeros((len(texts), len(tokenizer)))
        every = author_logits(folder, tokenizer, texts)
        for row, text, logits in zip(rows, texts, every, strict=True):
            for term, weight in zip(tokenizer(text)["input_ids"], logits[:, 0], strict=True):
                if term > 3:  # marks and unknown words
                    row[term] = torch.maximum(row[term], weight)
        return rows

    return lambda questions, texts: (weights(questions) @ weights(texts).T).tolist()


def author_logits(folder: Path, tokenizer: Any, texts: list[str]) -> list[Any]:
    """Of each text (tokens, labels)."""
    from author_models import AuthorModel

    model = AuthorModel(folder)
    settings = {"return_tensors": "pt", "truncation": True}
    return [model(tokenizer(text, **settings)["input_ids"]).logits[0] for text in texts]


def library(make: Any, folder: Path) -> Any:
    """Scores of a model that sentence-transformers loads too."""
    whole = make(folder)
    return lambda questions, texts: whole.similarity(
        whole.encode_query(questions), whole.encode_document(texts)
    ).tolist()


def measured(name: str, job: dict[str, Any], repositories: Path) -> dict[str, Any]:
    """Scores of all pairs of questions and passages: the harness', and those expected."""
    from functools import partial

    import numpy as np
    import torch
    from omegaconf import OmegaConf

    from qa_bench.parts import make
    from qa_bench.store.passages import Passages, describe_passages, write_passages
    from qa_bench.types import Passage, Question, QuestionSet, Runtime

    torch.manual_seed(0)
    node, runtime = job["node"], Runtime(threads=1, progress=False)
    folder = repositories / node["model"]
    kinds = {"splade": partial(library, splade), "inference_free": partial(library, inference_free),
             "mgte_free": mgte_free, "mgte_tokens": mgte_tokens}  # fmt: skip
    expected = kinds[job["kind"]](folder)
    part = make("retriever", OmegaConf.create(node))
    place = Path(name)
    (place / "index").mkdir(parents=True)
    texts = [Passage(str(n), title, text) for n, (title, text) in enumerate(job["passages"])]
    write_passages(place / "passages-00000.arrow", texts)
    describe_passages(place, [place / "passages-00000.arrow"])
    passages = Passages(place)
    part.index(passages, place / "index", runtime)
    asked = tuple(Question(str(n), text, ("x",)) for n, text in enumerate(job["questions"]))
    questions = QuestionSet("made", "test", "string", asked, "0" * 64)
    pairs = np.repeat(range(len(asked)), len(texts)), np.tile(range(len(texts)), len(asked))
    scores = part.score(place / "index", passages, questions, *pairs, runtime)
    inputs = [f"{one.title} {one.text}" if one.title else one.text for one in texts]
    theirs = expected(job["questions"], inputs)
    return {"scores": scores.tolist(), "expected": np.ravel(theirs).tolist()}


if __name__ == "__main__":
    hub_jobs.main(measured)
