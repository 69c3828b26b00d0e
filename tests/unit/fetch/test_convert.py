"""From the sets' own files to the question files that the configuration names."""

from __future__ import annotations

import bz2
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qa_bench.dataset.question_file import QuestionFile
from qa_bench.errors import DataError
from qa_bench.fetch.convert import (
    Example,
    curatedtrec,
    in_dev,
    split_of,
    squad,
    squad_articles,
    webquestions,
    write_questions,
)
from qa_bench.fetch.sources import get, source
from qa_bench.formats.lines import read_json_lines
from qa_bench.formats.qa import read_questions
from qa_bench.paths import CONF

Pairs = list[tuple[str, list[str]]]


def as_squad(pairs: Pairs) -> bytes:
    questions = [
        {"id": str(n), "question": text, "answers": [{"text": a, "answer_start": 0} for a in gold]}
        for n, (text, gold) in enumerate(pairs)
    ]
    article = {"title": "A", "paragraphs": [{"context": "c", "qas": questions}]}
    return json.dumps({"version": "1.1", "data": [article]}).encode()


def as_webquestions(pairs: Pairs) -> bytes:
    """As Stanford writes it: an answer with a blank stands in quotes."""

    def one(answer: str) -> str:
        return f'(description "{answer}")' if " " in answer else f"(description {answer})"

    rows = [
        {"url": "http://…", "utterance": text, "targetValue": f"(list {' '.join(map(one, gold))})"}
        for text, gold in pairs
    ]
    return bz2.compress(json.dumps(rows).encode())


def as_curatedtrec(pairs: Pairs) -> bytes:
    rows = (f"{n}\tfactoid\t{text}\t{gold[0]}\n" for n, (text, gold) in enumerate(pairs))
    return "".join(rows).encode()


Writer = Callable[[Pairs], bytes]
OFFICIAL: dict[str, tuple[str, Writer]] = {
    "squad": ("train-v1.1.json", as_squad),
    "webq": ("webquestions.examples.train.json.bz2", as_webquestions),
    "curatedtrec": ("large2180-train.tsv", as_curatedtrec),
}


def test_orqas_rule() -> None:
    """Questions of the official sets, from both sides."""
    assert in_dev("what two countries invaded poland in the beginning of ww2?")
    assert in_dev("What is the southwestern-most tip of England?")
    assert not in_dev("what is the name of justin bieber brother?")
    assert not in_dev("When is Fashion week in NYC?")
    pairs = [Example(f"question {n}", ["a"]) for n in range(1000)]
    train, dev = (list(split_of(pairs, split)) for split in ("train", "dev"))
    assert sorted(train + dev) == sorted(pairs)
    assert train == sorted(train, key=pairs.index)
    assert 60 < len(dev) < 150


def test_squad(tmp_path: Path) -> None:
    path = tmp_path / "train-v1.1.json"
    path.write_bytes(as_squad([(" Where is it?", ["Rome"]), ("Who?", ["Bo", "Bo Ek"])]))
    examples = [
        Example(" Where is it?", ["Rome"], "A", 0),
        Example("Who?", ["Bo", "Bo Ek"], "A", 0),
    ]
    assert list(squad(path)) == examples


def test_articles_of_squad(tmp_path: Path) -> None:
    """Their paragraphs are those that questions tell by number."""
    paragraphs = [
        {"context": "One.\n\nStill one.", "qas": []},
        {"context": "Two.", "qas": [{"id": "1", "question": "Q?", "answers": [{"text": "Two"}]}]},
    ]
    raw = tmp_path / "train-v1.1.json"
    raw.write_text(json.dumps({"data": [{"title": "An_A", "paragraphs": paragraphs}]}))
    article, questions = tmp_path / "articles.jsonl", tmp_path / "train.jsonl"
    assert squad_articles(raw, article, "", "") == "1 articles"
    [(_, row)] = read_json_lines(article)
    assert row == {"id": "0", "title": "An A", "text": "One.\nStill one.\n\nTwo."}
    write_questions(questions, squad(raw), "squad-train")
    [(_, row)] = read_json_lines(questions)
    assert (row["id"], row["article"], row["paragraph"]) == ("squad-train-0", "An_A", 1)


