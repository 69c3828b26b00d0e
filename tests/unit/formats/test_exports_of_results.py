"""Certificates in the formats of others, read by their own schemas and readers."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from certificates import PROVENANCE, SHA256, content, result

from qa_bench.errors import DataError, UserError
from qa_bench.formats.every_eval_ever import every_eval_ever
from qa_bench.formats.ir_metadata import ir_metadata
from qa_bench.formats.ro_crate import FILE, ro_crate
from qa_bench.formats.statements import Statement, parameter

EEE = ("every-eval-ever==0.3.0", "564b8bc624c1f822f749a769dc69dc058a736e83d920cbeb147c3a30d3152317")
"""Its wheel holds the schemas; it is looked into, and not installed: it wants Python 3.12."""

ROWS = [
    {
        "qid": f"q{place}",
        "question": "Who?",
        "answers": '["Ann", "Bo"]',
        "prediction": None,
        "passages": '[{"rank": 1, "pid": "7", "title": "A title"}]',
        "answer_recall@1": float(rank == 1),
        "answer_recall@5": float(rank > 0),
    }
    for place, rank in enumerate((1, 0, 5, 1))
]


@pytest.fixture
def statement(tmp_path: Path) -> Statement:
    path = result(tmp_path, (1, 0, 5, 1), system="bm25[k1=1.2]")
    return Statement.of(content(path), path)


@pytest.mark.parametrize(
    "spoilt",
    [
        [], {}, {"_type": "https://in-toto.io/Statement/v1"}, {"system": "bm25", "values": {}},
        {"_type": "https://in-toto.io/Statement/v1", "predicate": {}, "subject": []},
    ],
)  # fmt: skip
def test_what_is_no_certificate_is_told(spoilt: Any) -> None:
    with pytest.raises(DataError, match=r"^a\.json: no certificate: run the system again$"):
        Statement.of(spoilt, Path("a.json"))


@pytest.mark.parametrize(
    ("metric", "parts"),
    [("answer_recall@20", ("answer_recall", 20)), ("em", ("em", None)), ("a@b", ("a@b", None))],
)
def test_the_parameter_of_a_metric(metric: str, parts: tuple[str, int | None]) -> None:
    assert parameter(metric) == parts


# ir_metadata


def test_ir_metadata_is_read_by_repro_eval(
    statement: Statement, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # repro_eval 0.5 imports it for what it tells of a machine; setuptools has it no more.
    monkeypatch.setitem(sys.modules, "pkg_resources", ModuleType("pkg_resources"))
    reader = pytest.importorskip("repro_eval.metadata")
    (tmp_path / "run.trec").write_text("q0 Q0 7 1 2.5 bm25\n")
    others = tmp_path / "others"
    others.mkdir()

    def annotated(text: str, run: Path) -> dict[str, Any]:
        path = tmp_path / "run.ir_metadata.yml"
        path.write_text(text, encoding="utf-8")
        handler = reader.MetadataHandler(str(tmp_path / "run.trec"), str(path))
        handler.write_metadata(str(run))
        return reader.MetadataHandler.read_metadata(str(run))

    there = annotated(ir_metadata(statement), tmp_path / "annotated")
    assert there["tag"] == "bm25[k1=1.2] (jsonl/words)"
    assert there["method"]["retrieval"][1]["reranks"] == "retriever"
    there["method"]["retrieval"][0]["params"]["k1"] = 3
    annotated(yaml.safe_dump(there), others / "other")
    analyzer = reader.MetadataAnalyzer(str(tmp_path / "annotated"))
    assert list(analyzer.analyze_directory(str(others))) == ["priMad"], "the method alone differs"


def test_what_ir_metadata_says(statement: Statement) -> None:
    there = yaml.safe_load(ir_metadata(statement))
    order = ["platform", "research goal", "implementation", "method", "actor", "data"]
    assert list(there)[3:] == order, "PRIMAD"
    assert there["platform"]["hardware"] == {
        "cpu": {"model": "a CPU", "number of cores": 2},
        "ram": "24 GB",
    }
    assert there["platform"]["software"]["libraries"]["java"] == ["java==21.0.8"]
    assert there["platform"]["software"]["retrieval toolkit"] == [
        "qa_bench==9.9",
        "pyserini==1.6.0",
    ]
    assert there["implementation"]["source"]["commit"] == "2" * 40
    assert there["implementation"]["executable"]["cmd"] == PROVENANCE.command
    assert there["method"]["indexing"] == {"stemmer": "porter"}
    assert there["data"]["other"][0]["source"] == f"nq.csv sha256:{SHA256}"
    assert there["data"]["test collection"]["name"] == "nq-test"


# RO-Crate


def test_a_crate_is_read_by_rocrate(tmp_path: Path) -> None:
    reader = pytest.importorskip("rocrate.rocrate")
    paths = [result(tmp_path, (1, 0), system=name) for name in ("bm25", "dense [ü] #1")]
    statements = [Statement.of(content(path), path) for path in paths]
    (tmp_path / "x" / FILE).write_text(json.dumps(ro_crate("x", statements)))
    crate = reader.ROCrate(tmp_path / "x")
    assert crate.root_dataset["conformsTo"].id == "https://w3id.org/ro/wfrun/process/0.5"
    actions = {action["name"]: action for action in crate.get_by_type("CreateAction")}
    assert len(actions) == 4, "stages that both share stand once"
    for action in actions.values():
        assert action["instrument"].type == "SoftwareApplication"
        assert action["instrument"]["softwareVersion"] == "9.9"
        assert action["result"]
    whole = actions["bm25 (jsonl/words) on nq-test"]
    assert whole["endTime"] == "2026-11-28T04:42:37Z"
    assert whole["description"] == PROVENANCE.command
    files = [one for one in crate.get_by_type("File") if one.id.endswith(".csv")]
    assert len(files) == 2
    for file in files:
        path = tmp_path / "x" / file["name"]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == file["sha256"]
    values = {one["name"]: one["value"] for one in whole["result"] if one.type == "PropertyValue"}
    assert values == {"answer_recall@1": 0.5, "answer_recall@5": 0.5}
    assert actions["search bm25"]["object"][0].id == actions["chunk"]["result"][0].id


def test_everything_a_crate_names_is_in_it(statement: Statement) -> None:
    graph = ro_crate("x", [statement])["@graph"]
    names = [entity["@id"] for entity in graph]
    assert len(names) == len(set(names))

    def links(node: Any) -> set[str]:
        if isinstance(node, list):
            return set().union(*map(links, node), set())
        if isinstance(node, dict) and set(node) == {"@id"}:
            return {node["@id"]}
        return set().union(*map(links, node.values()), set()) if isinstance(node, dict) else set()

    inside = {name for entity in graph for name in links(list(entity.values()))}
    assert inside - set(names) == {"https://w3id.org/ro/crate/1.1"}


# Every Eval Ever


@pytest.fixture(scope="session")
def schemas(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    """The schemas of the log and of an instance, from the released wheel; skipped without it."""
    requirement, digest = EEE
    folder = request.config.cache.mkdir("wheels")
    if not (wheels := list(folder.glob("every_eval_ever-0.3.0-*.whl"))):
        words = ("--no-deps", "--python-version", "3.12", "--only-binary", ":all:")
        done = subprocess.run(
            [sys.executable, "-m", "pip", "download", "-q", *words, "-d", str(folder), requirement],
            capture_output=True,
            timeout=120,
        )
        if done.returncode:
            pytest.skip(f"no wheel of {requirement}")
        wheels = list(folder.glob("every_eval_ever-0.3.0-*.whl"))
    assert hashlib.sha256(wheels[0].read_bytes()).hexdigest() == digest
    with zipfile.ZipFile(wheels[0]) as archive:
        return [
            json.loads(archive.read(f"every_eval_ever/schemas/{name}.schema.json"))
            for name in ("eval", "instance_level_eval")
        ]


@pytest.mark.parametrize("predicted", [False, True])
def test_a_log_fits_its_schema(
    schemas: list[dict[str, Any]], statement: Statement, predicted: bool
) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    rows = [{**row, "prediction": "Ann" if predicted else None} for row in ROWS]
    log = every_eval_ever(statement, rows)
    jsonschema.Draft7Validator(schemas[0]).validate(log.log)
    instances = jsonschema.Draft7Validator(schemas[1])
    for line in log.samples.splitlines():
        instances.validate(json.loads(line))
    spoilt = json.loads(json.dumps(log.log))
    spoilt["evaluation_results"][0]["score_details"]["uncertainty"]["num_samples"] = "4"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(schemas[0]).validate(spoilt)


def test_a_log_of_reported_figures_fits_its_schema(
    schemas: list[dict[str, Any]], statement: Statement
) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    log = every_eval_ever(statement, None)
    jsonschema.Draft7Validator(schemas[0]).validate(log.log)
    assert log.log["source_metadata"]["source_type"] == "documentation"
    assert "detailed_evaluation_results" not in log.log
    assert (log.samples_path, log.samples) == ("", "")


def test_what_a_log_says(statement: Statement) -> None:
    log = every_eval_ever(statement, ROWS)
    whole = log.log
    uuid4 = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    place = rf"data/nq-test/qa-bench/bm25-k1=1\.2-jsonl-words/{uuid4}"
    assert re.fullmatch(rf"{place}\.json", log.path)
    assert log.samples_path == log.path.replace(".json", "_samples.jsonl")
    assert whole["model_info"]["id"] == "/".join(log.path.split("/")[2:4])
    assert whole["retrieved_timestamp"] == "1795840957"
    first, second = whole["evaluation_results"]
    assert first["metric_config"]["metric_parameters"] == {"k": 1}
    assert first["metric_config"]["metric_name"] == "Top-1"
    details = second["score_details"]
    assert (details["score"], details["details"]) == (0.75, {"hits": "3"})
    uncertainty = details["uncertainty"]
    # By hand: √(3/16 · 4/3 / 4) is the error of 3 of 4, Wilson's ends are .3006 and .9544.
    assert uncertainty["standard_error"]["value"] == pytest.approx(0.25)
    assert uncertainty["standard_deviation"] == pytest.approx(0.5)
    interval = uncertainty["confidence_interval"]
    assert (interval["lower"], interval["upper"]) == pytest.approx((0.3006, 0.9544), abs=1e-4)
    assert (interval["method"], interval["confidence_level"]) == ("wilson", 0.95)
    assert uncertainty["num_samples"] == 4
    told = whole["detailed_evaluation_results"]
    assert told["checksum"] == hashlib.sha256(log.samples.encode()).hexdigest()
    assert told["total_rows"] == len(log.samples.splitlines()) == 8
    instance = json.loads(log.samples.splitlines()[0])
    assert instance["input"] == {"raw": "Who?", "reference": ["Ann", "Bo"]}
    assert instance["output"] == {"raw": ["A title"]}
    assert instance["sample_hash"] == hashlib.sha256(b"Who?AnnBo").hexdigest()
    assert instance["evaluation"] == {"score": 1.0, "is_correct": True}
    assert instance["evaluation_result_id"] == first["evaluation_result_id"]


def test_the_same_certificate_gives_the_same_log(statement: Statement) -> None:
    assert every_eval_ever(statement, ROWS) == every_eval_ever(statement, ROWS)


@pytest.mark.parametrize(
    ("label", "folder"),
    [
        ("../../etc", "etc-jsonl-words"),
        ("data", "data-jsonl-words"),
        ("a/b\\c:d*", "a-b-c-d-jsonl-words"),
        ("中文", "中文-jsonl-words"),
    ],
)
def test_labels_are_portable_folders(label: str, folder: str, tmp_path: Path) -> None:
    path = result(tmp_path, (1, 0), system=label)
    log = every_eval_ever(Statement.of(content(path), path), None)
    assert log.path.split("/")[3] == folder


def test_a_value_that_is_no_number_is_told(statement: Statement) -> None:
    rows = [{**ROWS[0], "answer_recall@1": float("nan")}, *ROWS[1:]]
    with pytest.raises(UserError, match=r"^answer_recall@1 of question 'q0': a number expected$"):
        every_eval_ever(statement, rows)
