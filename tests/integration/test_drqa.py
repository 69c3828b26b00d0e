"""DrQA whole: articles by TF-IDF, all their paragraphs, one span of them; P@5 and EM."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from extractive_models import pointer

from qa_bench.store.passages import Passages
from qa_bench.store.runs import RUN_FILE, read_run

Cli = Callable[..., Any]


def test_the_five_best_articles_are_read_whole(cli: Cli, tmp_path: Path) -> None:
    model = pointer(tmp_path / "reader")
    done = cli(
        "run", "experiment=drqa", "corpus=sample", "dataset=webq", "dataset.split=sample",
        "dataset.limit=6", f"reader.model={model}", "runtime.device=cpu",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (folder,) = tmp_path.glob("data/cache/chunk/[!.]*")
    passages = Passages(folder)
    articles = passages.sources(np.arange(len(passages)))
    (folder,) = tmp_path.glob("data/cache/search/[!.]*")
    run = read_run(folder / RUN_FILE).table.to_pylist()
    answers = {
        answer["id"]: answer["prediction"]
        for path in tmp_path.glob("data/cache/read/[!.]*/predictions.jsonl")
        for answer in map(json.loads, path.read_text(encoding="utf-8").splitlines())
    }
    assert len(answers) == 6
    for qid, answer in answers.items():
        rows = [hit["row"] for hit in run if hit["qid"] == qid]
        several = list(dict.fromkeys(articles[row] for row in rows))
        assert 1 < len(several) <= 5
        whole = [row for one in several for row, of in enumerate(articles) if of == one]
        assert rows == whole, "articles in their order, all paragraphs of each"
        assert any(answer in passages[row].text for row in rows)
        assert answer
    lines = (tmp_path / "results/drqa.csv").read_text(encoding="utf-8").splitlines()
    (table,) = csv.DictReader(lines)
    assert float(table["webq-sample/article_recall@5"]) > 0.5
    assert "webq-sample/em" in table
