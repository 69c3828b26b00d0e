"""Whatever is wrong with the input: status 2, one line that says what and where, nothing left."""

from __future__ import annotations

import gzip
import json
import shlex
from pathlib import Path

import pytest
from bench_helpers import (
    SAMPLE_NQ,
    Files,
    all_complete,
    case,
    error_line,
    qa,
    stage_folders,
    write,
)

ARTICLE = '{"id": "1", "title": "Mars", "text": "Mars is the fourth planet from the Sun."}\n'
OTHER = '{"id": "2", "title": "Venus", "text": "Venus is the second planet from the Sun."}\n'
QUESTION = '{"id": "q1", "question": "Which planet is the fourth?", "answers": ["Mars"]}\n'
CHUNK = "chunk corpus=jsonl chunker=words corpus.path=a.jsonl"
CHUNK_GZ = "chunk corpus=jsonl chunker=words corpus.path=a.jsonl.gz"
TSV = "chunk corpus=psgs_w100 corpus.path=p.tsv"
FILE = "dataset=file dataset.path="
PLAN = f"plan corpus=jsonl corpus.path=a.jsonl {FILE}"
SCORE = f"score {FILE}q.jsonl predictions="
IMPORT = f"import {' '.join(SAMPLE_NQ)} run="


def long_gzip() -> bytes:
    rows = (
        {"id": str(n), "title": f"Article {n}", "text": f"{n * n * 7919} words {n**3}"}
        for n in range(5000)
    )
    return gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode())


COMMANDS = [
    case("verb", "rnu", "no verb 'rnu'", "run", "import", "doctor"),
    case("dataset name", "run dataset=nope", "nope", "curatedtrec", "triviaqa"),
    case("retriever name", "run retriever=nope", "nope", "bm25"),
    case("corpus name", "run corpus=nope", "nope", "psgs_w100"),
    case("chunker name", "run chunker=nope", "nope", "words_100_50"),
    case("experiment name", "run experiment=nope", "nope", "table2"),
    case("metric name", "run metric@metrics.mrr=nope", "nope", "answer_recall"),
    case("group name", "run nogroup=bm25", "nogroup"),
    case("key", "run nosuch=1", "nosuch"),
    case("key of a part", "run retriever.nosuch=1", "nosuch"),
    case("added key of a part", "index +retriever.nosuch=1 corpus=sample", "retriever", "nosuch"),
    case("added key of the runtime", "chunk +runtime.nosuch=1 corpus=sample", "nosuch"),
    case("syntax, no value", "run retriever.k1", "retriever.k1"),
    case("syntax, open list", "run dataset=[nq", "dataset=[nq"),
    case("syntax, no key", "run =nq", "override"),
    case("syntax, two words", "run 'dataset nq'", "dataset nq"),
    case("option", "run --nosuch", "--nosuch"),
    case("config-dir missing", "run --config-dir=nowhere", "nowhere"),
    case("interpolation", "run 'name=${nosuch}' corpus=sample", "nosuch"),
    case("target", "chunk chunker._target_=nope.Nope corpus=sample", "chunker", "nope.Nope"),
    case("target missing", "chunk ~chunker._target_ corpus=sample", "chunker", "_target_"),
    case("split", "run dataset.split=nope corpus=sample", "nope", "train, dev, test"),
    case("question file missing", "plan corpus=sample", "nq-test.qa.csv", "data/raw/nq"),
    case("limit 0", f"plan {' '.join(SAMPLE_NQ)} dataset.limit=0", "limit"),
    case("limit below 0", f"plan {' '.join(SAMPLE_NQ)} dataset.limit=-1", "limit"),
    case("limit no number", f"plan {' '.join(SAMPLE_NQ)} dataset.limit=few", "limit"),
    case("chunker size 0", "chunk corpus=sample chunker.size=0", "chunker.size", "0"),
    case("chunker size no number", "chunk corpus=sample chunker.size=abc", "chunker", "abc"),
    case("chunker stride", "chunk corpus=sample chunker.stride=200", "chunker.stride", "200"),
    case("chunker tail", "chunk corpus=sample chunker.tail=cut", "wrap", "cut"),
    case("chunker pattern", "chunk corpus=sample 'chunker.skip_titles=[\"(\"]'", "skip_titles"),
    case("corpus without path", "chunk corpus=jsonl", "corpus.path"),
    case("corpus not there", "chunk corpus=psgs_w100", "no such file", "psgs_w100.tsv.gz"),
    case("corpus a folder", "chunk corpus=jsonl corpus.path=.", "corpus.path"),
    case("corpus glob empty", "chunk corpus=jsonl 'corpus.path=none*.jsonl'", "none*.jsonl"),
    case("threads no number", "chunk corpus=sample runtime.threads=abc", "threads"),
    case("import without run", "import", "run=<file>"),
    case("import nothing", "import run=none.trec corpus=sample dataset.split=sample", "none.trec"),
    case("export without out", "export what=passages format=psgs_w100 corpus=sample", "out="),
    case(
        "export format",
        "export corpus=sample what=run format=psgs_w100 out=x",
        "psgs_w100",
        "format=trec",
    ),
    case("list group", "list nope", "no group 'nope'", "retriever"),
    case("table of nothing", "table name=empty", "empty"),
    case("predictions not there", f"{SCORE}none.jsonl", "none.jsonl", files={"q.jsonl": QUESTION}),
]

