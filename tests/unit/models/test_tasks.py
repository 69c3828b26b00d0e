"""What a model's own modules take is handed to them: a task, as Jina's models have it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from tiny_models import make

from qa_bench.errors import UserError
from qa_bench.retriever.dense.part import Dense
from qa_bench.types import Runtime

RUNTIME = Runtime(threads=1, progress=False)
CODE = """from sentence_transformers.sentence_transformer.modules import Transformer as Plain


class Transformer(Plain):
    def forward(self, features, task=None):
        features = super().forward(features)
        sign = {"retrieval.query": 1, "retrieval.passage": -1}[task]
        features["token_embeddings"] = sign * features["token_embeddings"]
        return features
"""
"""A module that turns the vectors of passages."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tasks")
    make("e5_small", folder, folder)
    modules = json.loads((folder / "modules.json").read_text())
    modules[0] |= {"type": "custom_st.Transformer", "kwargs": ["task"]}
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "custom_st.py").write_text(CODE)
    return folder


def test_each_side_has_its_task(folder: Path) -> None:
    made = Dense(
        model=str(folder),
        trust_remote_code=True,
        question={"encode_kwargs": {"task": "retrieval.query"}},
        passage={"encode_kwargs": {"task": "retrieval.passage"}},
    )
    question = made.encode_questions(["who?"], RUNTIME)
    np.testing.assert_allclose(made.encode_passages([""], ["who?"], RUNTIME), -question, rtol=1e-6)


def test_what_no_module_takes_is_told(folder: Path) -> None:
    made = Dense(
        model=str(folder), trust_remote_code=True, question={"encode_kwargs": {"taks": "x"}}
    )
    with pytest.raises(UserError, match=r"encode_kwargs\.taks: none of its .*; they take: task"):
        made.encode_questions(["who?"], RUNTIME)


def test_code_of_the_model_runs_only_when_allowed(folder: Path) -> None:
    with pytest.raises(UserError, match="trust_remote_code") as caught:
        Dense(model=str(folder)).encode_questions(["who?"], RUNTIME)
    assert "\n" not in str(caught.value)
