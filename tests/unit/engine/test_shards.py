from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qa_bench.engine.shards import Shards


def test_finished_shards_are_known_again(tmp_path: Path):
    shards = Shards(tmp_path, "passages", ".arrow")
    assert shards.finished() == []
    for number in range(2):
        with shards.write(number, {"count": number}) as path:
            path.write_text(f"shard {number}")
            assert shards.finished() == [{"count": n} for n in range(number)]
    again = Shards(tmp_path, "passages", ".arrow")
    assert again.finished() == [{"count": 0}, {"count": 1}]
    assert again.data(1) == tmp_path / "passages-00001.arrow"
    assert again.data(1).read_text() == "shard 1"


def test_a_note_may_be_filled_while_writing(tmp_path: Path):
    shards = Shards(tmp_path, "passages", ".arrow")
    note: dict[str, Any] = {}
    with shards.write(0, note) as path:
        path.touch()
        note["count"] = 3
    assert shards.finished() == [{"count": 3}]


def test_a_killed_shard_is_not_finished(tmp_path: Path):
    shards = Shards(tmp_path, "passages", ".arrow")

    def killed() -> None:
        with shards.write(0, {}) as path:
            path.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        killed()
    assert shards.finished() == []
    assert not shards.data(0).exists()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda shards: shards.data(1).write_text("shard X"),
        lambda shards: shards.data(1).write_text("shard"),
        lambda shards: shards.data(1).unlink(),
        lambda shards: shards._note(1).write_text('{"note": '),
        lambda shards: shards._note(1).write_text('{"count": 1}'),
    ],
)
def test_a_damaged_shard_is_made_again(spoil: Callable[[Shards], None], tmp_path: Path):
    shards = Shards(tmp_path, "rows", ".txt")
    last = Shards(tmp_path, "rows", ".txt", last_only=True)
    for number in range(3):
        with shards.write(number, {"count": number}) as path:
            path.write_text(f"shard {number}")
    shards.data(0).unlink()
    assert len(last.finished()) == 3
    assert shards.finished() == []
    with shards.write(0, {"count": 0}) as path:
        path.write_text("shard 0")
    spoil(shards)
    assert shards.finished() == [{"count": 0}]
    assert len(last.finished()) in (1, 3)
    with shards.write(1, {"count": 1}) as path:
        path.write_text("shard 1")
    assert shards.finished() == [{"count": n} for n in range(3)]
    shards.data(2).write_text("other")
    assert last.finished() == []
    shards.forget()
    assert list(tmp_path.iterdir()) == []


def test_a_shard_without_its_note_is_not_finished(tmp_path: Path):
    shards = Shards(tmp_path, "passages", ".arrow")
    shards.data(0).touch()
    assert shards.finished() == []


def test_what_lies_after_a_gap_does_not_count(tmp_path: Path):
    shards = Shards(tmp_path, "passages", ".arrow")
    for number in (0, 2):
        with shards.write(number, {"n": number}) as path:
            path.touch()
    assert shards.finished() == [{"n": 0}]
