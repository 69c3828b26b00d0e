"""Every named sparse model does what sentence-transformers does with it, seen on tiny stand-ins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tiny_sparse
from conf_names import based_on, names
from hub import Hub
from hub_jobs import results_of
from omegaconf import OmegaConf

KINDS = {
    # Their architectures as sentence-transformers prints them, in docs/sparse_encoder there.
    "splade_v3": "splade",
    "splade_pp": "splade",
    "splade_v3_doc": "inference_free",
    "opensearch_doc_v3_distill": "inference_free",
    "opensearch_doc_v3_gte": "mgte_free",
    "mgte_sparse": "mgte_tokens",
}
QUESTIONS = ["Who wrote Faust?", "What is the capital of France?"]
PASSAGES = [("Faust", "A play by Goethe (1808)."), ("", "The Seine is long. " * 60)]


@pytest.fixture(scope="module")
def results(
    hub: Hub, composed: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    jobs = {}
    for name, kind in KINDS.items():
        node: Any = OmegaConf.to_container(composed(f"retriever={name}").retriever, resolve=True)
        assert "remote_code" not in node["about"], "none needs code of its own: native/ has it"
        assert node["trust_remote_code"] is False
        jobs[name] = {"node": node, "kind": kind}
        jobs[name] |= {"questions": QUESTIONS, "passages": PASSAGES}
    return results_of(hub, tiny_sparse.__file__, jobs, tmp_path_factory.mktemp("sparse"))


def test_these_are_all() -> None:
    based = {name for name in names("retriever") if based_on(name, "sparse")}
    assert based == {*KINDS, "sparse", "splade_tiny"}


@pytest.mark.parametrize("name", KINDS)
def test_scores(results: dict[str, Any], name: str) -> None:
    said = results[name]
    assert "error" not in said, said["error"]
    assert np.ptp(said["expected"]) > 0.1
    np.testing.assert_allclose(said["scores"], said["expected"], rtol=2e-5)
