"""Two towers: what is shared and frozen while training, and after saving and loading."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tiny_towers import PASSAGES, QUESTIONS, plain_bert, stand_in, step, vectors

torch = pytest.importorskip("torch")
pytest.importorskip("sentence_transformers")

from qa_bench.errors import DataError, UserError  # noqa: E402
from qa_bench.models.sharing import SCHEMES  # noqa: E402
from qa_bench.models.source import Source  # noqa: E402
from qa_bench.models.towers import load, towers  # noqa: E402
from qa_bench.models.trainable import set_dropout, sizes, trainable  # noqa: E402
from qa_bench.retriever.dense.part import Dense  # noqa: E402
from qa_bench.types import Runtime  # noqa: E402

RUNTIME = Runtime(threads=1, device="cpu", progress=False)
SIZE = 16
TABLE = "question.0.model.embeddings.word_embeddings.weight"
EXPECTED = {
    # scheme: (shared between the towers, frozen), by the parts of a tower
    "sde": ({"tokens", "body", "projection"}, set()),
    "ade": (set(), set()),
    "ade_ste": ({"tokens"}, set()),
    "ade_fte": (set(), {"tokens"}),
    "ade_fpe": (set(), {"projection"}),
    "ade_spl": ({"projection"}, set()),
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Source:
    folder = plain_bert(tmp_path_factory.mktemp("base") / "bert")
    return Source(str(folder), pooling="mean")


def made(base: Source, sharing: str, **settings: Any) -> Any:
    torch.manual_seed(3)
    return towers(base, base, sharing, **{"projection": SIZE, "similarity": "dot", **settings})


def parts(modules: Any) -> dict[str, list[Any]]:
    """The weights of a tower by part; BERT's pooler, which nobody reads, left out."""
    bert, (projection,) = modules[0].model, modules[2:]
    table = bert.embeddings.word_embeddings.weight
    body = [
        weight
        for name, weight in bert.named_parameters()
        if weight is not table and not name.startswith("pooler.")
    ]
    return {"tokens": [table], "body": body, "projection": list(projection.parameters())}


@pytest.mark.parametrize("sharing", SCHEMES)
def test_what_a_scheme_shares_and_freezes(base: Source, sharing: str) -> None:
    both = made(base, sharing)
    shared, frozen = EXPECTED[sharing]
    first, second = parts(both.question), parts(both.passage)
    for part in first:
        pairs = list(zip(first[part], second[part], strict=True))
        assert [one is other for one, other in pairs] == [part in shared] * len(pairs), part
        assert all(torch.equal(one, other) for one, other in pairs), "they begin alike"
        states = {weight.requires_grad for pair in pairs for weight in pair}
        assert states == {part not in frozen}, part


@pytest.mark.parametrize("sharing", SCHEMES)
def test_counts(base: Source, sharing: str) -> None:
    both = made(base, sharing)
    shared, frozen = EXPECTED[sharing]
    counts = {part: sum(w.numel() for w in ws) for part, ws in parts(both.question).items()}
    pooler = 32 * 32 + 32  # of each tower; never trained
    times = {part: 1 if part in shared else 2 for part in counts}
    whole = sum(times[part] * count for part, count in counts.items())
    assert sizes(both) == {
        "parameters": whole + pooler * (1 if sharing == "sde" else 2),
        "trained": whole - sum(times[part] * counts[part] for part in frozen),
    }
    assert len({id(weight) for _, weight in trainable(both)}) == len(list(trainable(both)))


