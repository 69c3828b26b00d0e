"""`qa-bench synthesize`: from articles to a question set that `dataset=file` reads."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench_helpers import REPOSITORY, error_line, good, qa, stage_folders, write_jsonl
from reply_server import Server

ARTICLES = {
    "Swing bridge": "The swing bridge of Oslo was designed by Clara Holm. She lived in Bergen.",
    "Toll house": "The toll house of Bergen was sold to Erik Lund by the town. It was old.",
    "Museum": "The museum of Narvik was opened by King Haakon after the long war. He was late.",
    "Lighthouse": "Too short.",
}
OWN = ("--trust", "term_overlap", "--config-dir=conf")
CORPUS = ("corpus=jsonl", "corpus.path=articles.jsonl", "chunker=article")
WORDS = (*OWN, *CORPUS, "synthesize.round_trip=[long,short]", "synthesize.words=5")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Articles, and two retrievers that take no time to load."""
    rows = ({"id": title, "title": title, "text": text} for title, text in ARTICLES.items())
    write_jsonl(tmp_path / "articles.jsonl", rows)
    shutil.copy(REPOSITORY / "examples/custom_retriever/term_overlap.py", tmp_path)
    (tmp_path / "conf/retriever").mkdir(parents=True)
    for name, length in (("long", 5), ("short", 1)):
        text = f"_target_: term_overlap.TermOverlap\nmin_length: {length}\n"
        (tmp_path / f"conf/retriever/{name}.yaml").write_text(text)
    return tmp_path


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as serving:
        yield serving


def test_cloze_from_articles_to_figures(place: Path) -> None:
    done = good("synthesize", *WORDS, "n=9", cwd=place)
    assert "9 passages were wanted, and only 3 have 5 words" in done.stderr
    first, sheet, use = done.stdout.splitlines()
    path = first.split()[1]
    assert first.endswith("questions.jsonl (3 passages, 3 questions, 0 dropped)")
    rows = [json.loads(line) for line in (place / path).read_text("utf-8").splitlines()]
    assert [row["titles"] for row in rows] == [["Swing bridge"], ["Toll house"], ["Museum"]]
    assert all("_____" in row["question"] for row in rows)
    text = (place / sheet.removeprefix("sheet: ")).read_text("utf-8")
    assert "\nqa-bench synthesize corpus=jsonl corpus.path=articles.jsonl chunker=article '" in text
    words = use.removeprefix("use them with: ").split()
    scored = good("search", *OWN, *CORPUS, "retriever=short", *words, cwd=place)
    assert "3 questions" in scored.stdout
    before = (place / path).read_bytes()
    again = good("synthesize", *WORDS, "n=9", cwd=place)
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
        if "Which Wikipedia article" in prompt:
            return "The Swing Bridge"
        if "Write one question" not in prompt:
            return "Clara Holm"
        passage = prompt.rpartition("Passage: ")[2]
        return next(text for word, text in replies.items() if word in passage)

    server.reply = reply
    lm = (f"lm.url={server.url}", "lm.model=m", "lm.timeout_s=5")
    groups = ("generator", "reader", "synthesize.standalone")
    words = [f"{group}.{setting}" for group in groups for setting in lm]
    done = good(
        "synthesize", *WORDS, "n=3", "generator=prompt", "reader=generative_closed_book",
        "+reader@synthesize.standalone=generative_article", *words, cwd=place,
    )  # fmt: skip
    assert "(3 passages, 1 questions, 2 dropped)" in done.stdout
    [folder] = stage_folders(place, "synthesize")
    row = json.loads((folder / "questions.jsonl").read_text("utf-8"))
    assert (row["answers"], row["closed_book"], row["standalone"]) == (["Clara Holm"], True, True)
    facts = json.loads((folder / "set.json").read_text("utf-8"))
    assert facts["dropped"] == {"answer not in the passage": 1, "reply not understood": 1}
    assert facts["closed_book"] == {"reader": "generative_closed_book", "questions": 1}
    told = {"reader": "generative_article", "questions": 1, "without_title": 0}
    assert (facts["standalone"], facts["titled"]) == (told, 1)
    assert len(server.bodies) == 5


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["retriever=bm25"], "synthesize looks at no retriever (retriever=bm25): the retrievers"),
        (["dataset.split=dev"], "synthesize looks at no dataset (dataset.split=dev)"),
        (["synthesize.round_trip=[long,nothing]"], "synthesize.round_trip: no retriever"),
        (["synthesize.round_trip=[long]"], "synthesize.round_trip: two unlike retrievers"),
        (["synthesize.size=3"], "synthesize"),
        (["n=0"], "synthesize.n: a whole number >= 1, got '0'"),
        (["reader=redundancy"], "reader=redundancy reads passages: to tell what is known by heart"),
        (
            ["+reader@synthesize.standalone=redundancy"],
            "+reader@synthesize.standalone=redundancy reads passages, which tell what is meant",
        ),
        (["synthesize.standalone=smollm2_article"], "synthesize.standalone: a reader, as +reader@"),
        (["synthesize.words=50"], "none of the 4 passages has 50 words"),
        (["generator.least=30"], "no question is left of 3 passages: 3 nothing to take out; see "),
    ],
)  # fmt: skip
def test_bad_input(place: Path, words: list[str], message: str) -> None:
    told = error_line(qa("synthesize", *WORDS, *words, cwd=place, verbose=False))
    assert message in told


def test_it_needs_a_corpus(tmp_path: Path) -> None:
    assert error_line(qa("synthesize", cwd=tmp_path)).startswith("no corpus is chosen")


def test_an_empty_corpus(place: Path) -> None:
    (place / "articles.jsonl").write_text("")
    assert "no passage of 0 articles" in error_line(qa("synthesize", *WORDS, cwd=place))


def test_it_is_planned(place: Path) -> None:
    words = ("generator=prompt", "generator.lm.model=m", "synthesize.n=3")
    lines = good("plan", *WORDS, *words, cwd=place).stdout.splitlines()
    assert lines[0] == "jsonl: about 1 passages; 3 are asked of"
    assert [line.split()[0] for line in lines[2:6]] == ["chunk", "generate", "index", "to"]
    assert "requests" in lines[3]
    assert not stage_folders(place, "chunk")