CORPORA = [
    case("missing", CHUNK, "no such file", "a.jsonl"),
    case("empty", CHUNK, "a.jsonl", "no passage", files={"a.jsonl": ""}),
    case("not JSON", CHUNK, "a.jsonl:2:", "JSON", files={"a.jsonl": ARTICLE + '{"id": "2",\n'}),
    case("deep JSON", CHUNK, "a.jsonl:2:", "JSON", files={"a.jsonl": ARTICLE + "[" * 200_000}),
    case("a list", CHUNK, "a.jsonl:2:", "object", files={"a.jsonl": ARTICLE + '["2"]\n'}),
    case(
        "no title", CHUNK, "a.jsonl:2:", "'title'",
        files={"a.jsonl": ARTICLE + '{"id": "2", "text": "x"}\n'},
    ),
    case(
        "text a list", CHUNK, "a.jsonl:1:", "'text'", "list",
        files={"a.jsonl": '{"id": "2", "title": "x", "text": ["x"]}\n'},
    ),
    case(
        "empty id", CHUNK, "a.jsonl:2:", "empty id",
        files={"a.jsonl": ARTICLE + '{"id": "", "title": "x", "text": "x"}\n'},
    ),
    case(
        "half a surrogate pair", CHUNK, "a.jsonl:2:",
        files={"a.jsonl": ARTICLE + '{"id": "2", "title": "x", "text": "a \\ud800 b"}\n'},
    ),
    case(
        "half a surrogate pair in the id", CHUNK, "a.jsonl:2:",
        files={"a.jsonl": ARTICLE + '{"id": "\\ud800", "title": "x", "text": "a"}\n'},
    ),
    case(
        "id twice", CHUNK, "a.jsonl:3:", "'1'", "twice",
        files={"a.jsonl": ARTICLE + OTHER + ARTICLE},
    ),
    case(
        "id twice in two files",
        "chunk corpus=jsonl chunker=words corpus.path=[a.jsonl,b.jsonl]", "b.jsonl:2:", "'1'",
        files={"a.jsonl": ARTICLE, "b.jsonl": OTHER + ARTICLE},
    ),
    case(
        "only empty texts", CHUNK, "a.jsonl", "no passage",
        files={"a.jsonl": '{"id": "1", "title": "Mars", "text": ""}\n' * 1},
    ),
    case(
        "only white space", CHUNK, "a.jsonl", "no passage",
        files={"a.jsonl": '{"id": "1", "title": "Mars", "text": " \\n\\t"}\n'},
    ),
    case(
        "all too short", "chunk corpus=jsonl chunker=dpr_w100 corpus.path=a.jsonl",
        "a.jsonl", "no passage", files={"a.jsonl": ARTICLE},
    ),
    case(
        "bad UTF-8", CHUNK, "a.jsonl:2:", "UTF-8",
        files={"a.jsonl": ARTICLE.encode() + b'{"id": "2", "title": "\xff"}\n'},
    ),
    case(
        "gz truncated", CHUNK_GZ, "a.jsonl.gz:", "truncated",
        files={"a.jsonl.gz": long_gzip()[:-5000]},
    ),
    case("gz of another kind", CHUNK_GZ, "a.jsonl.gz:1:", files={"a.jsonl.gz": ARTICLE}),
    case(
        "gz corrupt", CHUNK_GZ, "a.jsonl.gz:",
        files={"a.jsonl.gz": long_gzip()[:20000] + bytes(2000) + long_gzip()[22000:]},
    ),
    case(
        "bz2 of another kind", CHUNK_GZ.removesuffix("gz") + "bz2",
        "a.jsonl.bz2:1:", files={"a.jsonl.bz2": ARTICLE},
    ),
    case("tsv header", TSV, "p.tsv:1:", "title", files={"p.tsv": "1\tMars is red\tMars\n"}),
    case("tsv empty", TSV, "p.tsv", files={"p.tsv": ""}),
    case("tsv without rows", TSV, "p.tsv", "no passage", files={"p.tsv": "id\ttext\ttitle\n"}),
    case(
        "tsv columns", TSV, "p.tsv:3:", "3", "found 2",
        files={"p.tsv": "id\ttext\ttitle\n1\tMars is red\tMars\n2\tVenus\n"},
    ),
    case(
        "tsv id twice", TSV, "p.tsv:3:", "'1'", "twice",
        files={"p.tsv": "id\ttext\ttitle\n1\tMars is red\tMars\n1\tVenus\tVenus\n"},
    ),
    case(
        "tsv bad UTF-8", TSV, "p.tsv:2:", "UTF-8", files={"p.tsv": b"id\ttext\ttitle\n1\t\xff\tM\n"}
    ),
]  # fmt: skip