@pytest.mark.parametrize("sharing", SCHEMES)
def test_a_step_moves_what_it_should_and_a_loaded_folder_goes_on_alike(
    base: Source, sharing: str, tmp_path: Path
) -> None:
    both = made(base, sharing)
    before = {name: weight.detach().clone() for name, weight in both.named_parameters()}
    step(both)
    moved = {n for n, weight in both.named_parameters() if not torch.equal(weight, before[n])}
    assert moved == {name for name, _ in trainable(both)} - untouched(both)

    both.save(tmp_path / "model")
    again = load(tmp_path / "model")
    assert sizes(again) == sizes(both)
    assert again.sharing == sharing
    for one, other in zip(vectors(both), vectors(again), strict=True):
        assert torch.equal(one, other)
    step(both)
    step(again)
    names = dict(both.named_parameters())
    for name, weight in again.named_parameters():
        assert torch.equal(weight, names[name]), name
    assert names.keys() == dict(again.named_parameters()).keys()


def untouched(both: Any) -> set[str]:
    """Trained weights that the gradient of one batch is zero for: keys' biases shift nothing."""
    return {name for name, weight in trainable(both) if not weight.grad.any()}


@pytest.mark.parametrize("sharing", ["sde", "ade_ste", "ade_spl"])
def test_the_folder_in_sentence_transformers_and_in_retriever_dense(
    base: Source, sharing: str, tmp_path: Path
) -> None:
    from sentence_transformers import SentenceTransformer

    both = made(base, sharing)
    step(both)
    both.save(tmp_path / "model", {"question": "the ", "passage": "of "})
    theirs = SentenceTransformer(str(tmp_path / "model"), device="cpu")
    assert theirs.similarity_fn_name == "dot"
    own = [
        both.encode("question", both.preprocess("question", QUESTIONS[:1], prompt="the ")),
        both.encode("passage", both.preprocess("passage", PASSAGES[:1], prompt="of ")),
    ]
    encoded = theirs.encode_query(QUESTIONS[:1]), theirs.encode_document(PASSAGES[:1])
    for one, other in zip(own, encoded, strict=True):
        assert torch.equal(one.detach(), torch.from_numpy(other))
    if sharing != "sde":
        with pytest.raises(ValueError, match=r"[Cc]ould not determine route|default route"):
            theirs.encode(QUESTIONS)

    part = Dense(
        str(tmp_path / "model"),
        similarity="dot",
        question={"prompt": "the "},
        passage={"prompt": "of ", "title": "none"},
    )
    questions = part.encode_questions(QUESTIONS[:1], RUNTIME)
    passages = part.encode_passages([""], PASSAGES[:1], RUNTIME)
    assert abs(questions - encoded[0]).max() < 1e-5
    assert abs(passages - encoded[1]).max() < 1e-5
    if sharing != "sde":
        other_way = part.encode_passages([""], ["the " + QUESTIONS[0]], RUNTIME)
        assert abs(other_way - questions).max() > 1e-3


def test_the_library_alone_unties_what_load_ties(base: Source, tmp_path: Path) -> None:
    """The trap: if it mends it one day, ``sharing.json`` has had its time."""
    from sentence_transformers import SentenceTransformer

    both = made(base, "ade_ste")
    both.save(tmp_path / "model")
    theirs = SentenceTransformer(str(tmp_path / "model"), device="cpu")
    table = dict(both.named_parameters())[TABLE]
    assert sizes(theirs)["parameters"] == sizes(both)["parameters"] + table.numel()
    assert sizes(load(tmp_path / "model"))["parameters"] == sizes(both)["parameters"]


