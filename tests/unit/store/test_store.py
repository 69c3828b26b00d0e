from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qa_bench.errors import DataError, UserError
from qa_bench.store import passages as store
from qa_bench.store.columns import read_columns, write_columns
from qa_bench.store.passages import Passages, describe_passages, open_passages, write_passages
from qa_bench.store.runs import RUN_SCHEMA, read_run, rows_of, write_run
from qa_bench.types import Passage, Run

ROWS = [
    (f"p{number}", f"Títle {number}" if number % 3 else "", f"text {number} 東京\n" * (number % 4))
    for number in range(23)
]


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "BATCH_SIZE", 4)


@pytest.fixture
def passages(small_batches, make_passages) -> Passages:
    """23 passages in three files of six, one and sixteen."""
    return make_passages(ROWS[:6], ROWS[6:7], ROWS[7:])


def test_random_access_by_row(passages: Passages):
    assert len(passages) == 23
    assert [passages[row] for row in range(23)] == [Passage(*row) for row in ROWS]
    assert list(passages) == [Passage(*row) for row in ROWS]


@pytest.mark.parametrize("row", [-1, 23, 1000])
def test_a_row_that_is_not_there(passages: Passages, row: int):
    with pytest.raises(IndexError):
        _ = passages[row]


def test_a_large_collection_is_written_in_batches(tmp_path: Path):
    count = store.BATCH_SIZE + 3
    file = tmp_path / "passages-00000.arrow"
    numbered = (Passage(str(n), "t", f"text {n}") for n in range(1, count + 1))
    assert write_passages(file, numbered) == count
    describe_passages(tmp_path, [file])
    passages = Passages(tmp_path)
    assert len(passages) == count
    assert passages[store.BATCH_SIZE] == Passage(
        str(store.BATCH_SIZE + 1), "t", f"text {store.BATCH_SIZE + 1}"
    )
    with pa.OSFile(str(file)) as source:
        assert [len(batch) for batch in pa.ipc.open_stream(source)] == [store.BATCH_SIZE, 3]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.integers(0, 22), max_size=12))
def test_texts_titles_and_pids_of_any_rows(passages: Passages, rows: list[int]):
    at = np.array(rows, dtype=np.int64)
    assert list(passages.texts(at)) == [ROWS[row][2] for row in rows]
    assert list(passages.titles(at)) == [ROWS[row][1] for row in rows]
    assert passages.pids(at).to_pylist() == [ROWS[row][0] for row in rows]
    assert passages.rows(passages.pids(at)).tolist() == rows
    assert len(passages.texts(at)) == len(rows)


def test_unknown_pids_have_row_minus_one(passages: Passages):
    pids = pa.array(["p22", "p99", "p0", "", "p22", "P1"])
    assert passages.rows(pids).tolist() == [22, -1, 0, -1, 22, -1]
    assert passages.rows(pa.array(["x"])).tolist() == [-1]
    assert passages.rows(pa.array([], pa.string())).tolist() == []


def test_pids_of_no_rows(passages: Passages):
    pids = passages.pids(np.array([], dtype=np.int64))
    assert pids.to_pylist() == []
    assert pids.type == pa.string()


def test_lookups_span_many_batches(monkeypatch: pytest.MonkeyPatch, passages: Passages):
    monkeypatch.setattr(store, "_LOOKUP_BATCHES", 2)
    pids = pa.array([row[0] for row in reversed(ROWS)])
    assert passages.rows(pids).tolist() == list(range(22, -1, -1))


def test_texts_may_hold_anything(make_passages):
    texts = ["", "\x00", "a\n\u2028b", "é" * 10_000, "\U0001f600"]
    passages = make_passages([(str(n), text, text) for n, text in enumerate(texts)])
    assert [passage.text for passage in passages] == texts
    assert list(passages.texts(np.arange(5))) == texts
    assert list(passages.titles(np.arange(5))) == texts


def test_a_folder_of_no_passage(make_passages):
    passages = make_passages([])
    assert len(passages) == 0
    assert list(passages) == []
    assert passages.rows(pa.array(["p1"])).tolist() == [-1]


def test_a_folder_is_opened_once(passages: Passages):
    assert open_passages(passages.folder) is open_passages(passages.folder)


