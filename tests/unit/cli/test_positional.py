from __future__ import annotations

from pathlib import Path

import pytest

from qa_bench.cli.positional import positional
from qa_bench.errors import UserError


def test_other_verbs_take_none() -> None:
    assert positional("run", ["results/a", "depth=3"]) == ["results/a", "depth=3"]


def test_one_folder_is_an_experiment(tmp_path: Path) -> None:
    words = positional("table", [str(tmp_path / "a"), "statistics=none"])
    assert words == ['name="a"', f'paths.results="{tmp_path}"', "statistics=none"]


def test_several_folders_are_merged() -> None:
    assert positional("table", ["r/a", "s/b"]) == ['name="a+b"', 'merge=["r/a","s/b"]']
    assert positional("verify", ["r/a", "name=x"]) == ['merge=["r/a"]', "name=x"]


def test_a_folder_behind_an_override_is_refused() -> None:
    with pytest.raises(UserError, match="folders stand before overrides: 'b' comes too late"):
        positional("table", ["name=x", "b"])


def test_two_systems_and_a_cell() -> None:
    words = positional("diff", ["nq/bm25[k1=3]/em", "nq/bm25", "name=x"])
    assert words == ['a="nq/bm25[k1=3]/em"', 'b="nq/bm25"', "name=x"]
    assert positional("explain", ["q1", "--json"]) == ['cell="q1"', "--json"]
    with pytest.raises(UserError, match="1 words before overrides, not 'q2'"):
        positional("explain", ["q1", "q2"])


def test_options_with_a_value_are_no_folders() -> None:
    assert positional("table", ["--cfg", "job", "name=x"]) == ["name=x", "--cfg", "job"]
    words = positional("diff", ["--cfg", "job", "nq/a", "nq/b", "name=x"])
    assert words == ['a="nq/a"', 'b="nq/b"', "name=x", "--cfg", "job"]