def test_what_is_damaged_does_not_load(base: Source, tmp_path: Path) -> None:
    both, folder = made(base, "ade_ste"), tmp_path / "model"
    both.save(folder)
    with pytest.raises(UserError, match="is there already"):
        both.save(folder)

    def spoilt(name: str) -> Path:
        return Path(shutil.copytree(folder, tmp_path / name))

    (spoilt("a") / "sharing.json").unlink()
    with pytest.raises(UserError, match="not written to its end"):
        load(tmp_path / "a")
    for name, text in {"b": "{", "c": '{"sharing": "x", "similarity": "dot"}', "d": "[]"}.items():
        (spoilt(name) / "sharing.json").write_text(text)
        with pytest.raises(DataError, match="train it again"):
            load(tmp_path / name)
    weights = next(spoilt("e").rglob("document_*/model.safetensors"))
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(UserError, match=r"safetensors|Safetensor"):
        load(tmp_path / "e")
    (spoilt("f") / "router_config.json").unlink()
    with pytest.raises(UserError):
        load(tmp_path / "f")
    moved = next(spoilt("g").rglob("document_0*/model.safetensors"))
    shutil.copy(next((tmp_path / "g").rglob("query_0*/model.safetensors")), moved)
    load(tmp_path / "g")  # they began alike
    other = made(base, "ade")
    step(other)
    other.save(tmp_path / "h")
    note = json.loads((tmp_path / "h/sharing.json").read_text())
    (tmp_path / "h/sharing.json").write_text(json.dumps({**note, "sharing": "ade_ste"}))
    with pytest.raises(UserError, match="they differ"):
        load(tmp_path / "h")


