"""What holds for every retriever, on a small corpus made here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conf_names import names

from qa_bench.store import Passages, describe_passages, write_passages
from qa_bench.types import Passage, Question, QuestionSet, Run, Runtime

pytestmark = pytest.mark.java

Make = Callable[..., Any]
RUNTIME = Runtime(threads=2, java_heap="1g", progress=False)
SAME = "The lighthouse keeper counted seven grey herons beside the harbour wall."


def small_corpus() -> list[Passage]:
    """60 passages: fifteen are the same, pids run backwards, one is empty."""
    made = []
    for number in range(60):
        if number % 4 == 1:
            title, text = "Herons", SAME
        elif number == 22:
            title, text = "", ""
        elif number == 30:
            title, text = "Zanzibar", "An island."
        elif number == 31:
            title, text = "Scripts", "The letters 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 and 日本語 and naïve Ærøskøbing."
        else:
            title, text = f"Town {number}", f"Town{number} has {number + 3} bridges. " * 4
        made.append(Passage(f"p{60 - number}", title, text))
    return made


def store(passages: list[Passage], folder: Path) -> Passages:
    folder.mkdir()
    half = len(passages) // 2
    files = [folder / f"passages-0000{n}.arrow" for n in range(2)]
    write_passages(files[0], passages[:half])
    write_passages(files[1], passages[half:])
    describe_passages(folder, files)
    return Passages(folder)


def ask(*texts: str) -> QuestionSet:
    questions = tuple(Question(f"q{n}", text, ("x",)) for n, text in enumerate(texts))
    return QuestionSet("made", "test", "string", questions, "0" * 64)


class Indexed:
    """A retriever with the small corpus in its index."""

    def __init__(self, made: Any, folder: Path) -> None:
        self.made, self.folder = made, folder / "index"
        self.folder.mkdir()
        self.passages = store(small_corpus(), folder / "passages")
        self.count = made.index(self.passages, self.folder, RUNTIME)

    def run(self, *texts: str, depth: int = 100, runtime: Runtime = RUNTIME) -> Run:
        run: Run = self.made.search(self.folder, self.passages, ask(*texts), depth, runtime)
        return run

    def hits(self, text: str, depth: int = 100) -> list[tuple[str, float]]:
        rows = self.run(text, depth=depth).table.to_pylist()
        return [(row["pid"], row["score"]) for row in rows]


@pytest.fixture(scope="module", params=names("retriever"))
def indexed(
    request: pytest.FixtureRequest, part: Make, tmp_path_factory: pytest.TempPathFactory
) -> Indexed:
    return Indexed(part("retriever", request.param).made, tmp_path_factory.mktemp(request.param))


TIED = [f"p{60 - number}" for number in range(60) if number % 4 == 1]


def test_every_passage_is_in_the_index(indexed: Indexed) -> None:
    assert indexed.count == len(indexed.passages) == 60


def test_ties_in_corpus_order(indexed: Indexed) -> None:
    hits = indexed.hits("how many herons did the lighthouse keeper count")
    assert [pid for pid, _ in hits[:15]] == TIED
    assert TIED[0] == "p59"
    scores = [score for _, score in hits[:15]]
    assert scores == pytest.approx([scores[0]] * 15, abs=1e-4)
    assert all(score < scores[-1] for _, score in hits[15:])


@pytest.mark.parametrize("depth", [1, 2, 7, 14])
def test_ties_at_the_cut(depth: int, indexed: Indexed) -> None:
    hits = indexed.hits("how many herons did the lighthouse keeper count", depth)
    assert [pid for pid, _ in hits] == TIED[:depth]


def test_depth_beyond_the_corpus(indexed: Indexed) -> None:
    hits = indexed.hits("herons bridges Zanzibar town", depth=1000)
    pids = [pid for pid, _ in hits]
    assert 45 < len(pids) <= 60
    assert len(set(pids)) == len(pids)


def test_no_term_no_hit(indexed: Indexed) -> None:
    run = indexed.run("xylophone quux", "herons", "the of and", "", "?!")
    assert set(run.table.column("qid").to_pylist()) == {"q1"}
    assert len(run) == 15


def test_nothing_found_at_all(indexed: Indexed) -> None:
    run = indexed.run("xylophone")
    assert len(run) == 0
    assert run.table.column_names == ["qid", "rank", "pid", "score"]


def test_titles_are_searched(indexed: Indexed) -> None:
    assert [pid for pid, _ in indexed.hits("zanzibar")] == ["p30"]


@pytest.mark.parametrize("text", ["𝔘𝔫𝔦𝔠𝔬𝔡𝔢", "日本語", "naïve", "Ærøskøbing", "ærøskøbing"])
def test_other_scripts(text: str, indexed: Indexed) -> None:
    assert [pid for pid, _ in indexed.hits(text)] == ["p29"]


@pytest.mark.parametrize(
    "text",
    ['herons "grey', "herons AND (", "herons:*~ -grey", "herons\\", "herons\tgrey\n", "[a TO"],
)
def test_questions_are_no_query_language(text: str, indexed: Indexed) -> None:
    hits = indexed.hits(text)
    assert len(hits) == (0 if "herons" not in text else 15)


def test_shape_of_a_run(indexed: Indexed) -> None:
    run = indexed.run("bridges of town 3", "zanzibar", "herons in towns with bridges", depth=20)
    for qid in ("q0", "q1", "q2"):
        rows = [row for row in run.table.to_pylist() if row["qid"] == qid]
        assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
        scores = [row["score"] for row in rows]
        assert scores == sorted(scores, reverse=True)
        assert all(np.isfinite(scores))
        assert len({row["pid"] for row in rows}) == len(rows) <= 20
    assert run.table.column("qid").to_pylist() == sorted(run.table.column("qid").to_pylist())


def test_twice_the_same(indexed: Indexed) -> None:
    texts = [f"town {n} herons bridges" for n in range(40)]
    once = indexed.run(*texts)
    assert indexed.run(*texts).table.equals(once.table)
    one = Runtime(threads=1, java_heap="1g", progress=False)
    assert indexed.run(*texts, runtime=one).table.equals(once.table)


def test_questions_do_not_touch_each_other(indexed: Indexed) -> None:
    texts = ["zanzibar", "herons", "zanzibar", "bridges town40"]
    together = indexed.run(*texts).table.to_pylist()
    for number, text in enumerate(texts):
        alone = [(pid, score) for pid, score in indexed.hits(text)]
        assert [
            (row["pid"], row["score"]) for row in together if row["qid"] == f"q{number}"
        ] == alone


def test_more_questions_than_a_batch(indexed: Indexed) -> None:
    texts = [("zanzibar", "herons", "nothing")[n % 3] for n in range(1300)]
    run = indexed.run(*texts, depth=2)
    counts = dict.fromkeys((f"q{n}" for n in range(1300)), 0)
    for qid in run.table.column("qid").to_pylist():
        counts[qid] += 1
    assert list(counts.values()) == [(1, 2, 0)[n % 3] for n in range(1300)]


def test_a_second_index_is_the_same(indexed: Indexed, part: Make, tmp_path: Path) -> None:
    again = Indexed(indexed.made, tmp_path)
    texts = ("herons", "town bridges", "zanzibar island")
    assert again.run(*texts).table.equals(indexed.run(*texts).table)


def test_search_only_settings_are_settings(indexed: Indexed, part: Make) -> None:
    for name in names("retriever"):
        made = part("retriever", name)
        assert made.made.search_only <= set(made.config)


def test_more_ties_than_the_rounding_has_room_for(part: Make, tmp_path: Path) -> None:
    """Scores descend however many passages tie: a run must survive a sort by score.

    Anserini rounds to 1e-4 and lowers tied scores by 1e-6 each; more than a hundred of them must
    not run into the next score.
    """
    made = part("retriever", "bm25", "retriever.k1=0.0001", "retriever.b=1").made
    short = [Passage(f"a{n}", "", "alpha beta") for n in range(450)]
    longer = [Passage(f"b{n}", "", "alpha beta gamma delta epsilon zeta") for n in range(450)]
    other = [Passage(f"c{n}", "", "theta iota kappa lambda") for n in range(900)]
    passages = store([*longer, *short, *other], tmp_path / "passages")
    (tmp_path / "index").mkdir()
    assert made.index(passages, tmp_path / "index", RUNTIME) == 1800
    run = made.search(tmp_path / "index", passages, ask("alpha"), 900, RUNTIME)
    scores = run.table.column("score").to_pylist()
    assert len(scores) == 900
    assert run.table.column("pid").to_pylist()[:450] == [f"a{n}" for n in range(450)]
    assert scores == sorted(scores, reverse=True)
