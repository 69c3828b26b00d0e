"""From passages to a question set, with a generator and runs made by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from given import given
from identified import identified

from qa_bench.dataset.question_file import QuestionFile
from qa_bench.engine.context import Context
from qa_bench.engine.stage import Stage
from qa_bench.errors import UserError
from qa_bench.generator.cloze import Cloze
from qa_bench.parts import Part
from qa_bench.protocols import Generator
from qa_bench.stages.generate import generate
from qa_bench.stages.read import FAILED_FILE, PREDICTIONS_FILE
from qa_bench.stages.synthesize import RoundTrip, candidates, synthesize
from qa_bench.store.passages import Passages, open_passages
from qa_bench.store.runs import RUN_FILE, write_run
from qa_bench.synthetic.drafts import Draft, Drafts
from qa_bench.synthetic.proposals import read_proposals
from qa_bench.synthetic.settings import SynthesisSettings
from qa_bench.types import Folder, Passage, Run, Runtime, Step

TEXTS = [
    "The swing bridge of Oslo was designed by Clara Holm in the spring.",
    "The toll house of Bergen was sold to Erik Lund by the town.",
    "The market of Narvik is held on the first day of the week by Oslo.",
    "short",
    "The museum of Bodø was opened by King Haakon after the war.",
]
SETTINGS = SynthesisSettings(n=10, words=5, k=2)


class Written(Part):
    """Writes what it is told for a passage's pid; None fails."""

    def __init__(self, drafts: dict[str, Draft | None]) -> None:
        self._drafts = drafts

    def make(self, passages: Sequence[Passage], runtime: Runtime) -> Drafts:
        several = [self._drafts[passage.pid] for passage in passages]
        failed = {n: "status 500" for n, one in enumerate(several) if one is None}
        return Drafts([one or Draft(problem="no reply") for one in several], failed, {"tokens": 7})

    def plan(self, passages: int, runtime: Runtime) -> Step:
        return Step("generate", 0, passages, "0.1 GB")


WRITTEN: dict[str, Draft | None] = {
    "1": Draft("Who designed the swing bridge of Oslo?", "Clara Holm"),
    "2": Draft("To whom was the toll house of Bergen sold?", "Erik Lund"),
    "3": Draft("Where is the market of Narvik?", "Oslo"),
    "5": Draft("When did he open the museum?", "after the war"),
}


@pytest.fixture
def corpus(make_passages: Any) -> Passages:
    made: Passages = make_passages([(str(n), f"T{n}", t) for n, t in enumerate(TEXTS, 1)])
    return made


def drafts(corpus: Passages, context: Context, part: Any = None, **settings: Any) -> Stage:
    generator = part or Written(WRITTEN)
    named = identified(generator, part="generator/Written")
    common = SynthesisSettings(**{"n": 10, "words": 5} | settings)
    return generate(given(corpus.folder), named, "written", common, context)


def folder_of(tmp_path: Path, name: str, hits: dict[str, list[str]]) -> Stage:
    """A search's folder with these hits."""
    place = tmp_path / "runs" / name
    place.mkdir(parents=True, exist_ok=True)
    scores = [[float(9 - n) for n in range(len(pids))] for pids in hits.values()]
    write_run(place / RUN_FILE, Run.of(list(hits), list(hits.values()), scores))
    return given(place, name)


def test_drafts(corpus: Passages, context: Context) -> None:
    made = context.run(drafts(corpus, context))
    counts = made.manifest["counts"]
    assert {name: counts[name] for name in ("passages", "questions", "too_short", "failed")} == {
        "passages": 4, "questions": 4, "too_short": 1, "failed": 0,
    }  # fmt: skip
    assert (counts["articles"], counts["articles_of"], counts["tokens"]) == (4, 4, 7)
    assert "provisional" not in made.manifest
    rows = read_proposals(made.path)
    assert [(one.row, one.pid, one.title) for one in rows] == [
        (0, "1", "T1"), (1, "2", "T2"), (2, "3", "T3"), (4, "5", "T5"),
    ]  # fmt: skip
    assert rows[0].article == "T1"
    assert (rows[1].question, rows[1].answer) == WRITTEN["2"][:2]  # type: ignore[index]


def test_more_than_there_are_is_told(
    corpus: Passages, context: Context, caplog: pytest.LogCaptureFixture
) -> None:
    context.run(drafts(corpus, context))
    assert "10 passages were wanted, and only 4 have 5 words" in caplog.text
    caplog.clear()
    context.run(drafts(corpus, context, n=4))
    assert not caplog.text