def test_a_kill_while_saving_leaves_no_folder(
    base: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sentence_transformers import SentenceTransformer

    both = made(base, "ade")

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(SentenceTransformer, "_get_model_config", killed)
        with pytest.raises(KeyboardInterrupt):
            both.save(tmp_path / "model")
    assert not (tmp_path / "model").exists()
    both.save(tmp_path / "model")
    load(tmp_path / "model")


def test_unlike_dimensions_are_refused(base: Source, tmp_path: Path) -> None:
    wide = Source(str(plain_bert(tmp_path / "wide", hidden=48)), pooling="mean")
    with pytest.raises(UserError, match=r"of 32 dimensions.*of 48: set train.projection"):
        towers(base, wide, "ade")
    both = towers(base, wide, "ade", projection=SIZE)
    assert [one.shape[1] for one in vectors(both)] == [SIZE, SIZE]
    with pytest.raises(UserError, match="the projections of both towers are to be one"):
        towers(base, wide, "ade_spl", projection=SIZE)
    with pytest.raises(UserError, match="differ in model: set it once"):
        towers(base, wide, "sde")

    both.save(tmp_path / "model")
    config = next((tmp_path / "model").rglob("document_2*/config.json"))
    saved = json.loads(config.read_text())
    config.write_text(json.dumps({**saved, "out_features": 8}))
    from safetensors.torch import load_file, save_file

    weights = config.with_name("model.safetensors")
    save_file({name: value[:8].clone() for name, value in load_file(weights).items()}, weights)
    with pytest.raises(UserError, match=r"unlike dimensions \(document: 8, query: 16\)"):
        load(tmp_path / "model")


@pytest.mark.parametrize(
    ("sharing", "settings", "message"),
    [
        ("ade_spl", {"projection": None}, "shares the projection, and .* has none: set train.proj"),
        ("ade_fpe", {"projection": None}, "freezes the projection, and .* has none: set"),
        ("siamese", {}, "train.sharing: sde, ade, ade_ste"),
        ("ade", {"projection": 0}, "train.projection: a whole number"),
        ("ade", {"similarity": "euclid"}, "train.similarity: cosine, dot or l2"),
    ],
)
def test_what_makes_no_sense(
    base: Source, sharing: str, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        made(base, sharing, **settings)


def test_two_bases_share_no_table_that_differs(base: Source, tmp_path: Path) -> None:
    other = Source(str(plain_bert(tmp_path / "other", seed=1)), pooling="mean")
    with pytest.raises(UserError, match=r"token embeddings of both towers .* differ"):
        towers(base, other, "ade_ste")
    one, two = vectors(towers(base, other, "ade"))[0], vectors(towers(other, base, "ade"))[1]
    assert one.shape == two.shape


def test_a_base_with_two_towers_gives_each_side_its_own(base: Source, tmp_path: Path) -> None:
    both = made(base, "ade")
    step(both)
    both.save(tmp_path / "model")
    folder = Source(str(tmp_path / "model"))
    further = towers(folder, folder, "ade", similarity="dot")
    for one, other in zip(vectors(both), vectors(further), strict=True):
        assert torch.equal(one, other)
    with pytest.raises(UserError, match="has two that differ"):
        towers(folder, folder, "sde")
    with pytest.raises(UserError, match="has a projection already, to 16 dimensions"):
        towers(folder, folder, "ade", projection=8)


def test_the_length_of_vectors_is_learnt_where_it_counts(tmp_path: Path) -> None:
    folder = Source(str(stand_in("mpnet", tmp_path / "mpnet")))  # it divides by the length
    cosine, dot = (vectors(towers(folder, folder, similarity=how))[0] for how in ("cosine", "dot"))
    assert torch.allclose(cosine.norm(dim=1), torch.ones(len(QUESTIONS)))
    assert not torch.allclose(dot.norm(dim=1), torch.ones(len(QUESTIONS)), atol=0.05)
    assert torch.allclose(dot / dot.norm(dim=1, keepdim=True), cosine, atol=1e-6)


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_pooling_is_that_of_the_settings_and_stays(
    base: Source, pooling: str, tmp_path: Path
) -> None:
    source = Source(base.model, pooling=pooling)
    both = towers(source, source, "ade")
    features = both.preprocess("question", QUESTIONS)
    with torch.inference_mode():
        states = both.question[0].model(
            **{name: features[name] for name in ("input_ids", "attention_mask", "token_type_ids")}
        )
        hidden, mask = states.last_hidden_state, features["attention_mask"][:, :, None]
        expected = {
            "mean": (hidden * mask).sum(1) / mask.sum(1),
            "cls": hidden[:, 0],
            "max": hidden.masked_fill(mask == 0, float("-inf")).amax(1),
        }[pooling]
        assert torch.allclose(both.encode("question", features), expected, atol=1e-6)
    both.save(tmp_path / "model")
    for one, other in zip(vectors(both), vectors(load(tmp_path / "model")), strict=True):
        assert torch.equal(one, other)


def test_a_decoder_that_sees_both_ways_still_does_when_loaded(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    folder = str(stand_in("gte_qwen2", tmp_path / "decoder"))
    both_ways = Source(folder, bidirectional=True, end_token=True)
    seeing = towers(both_ways, both_ways, "ade")
    causal = vectors(towers(Source(folder), Source(folder), "ade"))
    seeing.save(tmp_path / "model")
    for here, there, other in zip(
        vectors(seeing), vectors(load(tmp_path / "model")), causal, strict=True
    ):
        assert torch.equal(here, there)
        assert not torch.allclose(here, other, atol=1e-3)
    theirs = SentenceTransformer(str(tmp_path / "model"), device="cpu")
    (one,) = theirs.encode_query(QUESTIONS[:1])
    alone = seeing.encode("question", seeing.preprocess("question", QUESTIONS[:1]))
    assert torch.allclose(torch.from_numpy(one), alone[0].detach(), atol=1e-6)


def test_dropout_of_modules_and_of_numbers(base: Source, tmp_path: Path) -> None:
    modern = Source(str(stand_in("gte_modernbert", tmp_path / "modern")))
    for source in (base, modern):
        both = towers(source, source, "ade").train()
        set_dropout(both, 0.5)
        features = both.preprocess("question", QUESTIONS)
        assert not torch.equal(both.encode("question", features), both.encode("question", features))
        set_dropout(both, 0.0)
        assert torch.equal(both.encode("question", features), both.encode("question", features))


def test_eager_attention_is_nearly_the_same(base: Source) -> None:
    both = made(base, "ade")
    plain = vectors(both)
    both.set_attn_implementation("eager")
    assert both.passage[0].model.config._attn_implementation == "eager"
    for one, other in zip(plain, vectors(both), strict=True):
        assert torch.allclose(one, other, atol=1e-5)