QUESTIONS = [
    case(
        "no answers", f"{PLAN}q.jsonl", "q.jsonl:2:", "answers",
        files={"q.jsonl": QUESTION + '{"id": "q2", "question": "Why?"}\n'},
    ),
    case(
        "empty answers", f"{PLAN}q.jsonl", "q.jsonl:2:", "'q2'", "answers",
        files={"q.jsonl": QUESTION + '{"id": "q2", "question": "Why?", "answers": []}\n'},
    ),
    case(
        "answers of numbers", f"{PLAN}q.jsonl", "q.jsonl:1:", "strings",
        files={"q.jsonl": '{"question": "Why?", "answers": [null]}\n'},
    ),
    case(
        "id twice", f"{PLAN}q.jsonl", "q.jsonl:3:", "'q1'", "twice",
        files={"q.jsonl": QUESTION + QUESTION.replace("q1", "q2") + QUESTION},
    ),
    case(
        "no text", f"{PLAN}q.jsonl", "q.jsonl:1:", "no text",
        files={"q.jsonl": '{"id": "q1", "question": " ", "answers": ["x"]}\n'},
    ),
    case(
        "half a surrogate pair", f"{PLAN}q.jsonl", "q.jsonl:1:",
        files={"q.jsonl": '{"id": "q1", "question": "a \\ud800 b", "answers": ["x"]}\n'},
    ),
    case("empty", f"{PLAN}q.jsonl", "q.jsonl", "no question", files={"q.jsonl": "\n"}),
    case("suffix", f"{PLAN}q.txt", "q.txt", ".jsonl", files={"q.txt": QUESTION}),
    case("missing", f"{PLAN}q.jsonl", "q.jsonl", "no such file"),
    case(
        "csv columns", f"{PLAN}q.csv", "q.csv:2:", "found 3",
        files={"q.csv": "who\t['a']\nwho\t['a']\tmore\n"},
    ),
    case(
        "csv literal", f"{PLAN}q.csv", "q.csv:1:", "list",
        files={"q.csv": "who\t__import__('os').getcwd()\n"},
    ),
    case(
        "csv answers empty", f"{PLAN}q.tsv", "q.tsv:2:", "answers",
        files={"q.tsv": "who\t['a']\nwho\t[]\n"},
    ),
    case("squad", f"{PLAN}q.json", "q.json", "SQuAD", files={"q.json": '{"data": [{"qas": 1}]}'}),
    case(
        "bad UTF-8", f"{PLAN}q.jsonl", "q.jsonl:2:", "UTF-8",
        files={"q.jsonl": QUESTION.encode() + b'{"question": "\xe9"}\n'},
    ),
    case("gz", f"{PLAN}q.jsonl.gz", "q.jsonl.gz:1:", files={"q.jsonl.gz": QUESTION}),
]  # fmt: skip

PREDICTIONS = [
    case(
        "unknown id", f"{SCORE}p.jsonl", "p.jsonl:2:", "'q9'",
        files={"p.jsonl": '{"id": "q1", "prediction": "Mars"}\n{"id": "q9", "prediction": "x"}\n'},
    ),
    case(
        "unknown id in an object", f"{SCORE}p.json", "p.json", "'q9'",
        files={"p.json": '{"q1": "Mars", "q9": "x"}'},
    ),
    case(
        "id twice", f"{SCORE}p.jsonl", "p.jsonl:2:", "'q1'",
        files={"p.jsonl": '{"id": "q1", "prediction": "Mars"}\n' * 2},
    ),
    case(
        "no prediction", f"{SCORE}p.jsonl", "p.jsonl:1:", "'prediction'",
        files={"p.jsonl": '{"id": "q1", "answer": "Mars"}\n'},
    ),
    case("not JSON", f"{SCORE}p.jsonl", "p.jsonl:1:", "JSON", files={"p.jsonl": "q1 Mars\n"}),
    case("a list", f"{SCORE}p.json", "p.json", "object", files={"p.json": '["Mars"]'}),
]  # fmt: skip