def test_failed_ones_are_asked_again(corpus: Passages, context: Context) -> None:
    made = context.run(drafts(corpus, context, Written({**WRITTEN, "2": None})))
    assert made.manifest["provisional"]
    assert (made.manifest["counts"]["failed"], made.manifest["counts"]["no reply"]) == (1, 1)
    later = Context(context.cache, context.runtime)
    again = later.run(drafts(corpus, later))
    assert "provisional" not in again.manifest


def test_no_passage_is_long_enough(corpus: Passages, context: Context) -> None:
    message = "none of the 5 passages has 50 words: set synthesize.words lower, or cut longer ones"
    with pytest.raises(UserError, match=message):
        context.run(drafts(corpus, context, words=50))


def test_a_generator_that_leaves_one_out(corpus: Passages, context: Context) -> None:
    part = Written(WRITTEN)
    part.make = lambda passages, runtime: Drafts([Draft("q", "a")])  # type: ignore[method-assign]
    with pytest.raises(UserError, match="generator written made 1 drafts of 4 passages"):
        context.run(drafts(corpus, context, part))


def test_what_is_in_the_key(corpus: Passages, context: Context) -> None:
    keys = [
        drafts(corpus, context, **settings).key
        for settings in (
            {},
            {"k": 3, "near": 0.9, "answer_words": 3},
            {"seed": 1},
            {"n": 9},
            {"words": 4},
        )
    ]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 4


# The set


def whole(
    corpus: Passages, context: Context, tmp_path: Path, runs: dict[str, Any], **more: Any
) -> Stage:
    hits = {
        name: {f"synthetic-{pid}": pids for pid, pids in of.items()} for name, of in runs.items()
    }
    stages = {name: folder_of(tmp_path, name, of) for name, of in hits.items()}
    made = drafts(corpus, context, more.pop("part", None))
    closed, articles = more.pop("closed", None), more.pop("articles", None)
    trip = RoundTrip(stages, closed, "by_heart", articles, "guesser")
    common = (made, given(corpus.folder), trip, SETTINGS)
    return synthesize(*common, more.pop("mode", "dpr"), "qa-bench synthesize", context)


FOUND = {
    "one": {"1": ["2", "1"], "2": ["1"], "3": ["1"]},
    "other": {"1": ["3"], "2": ["2"], "3": ["5"]},
}


def lines(made: Folder, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (made.path / name).read_text("utf-8").splitlines()]


def test_a_set(corpus: Passages, context: Context, tmp_path: Path) -> None:
    """3 is found by neither, 5 stands not alone."""
    made = context.run(whole(corpus, context, tmp_path, FOUND))
    assert made.manifest["counts"] == {"passages": 4, "questions": 2, "dropped": 2}
    first, second = lines(made, "questions.jsonl")
    assert first == {
        "id": "synthetic-1", "question": "Who designed the swing bridge of Oslo?",
        "answers": ["Clara Holm"], "titles": ["T1"], "group": "T1", "pid": "1",
        "ranks": {"one": 2, "other": None}, "overlap": 1.0,
        "elsewhere": {"passages": 0, "pids": []},
    }  # fmt: skip
    assert (second["id"], second["ranks"]) == ("synthetic-2", {"one": None, "other": 1})
    assert [(row["pid"], row["why"]) for row in lines(made, "dropped.jsonl")] == [
        ("3", "not retrieved"), ("5", "not standalone"),
    ]  # fmt: skip
    facts = json.loads((made.path / "set.json").read_text("utf-8"))
    assert facts["shares"]["one alone"] == facts["shares"]["other alone"] == 33.33
    assert facts["shares"]["neither"] == 33.33
    assert facts["dropped"] == {"not standalone": 1, "not retrieved": 1}
    assert facts["searched"] == 3
    assert facts["closed_book"] is None
    sheet = (made.path / "set.md").read_text("utf-8")
    for line in (
        "# 2 synthetic questions",
        "qa-bench synthesize",
        "| not standalone | 1 | 25.0 | 1 |",
        "| not retrieved | 1 | 25.0 |  |",
        "| **left** | **2** | 50.0 | |",
        "| neither | 33.33 |",
        "Nobody was asked: `reader=` with one that reads no passage tells.",
        "0 questions (0.0 %) name their article by its title.",
        "Which article is meant, nobody was asked: `+reader@synthesize.standalone=` tells.",
    ):
        assert line in sheet.splitlines()


def test_the_file_is_a_question_set(corpus: Passages, context: Context, tmp_path: Path) -> None:
    made = context.run(whole(corpus, context, tmp_path, FOUND))
    path = str(made.path / "questions.jsonl")
    questions = QuestionFile("own", "string", "test", path, groups={"column": "group"}).questions()
    assert [question.answers for question in questions] == [("Clara Holm",), ("Erik Lund",)]
    assert questions.titles == (("T1",), ("T2",))
    assert questions.groups == ("T1", "T2")