def test_a_folder_without_passages(tmp_path: Path):
    for content in (None, "", "{}", "[]", '{"_data_files": [1]}'):
        if content is not None:
            (tmp_path / "state.json").write_text(content)
        with pytest.raises(DataError, match="not a passage folder") as caught:
            Passages(tmp_path)
        assert caught.value.path == str(tmp_path / "state.json")


def test_a_missing_or_broken_file(passages: Passages):
    file = passages.folder / "passages-00001.arrow"
    for content in (b"not arrow at all", b""):
        file.write_bytes(content)
        with pytest.raises(DataError, match="not a readable Arrow file") as caught:
            Passages(passages.folder)
        assert caught.value.path == str(file)
    file.unlink()
    with pytest.raises(DataError, match="not a readable Arrow file"):
        Passages(passages.folder)


def test_the_folder_opens_as_a_hugging_face_dataset(passages: Passages):
    pytest.importorskip("datasets", reason="the datasets extra is not installed")
    script = (
        "import datasets, json, sys\n"
        "rows = datasets.load_from_disk(sys.argv[1])\n"
        "print(json.dumps([rows.column_names, len(rows), rows[5], rows[22], str(rows.features)]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(passages.folder)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    names, count, fifth, last, features = json.loads(done.stdout)
    assert names == ["pid", "title", "text"]
    assert count == 23
    assert fifth == dict(zip(names, ROWS[5], strict=True))
    assert last == dict(zip(names, ROWS[22], strict=True))
    assert features.count("string") == 3


def test_the_fingerprint_is_of_the_content(tmp_path: Path):
    prints = []
    for name, text in (("a", "same"), ("b", "same"), ("c", "other")):
        folder = tmp_path / name
        folder.mkdir()
        file = folder / "passages-00000.arrow"
        write_passages(file, [Passage("1", "t", text)])
        describe_passages(folder, [file])
        prints.append(json.loads((folder / "state.json").read_text())["_fingerprint"])
    assert prints[0] == prints[1] != prints[2]


RUN = Run.of(["q1", "q2", "q3"], [["b", "a"], [], ["c"]], [[2.5, -1.0], [], [0.1]])


def test_a_run_is_kept_as_it_is(tmp_path: Path):
    path = tmp_path / "run.parquet"
    write_run(path, RUN)
    assert read_run(path).table.equals(RUN.table)
    first = path.read_bytes()
    write_run(path, RUN)
    assert path.read_bytes() == first


def test_an_empty_run_is_kept(tmp_path: Path):
    path = tmp_path / "run.parquet"
    write_run(path, Run.of(["q1"], [[]], [[]]))
    assert read_run(path).table.schema.equals(RUN_SCHEMA)
    assert len(read_run(path)) == 0
    write_run(path, read_run(path, lean=True))
    assert len(read_run(path)) == 0


def encoded(run: Run) -> list[pa.DataType]:
    return [run.table.schema.field(name).type for name in ("qid", "pid")]


CODES = [pa.dictionary(pa.int32(), pa.string())] * 2


def test_a_run_with_encoded_ids_is_kept(tmp_path: Path):
    path = tmp_path / "run.parquet"
    write_run(path, RUN)
    run = read_run(path, lean=True)
    assert encoded(run) == CODES
    assert run.table.cast(RUN_SCHEMA).equals(RUN.table)
    write_run(path, run)
    assert read_run(path).table.equals(RUN.table)
    written = pq.read_schema(path)  # what other readers see
    assert (written.names, written.types) == (RUN_SCHEMA.names, RUN_SCHEMA.types)
    assert not any(field.nullable for field in written)
    assert pq.ParquetFile(path).read().cast(RUN_SCHEMA).equals(RUN.table)


def test_a_run_that_lacks_a_value_is_not_written(tmp_path: Path):
    table = RUN.table.set_column(2, "pid", pa.array(["b", None, "c"], pa.string()))
    with pytest.raises(ValueError, match="pid"):
        write_run(tmp_path / "run.parquet", Run(table))
    assert list(tmp_path.iterdir()) == []


def test_a_run_in_pieces_is_kept_with_each_id_once(tmp_path: Path):
    path = tmp_path / "run.parquet"
    rng = np.random.default_rng(0)
    pids = [[f"passage-{number}" for number in rng.permutation(1000)] for _ in range(100)]
    whole = Run.of([f"q{number}" for number in range(100)], pids, np.zeros((100, 1000)))
    pieces = [whole.table[:50_001], whole.table[50_001:]]
    for kind in (RUN_SCHEMA, None):  # as strings; with dictionaries that differ
        tables = [piece.cast(kind) if kind else turned(piece) for piece in pieces]
        write_run(path, Run(pa.concat_tables(tables)))
        assert read_run(path).table.equals(whole.table)
        assert path.stat().st_size < 200_000  # ten bits a hit, and the ranks


def turned(table: pa.Table) -> pa.Table:
    """The ids encoded with those of the last row first."""
    for name in ("qid", "pid"):
        column = table.column(name).combine_chunks()
        names = column[::-1].unique()
        codes = pc.index_in(column, value_set=names)
        place = table.column_names.index(name)
        table = table.set_column(place, name, pa.DictionaryArray.from_arrays(codes, names))
    return table


def test_runs_of_older_folders_are_read(tmp_path: Path):
    path = tmp_path / "run.parquet"
    pq.write_table(RUN.table, path, compression="zstd", row_group_size=1)
    assert read_run(path).table.equals(RUN.table)
    run = read_run(path, lean=True)
    assert encoded(run) == CODES
    assert run.table.cast(RUN_SCHEMA).equals(RUN.table)


def test_what_is_no_run(tmp_path: Path):
    path = tmp_path / "run.parquet"
    path.write_bytes(b"not parquet")
    with pytest.raises(DataError, match="not a readable Parquet file"):
        read_run(path)
    with pytest.raises(DataError, match="not a readable Parquet file"):
        read_run(tmp_path / "none.parquet")
    pq.write_table(RUN.table.drop_columns("score"), path)
    with pytest.raises(DataError, match=r"columns must be .*'score'.* found .*'pid'") as caught:
        read_run(path)
    assert caught.value.path == str(path)


def test_columns_are_kept(tmp_path: Path):
    path = tmp_path / "scores.parquet"
    columns = {"qid": ["q1", "q2"], "mrr": np.array([0.5, 0.0]), "rank": np.array([2, 0])}
    write_columns(path, columns)
    assert read_columns(path) == {"qid": ["q1", "q2"], "mrr": [0.5, 0.0], "rank": [2, 0]}


def test_reading_columns_needs_no_pandas(tmp_path: Path):
    """It takes a quarter of a second to import, and every repeated run would."""
    path = tmp_path / "scores.parquet"
    write_columns(path, {"qid": ["q1"], "mrr": [0.5]})
    code = (
        "import sys\nfrom pathlib import Path\nfrom qa_bench.store.columns import read_columns\n"
        "print(read_columns(Path(sys.argv[1])), 'pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)
    assert done.stdout == "{'qid': ['q1'], 'mrr': [0.5]} False\n", done.stderr


def test_a_run_knows_its_rows(tmp_path: Path, passages: Passages):
    rows = [np.array([22, 0]), np.array([], dtype=np.int64), np.array([7])]
    run = Run.of_rows(["q1", "q2", "q3"], rows, [[3, 2], [], [1]], passages.pids)
    assert run.table.column("pid").to_pylist() == ["p22", "p0", "p7"]
    path = tmp_path / "run.parquet"
    write_run(path, run)
    assert read_run(path).table.equals(run.table)
    lean = read_run(path, lean=True)
    assert lean.table.column_names == ["qid", "rank", "score", "row"]
    foreign = Run(run.table.drop_columns("row"))
    for one in (run, lean, foreign):
        found = rows_of(one, passages)
        assert (found.tolist(), found.dtype.kind) == ([22, 0, 7], "i")


def test_a_run_of_another_corpus_is_refused(passages: Passages):
    def pids(rows: np.ndarray) -> pa.Array:
        return pa.array([f"p{row}" for row in rows])

    run = Run.of_rows(["q"], [np.array([2, 23, 24])], [[3, 2, 1]], pids)
    for some, first in (
        (run, "p23"),
        (Run(run.table.drop_columns("row")), "p23"),
        (Run(run.table.drop_columns("pid")), "23"),
    ):
        with pytest.raises(UserError) as caught:
            rows_of(some, passages)
        assert str(caught.value) == (
            f"run: 2 of 3 hits name passages that the corpus lacks, first '{first}': "
            "is it another corpus, or another chunker?"
        )
