"""Towers as DPR's encoders: from them, to them, with the same vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tiny_towers import PASSAGES, QUESTIONS, plain_bert, stand_in, step, vectors

torch = pytest.importorskip("torch")
pytest.importorskip("sentence_transformers")

from qa_bench.errors import UserError  # noqa: E402
from qa_bench.models.dpr_folders import CLASSES, save_dpr  # noqa: E402
from qa_bench.models.source import Source  # noqa: E402
from qa_bench.models.towers import load, towers  # noqa: E402
from qa_bench.retriever.dense.part import Dense  # noqa: E402
from qa_bench.types import Runtime  # noqa: E402

RUNTIME = Runtime(threads=1, device="cpu", progress=False)
TITLES = ["Kings", "It", "of the many"]


def dense(folders: dict[str, Path]) -> Dense:
    """As conf/retriever/dpr_single.yaml has it."""
    question, passage = (
        {"model": str(folders[side]), "architecture": name} for side, name in CLASSES.items()
    )
    return Dense(
        max_length=256, similarity="dot", question=question, passage={**passage, "title": "pair"}
    )


@pytest.mark.parametrize("projection", [None, 16])
def test_the_folders_give_the_same_vectors(tmp_path: Path, projection: int | None) -> None:
    source = Source(str(plain_bert(tmp_path / "bert")), pooling="cls")
    both = towers(source, source, "ade", projection, similarity="dot", one_segment_pairs=True)
    step(both)
    folders = save_dpr(both, tmp_path / "dpr", pairs=True)
    pairs = list(zip(TITLES, PASSAGES, strict=True))
    with torch.inference_mode():
        questions = both.encode("question", both.preprocess("question", QUESTIONS)).numpy()
        passages = both.encode("passage", both.preprocess("passage", pairs)).numpy()
    part = dense(folders)
    assert abs(part.encode_questions(QUESTIONS, RUNTIME) - questions).max() < 1e-5
    assert abs(part.encode_passages(TITLES, PASSAGES, RUNTIME) - passages).max() < 1e-5

    both.save(tmp_path / "model")  # title and text stay one segment there too
    routed = Dense(str(tmp_path / "model"), similarity="dot", passage={"title": "pair"})
    assert abs(routed.encode_passages(TITLES, PASSAGES, RUNTIME) - passages).max() < 1e-5


def test_transformers_own_classes_load_them_whole(tmp_path: Path) -> None:
    import transformers

    source = Source(str(plain_bert(tmp_path / "bert")), pooling="cls")
    both = towers(source, source, "ade", similarity="dot")
    step(both)
    folders = save_dpr(both, tmp_path / "dpr", pairs=False)
    for side, name in CLASSES.items():
        kind = getattr(transformers, name)
        model, info = kind.from_pretrained(folders[side], output_loading_info=True)
        assert not info["missing_keys"]
        assert not info["unexpected_keys"]
        assert not [key for key in model.state_dict() if "pooler" in key]


def test_dprs_own_encoders_can_be_trained_further(tmp_path: Path) -> None:
    sources = {
        side: Source(str(stand_in(f"dpr_{side}", tmp_path / side)), architecture=name)
        for side, name in CLASSES.items()
    }
    both = towers(sources["question"], sources["passage"], "ade", similarity="dot")
    part = dense({side: Path(source.model) for side, source in sources.items()})
    pairs: Any = list(zip(TITLES, PASSAGES, strict=True))
    with torch.inference_mode():
        passages = both.encode("passage", both.preprocess("passage", pairs)).numpy()
    assert abs(part.encode_questions(QUESTIONS, RUNTIME) - vectors(both)[0].numpy()).max() < 1e-5
    assert abs(part.encode_passages(TITLES, PASSAGES, RUNTIME) - passages).max() < 1e-5
    step(both)
    save_dpr(both, tmp_path / "dpr", pairs=True)
    both.save(tmp_path / "model")
    assert torch.equal(vectors(load(tmp_path / "model"))[1], vectors(both)[1])


@pytest.mark.parametrize(
    ("name", "settings", "pairs", "message"),
    [
        ("plain", {"pooling": "mean"}, False, "questions' tower does not pool the first token's"),
        ("plain", {"pooling": "cls"}, True, "tells title from text by segment ids"),
        ("bge_base_en", {}, False, "has a Normalize behind its pooling"),
        ("mpnet", {"pooling": "cls"}, False, "the questions' tower is no BERT"),
    ],
)
def test_other_architectures_are_refused(
    tmp_path: Path, name: str, settings: dict[str, Any], pairs: bool, message: str
) -> None:
    folder = tmp_path / name
    source = Source(str(plain_bert(folder) if name == "plain" else stand_in(name, folder)))
    source = Source(source.model, **settings)
    with pytest.raises(UserError, match=message):
        save_dpr(towers(source, source, "ade"), tmp_path / "dpr", pairs)


def test_classes_of_transformers_that_no_modules_are_made_of(tmp_path: Path) -> None:
    source = Source(str(stand_in("simcse_sup", tmp_path / "bert")), architecture="BertModel")
    with pytest.raises(UserError, match=r"retriever.architecture=BertModel .* cannot be trained"):
        towers(source, source)