def test_answers_elsewhere_and_by_heart(corpus: Passages, context: Context, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    said = [
        {"id": "synthetic-3", "prediction": "It is Oslo."},
        {"id": "synthetic-1", "prediction": "x"},
    ]
    (closed / PREDICTIONS_FILE).write_text("".join(json.dumps(row) + "\n" for row in said))
    (closed / FAILED_FILE).write_text("")
    found = {"one": {"1": ["1"], "3": ["3"]}, "other": {}}
    made = context.run(whole(corpus, context, tmp_path, found, closed=given(closed, "closed")))
    first, second = lines(made, "questions.jsonl")
    assert (first["closed_book"], second["closed_book"]) == (False, True)
    assert second["elsewhere"] == {"passages": 1, "pids": ["1"]}
    sheet = (made.path / "set.md").read_text("utf-8")
    assert "`by_heart`, without any passage, answers 1 (50.0 %)." in sheet
    assert "Of 1 questions (50.0 %) the answer also stands in other passages, 1 in all" in sheet


def test_a_second_model_tells_which_article_is_meant(
    corpus: Passages, context: Context, tmp_path: Path
) -> None:
    """T1 is guessed right; the question of T2 got no reply: it does not stand alone for it."""
    articles = tmp_path / "articles"
    articles.mkdir()
    guess = {"id": "synthetic-1", "prediction": "t1, of course"}
    (articles / PREDICTIONS_FILE).write_text(json.dumps(guess) + "\n")
    (articles / FAILED_FILE).write_text("")
    stage = whole(corpus, context, tmp_path, FOUND, articles=given(articles, "articles"))
    made = context.run(stage)
    assert [row["standalone"] for row in lines(made, "questions.jsonl")] == [True, False]
    facts = json.loads((made.path / "set.json").read_text("utf-8"))
    assert facts["standalone"] == {"reader": "guesser", "questions": 1, "without_title": 0}
    assert "articles" in facts["digests"]
    sheet = (made.path / "set.md").read_text("utf-8")
    assert "`guesser`, given the question alone, names the article of 1 (50.0 %), by its" in sheet
    assert stage.key != whole(corpus, context, tmp_path, FOUND).key


def test_the_same_bytes_every_time(corpus: Passages, context: Context, tmp_path: Path) -> None:
    one = context.run(whole(corpus, context, tmp_path, FOUND))
    elsewhere = Context(tmp_path / "second cache", context.runtime)
    other = elsewhere.run(whole(corpus, elsewhere, tmp_path, FOUND))
    assert one.key == other.key
    for name in ("questions.jsonl", "dropped.jsonl", "set.json", "set.md"):
        assert (one.path / name).read_bytes() == (other.path / name).read_bytes()


def test_nothing_is_found_again(corpus: Passages, context: Context, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="none of 3 questions is left: one and other find no"):
        context.run(whole(corpus, context, tmp_path, {"one": {"1": ["5"]}, "other": {}}))


def test_no_candidate_is_left(corpus: Passages, context: Context) -> None:
    part = Written(dict.fromkeys("1235", Draft("Who is the passage about?", "x")))
    made = context.run(drafts(corpus, context, part))
    passages = context.run(given(corpus.folder))
    with pytest.raises(UserError, match="no question is left of 4 passages: 4 answer not in"):
        candidates(made, passages, SETTINGS, "dpr", "name")


def test_candidates(corpus: Passages, context: Context) -> None:
    made, passages = context.run(drafts(corpus, context)), context.run(given(corpus.folder))
    questions = candidates(made, passages, SETTINGS, "dpr", "name")
    assert [question.qid for question in questions] == [f"synthetic-{n}" for n in (1, 2, 3)]
    assert (questions.name, questions.split) == ("name", "synthetic")


def test_cloze_from_passages_to_set(corpus: Passages, context: Context, tmp_path: Path) -> None:
    found = {"one": {pid: [pid] for pid in "1235"}, "other": {}}
    made = context.run(whole(corpus, context, tmp_path, found, part=Cloze()))
    rows = lines(made, "questions.jsonl")
    assert [row["pid"] for row in rows] == ["1", "2", "3", "5"]
    texts = {passage.pid: passage.text for passage in open_passages(corpus.folder)}
    for row in rows:
        assert row["question"].replace("_____", row["answers"][0]) == texts[row["pid"]]
    assert isinstance(Written({}), Generator)
