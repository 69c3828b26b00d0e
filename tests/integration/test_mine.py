"""`qa-bench mine`: DPR's rules on a small corpus of passages, and on real SQuAD."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bench_helpers import bytes_of, error_line, good, only, qa, stage_folders, write_jsonl

from qa_bench.formats.dpr_training import Example, read_examples
from qa_bench.metric.matching import has_answer

pytestmark = pytest.mark.java

PASSAGES = [
    ("p1", "Swing bridge", "The swing bridge was designed by Clara Holm and opened in spring."),
    (
        "p2",
        "Swing bridge",
        "Clara Holm drew the swing bridge twice; her brother built the toll house.",
    ),
    ("p3", "Toll house", "The toll house at the swing bridge was designed by Erik Lund."),
    ("p4", "Museum", "The museum is closed on Mondays."),
    ("p5", "Market", "The market is held on Tuesdays beside the swing bridge."),
    ("p6", "Lighthouse", "The lighthouse was lit first in 1887."),
]
QUESTIONS = [
    {"id": "q1", "question": "Who designed the swing bridge?", "answers": ["Clara Holm"]},
    {"id": "q2", "question": "When is the museum closed?", "answers": ["Mondays", "Monday"]},
    {"id": "q3", "question": "Who painted the lighthouse?", "answers": ["Nobody Known"]},
    {"id": "q4", "question": "zzz qqq?", "answers": ["1887"]},
]
GOLD = {
    "q1": "Her brother built the toll house. Clara Holm drew the swing bridge twice.",
    "q2": "The museum, closed on Sundays and mondays, has no windows.",
    "q4": "It was lit in 1888.",
}
TITLES = {"q1": "Swing bridge", "q2": "Museum", "q4": "Lighthouse"}


def words(*more: str, split: str = "train") -> list[str]:
    return [
        "mine", "dataset=file", "dataset.name=bridge", f"dataset.split={split}",
        "dataset.path=train.jsonl", "corpus=beir", "corpus.path=corpus.jsonl", "depth=4", *more,
    ]  # fmt: skip


@pytest.fixture
def place(tmp_path: Path) -> Path:
    rows = ({"_id": pid, "title": title, "text": text} for pid, title, text in PASSAGES)
    write_jsonl(tmp_path / "corpus.jsonl", rows)
    write_jsonl(tmp_path / "train.jsonl", QUESTIONS)
    return tmp_path


def mined(place: Path, *more: str) -> tuple[dict[str, Example], dict[str, int]]:
    """The examples by question id, and the counts, which the command tells too."""
    done = good(*words(*more), cwd=place)
    folder = Path(done.stdout.removeprefix("training data: ").split("/bridge-train.json")[0])
    counts: dict[str, int] = json.loads((place / folder / "manifest.json").read_text())["counts"]
    shown = (f"{n} {name}" for name, n in counts.items() if not name.startswith("hits_"))
    assert f"({', '.join(shown)})\n" in done.stdout
    ids = {row["question"]: str(row["id"]) for row in QUESTIONS}
    examples = list(read_examples(place / folder / "bridge-train.json"))
    return {ids[example.question]: example for example in examples}, counts


def pids(contexts: list[Any]) -> list[str]:
    return [context.passage.pid for context in contexts]


def test_without_gold_the_best_hit_with_an_answer_is_the_positive(place: Path) -> None:
    examples, counts = mined(place)
    assert list(examples) == ["q1", "q2"]
    first = examples["q1"]
    assert first.dataset == "bridge_train_beir"
    assert first.answers == ["Clara Holm"]
    assert sorted(pids(first.positives)) == ["p1", "p2"]
    assert first.positives[0].score > first.positives[1].score > 0
    assert pids(first.hard_negatives)[0] == "p3"
    assert not {"p1", "p2"} & {*pids(first.hard_negatives), *pids(first.negatives)}
    assert {"p4", "p6"} <= set(pids(first.negatives))
    assert pids(examples["q2"].positives) == ["p4"]
    assert counts["questions"] == 4
    assert counts["examples"] == 2
    assert counts["without_positive"] == 2
    assert counts["positives"] == 3
    assert counts["hard_negatives"] == sum(len(e.hard_negatives) for e in examples.values())


def test_gold_paragraphs_come_first_and_decide_who_stays(place: Path) -> None:
    """q4's paragraph has no answer, q3 has no paragraph; q2's paragraph has another wording."""
    rows = [
        {**row, "title": TITLES[row["id"]], "context": GOLD[row["id"]]}
        if row["id"] in GOLD
        else row
        for row in QUESTIONS
    ]
    write_jsonl(place / "train.jsonl", rows)
    examples, counts = mined(place)
    assert list(examples) == ["q1", "q2"]
    gold, *others = examples["q1"].positives
    assert (gold.passage.pid, gold.score, gold.title_score) == ("p2", 1000, 1)
    assert pids(others) == ["p1"]
    assert all(other.title_score == 0 for other in others)
    assert pids(examples["q2"].positives) == ["p4"]
    assert (counts["gold_unknown"], counts["gold_not_found"]) == (1, 1)


def test_paragraphs_by_number(place: Path) -> None:
    rows = [{"id": "q1", "article": "Swing_bridge", "paragraph": 1}]
    write_jsonl(place / "gold.jsonl", [*rows, {"id": "q2", "article": "Museum", "paragraph": 9}])
    told = error_line(qa(*words("++mine.gold=gold.jsonl"), cwd=place))
    assert told.startswith("gold.jsonl tells gold paragraphs by their numbers: set mine.articles=")
    text = f"Clara Holm.\n\n{GOLD['q1']}\n\nmore"
    articles = [{"id": "a", "title": "Swing bridge", "text": text}]
    write_jsonl(place / "articles.jsonl", articles)
    examples, counts = mined(place, "++mine.gold=gold.jsonl", "++mine.articles=articles.jsonl")
    assert pids(examples["q1"].positives) == ["p2", "p1"]
    assert counts["gold_unknown"] == 3
    write_jsonl(place / "gold.jsonl", [{"id": "other", "article": "A", "paragraph": 1}])
    told = error_line(qa(*words("++mine.gold=gold.jsonl"), cwd=place))
    assert told == "mine.gold: gold.jsonl names no gold paragraph of these questions"


def test_natural_questions_own_file(place: Path) -> None:
    page = "<P> The swing bridge was designed by Clara Holm and opened in spring . </P>"
    span = {"start_token": 7, "end_token": 9}
    whole = {"start_token": 0, "end_token": len(page.split(" "))}
    url = "https://en.wikipedia.org//w/index.php?title=Swing_bridge&amp;oldid=1"

    def row(number: int, *short: dict[str, int]) -> dict[str, Any]:
        return {"example_id": number, "question_text": f"who designed it, number {number}",
                "document_url": url, "document_text": page, "long_answer_candidates": [],
                "annotations": [{"long_answer": whole, "short_answers": list(short),
                                 "yes_no_answer": "NONE"}]}  # fmt: skip

    rows = [row(1, span), row(2), row(3, {"start_token": 1, "end_token": 9}), row(4, span)]
    write_jsonl(place / "train.jsonl", rows)
    done = good(*words("retriever=bm25_native", "mine.rules=[nq_short_answers]"), cwd=place)
    assert "(3 questions, 2 examples, 1 nq_short_answers, 0 gold_unknown" in done.stdout
    first, _ = read_examples(only(place.glob("data/cache/mine/[!.]*/bridge-train.json")))
    assert (first.answers, pids(first.positives)[0]) == (["Clara Holm"], "p1")


def test_the_same_bytes_every_time(place: Path) -> None:
    mined(place)
    first = bytes_of(only(stage_folders(place, "mine")))
    done = good(*words("paths.cache=again"), cwd=place)
    assert bytes_of(only(place.glob("again/mine/[!.]*"))) == first
    assert done.stderr.count("building") == 4
    assert good(*words(), cwd=place).stderr.count("reusing") == 4


def test_what_cannot_be_mined(place: Path) -> None:
    told = error_line(qa(*words(split="test"), cwd=place))
    assert told == "training data is not made of a test split: set dataset.split=train"
    write_jsonl(place / "train.jsonl", QUESTIONS[2:3])
    told = error_line(qa(*words("retriever=bm25_native"), cwd=place))
    assert told.startswith("mine: none of 1 questions has a passage to learn from (1 without_pos")
    (place / "qrels").mkdir()
    (place / "qrels/dev.tsv").write_text("query-id\tcorpus-id\tscore\nq1\tp1\t1\n")
    write_jsonl(place / "queries.jsonl", [{"_id": "q1", "text": "who?"}])
    judged = ["mine", "dataset=beir", "dataset.path=.", "dataset.split=dev", "corpus=beir"]
    told = error_line(qa(*judged, "corpus.path=.", cwd=place))
    assert told == "beir has relevance judgements, and no answers to mine with"


@pytest.mark.shared
def test_squads_own_paragraphs_are_found(shared: Path, tmp_path: Path) -> None:
    """SQuAD's paragraphs cut into DPR's passages: the gold passage has the title and an answer."""
    articles = shared / "data/squad_corpus/articles.jsonl.gz"
    done = good(
        "mine", "dataset=squad", "dataset.split=dev", "dataset.limit=100", "corpus=jsonl",
        f"paths.raw={shared / 'data'}", f"corpus.path={articles}", f"++mine.articles={articles}",
        "depth=10", cwd=tmp_path,
    )  # fmt: skip
    folder = only(stage_folders(tmp_path, "mine"))
    counts = json.loads((folder / "manifest.json").read_text())["counts"]
    assert "100 questions" in done.stdout
    assert counts["examples"] >= 95
    assert counts["examples"] + counts["gold_not_found"] == 100
    for example in read_examples(folder / "squad-dev.json"):
        gold = example.positives[0]
        assert (gold.score, gold.title_score) == (1000, 1)
        assert has_answer(gold.passage.text, example.answers)
        others = [*example.negatives, *example.hard_negatives]
        assert not any(has_answer(c.passage.text, example.answers) for c in others)
