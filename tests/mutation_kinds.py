"""The readers that ``mutation.py`` tries, each with small files that it reads."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from qa_bench.dataset.beir import BeirSplit
from qa_bench.dataset.question_file import QuestionFile
from qa_bench.formats.beir import read_documents
from qa_bench.formats.dpr_training import read_examples
from qa_bench.formats.gold import read_gold
from qa_bench.formats.mediawiki_xml import parse_page, read_pages
from qa_bench.formats.predictions import read_predictions
from qa_bench.formats.psgs_tsv import read_passages
from qa_bench.formats.runs import read_run_file
from qa_bench.types import Question, QuestionSet

QUESTIONS = QuestionSet(
    "own",
    "test",
    "string",
    tuple(Question(f"q{n}", f"who is {n}", (f"answer {n}",)) for n in range(3)),
    digest="0" * 64,
)


@dataclass(frozen=True)
class Kind:
    """A reader and small files that it reads."""

    name: str
    read: Callable[[Path], object]
    seeds: list[bytes]


def _questions(path: Path) -> object:
    return QuestionFile("own", "string", "test", path=str(path)).questions()


def _patterns(path: Path) -> object:
    columns = {"question": "query", "answers": "gold.text"}
    return QuestionFile("own", "regex", "test", path=str(path), columns=columns).questions()


def _all(read: Callable[[Path], Iterable[object]]) -> Callable[[Path], object]:
    return lambda path: list(read(path))


def _run(path: Path) -> object:
    return read_run_file(path, QUESTIONS)


def _predictions(path: Path) -> object:
    return read_predictions(path, QUESTIONS)


def _qrels(path: Path) -> object:
    folder = path.parent / "beir"
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    queries = "".join(json.dumps({"_id": f"q{n}", "text": "who"}) + "\n" for n in range(3))
    (folder / "queries.jsonl").write_text(queries)
    path.replace(folder / "qrels" / "test.tsv")
    return BeirSplit("own", "test", str(folder)).questions()


def _queries(path: Path) -> object:
    folder = path.parent / "beir"
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\tp1\t1\n")
    path.replace(folder / "queries.jsonl")
    return BeirSplit("own", "test", str(folder)).questions()


def _pages(path: Path) -> object:
    return [parse_page(page) if hasattr(page, "xml") else page for page in read_pages(path)]


def _lines(*rows: object) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode()


_SQUAD = {
    "version": "1.1",
    "data": [
        {
            "title": "A_b",
            "paragraphs": [
                {
                    "context": "It is Röm.",
                    "qas": [{"id": "x", "question": "who?", "answers": [{"text": "Röm"}]}],
                }
            ],
        }
    ],
}
_CONTEXTS = [
    {"id": "p1", "title": "T", "text": "answer 1", "score": "2.5"},
    {"id": 2, "title": "", "text": "two", "score": 1},
]
_DPR = [
    {"question": f"who is {n}", "answers": [f"answer {n}"], "ctxs": _CONTEXTS[: n + 1]}
    for n in range(2)
]
_FID = [
    {**row, "ctxs": [{k: v for k, v in c.items() if k != "score"} for c in row["ctxs"]]}  # type: ignore[attr-defined, union-attr]
    for row in _DPR
]
_PYSERINI = {
    "0": {"question": "who is 0", "contexts": [{"docid": "p", "score": "1.5", "text": "T\nx"}]},
    "2": {"question": "who is 2", "contexts": [{"docid": "q", "score": 1, "text": "x"}]},
}
_KILT = [
    {
        "id": f"q{n}",
        "input": f"who is {n}",
        "output": [{"answer": "a", "provenance": [{"wikipedia_id": "7", "title": "T"}]}],
    }
    for n in range(2)
]
_READER = [
    {
        "question": "who is 1",
        "gold_answers": ["answer 1"],
        "predictions": [{"top_k": 50, "prediction": {"text": "one", "score": 1.5}}],
    }
]
_FLASHRAG = [
    {"id": "t0", "question": "who is 0", "golden_answers": ["a"], "output": {"pred": "zero"}}
]
_LM_EVAL = [
    {"doc_id": 1, "doc": {"question": "who is 1"}, "target": "a", "resps": [["x"]],
     "filtered_resps": ["x"]},
]  # fmt: skip
_OURS = [{"id": "q0", "prediction": "a"}, {"id": "q1", "prediction": ""}]
_TRAINING = [
    {
        "dataset": "d",
        "question": "who",
        "answers": ["a"],
        "positive_ctxs": [
            {"title": "T", "text": "x", "score": 1000, "title_score": 1, "passage_id": "1"}
        ],
        "negative_ctxs": [],
        "hard_negative_ctxs": [{"title": None, "text": "y", "score": 0.5, "psg_id": 7}],
    }
] * 2
_XML = (
    b'<mediawiki xmlns="x" version="0.10" xml:lang="en">\n<siteinfo />'
    b"\n<page><title>A &amp; b</title><ns>0</ns><id>7</id><revision><id>9</id>"
    b"<text xml:space='preserve'>'''A''' is [[b|c]] &lt;ref&gt;x&lt;/ref&gt; {{d|e}}</text>"
    b"</revision></page>\n<page><title>C</title><ns>0</ns><id>8</id><redirect title='A' />"
    b"<revision><id>1</id><text /></revision></page>\n</mediawiki>\n"
)

KINDS = [
    Kind(
        "questions.csv",
        _questions,
        [
            'who’s it\t[\'Röm\', "it\'s"]\n"say ""x"""\t["a", \'b\']\nthree\t[1999]\n'.encode(),
            b'id,question,answers\n1,"who, one","[""a"", ""b""]"\n2,who two,Oslo\n',
            b"question;answer\nwho;['a']\n",
        ],
    ),
    Kind(
        "questions.tsv",
        _patterns,
        [b"query\tgold.text\tid\nwho\t['a.*']\t1\nwhat\t[sic]\t2\n"],
    ),
    Kind(
        "questions.jsonl",
        _questions,
        [
            _lines(
                {"id": "a", "question": "who", "answers": ["Röm", 1999, 3.1]},
                {"id": 2, "question": "what", "answer": "['a', 'b']"},
                {"id": "c", "question": "when", "answers": '["a"]'},
            )
        ],
    ),
    Kind("columns.jsonl", _patterns, [_lines({"query": "who", "gold": {"text": ["a|b", "c"]}})]),
    Kind("squad.json", _questions, [_json(_SQUAD)]),
    Kind(
        "run.trec",
        _run,
        [b"q0 Q0 p1 1 2.5 t\nq1 Q0 p2 1 1e3 t\n", b"0 Q0 p 1 2 t\n2 Q0 q 1 -1 t\n"],
    ),
    Kind("run.json", _run, [_json(_DPR), _json(_FID), _json(_PYSERINI), _json(_KILT)]),
    Kind("beir_run.json", _run, [_json({"q0": {"p1": 2.5, "p2": 1}, "q2": {"p1": 1e-3}})]),
    Kind("run.jsonl", _run, [_lines(*_DPR), _lines(*_FID), _lines(*_KILT)]),
    Kind("qrels.tsv", _qrels, [b"query-id\tcorpus-id\tscore\nq0\tp1\t1\nq1\tp2\t0\nq1\tp3\t-1\n"]),
    Kind(
        "queries.jsonl", _queries, [_lines({"_id": "q1", "text": "who"}, {"_id": 2, "text": "x"})]
    ),
    Kind(
        "corpus.jsonl",
        _all(read_documents),
        [_lines({"_id": "1", "title": "T", "text": "x"}, {"_id": 2, "text": ""})],
    ),
    Kind("predictions.jsonl", _predictions, [_lines(*rows) for rows in (_OURS, _KILT, _LM_EVAL)]),
    Kind(
        "predictions.json",
        _predictions,
        [_json({"q0": "a", "q2": "b"}), _json(_READER), _json(_FLASHRAG), _json(_OURS)],
    ),
    Kind(
        "gold.jsonl",
        lambda path: list(read_gold(path, lambda place: f"q{place}")),
        [
            _lines(
                {"id": "a", "title": "T", "context": "x"},
                {"article": "A_b%C3%A9", "paragraph": 2},
            )
        ],
    ),
    Kind(
        "gold.json",
        lambda path: list(read_gold(path, lambda place: f"q{place}")),
        [
            _json(_SQUAD),
            _json(
                {"data": [{"title": "T", "context": "x", "question": "q", "question_tokens": "q"}]}
            ),
        ],
    ),
    Kind(
        "psgs.tsv",
        _all(read_passages),
        ['id\ttext\ttitle\n1\t"a ""b"" é"\tT\n2\t"x\ny"\t"A B"\n3\tplain\t\n'.encode()],
    ),
    Kind("pages.xml", _pages, [_XML]),
    Kind("training.json", _all(read_examples), [_json(_TRAINING)]),
]
