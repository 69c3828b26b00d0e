"""`qa-bench plot` and `export what=results`: what is chosen, what is written, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from certificates import result
from omegaconf import OmegaConf

from qa_bench.cli.app import _needs_passages
from qa_bench.cli.export import export
from qa_bench.cli.plot import ALPHA, KINDS, TOWERS, plot
from qa_bench.errors import DataError, UserError
from qa_bench.report.record import load

ROOT = Path(__file__).parents[3]
SETTINGS = {
    "kind": "curve", "metric": "answer_recall@1", "sets": None, "cost": None,
    "by": None, "log": None, "width": 3.3, "font": "path", "out": None,
}  # fmt: skip
CLOSED = {
    "_target_": "qa_bench.statistics.closed.Closed",
    "alpha": 0.05, "family": "own", "against": None,
}  # fmt: skip


@pytest.fixture
def results(tmp_path: Path) -> Path:
    result(tmp_path, (1, 1, 0, 2), system="bm25")
    result(tmp_path, (1, 1, 1, 1), system="dense")
    result(tmp_path, (1, 0, 0, 0), system="bm25", dataset="webq")
    return tmp_path


def config(results: Path, statistics: Any = CLOSED, system: Any = None, **plots: Any) -> Any:
    return OmegaConf.create(
        {
            "paths": {"results": str(results)},
            "name": "x",
            "merge": [],
            "system": system,
            "statistics": statistics,
            "table": {"over": ["train.seed"]},
            "plot": {**SETTINGS, **plots},
            "export": {"what": "results", "format": "eee", "out": None},
        }
    )


def columns(path: Path, number: int) -> list[str]:
    lines = path.read_text().splitlines()[1:]
    return list(dict.fromkeys(line.split(",")[number] for line in lines))


def test_three_files_are_written(results: Path) -> None:
    pytest.importorskip("matplotlib")
    stem = results / "x" / "plots" / "curve"
    assert plot(config(results)) == f"plot: {stem}.svg, {stem}.png, {stem}.csv"
    assert (columns(Path(f"{stem}.csv"), 0), columns(Path(f"{stem}.csv"), 1)) == (
        ["nq", "webq"],
        ["bm25", "dense"],
    )
    assert len(load(results, "x")) == 3, "they are no records"


def test_what_is_chosen(results: Path) -> None:
    pytest.importorskip("matplotlib")
    out = results / "new" / "mine"
    plot(config(results, system="bm25", sets="webq", out=str(out)))
    assert columns(Path(f"{out}.csv"), 0) == ["webq"]
    assert columns(Path(f"{out}.csv"), 1) == ["bm25"]


def test_a_forest_takes_the_baseline_in(results: Path) -> None:
    pytest.importorskip("matplotlib")
    against = {**CLOSED, "against": "bm25"}
    plot(config(results, against, "dense", kind="forest", sets=["nq"]))
    (line,) = (results / "x/plots/forest.csv").read_text().splitlines()[1:]
    assert line.startswith("nq,dense,bm25,answer_recall@1,%,0.500000,")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (
            {"kind": "bars"},
            "plot.kind: curve, forest, pareto, depth, chunks, scaling, alpha, towers or setting, "
            "got 'bars'",
        ),
        ({"sets": ["nq", "squad"]}, "plot.sets: nq or webq, got 'squad'"),
        ({"system": "colbert"}, "no system 'colbert' in these results"),
        ({"kind": "forest", "statistics": {**CLOSED, "against": "colbert"}}, "no system 'colbert'"),
        (
            {"kind": "forest", "statistics": {"_target_": "qa_bench.statistics.none.NoStatistics"}},
            "kind=forest draws differences: use statistics=closed or resampling",
        ),
    ],
)
def test_refusals(results: Path, settings: dict[str, Any], told: str) -> None:
    pytest.importorskip("matplotlib")
    with pytest.raises(UserError) as caught:
        plot(config(results, **settings))
    assert told in str(caught.value)
    assert not (results / "x" / "plots").exists()


def test_without_matplotlib(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"^plots are drawn by matplotlib: pip install 'qa-bench"):
        plot(config(results))


def test_a_missing_per_question_file(results: Path) -> None:
    pytest.importorskip("matplotlib")
    (path,) = (results / "x").glob("webq*.csv")
    path.unlink()
    with pytest.raises(DataError) as caught:
        plot(config(results))
    assert str(caught.value) == f"{path}: no per-question values: run the system again"


def test_an_edited_per_question_file(results: Path) -> None:
    pytest.importorskip("matplotlib")
    (path,) = (results / "x").glob("webq*.csv")
    path.write_text(path.read_text().replace("q0", "q9"))
    for verb in (plot, lambda one: export(None, one)):  # type: ignore[arg-type]
        with pytest.raises(DataError, match=r"webq.*edited\?"):
            verb(config(results))


# export what=results


def exported(results: Path, how: str, out: Path | None = None) -> None:
    settings = config(results)
    settings.export.format, settings.export.out = how, None if out is None else str(out)
    export(None, settings)  # type: ignore[arg-type]


def test_where_exports_lie(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exported(results, "ir_metadata")
    exported(results, "ro_crate")
    exported(results, "eee")
    home = results / "x"
    assert len(list(home.glob("*.ir_metadata.yml"))) == 3
    assert (home / "ro-crate-metadata.json").exists()
    assert len(list(home.glob("every_eval_ever/data/*/qa-bench/*/*_samples.jsonl"))) == 3
    assert len(load(results, "x")) == 3, "they are no records"
    assert capsys.readouterr().out.splitlines() == [
        f"{home}: 3 files of ir_metadata",
        f"{home}/ro-crate-metadata.json: 3 results",
        f"{home}/every_eval_ever: 3 evaluations",
    ]


def test_a_crate_elsewhere_takes_its_files_along(results: Path, tmp_path: Path) -> None:
    out = tmp_path / "crate"
    exported(results, "ro_crate", out)
    parts = json.loads((out / "ro-crate-metadata.json").read_text())["@graph"][1]["hasPart"]
    names = sorted(part["@id"] for part in parts)
    assert names == sorted(path.name for path in out.iterdir() if "crate" not in path.name)
    assert len(names) == 6


def test_a_crate_without_a_file_it_names_is_refused(results: Path) -> None:
    (path,) = (results / "x").glob("webq*.csv")
    path.unlink()
    with pytest.raises(UserError, match=r"no .*webq.*\.csv, which belongs into the crate"):
        exported(results, "ro_crate")
    assert not (results / "x" / "ro-crate-metadata.json").exists()
    exported(results, "eee")
    assert len(list((results / "x").glob("every_eval_ever/**/*_samples.jsonl"))) == 2


def test_a_record_of_another_version_is_told(results: Path) -> None:
    (path,) = (results / "x").glob("webq*.json")
    record = load(results, "x")[-1][0].__dict__
    old = {name: value for name, value in record.items() if name not in ("key", "digest")}
    path.write_text(json.dumps(old))
    with pytest.raises(DataError, match=r"webq.*\.json: no certificate: run the system again"):
        exported(results, "eee")


@pytest.mark.parametrize(
    ("verb", "what", "run", "needs"),
    [
        ("export", "results", None, False),
        ("export", "run", None, True),
        ("plot", "run", None, False),
        ("import", "run", None, False),
        ("import", "run", "a.trec", True),
        ("run", "run", None, True),
    ],
)
def test_which_verbs_need_a_corpus(verb: str, what: str, run: str | None, needs: bool) -> None:
    settings = OmegaConf.create({"export": {"what": what}, "run": run})
    assert _needs_passages(verb, settings) is needs


def test_every_setting_is_documented() -> None:
    text = (ROOT / "docs/plots.md").read_text(encoding="utf-8")
    for name in OmegaConf.load(ROOT / "conf/config.yaml").plot:
        assert f"`plot.{name}`" in text, name
    for kind in (*KINDS, ALPHA, TOWERS):
        assert f"| `{kind}` |" in text, kind


def test_two_question_files_of_one_name_are_refused() -> None:
    from dataclasses import replace

    from qa_bench.cli.plot import one_file_a_set
    from qa_bench.report.record import Record

    record = Record("a", "nq", "test", 3, "string", "dpr", "6d0ef743", True, "c", False, "k", {})
    one_file_a_set([record, replace(record, system="b")])
    with pytest.raises(UserError, match="nq is two question files"):
        one_file_a_set([record, replace(record, n=4)])
