"""bm25_native finds what Lucene finds on the sample; its variants share one index."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from bench_helpers import SAMPLE_NQ, good, only, run_folder, stage_folders

Ranked = dict[str, list[tuple[str, float]]]


def ranked(folder: Path, name: str) -> Ranked:
    found: Ranked = {}
    for hit in pq.read_table(run_folder(folder, "nq", name) / "run.parquet").to_pylist():
        found.setdefault(hit["qid"], []).append((hit["pid"], hit["score"]))
    return found


@pytest.mark.java
def test_the_hits_are_lucenes_but_for_ties(tmp_path: Path) -> None:
    """Anserini rounds to four decimals and lowers each of equal scores a little."""
    good("search", "-m", *SAMPLE_NQ, "retriever=bm25,bm25_native", cwd=tmp_path)
    mine, theirs = (ranked(tmp_path, name) for name in ("bm25_native", "bm25"))
    assert mine.keys() == theirs.keys()
    assert sum(map(len, mine.values())) > 2000
    for qid, hits in theirs.items():
        scores = dict(hits)
        last = hits[-1][1]
        assert len(mine[qid]) == len(hits)
        for pid, score in mine[qid]:  # one that Lucene lacks ties with its last one
            assert scores.get(pid, last) == pytest.approx(score, abs=3e-4)
        place = {pid: number for number, (pid, _) in enumerate(hits)}
        there = [pid for pid, _ in mine[qid] if pid in place]
        for pid, other in pairwise(there):
            assert place[pid] < place[other] or abs(scores[pid] - scores[other]) < 3e-4


def test_all_variants_search_one_index(tmp_path: Path) -> None:
    names = "bm25_native,bm25_adpt,bm25l,tfldp"
    good("search", "-m", *SAMPLE_NQ, f"retriever={names}", "retriever.k1=0.9,1.2", cwd=tmp_path)
    only(stage_folders(tmp_path, "index"))
    assert len(stage_folders(tmp_path, "search")) == 8