HIT = "nq-sample-0 Q0 1 1 9.5 mine\n"
RUNS = [
    case(
        "five columns", f"{IMPORT}r.trec", "r.trec:2:", "6 columns", "found 5",
        files={"r.trec": HIT + "nq-sample-0 Q0 2 2 9.1\n"},
    ),
    case(
        "score", f"{IMPORT}r.trec", "r.trec:1:", "number",
        files={"r.trec": "nq-sample-0 Q0 2 2 high mine\n"},
    ),
    case(
        "score nan", f"{IMPORT}r.trec", "r.trec:1:", "number",
        files={"r.trec": "nq-sample-0 Q0 2 2 nan mine\n"},
    ),
    case(
        "unknown question", f"{IMPORT}r.trec", "r.trec:2:", "'q77'", "nq sample",
        files={"r.trec": HIT + "q77 Q0 2 2 9.1 mine\n"},
    ),
    case("passage twice", f"{IMPORT}r.trec", "r.trec", "'nq-sample-0'", "twice",
         files={"r.trec": HIT * 2}),
    case("no hit", f"{IMPORT}r.trec", "r.trec", "no hit", files={"r.trec": "\n"}),
    case("not JSON", f"{IMPORT}r.json", "r.json", "JSON", files={"r.json": "{'0': 1}"}),
    case("another JSON", f"{IMPORT}r.json", "r.json", files={"r.json": '{"0": ["1"]}'}),
    case(
        "unknown question in JSON", f"{IMPORT}r.json", "r.json", "which moon is made of cheese",
        files={"r.json": '[{"question": "which moon is made of cheese", "ctxs": []}]'},
    ),
    case(
        "two texts of a passage", f"{IMPORT}r.json", "r.json", "'7'",
        files={
            "r.json": json.dumps(
                {
                    str(n): {"contexts": [{"docid": "7", "score": 1.0, "text": f"Mars\n{n}"}]}
                    for n in range(2)
                }
            )
        },
    ),
]  # fmt: skip


@pytest.mark.parametrize(("words", "told", "files"), COMMANDS)
def test_command(words: str, told: tuple[str, ...], files: Files, tmp_path: Path) -> None:
    write(tmp_path, files)
    message = error_line(qa(*shlex.split(words), cwd=tmp_path))
    assert all(fragment in message for fragment in told), message
    assert all_complete(tmp_path)
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(("words", "told", "files"), CORPORA)
def test_corpus(words: str, told: tuple[str, ...], files: Files, tmp_path: Path) -> None:
    write(tmp_path, files)
    message = error_line(qa(*shlex.split(words), cwd=tmp_path))
    assert all(fragment in message for fragment in told), message
    assert stage_folders(tmp_path, "chunk") == []


@pytest.mark.parametrize(("words", "told", "files"), QUESTIONS)
def test_questions(words: str, told: tuple[str, ...], files: Files, tmp_path: Path) -> None:
    write(tmp_path, {"a.jsonl": ARTICLE, **files})
    message = error_line(qa(*shlex.split(words), cwd=tmp_path))
    assert all(fragment in message for fragment in told), message


@pytest.mark.parametrize(("words", "told", "files"), PREDICTIONS)
def test_predictions(words: str, told: tuple[str, ...], files: Files, tmp_path: Path) -> None:
    write(tmp_path, {"q.jsonl": QUESTION, **files})
    message = error_line(qa(*shlex.split(words), cwd=tmp_path))
    assert all(fragment in message for fragment in told), message
    assert stage_folders(tmp_path, "score") == []
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(("words", "told", "files"), RUNS)
def test_run_file(words: str, told: tuple[str, ...], files: Files, tmp_path: Path) -> None:
    write(tmp_path, files)
    message = error_line(qa(*shlex.split(words), cwd=tmp_path))
    assert all(fragment in message for fragment in told), message
    assert stage_folders(tmp_path, "import") == []
    assert not (tmp_path / "results").exists()


def test_run_that_names_a_passage_the_corpus_lacks(tmp_path: Path) -> None:
    write(tmp_path, {"r.trec": HIT + "nq-sample-0 Q0 p77 2 9.1 mine\n"})
    message = error_line(qa(*shlex.split(f"{IMPORT}r.trec"), cwd=tmp_path))
    assert "'p77'" in message
    assert "r.trec" in message
    assert stage_folders(tmp_path, "score") == []
    assert not (tmp_path / "results").exists()
