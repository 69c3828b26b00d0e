from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from two_results import Entry, entries, saved

from qa_bench.analysis.two_figures import TwoFigures, json_line, text, two_figures
from qa_bench.errors import DataError
from qa_bench.report.certificate import Provenance

CONFIG = {
    "name": "x",
    "depth": 100,
    "mode": "dpr",
    "retriever": {"_target_": "q.Bm25", "k1": 0.9},
    "metrics": {"em": {"_target_": "q.Em"}},
}
FILE = {"name": "file of chunk", "uri": "articles.jsonl", "digest": {"sha256": "a" * 64}}
COMMIT = {"name": "qa_bench", "digest": {"gitCommit": "c" * 40}}
VERSIONS = {"qa_bench": "0.2.0", "numpy": "2.0"}


def made(**changes: Any) -> Provenance:
    return Provenance(
        **{
            "config": CONFIG,
            "dependencies": [FILE, COMMIT],
            "versions": VERSIONS,
            "machine": {"cpu": "one"},
            "started": "2026",
            **changes,
        }
    )


def both(tmp_path: Path, other: Provenance, **fields: Any) -> TwoFigures:
    saved(tmp_path, "a", [1, 2, 0, 5], name="one", provenance=made(), key="k")
    changed = {"system": "a", "ranks": [1, 2, 0, 5], "name": "two", "key": "k"} | fields
    saved(tmp_path, provenance=other, **changed)
    return two_figures(*(entries(tmp_path, name)[0] for name in ("one", "two")))


def test_a_repetition_is_the_same_whatever_it_is_called_and_costs(tmp_path: Path) -> None:
    again = made(
        config=CONFIG | {"name": "y", "paths": {"data": "elsewhere"}},
        machine={"cpu": "another"},
        started="2027",
        command="another",
        stages=[{"name": "manifest of x"}],
    )
    told = both(tmp_path, again, costs={"search_s": 3.0})
    assert told.same
    assert text(told, 10).endswith("every question's values")
    assert json.loads(json_line(told, 10))["primad"] == "primad"


@pytest.mark.parametrize(
    ("other", "kind", "name", "letters"),
    [
        ({"config": CONFIG | {"depth": 50}}, "settings", "depth", "priMad"),
        ({"config": CONFIG | {"metrics": {}}}, "settings", "metrics", "pRimad"),
        (
            {"dependencies": [FILE | {"digest": {"sha256": "b" * 64}}, COMMIT]},
            "inputs",
            "file of chunk articles.jsonl",
            "primaD",
        ),
        (
            {"dependencies": [FILE, COMMIT | {"digest": {"gitCommit": "d" * 40}}]},
            "versions",
            "commit of qa_bench",
            "prImad",
        ),
        ({"versions": VERSIONS | {"numpy": "2.1"}}, "versions", "numpy", "Primad"),
    ],
)
def test_only_what_differs_is_told(
    other: dict[str, Any], kind: str, name: str, letters: str, tmp_path: Path
) -> None:
    told = both(tmp_path, made(**other))
    assert not told.same
    content = json.loads(json_line(told, 10))
    assert content["primad"] == letters
    kinds = {k: [c["name"] for c in content[k]] for k in ("settings", "inputs", "versions")}
    assert [k for k, names in kinds.items() if names] == [kind]
    assert any(one.startswith(name) for one in kinds[kind])
    assert content["figures"] == []
    assert content["columns"] == {}


def test_of_other_parts_their_own_settings_stand_in_short(tmp_path: Path) -> None:
    dense = {"_target_": "q.Dense", "model": "m"}
    lines = text(both(tmp_path, made(config=CONFIG | {"retriever": dense})), 10).splitlines()
    assert "  retriever._target_" in lines
    at = lines.index("  retriever, settings of a alone")
    assert lines[at + 1] == "    k1=0.9"
    assert "description" not in "".join(lines)


def test_figures_columns_and_questions(tmp_path: Path) -> None:
    told = both(tmp_path, made(), ranks=[1, 4, 0, 0])
    assert [c.metric for c in told.contrasts] == ["answer_recall@5", "answer_recall@20", "mrr"]
    assert told.columns == {"first_rank": 2}
    assert [entry.qid for entry in told.questions] == ["nq-1", "nq-3"]
    shown = text(told, 1)
    assert "primad: nothing that is known changed" in shown
    assert "  Top-5: a 75.00, b 50.00: +25.00 (" in shown
    assert "a rank 2, b rank 4 | nq-1: who is 1?" in shown
    assert "and 1 more: compare.questions=all" in shown


def test_other_questions_are_told_and_nothing_is_paired(tmp_path: Path) -> None:
    told = both(tmp_path, made(), ranks=[1, 2], questions="00000002")
    assert told.remarks == ["figures are not compared: other questions: 4 and 2"]
    assert [change.name for change in told.changes] == ["questions"]
    assert not told.same


def test_a_record_without_a_certificate_is_not_the_same(tmp_path: Path) -> None:
    told = both(tmp_path, Provenance())
    assert told.remarks == ["nothing is known of the settings and versions of b"]
    assert told.changes == []


def test_a_spoilt_certificate_names_its_file(tmp_path: Path) -> None:
    path = saved(tmp_path, "a", [1], name="one", provenance=made())
    entry: Entry = entries(tmp_path, "one")[0]
    content = json.loads(path.read_text())
    content["predicate"]["buildDefinition"]["resolvedDependencies"] = [3]
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match="not the certificate of a record"):
        two_figures(entry, entry)