def test_webquestions(tmp_path: Path) -> None:
    path = tmp_path / "x.json.bz2"
    pairs = [
        ("who?", ["Brazil"]),
        ("what?", ["Monsters, Inc.", "WALL-E", "Holes (film)", "R. (Bob) Ek"]),
    ]
    path.write_bytes(as_webquestions(pairs))
    assert list(webquestions(path)) == [Example(*pair) for pair in pairs]


def test_curatedtrec(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv"
    path.write_text('1756\tfactoid\tWhen "is" it?\tSept?(ember)?|\\b9\\b\n')
    assert list(curatedtrec(path)) == [Example('When "is" it?', ["Sept?(ember)?|\\b9\\b"])]


@pytest.mark.parametrize(
    ("reader", "content", "message"),
    [
        (squad, '{"data": [{"paragraphs": [{}]}]}', "not SQuAD JSON"),
        (squad, "<html>", "not JSON"),
        (squad, "{}", "not SQuAD JSON"),
        (squad, "[1]", "not SQuAD JSON"),
        (squad, '{"data": [{"paragraphs": [{"context": "c", "qas": [{}]}]}]}', "not SQuAD JSON"),
        (webquestions, '[{"utterance": "who?"}]', "not WebQuestions' JSON"),
        (webquestions, "[1]", "not WebQuestions' JSON"),
        (curatedtrec, "1\tfactoid\twho?\tx\n2\twho?\tx\n", "expected 4 tab-separated columns"),
    ],
)
def test_other_files_are_refused(
    tmp_path: Path, reader: Callable[[Path], Any], content: str, message: str
) -> None:
    path = tmp_path / "x.json"
    path.write_text(content)
    with pytest.raises(DataError, match=message) as caught:
        list(reader(path))
    assert str(path) in str(caught.value)


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n"), min_size=1)


@given(pairs=st.lists(st.tuples(TEXT, st.lists(TEXT, min_size=1)), min_size=1, max_size=5))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("name", ["x.csv", "x.jsonl"])
def test_what_is_written_is_read_again(tmp_path: Path, name: str, pairs: Pairs) -> None:
    path = tmp_path / name
    assert write_questions(path, (Example(*pair) for pair in pairs)) == len(pairs)
    assert [(text, answers) for _, text, answers, *_ in read_questions(path)] == pairs


def test_nothing_half_written(tmp_path: Path) -> None:
    def breaking() -> Any:
        yield Example("who?", ["x"])
        raise DataError("broken", "x")

    for pairs in (breaking(), []):
        with pytest.raises(DataError):
            write_questions(tmp_path / "x.csv", pairs)
    assert list(tmp_path.iterdir()) == []


def real_pairs(folder: Path) -> Pairs:
    """Train and dev together again, in the order of the official file."""
    rows = []
    for name in ("train.jsonl", "train.jsonl.gz", "dev.jsonl"):
        if (path := folder / name).exists():
            rows += [row for _, row in read_json_lines(path)]
    rows.sort(key=lambda row: int(row["id"].rpartition("-")[2]))
    return [(row["question"], row["answers"]) for row in rows]


@pytest.mark.shared
@pytest.mark.parametrize("name", OFFICIAL)
def test_the_published_splits_come_out(shared: Path, tmp_path: Path, name: str) -> None:
    """From a file of the official kind that holds the real questions, digest for digest."""
    file, write = OFFICIAL[name]
    home = tmp_path / name
    home.mkdir()
    (home / file).write_bytes(write(real_pairs(shared / "data" / name)))
    told = yaml.safe_load((CONF / "dataset" / f"{name}.yaml").read_text(encoding="utf-8"))
    del told["_target_"]
    told.pop("about", None)
    for split in ("train", "dev"):
        entry = source(told["splits"][split]["source"])
        get(entry, home / Path(entry.file).name)
        made = QuestionFile(**{**told, "folder": str(home), "split": split})
        assert made.file().name == told["splits"][split]["file"]
        assert made.questions().published is True
