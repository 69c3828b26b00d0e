"""`qa-bench synthesize`: from articles to a question set that `dataset=file` reads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bench_helpers import error_line, good, qa, stage_folders, write_jsonl
from reply_server import Server

ARTICLES = {
    "Swing bridge": "The swing bridge of Oslo was designed by Clara Holm. She lived in Bergen.",
    "Toll house": "The toll house of Bergen was sold to Erik Lund by the town. It was old.",
    "Museum": "The museum of Narvik was opened by King Haakon after the long war. He was late.",
    "Lighthouse": "Too short.",
}
TRIP = ("synthesize.round_trip=[bm25_native,tfidf]", "chunker=article", "synthesize.words=5")
CORPUS = ("corpus=jsonl", "corpus.path=articles.jsonl", *TRIP)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    rows = ({"id": title, "title": title, "text": text} for title, text in ARTICLES.items())
    write_jsonl(tmp_path / "articles.jsonl", rows)
    return tmp_path


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as serving:
        yield serving


def test_cloze_from_articles_to_figures(place: Path) -> None:
    done = good("synthesize", *CORPUS, "n=9", cwd=place)
    assert "9 passages were wanted, and only 3 have 5 words" in done.stderr
    first, sheet, use = done.stdout.splitlines()
    path = first.split()[1]
    assert first.endswith("questions.jsonl (3 passages, 3 questions, 0 dropped)")
    rows = [json.loads(line) for line in (place / path).read_text("utf-8").splitlines()]
    assert [row["titles"] for row in rows] == [["Swing bridge"], ["Toll house"], ["Museum"]]
    assert all("_____" in row["question"] for row in rows)
    text = (place / sheet.removeprefix("sheet: ")).read_text("utf-8")
    assert "\nqa-bench synthesize corpus=jsonl corpus.path=articles.jsonl 'synthesize.round" in text
    words = use.removeprefix("use them with: ").split()
    scored = good(
        "search", *CORPUS[:2], "chunker=article", "retriever=bm25_native", *words, cwd=place
    )
    assert "3 questions" in scored.stdout
    before = (place / path).read_bytes()
    again = good("synthesize", *CORPUS, "n=9", cwd=place)
    assert again.stdout == done.stdout
    assert (place / path).read_bytes() == before
    assert "building" not in again.stderr


def test_a_server_writes_them_and_knows_some_by_heart(place: Path, server: Server) -> None:
    """One reply is no JSON, one answer stands nowhere, one question is good."""
    replies = {
        "Clara": '{"question": "Who designed the swing bridge of Oslo?", "answer": "Clara Holm"}',
        "Erik": '{"question": "Who bought the toll house of Bergen?", "answer": "Nobody"}',
        "Haakon": "Who opened the museum? King Haakon",
    }

    def reply(prompt: str) -> str:
        if "Write one question" not in prompt:
            return "Clara Holm"
        passage = prompt.rpartition("Passage: ")[2]
        return next(text for word, text in replies.items() if word in passage)

    server.reply = reply
    lm = (f"lm.url={server.url}", "lm.model=m", "lm.timeout_s=5")
    words = [f"{group}.{setting}" for group in ("generator", "reader") for setting in lm]
    done = good(
        "synthesize", *CORPUS, "n=3", "generator=prompt", "reader=generative_closed_book", *words,
        cwd=place,
    )  # fmt: skip
    assert "(3 passages, 1 questions, 2 dropped)" in done.stdout
    [folder] = stage_folders(place, "synthesize")
    row = json.loads((folder / "questions.jsonl").read_text("utf-8"))
    assert (row["answers"], row["closed_book"]) == (["Clara Holm"], True)
    facts = json.loads((folder / "set.json").read_text("utf-8"))
    assert facts["dropped"] == {"answer not in the passage": 1, "reply not understood": 1}
    assert facts["closed_book"] == {"reader": "generative_closed_book", "questions": 1}
    assert len(server.bodies) == 4


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["retriever=bm25"], "synthesize looks at no retriever (retriever=bm25): the retrievers"),
        (["dataset.split=dev"], "synthesize looks at no dataset (dataset.split=dev)"),
        (["synthesize.round_trip=[bm25_native,nothing]"], "synthesize.round_trip: no retriever"),
        (["synthesize.round_trip=[bm25]"], "synthesize.round_trip: two unlike retrievers"),
        (["synthesize.size=3"], "synthesize"),
        (["n=0"], "synthesize.n: a whole number >= 1, got '0'"),
        (["reader=redundancy"], "reader=redundancy reads passages: to tell what is known by heart"),
        (["synthesize.words=50"], "none of the 4 passages has 50 words"),
        (["generator.least=30"], "no question is left of 3 passages: 3 nothing to take out; see "),
    ],
)  # fmt: skip
def test_bad_input(place: Path, words: list[str], message: str) -> None:
    told = error_line(qa("synthesize", *CORPUS, *words, cwd=place, verbose=False))
    assert message in told


def test_it_needs_a_corpus(tmp_path: Path) -> None:
    assert error_line(qa("synthesize", cwd=tmp_path)).startswith("no corpus is chosen")


def test_an_empty_corpus(tmp_path: Path) -> None:
    (tmp_path / "articles.jsonl").write_text("")
    told: Any = error_line(qa("synthesize", *CORPUS, cwd=tmp_path))
    assert "no passage of 0 articles" in told
